# SPDX-License-Identifier: Apache-2.0
"""A store that can be read and not written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from tdxctl import lab, store
from tdxctl.errors import StateError
from tdxctl.lab import Asked
from tests.machines import small

_connect: Callable[..., sqlite3.Connection] = sqlite3.connect


@pytest.mark.parametrize("refusal", ["SQLITE_CANTOPEN", "SQLITE_READONLY"])
def test_readers_read_a_store_that_cannot_be_opened_for_writing(
    refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect it where SQLite, which most often opens the file read-only by itself, refuses."""
    lab.init(Asked("m", small()))

    def refusing(database: str, **options: object) -> sqlite3.Connection:
        if "mode=ro" in database or database == ":memory:":
            return _connect(database, **options)
        error = sqlite3.OperationalError("refused")
        error.sqlite_errorname = refusal
        error.sqlite_errorcode = getattr(sqlite3, refusal)
        raise error

    monkeypatch.setattr(sqlite3, "connect", refusing)
    with store.reading() as rows:
        assert rows is not None
        assert [row.name for row in rows.machines()] == ["m"]
    assert lab.restored("m").status == "INITIALIZED"
    with pytest.raises(StateError):
        lab.init(Asked("m"))
