# SPDX-License-Identifier: Apache-2.0
"""A description as a row of hosts, and a row, of whatever library, as a description."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tdxctl import Machine, Platform
from tdxctl.fleet.arrow import in_columns
from tdxctl.fleet.descriptions import platform_of, row_of
from tdxctl.fleet.setups import WrongRowError
from tdxctl.platform import shipped

MEMORY = [{"start": 0x100000, "end": 0x40000000}]


@pytest.mark.parametrize(
    "name", ["spr-2s-512g", "offline-cpu", "emr-2s-256g-fragmented", "tdx-off"]
)
def test_a_record_of_arrow_is_the_description_again(name: str) -> None:
    """Expect the same but for APIC ids, which no row has, and words."""
    platform = Platform.load(shipped.path_of(name))
    (record,) = in_columns(pa.Table.from_pylist([row_of(platform)])).to_pylist()
    found = platform_of(record)
    assert (found.name, found.memory, found.firmware) == (name, platform.memory, platform.firmware)
    assert (found.module, found.kvm) == (platform.module, platform.kvm)
    assert found.cpus.online == platform.cpus.online
    theirs, ours = (Machine.boot(each, kernel="6.18").tdx_init() for each in (platform, found))
    assert (ours.returned, ours.log) == (theirs.returned, theirs.log)


@pytest.mark.parametrize(
    ("cpus", "settings"),
    [
        # Columns have the CPUs, and APIC ids are in no verdict.
        ({"madt": [{"apic_id": "8-9", "package": 1}], "online": "0"}, None),
        ({"madt": [{"apic_id": "8-9"}], "disabled_cpus": 2}, '{"cpus":{"disabled_cpus":2}}'),
    ],
)
def test_what_has_no_column_is_in_the_settings(cpus: dict[str, Any], settings: str | None) -> None:
    platform = Platform.from_dict({"cpus": cpus, "memory": {"ranges": MEMORY}})
    assert row_of(platform)["settings"] == settings


def test_a_row_of_a_data_frame_is_one() -> None:
    """Expect NumPy's scalars and arrays, numbers that became floats beside a NaN, and NaN."""
    row = {
        "host": "rack 7/host 3",
        "memory": np.array(MEMORY, dtype=object),
        "cpus": [{"package": np.int64(1), "cpus": 4.0, "online": 3.0}],
        "tdx_keyids": 16.0,
        "mktme_keyids": float("nan"),
        "kvm": np.bool_(True),
        "module": "1.5.16",
        "cmrs": None,
    }
    platform = platform_of(row)
    assert (platform.name, platform.description) == ("host", "rack 7/host 3")
    assert (platform.firmware.tdx_keyids, platform.firmware.mktme_keyids) == (16, 31)
    assert platform.cpus.online == (0, 1, 2)
    assert [(entry.package, entry.enabled) for entry in platform.cpus.madt] == [(1, True)] * 4
    assert platform.module.version == "1.5.16"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "memory: Object missing required field `memory`"),
        ({"memory": MEMORY, "memroy": 1}, "memroy: is no column of hosts"),
        ({"memory": [{"start": 0}]}, "memory: Object missing required field `end`"),
        ({"memory": MEMORY, "tdx_keyids": "x"}, "tdx_keyids: Expected `int | null`, got `str`"),
        (
            {"memory": MEMORY, "module": "9"},
            "module: must be a version such as 1.5.25",
        ),
        ({"memory": MEMORY, "settings": "{"}, "settings: is not JSON"),
    ],
)
def test_a_row_that_is_wrong_says_where(row: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongRowError) as wrong:
        platform_of(row)
    assert str(wrong.value).startswith(message)
