# SPDX-License-Identifier: Apache-2.0
"""Compiled descriptions in the store: found again, never wrong, never in the way."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tdxctl import Platform, lab, store
from tdxctl.errors import BrokenStoreError
from tdxctl.lab import Asked
from tdxctl.platform import compiled, shipped
from tdxctl.platform.text import DescriptionText
from tdxctl.store import Compiled
from tests.cli.runner import ROOT, tdxctl
from tests.machines import SMALL, small

STORE = "machines-2.sqlite3"
TEXT = DescriptionText(b"cpus: ...", "x.yaml", "x", is_json=False)


def _sql(state: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(state / STORE)
    rows = connection.execute(statement, values).fetchall()
    connection.commit()
    connection.close()
    return rows


def _keys(state: Path) -> list[str]:
    return [key for (key,) in _sql(state, "SELECT key FROM compiled ORDER BY used")]


@pytest.mark.parametrize("name", shipped.names())
def test_a_compiled_platform_comes_back_equal(name: str) -> None:
    platform = Platform.load(shipped.path_of(name))
    assert compiled.from_text(compiled.to_text(platform)) == platform


def test_every_kind_of_fault_and_value_comes_back_equal() -> None:
    platform = small(
        description='\x1b[31m "\ud800" \N{SNOWMAN}',
        cpus={
            "cpuid": [{"leaf": 7, "register": "edx", "value": 0, "cpu": 1}],
            "seamops": [{"value": "0xffffffffffffffff"}],
        },
        memory={"reserved": [{"start": 0x5000, "end": 0x6000}], "cmrs": [{"base": 0, "size": 0}]},
        firmware={"msrs": [{"msr": "IA32_SMRR_PHYSMASK", "value": 1}], "seamrr": "absent"},
        faults=[
            {"leaf": "TDH.SYS.INIT", "cpu": 1, "status": "GP"},
            {"allocation": "pamt", "call": 2},
            {"boot": "memory_notifier", "errno": "ENOMEM"},
            {"msr": 0x87},
            {"pconfig": "entropy_error", "call": 2},
            {"rdrand": "no_entropy", "times": 3},
            {"global_lock": "shared"},
            {"tdmr_lock": 0},
            {"busy_cpu": 3},
            {"module": "halted"},
        ],
    )
    assert compiled.from_text(compiled.to_text(platform)) == platform


def test_a_key_is_of_all_that_the_platform_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [
        compiled.key_of(TEXT, ()),
        compiled.key_of(DescriptionText(b"cpus:  ...", "x.yaml", "x", is_json=False), ()),
        compiled.key_of(DescriptionText(TEXT.data, "y.yaml", "y", is_json=False), ()),
        compiled.key_of(DescriptionText(TEXT.data, "x.json", "x", is_json=True), ()),
        compiled.key_of(TEXT, ("name=a",)),
        compiled.key_of(TEXT, ("name=a", "name=b")),
        compiled.key_of(TEXT, ("name=b", "name=a")),
    ]
    assert len(set(keys)) == len(keys)
    # Where a file of that name and text lies makes no difference.
    elsewhere = DescriptionText(TEXT.data, "/elsewhere/x.yaml", "x", is_json=False)
    assert compiled.key_of(elsewhere, ()) == keys[0]
    monkeypatch.setattr(compiled, "__version__", "0.0.9")
    assert compiled.key_of(TEXT, ()) not in keys


def test_a_key_changes_with_the_code_that_reads_descriptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect an edit in a module that descriptions are read by to make another key."""
    read_by = ["errnos.py", "errors.py", "units.py"]
    read_by += ["platform/description.py", "seam/data/releases.json"]
    for name in [*read_by, "seam/data/platform-1.5.01.json", "machine.py"]:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1")
        os.utime(file, (1, 1))
    monkeypatch.setattr(compiled, "_PACKAGE", str(tmp_path))
    keys = {compiled.key_of(TEXT, ())}
    for number, name in enumerate(read_by, start=2):
        os.utime(tmp_path / name, (number, number))
        keys.add(compiled.key_of(TEXT, ()))
    assert len(keys) == 1 + len(read_by)
    os.utime(tmp_path / "machine.py", (9, 9))
    assert compiled.key_of(TEXT, ()) in keys


def test_the_key_covers_every_module_that_reads_descriptions() -> None:
    code = "import sys, tdxctl.platform.load; print(*(m.__file__ for m in sys.modules.values() "
    code += "if m.__name__.startswith('tdxctl.')), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = {Path(line).name for line in done.stdout.split()}
    assert loaded <= {name for name, _, _ in compiled._stamps()}


def test_a_long_compiled_description_is_not_kept(state: Path) -> None:
    text = "cpus: {madt: [{apic_id: 0-8191}]}\nmemory: {ranges: []}\n"
    assert tdxctl("boot", "--platform", "-", stdin=text).returncode == 0
    assert _keys(state) == []


