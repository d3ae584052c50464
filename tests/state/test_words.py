# SPDX-License-Identifier: Apache-2.0
"""Where the store lies, how long it is waited for, and what is said where it cannot be had."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tdxctl import database, lab
from tdxctl.errors import BrokenStoreError, StateError, UsageError
from tdxctl.lab import Asked
from tdxctl.linux.lookup import find_kernel
from tdxctl.state import (
    check_folder,
    is_busy,
    longest_wait,
    make_folder,
    naming,
    reason,
    when_free,
)
from tdxctl.store import MachineRow, no_such_machine
from tests.machines import small

MOVE_AWAY = "move it away; `tdxctl boot --platform P` then makes a machine anew"


def _refused(error_name: str, text: str = "so it is") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = error_name
    return error


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 60.0), ("0", 0.0), ("0.5", 0.5), ("86400", 86400.0)],
)
def test_how_long_another_process_is_waited_for(
    text: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TDXCTL_WAIT", text)
    assert longest_wait() == seconds


@pytest.mark.parametrize("text", ["-0.1", "86400.5", "nan", "inf", "a minute"])
def test_what_is_no_such_time(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TDXCTL_WAIT", text)
    with pytest.raises(UsageError) as raised:
        longest_wait()
    assert raised.value.message == f"TDXCTL_WAIT is not a number of seconds: '{text}'"
    assert raised.value.hint == "from 0 to 86400; the default is 60"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "/x"), "permission denied"),
        (OSError("Transport gone"), "transport gone"),
    ],
)
def test_a_reason_is_in_the_system_s_words(error: OSError, words: str) -> None:
    assert reason(error) == words


def test_a_folder_is_made_with_those_above_it_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    for _ in range(2):
        make_folder(str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_is_no_folder_of_one_s_own_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for make in (make_folder, check_folder):
        with pytest.raises(StateError, match=f"the state folder '{file}' is not a folder") as said:
            make(str(file))
        assert said.value.hint == ("move the file away, or name another folder in TDXCTL_STATE")
    with pytest.raises(StateError, match=f"cannot make the state folder '{file}/a/b': not a dir"):
        make_folder(f"{file}/a/b")
    with pytest.raises(StateError, match="cannot use the state folder '/nowhere': no such file"):
        check_folder("/nowhere")
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(StateError, match=rf"belongs to another user \(uid {mine}\)") as said:
        check_folder(str(tmp_path))
    assert said.value.hint == "name a folder of your own in TDXCTL_STATE"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (
            "SQLITE_FULL",
            "the store '/s' cannot be written: the disk is full",
            "make room; nothing was changed",
        ),
        (
            "SQLITE_READONLY_DIRECTORY",
            "the store '/s' cannot be written: it is read-only",
            "name a folder that can be written in TDXCTL_STATE, or use --once",
        ),
        (
            "SQLITE_CANTOPEN",
            "the store '/s' cannot be opened",
            "see that it is a file of yours, or name another folder in TDXCTL_STATE",
        ),
        (
            "SQLITE_IOERR_WRITE",
            "the store '/s' cannot be read or written: the disk or its limits refuse",
            "make room, or name another folder in TDXCTL_STATE; nothing was changed",
        ),
        (
            "SQLITE_NOTADB",
            "the store '/s' is not a database: truncated or overwritten",
            MOVE_AWAY,
        ),
        ("SQLITE_CORRUPT_INDEX", "the store '/s' is damaged", MOVE_AWAY),
        ("SQLITE_ERROR", "the store '/s' is damaged: no such table: x", MOVE_AWAY),
        ("", "the store '/s' is damaged: no such table: x", MOVE_AWAY),
        (
            "SQLITE_BUSY_SNAPSHOT",
            "the store '/s' is in use by another tdxctl for longer than TDXCTL_WAIT (2.5 s)",
            "try again, or wait longer: TDXCTL_WAIT=300",
        ),
    ],
)
def test_what_sqlite_says_in_words(name: str, message: str, hint: str) -> None:
    """Expect a store in use not to be taken for a broken one."""
    with pytest.raises(StateError) as raised, naming("/s", 2.5):
        raise _refused(name, "no such table: x")
    assert (raised.value.message, raised.value.hint) == (message, hint)
    assert isinstance(raised.value, BrokenStoreError) is (name != "SQLITE_BUSY_SNAPSHOT")


def test_text_that_is_none_is_damage() -> None:
    said = "is damaged: what is in it is no text"
    with pytest.raises(BrokenStoreError, match=said), naming("/s", 1):
        b"\xff".decode()


def test_what_is_busy_is_tried_again_until_the_time_is_over() -> None:
    """Expect another error at once, and a last try where the time was over before."""
    tries = iter([_refused("SQLITE_BUSY"), _refused("SQLITE_BUSY_RECOVERY"), None])

    def act() -> str:
        if (error := next(tries)) is not None:
            raise error
        return "done"

    def never() -> None:
        seen.append(1)
        raise _refused("SQLITE_BUSY")

    seen: list[int] = []
    assert when_free(act, 60) == "done"
    with pytest.raises(sqlite3.OperationalError):
        when_free(never, 0)
    assert len(seen) == 1
    tries = iter([_refused("SQLITE_FULL"), None])
    with pytest.raises(sqlite3.OperationalError):
        when_free(act, 60)
    assert not is_busy(sqlite3.OperationalError("database is locked"))


def test_a_store_has_its_version_in_its_name_and_an_older_one_is_found(tmp_path: Path) -> None:
    assert database.store_file("/state") == "/state/machines-2.sqlite3"
    assert database.older_file(str(tmp_path)) is None
    (tmp_path / "machines-1.sqlite3").symlink_to("nowhere")
    assert database.older_file(str(tmp_path)) == str(tmp_path / "machines-1.sqlite3")


def test_a_store_is_made_once_and_is_known_as_one(tmp_path: Path) -> None:
    path = str(tmp_path / "100%#?.sqlite3")
    assert database.make(path, 7)
    assert not database.make(path, 8)
    assert [file.name for file in tmp_path.iterdir()] == ["100%#?.sqlite3"]
    with closing(database.connect(path, 1)) as connection:
        database.check(connection, path)
        assert connection.execute("SELECT one, seal FROM store").fetchall() == [(1, 7)]
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    with closing(database.connect_reader(path, 1)) as connection:
        assert connection.execute("SELECT count(*) FROM machine").fetchone() == (0,)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ((), "the store '/s' is damaged: nothing is in it"),
        (("CREATE TABLE diary (entry)",), "'/s' is a database of another program"),
        (("PRAGMA user_version = 2",), "'/s' is a database of another program"),
        (
            ("PRAGMA application_id = 0x54445843", "PRAGMA user_version = 3"),
            "'/s' has schema 3, this tdxctl reads 2",
        ),
    ],
)
def test_what_is_no_store_of_this_tdxctl_is_told(statements: tuple[str, ...], message: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)
        with pytest.raises(StateError) as raised:
            database.check(connection, "/s")
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("m", [], "there is none; `tdxctl boot --platform P` makes one"),
        ("smal", ["small", "large"], "did you mean small?"),
        ("other", ["small", "large"], "machines: small, large"),
    ],
)
def test_a_machine_that_is_not_there_may_be_one_of_those_that_are(
    name: str, known: list[str], hint: str
) -> None:
    rows = [MachineRow(each, "{}", "v5", "", None, None, "0") for each in known]
    error = no_such_machine(name, rows)
    assert (error.message, error.hint) == (f"no such machine: '{name}'", hint)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            Asked("small", kernel=find_kernel("6.8")),
            "machine 'small' is running kernel v5, not 6.8",
        ),
        (
            Asked("small", small(name="other")),
            "machine 'small' was booted from another description (of 'small') than the one asked "
            "for (of 'other')",
        ),
    ],
)
def test_a_running_machine_is_what_was_asked_for_or_not_operated(
    asked: Asked, message: str
) -> None:
    lab.boot(Asked("small", small(), find_kernel("v5")))
    with pytest.raises(StateError) as raised:
        lab.init(asked)
    assert raised.value.message == message
    assert raised.value.hint == (
        "--reboot boots it with what is asked for, --machine names another one"
    )
    assert lab.init(Asked("small", small(), find_kernel("v5"))).call == 1
    assert lab.init(asked, reboot=True).call == 1
