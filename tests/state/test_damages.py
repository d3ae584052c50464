# SPDX-License-Identifier: Apache-2.0
"""A damaged store gives the answer of before or exit 5. `make damages` makes thousands."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.runner import tdxctl
from tests.state.damages import KINDS, STORE, Damaged

MOVE_AWAY = "  hint: move it away; `tdxctl boot --platform P` then makes a machine anew"


def test_every_kind_of_damage_is_told_or_changes_nothing(tmp_path: Path) -> None:
    """Expect the same answer or exit 5 with what to do, after reading and after writing."""
    found = Damaged(tmp_path).try_some(10 * len(KINDS), seed=1)
    assert found.wrong == []
    assert set(found.kinds) == set(KINDS)
    # Neither is all that happens.
    assert found.same > 100
    assert found.told > 100


@pytest.mark.parametrize(
    ("change", "which"),
    [
        (
            "UPDATE machine SET status = replace(status, 'UNKNOWN', 'INITIALIZED')",
            "machine 'small' is not as it was stored",
        ),
        (
            "UPDATE machine SET description = replace(description, '\"tdx_keyids\":32', "
            "'\"tdx_keyids\":31')",
            "machine 'small' is not as it was stored",
        ),
        (
            "UPDATE operation SET outcome = replace(outcome, 'UNKNOWN', 'NONE')",
            "machine 'small' is not as it was stored",
        ),
        ("DELETE FROM operation WHERE number = 1", "machine 'small' is not as it was stored"),
        ("DELETE FROM operation", "machine 'small' is not as it was stored"),
        ("UPDATE machine SET operations = 1", "machine 'small' is not as it was stored"),
        ("DELETE FROM machine", "its machines are not those that were stored"),
        ("UPDATE machine SET name = 'other'", "its machines are not those that were stored"),
        ("UPDATE machine SET seal = 1", "its machines are not those that were stored"),
        ("DELETE FROM store", "its machines are not those that were stored"),
        ("ALTER TABLE machine RENAME TO gone", "no such table: machine"),
        ("ALTER TABLE operation RENAME COLUMN outcome TO it", "no such column: outcome"),
        ("UPDATE operation SET outcome = CAST(x'ff' AS TEXT)", "Could not decode to UTF-8"),
    ],
)
def test_what_was_changed_is_said(state: Path, change: str, which: str) -> None:
    """Expect what is not as it was, and what to do; and the file left as it is."""
    assert tdxctl("boot", "--platform", "small").returncode == 0
    assert tdxctl("cpu", "offline", "1").returncode == 0
    with closing(sqlite3.connect(state / STORE)) as connection, connection:
        assert connection.execute(change).rowcount != 0
    data = (state / STORE).read_bytes()
    done = tdxctl("init", "--machine", "small")
    first, hint = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (5, "")
    assert first.startswith(f"error: the store '{state / STORE}' is damaged: {which}")
    assert hint == MOVE_AWAY
    assert (state / STORE).read_bytes() == data


def test_a_boot_does_not_go_over_what_was_damaged(state: Path) -> None:
    """Expect no way to write on top of it: what else it would take along is not known."""
    assert tdxctl("boot", "--platform", "small").returncode == 0
    with closing(sqlite3.connect(state / STORE)) as connection, connection:
        connection.execute("UPDATE machine SET seal = 1")
    for command in (("boot", "--platform", "small"), ("forget", "small"), ("machines",)):
        assert tdxctl(*command).returncode == 5
    (state / STORE).unlink()
    assert tdxctl("boot", "--platform", "small").returncode == 0