def test_init_and_boot_keep_what_others_only_read(state: Path) -> None:
    """Expect neither --once, nor plan, nor a wrong description to leave anything."""
    assert tdxctl("init", "--platform", "small", "--once").returncode == 0
    assert tdxctl("plan", "--platform", "small").returncode == 0
    assert tdxctl("validate", "platforms/small.yaml").returncode == 0
    assert tdxctl("init", "--platform", "-", stdin="cpus: 5").returncode == 3
    assert not state.exists()
    assert tdxctl("boot", "--platform", "small").returncode == 0
    assert len(_keys(state)) == 1
    assert tdxctl("plan", "--platform", "no-module").returncode == 1
    assert len(_keys(state)) == 1
    first = tdxctl("init", "--platform", "small", "--format", "json", "--set", "name=other")
    assert len(_keys(state)) == 2
    again = ("init", "--reboot", "--platform", "small", "--format", "json", "--set", "name=other")
    assert tdxctl(*again).stdout == first.stdout
    assert len(_keys(state)) == 2


def test_a_known_description_is_not_read_again(state: Path) -> None:
    """Expect the entry to be what is booted: one that was exchanged shows."""
    assert tdxctl("boot", "--platform", "small").returncode == 0
    (key,) = _keys(state)
    with store.writing() as rows:
        rows.keep_compiled(Compiled(key, compiled.to_text(small(name="exchanged"))))
    assert tdxctl("boot", "--platform", "small").stdout.startswith("exchanged: boot: ok")
    once = tdxctl("init", "--platform", "small", "--once")
    assert once.stdout.startswith("small: ")


@pytest.mark.parametrize(
    "broken",
    [
        "''",
        "text || ' '",
        "substr(text, 1, 200)",
        "'{}'",
        "CAST(x'ff41' AS TEXT)",
        "replace(text, '\"node\":0', '\"node\":1')",
    ],
)
def test_a_broken_entry_is_ignored_and_replaced(state: Path, broken: str) -> None:
    assert tdxctl("boot", "--platform", "small").returncode == 0
    whole = _sql(state, "SELECT text FROM compiled")
    _sql(state, f"UPDATE compiled SET text = {broken}")
    done = tdxctl("init", "--reboot", "--platform", "small")
    assert (done.returncode, done.stderr) == (0, "")
    assert _sql(state, "SELECT text FROM compiled") == whole


def test_entries_that_were_swapped_are_ignored(state: Path) -> None:
    """Expect an entry to be whole under its own key only."""
    for name in ("small", "no-module"):
        assert tdxctl("boot", "--platform", name).returncode == 0
    (one, its_seal, its_text), (other, seal, text) = _sql(
        state, "SELECT key, seal, text FROM compiled"
    )
    for row in ((seal, text, one), (its_seal, its_text, other)):
        _sql(state, "UPDATE compiled SET seal = ?, text = ? WHERE key = ?", *row)
    assert store.known_text(one) is store.known_text(other) is None
    done = tdxctl("init", "--reboot", "--platform", "small")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", ["[]", "5", "{}", '{"cpus": []}', "[" * 20000, ""])
def test_a_whole_entry_that_is_no_platform_is_ignored(text: str) -> None:
    assert compiled.from_text(text) is None


@pytest.mark.parametrize(
    ("key", "text", "kept"), [(3, 253, True), (4, 253, False), (254, 3, False), (3, 254, False)]
)
def test_a_long_entry_is_not_kept(
    state: Path, monkeypatch: pytest.MonkeyPatch, key: int, text: int, kept: bool
) -> None:
    """Expect key and text to count, 256 bytes of both here: a key is the whole description."""
    monkeypatch.setattr(store, "MAX_COMPILED_SIZE", 256)
    lab.boot(Asked("small", small(), compiled=Compiled("k" * key, "x" * text)))
    assert (len(_sql(state, "SELECT 1 FROM compiled")) == 1) is kept


def test_the_entries_used_last_are_kept(state: Path) -> None:
    """Expect 64 of them, one that was only used again included."""
    platform = small()
    for number in range(64):
        lab.boot(Asked("small", platform, compiled=Compiled(f"k{number}", "x")))
    lab.boot(Asked("small", platform, compiled=Compiled("k0", None)))
    lab.boot(Asked("small", platform, compiled=Compiled("k0", None)))
    lab.boot(Asked("small", platform, compiled=Compiled("new", "x")))
    expected = [f"k{number}" for number in range(2, 64)]
    assert _keys(state) == [*expected, "k0", "new"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE compiled (mine TEXT)",
        "CREATE VIEW compiled AS SELECT 1 AS key",
    ],
)
def test_a_table_of_something_else_is_left_alone(state: Path, statement: str) -> None:
    lab.boot(Asked("small", small()))
    _sql(state, "DROP TABLE compiled")
    _sql(state, statement)
    for _ in range(2):
        done = tdxctl("init", "--reboot", "--platform", "small")
        assert (done.returncode, done.stderr) == (0, "")
    assert _sql(state, "SELECT sql FROM sqlite_master WHERE name = 'compiled'") == [(statement,)]


