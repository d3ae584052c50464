# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the store: a message each, exit 5, nothing lost."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tdxctl import __version__, database, lab, store
from tdxctl.errors import StateError, UsageError
from tdxctl.lab import Asked
from tdxctl.linux.lookup import find_kernel
from tdxctl.operations import FaultClear
from tdxctl.state import state_folder
from tests.cli.runner import ROOT, tdxctl
from tests.machines import small

STORE = "machines-2.sqlite3"


def _booted() -> None:
    lab.boot(Asked("small", small()))


def _error_of(*arguments: str) -> list[str]:
    done = tdxctl(*arguments)
    assert (done.returncode, done.stdout) == (5, ""), done
    return done.stderr.splitlines()


def test_the_folder_is_private_and_holds_one_file(state: Path) -> None:
    _booted()
    assert state.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in state.iterdir()] == [STORE]
    assert (state / STORE).stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(state / STORE)
    assert connection.execute("PRAGMA application_id").fetchone() == (0x54445843,)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"TDXCTL_STATE": "/a", "XDG_STATE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_STATE_HOME": "/b", "HOME": "/c"}, "/b/tdxctl"),
        ({"HOME": "/c"}, "/c/.local/state/tdxctl"),
    ],
)
def test_where_the_state_is(
    environment: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TDXCTL_STATE", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert state_folder() == folder


def test_reading_makes_nothing(state: Path) -> None:
    assert tdxctl("machines").stdout == ""
    assert tdxctl("status").returncode == 2
    assert not state.exists()


def test_a_folder_that_is_a_file(state: Path) -> None:
    state.parent.mkdir()
    state.write_text("mine")
    lines = _error_of("init", "--platform", "small")
    assert lines[0] == f"error: the state folder '{state}' is not a folder"
    assert state.read_text() == "mine"


def test_readers_see_a_folder_that_is_a_file_too(state: Path) -> None:
    """Expect what is in the way to be named, and not that there is no machine."""
    state.parent.mkdir(exist_ok=True)
    state.write_text("")
    done = tdxctl("status")
    assert (done.returncode, done.stdout) == (5, "")
    assert "is not a folder" in done.stderr


def test_a_store_that_is_a_folder(state: Path) -> None:
    (state / STORE).mkdir(parents=True)
    lines = _error_of("init", "--platform", "small")
    assert lines[0] == f"error: the store '{state / STORE}' is a folder"
    lines = _error_of("status")
    assert lines[0] == f"error: the store '{state / STORE}' is a folder"


@pytest.mark.parametrize("size", [0, 10, 100, 5000])
def test_a_truncated_store(state: Path, size: int) -> None:
    """Expect the damage said by every command, and the file left as it is."""
    _booted()
    data = (state / STORE).read_bytes()[:size]
    (state / STORE).write_bytes(data)
    for arguments in (["init"], ["status"], ["machines"], ["boot", "--platform", "small"]):
        lines = _error_of(*arguments)
        assert lines[0].startswith(f"error: the store '{state / STORE}' is ")
        assert lines[1] == (
            "  hint: move it away; `tdxctl boot --platform P` then makes a machine anew"
        )
    assert (state / STORE).read_bytes() == data


def test_a_store_of_another_schema(state: Path) -> None:
    _booted()
    connection = sqlite3.connect(state / STORE)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    lines = _error_of("status")
    assert lines[0] == f"error: '{state / STORE}' has schema 7, this tdxctl reads 2"


def test_a_database_of_another_program(state: Path) -> None:
    state.mkdir(parents=True)
    connection = sqlite3.connect(state / STORE)
    connection.execute("CREATE TABLE diary (entry TEXT)")
    connection.close()
    lines = _error_of("init", "--platform", "small")
    assert lines[0] == f"error: '{state / STORE}' is a database of another program"


def test_a_folder_of_someone_else(state: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    _booted()
    os.chown(state, 12345, -1)
    lines = _error_of("status")
    assert lines[0] == f"error: the state folder '{state}' belongs to another user (uid 12345)"


def test_a_store_in_use_for_longer_than_the_wait(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect a writer to give up after TDXCTL_WAIT, a reader not to wait at all."""
    _booted()
    monkeypatch.setenv("TDXCTL_WAIT", "0.2")
    with store.writing():
        lines = _error_of("init")
        assert lines[0] == (
            f"error: the store '{state / STORE}' is in use by another tdxctl for longer than "
            "TDXCTL_WAIT (0.2 s)"
        )
        assert tdxctl("status").returncode == 0
    assert tdxctl("init").returncode == 0


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "1e9"])
def test_a_wait_that_is_not_seconds(wait: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TDXCTL_WAIT", wait)
    with pytest.raises(UsageError, match="TDXCTL_WAIT is not a number of seconds"):
        _booted()


def test_a_read_only_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect exit 5 and the way out, and --once to work."""
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    if os.geteuid() == 0:
        home = Path("/sys")  # read-only even to root
        if not home.is_dir():
            pytest.skip("root may write anywhere on this system")
    monkeypatch.setenv("TDXCTL_STATE", str(home / "tdxctl"))
    lines = _error_of("init", "--platform", "small")
    assert lines[0].startswith(f"error: cannot make the state folder '{home / 'tdxctl'}': ")
    assert lines[1] == "  hint: name a folder that can be written in TDXCTL_STATE, or use --once"
    assert tdxctl("init", "--platform", "small", "--once").returncode == 0


def test_a_full_disk_changes_nothing(state: Path) -> None:
    """Expect exit 5, and the machine as it was."""
    _booted()
    before = tdxctl("status", "--format", "json").stdout
    size = (state / STORE).stat().st_size

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = subprocess.run(
        [sys.executable, "-m", "tdxctl", "init", "--reboot", "--platform", "8s-64t"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        preexec_fn=limit,
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith(f"error: the store '{state / STORE}' cannot be ")
    assert tdxctl("status", "--format", "json").stdout == before
    assert tdxctl("init").returncode == 0


def _booted_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    # tdxctl 0.0.9, under which the boot ended in NONE.
    outcome = lab._outcome
    with monkeypatch.context() as patch:
        patch.setattr(lab, "__version__", "0.0.9")
        patch.setattr(lab, "_outcome", lambda result: outcome(result).replace("UNKNOWN", "NONE"))
        _booted()


def test_a_machine_of_another_tdxctl_is_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect exit 5 where a replay comes out differently, and the way out."""
    _booted_by_another(monkeypatch)
    with pytest.raises(StateError) as raised:
        lab.init(Asked("small"))
    assert str(raised.value) == (
        "machine 'small' was made by tdxctl 0.0.9, and its operation 0 comes out differently "
        f"under {__version__}"
    )
    assert raised.value.hint == "`tdxctl boot --machine small` boots it again"
    assert tdxctl("status").returncode == 0
    assert tdxctl("boot", "--machine", "small").returncode == 0
    assert tdxctl("init").returncode == 0


def _stored_with(**columns: Any) -> None:
    # The machine small, with other columns, all sealed as its tdxctl would have.
    with store.writing() as rows:
        row, operations = rows.machine("small"), rows.operations("small")
        assert row is not None
        rows.put_machine(row._replace(**columns))
        for operation in operations:
            rows.put_operation("small", operation, row.status)


def test_a_machine_that_was_forgotten_is_nowhere_in_the_store() -> None:
    """Expect nothing of it to be read, and no operation to be put to it, before any commit too."""
    _booted()
    with store.writing() as rows:
        assert rows.count("small") == 1
        assert (rows.forget("small"), rows.forget("small")) == (True, False)
        assert (rows.machine("small"), rows.machines(), rows.operations("small")) == (None, [], [])
        for asked in (
            lambda: rows.count("small"),
            lambda: rows.put_operation("small", store.OperationRow("{}", "{}"), ""),
        ):
            with pytest.raises(KeyError):
                asked()


@pytest.mark.parametrize(
    ("columns", "kernel"),
    [
        ({"kernel": "6.99"}, "6.99"),
        ({"changes": "dynamic-pamt"}, "v5+dynamic-pamt"),
        ({"kernel": "6.17"}, "6.17"),
        ({"kernel": "2026-06"}, "2026-06"),
        ({"kernel": "cmr-walk"}, "cmr-walk"),
    ],
)
def test_a_kernel_that_only_another_tdxctl_has(columns: dict[str, Any], kernel: str) -> None:
    """Expect exit 5 and never another kernel in its place."""
    _booted()
    _stored_with(tdxctl="9.0", **columns)
    lines = _error_of("init")
    assert lines[0] == (
        f"error: machine 'small' was made by tdxctl 9.0, and {__version__} has no kernel {kernel}"
    )
    assert lines[1] == "  hint: `tdxctl boot --machine small --kernel K` boots it again"
    assert _error_of("boot") == lines
    assert tdxctl("boot", "--kernel", "v5").returncode == 0
    assert tdxctl("init").returncode == 0


@pytest.mark.parametrize("description", ['{"cpus": {}}', "[]", '{"schema": "tdxctl.platform/9"}'])
def test_a_description_that_only_another_tdxctl_reads(description: str) -> None:
    _booted()
    _stored_with(tdxctl="9.0", description=description)
    lines = _error_of("init")
    assert lines[0] == (
        "error: machine 'small' was made by tdxctl 9.0, and its description is not one of "
        f"{__version__}"
    )
    assert lines[1] == ("  hint: `tdxctl boot --machine small --platform P` boots it again")
    assert tdxctl("boot", "--platform", "small").returncode == 0


def test_a_machine_described_before_a_key_existed_goes_on() -> None:
    """Expect a stored description without `cpus.cpuid` and `firmware.msrs` to be the same one."""
    assert tdxctl("boot", "--platform", "small").returncode == 0
    with store.reading() as rows:
        assert rows is not None
        row = rows.machine("small")
        assert row is not None
    description = json.loads(row.description)
    del description["cpus"]["cpuid"], description["firmware"]["msrs"]
    _stored_with(description=json.dumps(description))
    done = tdxctl("init", "--platform", "small")
    assert (done.returncode, done.stderr) == (0, "")
    assert "status INITIALIZED" in done.stdout


def test_a_row_says_what_was_booted() -> None:
    _booted()
    lab.boot(Asked("other", small(module={"loaded": False}), find_kernel("7.2+dynamic-pamt")))
    with store.reading() as rows:
        assert rows is not None
        other, first = rows.machines()
    assert (first.name, first.kernel, first.changes, first.digest) == ("small", "v5", "", None)
    assert (first.module, first.tdxctl, first.booted) == ("1.5.25", __version__, 1)
    assert (other.name, other.kernel) == ("other", "7.2+dynamic-pamt")
    assert (other.module, other.booted) == (None, 2)


def test_another_name_of_the_running_kernel_is_that_kernel() -> None:
    assert tdxctl("boot", "--platform", "small", "--kernel", "7.2+dynamic-pamt").returncode == 0
    for name in ("7.2+dynamic-pamt", "7.2+dynamic-pamt"):
        assert tdxctl("init", "--kernel", name).returncode == 0
    assert _error_of("init", "--kernel", "6.8")[0] == (
        "error: machine 'small' is running kernel 7.2+dynamic-pamt, not 6.8"
    )


def test_a_store_of_an_older_tdxctl_is_named_and_left_alone(state: Path) -> None:
    """Expect exit 5 while there is no other store, then one of this version beside it."""
    state.mkdir(parents=True, mode=0o700)
    older = state / "machines-1.sqlite3"
    older.write_bytes(b"of before")
    said = (
        f"the machines of an older tdxctl stay in '{older}', which that tdxctl reads and this "
        "one leaves alone"
    )
    hint = "  hint: `tdxctl boot --platform P` makes a machine anew, in a store of its own"
    for command in ("status", "machines", "init", "dmesg"):
        assert _error_of(command) == [f"error: {said}", hint]
    booted = tdxctl("boot", "--platform", "small")
    assert (booted.returncode, booted.stderr) == (0, f"note: {said}\n")
    assert tdxctl("status").stderr == tdxctl("boot").stderr == ""
    assert older.read_bytes() == b"of before"


@pytest.mark.parametrize("links", [True, False])
def test_a_store_appears_whole(state: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect one file, also where the file system has no links."""

    def refused(*_: object) -> None:
        raise PermissionError

    if not links:
        monkeypatch.setattr(os, "link", refused)
    _booted()
    assert [file.name for file in state.iterdir()] == [STORE]
    _booted()


def test_a_store_that_another_process_made_first_is_kept(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _booted()
    whole = (state / STORE).read_bytes()
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    assert database.make(str(state / STORE), seal=0) is False
    assert [file.name for file in state.iterdir()] == [STORE]
    assert (state / STORE).read_bytes() == whole


def test_a_store_that_cannot_be_made(state: Path) -> None:
    """Expect the reason, and nothing left behind."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(
        [sys.executable, "-m", "tdxctl", "init", "--platform", "small"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        preexec_fn=limit,
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.splitlines() == [
        f"error: cannot make the store '{state / STORE}': file too large",
        "  hint: name a folder that can be written in TDXCTL_STATE, or use --once",
    ]
    assert list(state.iterdir()) == []


def test_no_connection_is_left_open(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect those that could not be used to be closed as those that could."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembered(*arguments: Any, **named: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **named))
        return opened[-1]

    _booted()
    with closing(connect(state / STORE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", remembered)
        monkeypatch.setenv("TDXCTL_WAIT", "0.3")
        for act in (store.reading, store.writing):
            with pytest.raises(StateError, match="is in use"), act():
                pass
    assert len(opened) >= 3
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_a_boot_has_at_most_a_thousand_operations() -> None:
    _booted()
    lab.operate("small", [FaultClear()] * 1000)
    with pytest.raises(StateError, match="has had 1000 operations since it was booted"):
        lab.operate("small", [FaultClear()])
    lab.boot(Asked("small"))
    lab.operate("small", [FaultClear()])
