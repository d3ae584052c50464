# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the store: a message each, exit 5, nothing lost."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tdxctl import lab, store
from tdxctl.errors import StateError, UsageError
from tdxctl.lab import Asked
from tdxctl.state import state_folder
from tests.cli.runner import ROOT, tdxctl
from tests.machines import small

STORE = "machines-1.sqlite3"


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
    connection = sqlite3.connect(state / STORE)
    assert connection.execute("PRAGMA application_id").fetchone() == (0x54445843,)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
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


@pytest.mark.parametrize("size", [10, 100, 5000])
def test_a_truncated_store(state: Path, size: int) -> None:
    """Expect the damage said by every command, and the file left as it is."""
    _booted()
    data = (state / STORE).read_bytes()[:size]
    (state / STORE).write_bytes(data)
    for arguments in (["init"], ["status"], ["machines"], ["boot", "--platform", "small"]):
        lines = _error_of(*arguments)
        assert lines[0].startswith(f"error: the store '{state / STORE}' is ")
        assert lines[1] == "  hint: move it away"
    assert (state / STORE).read_bytes() == data


def test_a_store_of_another_schema(state: Path) -> None:
    _booted()
    connection = sqlite3.connect(state / STORE)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    lines = _error_of("status")
    assert lines[0] == f"error: '{state / STORE}' has schema 7, this tdxctl reads 1"


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


def test_a_machine_of_another_tdxctl_is_not_guessed_at(state: Path) -> None:
    """Expect exit 5 where a replay comes out differently, and the way out."""
    _booted()
    lab.operate("small", [{"op": "cpu_offline", "cpu": 1}])
    connection = sqlite3.connect(state / STORE)
    connection.execute("UPDATE operation SET outcome = replace(outcome, 'UNKNOWN', 'NONE')")
    connection.execute("UPDATE machine SET tdxctl = '0.0.9'")
    connection.commit()
    connection.close()
    with pytest.raises(StateError, match=r"was made by tdxctl 0\.0\.9") as raised:
        lab.init(Asked("small"))
    assert raised.value.hint == "`tdxctl boot --machine small` boots it again"
    assert tdxctl("status").returncode == 0
    assert tdxctl("boot", "--machine", "small").returncode == 0
    assert tdxctl("init").returncode == 0


def test_a_machine_described_before_a_key_existed_goes_on(state: Path) -> None:
    """Expect a stored description without `cpus.cpuid` and `firmware.msrs` to be the same one."""
    assert tdxctl("boot", "--platform", "small").returncode == 0
    connection = sqlite3.connect(state / STORE)
    changed = connection.execute(
        "UPDATE machine SET description ="
        " json_remove(description, '$.cpus.cpuid', '$.firmware.msrs')"
    )
    assert changed.rowcount == 1
    connection.commit()
    connection.close()
    done = tdxctl("init", "--platform", "small")
    assert (done.returncode, done.stderr) == (0, "")
    assert "status INITIALIZED" in done.stdout


def test_a_boot_has_at_most_a_thousand_operations() -> None:
    _booted()
    lab.operate("small", [{"op": "fault_clear"}] * 1000)
    with pytest.raises(StateError, match="has had 1000 operations since it was booted"):
        lab.operate("small", [{"op": "fault_clear"}])
    lab.boot(Asked("small"))
    lab.operate("small", [{"op": "fault_clear"}])