@pytest.mark.parametrize("refusal", ["ABORT", "ROLLBACK"])
def test_a_store_without_room_for_the_entry_has_it_for_the_machine(
    state: Path, refusal: str
) -> None:
    """Expect the operation to be recorded, also where SQLite gives the transaction up."""
    lab.boot(Asked("small", small(), compiled=Compiled("k", "x")))
    _sql(
        state,
        f"CREATE TRIGGER full BEFORE INSERT ON compiled BEGIN SELECT RAISE({refusal}, 'full'); END",
    )
    done = tdxctl("init", "--platform", "-", stdin=json.dumps(SMALL))
    assert (done.returncode, done.stderr) == (0, "")
    assert _sql(state, "SELECT count(*) FROM operation") == [(2,)]
    assert _keys(state) == ["k"]


def test_an_entry_that_no_older_one_can_go_for_is_not_kept(state: Path) -> None:
    """Expect the 64 that were there, and the rest of the transaction to be committed."""
    _booted_with([f"k{number}" for number in range(64)])
    _sql(
        state,
        "CREATE TRIGGER kept BEFORE DELETE ON compiled BEGIN SELECT RAISE(ABORT, 'kept'); END",
    )
    _forget_and_keep("small", "new")
    assert _keys(state) == [f"k{number}" for number in range(64)]
    assert _sql(state, "SELECT count(*) FROM machine") == [(0,)]


def test_a_transaction_that_sqlite_gave_up_for_an_entry_is_an_error(state: Path) -> None:
    """Expect SQLite's own words, and the machine to be there still."""
    _booted_with(["k"])
    _sql(
        state,
        "CREATE TRIGGER full BEFORE INSERT ON compiled BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
    )
    with pytest.raises(BrokenStoreError, match="is damaged: full"):
        _forget_and_keep("small", "new")
    assert _sql(state, "SELECT name FROM machine") == [("small",)]


def _forget_and_keep(name: str, key: str) -> None:
    with store.writing() as rows:
        rows.forget(name)
        rows.keep_compiled(Compiled(key, "x"))


def _booted_with(keys: list[str]) -> None:
    # The machine small, and entries.
    lab.boot(Asked("small", small()))
    with store.writing() as rows:
        for key in keys:
            rows.keep_compiled(Compiled(key, "x"))


def test_a_store_in_use_is_not_waited_for(state: Path) -> None:
    """Expect plan to answer while another process is committing."""
    assert tdxctl("boot", "--platform", "small").returncode == 0
    (key,) = _keys(state)
    assert store.known_text(key) is not None
    connection = sqlite3.connect(state / STORE, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    assert store.known_text(key) is None
    done = tdxctl("plan", "--platform", "small", environment={"TDXCTL_WAIT": "soon"})
    connection.close()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["file", "garbage"])
def test_a_damaged_store_does_not_stop_a_plan(state: Path, kind: str) -> None:
    state.parent.mkdir()
    if kind == "file":
        state.write_text("mine")
    else:
        state.mkdir()
        (state / STORE).write_bytes(b"x" * 5000)
    done = tdxctl("plan", "--platform", "small", "--kernel", "v5")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_killed_process_leaves_whole_entries(state: Path) -> None:
    """Expect every entry that is there to be a platform, and the next start to work."""
    journal = state / f"{STORE}-journal"  # is there as long as a transaction is
    interrupted = 0
    for number in range(12):
        words = ("init", "--reboot", "--platform", "small", "--set", f"description=d{number}")
        process = subprocess.Popen(
            [sys.executable, "-m", "tdxctl", *words], stdout=subprocess.DEVNULL, cwd=ROOT
        )
        while process.poll() is None and not journal.exists():
            pass
        time.sleep(number / 1000)  # at its beginning, then ever later in it
        process.kill()
        process.wait()
        interrupted += journal.exists()
        assert _sql(state, "PRAGMA integrity_check") == [("ok",)]
        # What was half done is undone; a journal without its head is one of nothing done yet.
        assert not journal.exists() or journal.read_bytes()[:1] in (b"", b"\0")
    assert interrupted >= 1
    assert tdxctl("init", "--reboot", "--platform", "small").returncode == 0
    entries = _sql(state, "SELECT text FROM compiled")
    assert len(entries) >= 1
    assert all(compiled.from_text(text) is not None for (text,) in entries)
