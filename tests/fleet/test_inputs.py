# SPDX-License-Identifier: Apache-2.0
"""Hosts in lines of JSON or cells of CSV, made Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tdxctl.errors import UsageError
from tdxctl.fleet.inputs import spooled
from tdxctl.fleet.places import Place


def _rows(folder: Path, kind: str, text: str) -> list[dict[str, Any]]:
    (folder / "hosts").write_text(text)
    spooled(Place(str(folder / "hosts")), kind, Place(str(folder / "hosts.parquet")))
    rows: list[dict[str, Any]] = pq.read_table(folder / "hosts.parquet").to_pylist()
    return rows


def test_of_a_key_that_hosts_do_not_have_eighty_letters_are_told(tmp_path: Path) -> None:
    (row,) = _rows(tmp_path, "jsonl", f'{{"host": "a", "{"k" * 90}": 1}}\n')
    assert (row["host"], row["memory"]) == ("a", [])
    assert row["wrong"] == f"{'k' * 80}: hosts have no such column"


def test_a_header_of_csv_has_columns_of_hosts(tmp_path: Path) -> None:
    memory = '"[{""start"": 0, ""end"": 4096}]"'
    (row,) = _rows(tmp_path, "csv", f"host,memory\na,{memory}\n")
    assert row["memory"] == [{"start": 0, "end": 4096, "node": None}]
    with pytest.raises(UsageError, match="hosts have no column 'memroy'") as refused:
        _rows(tmp_path, "csv", f"host,memroy\na,{memory}\n")
    assert refused.value.hint == "did you mean memory?"
