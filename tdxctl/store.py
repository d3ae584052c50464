# SPDX-License-Identifier: Apache-2.0
"""Stored machines: rows and locks in one SQLite file. Knows only text.

A write transaction is the emulated tdx_module_lock between processes: begun before anything
is read, held while a machine is rebuilt and operated, committed before anything is printed.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from tdxctl.errors import StateError, UsageError
from tdxctl.units import printable

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x54445843  # "TDXC"
_FILE = f"machines-{SCHEMA_VERSION}.sqlite3"
_DEFAULT_WAIT = 60.0
_TABLES = """
CREATE TABLE machine (
    name TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    kernel TEXT NOT NULL,
    tdxctl TEXT NOT NULL,
    booted INTEGER NOT NULL,
    status TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE operation (
    machine TEXT NOT NULL REFERENCES machine (name) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    operation TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (machine, number)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation and its outcome, both as JSON text."""

    operation: str
    outcome: str


@dataclass(frozen=True, slots=True)
class MachineRow:
    """A stored machine without its operations.

    description and status are JSON text; tdxctl is the version that booted it; booted grows
    from boot to boot over all machines.
    """

    name: str
    description: str
    kernel: str
    tdxctl: str
    booted: int
    status: str


def no_such_machine(name: str, known: list[MachineRow]) -> UsageError:
    """The error for a name that no machine has, with the names there are."""
    import difflib

    names = [row.name for row in known]
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        hint = f"did you mean {near[0]}?"
    elif names:
        hint = f"machines: {', '.join(names)}"
    else:
        hint = "there is none; `tdxctl boot --platform P` makes one"
    return UsageError(f"no such machine: '{printable(name)}'", hint=hint)


def state_folder() -> str:
    """`$TDXCTL_STATE`, else `$XDG_STATE_HOME/tdxctl`, else `~/.local/state/tdxctl`."""
    if folder := os.environ.get("TDXCTL_STATE"):
        return folder
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, "tdxctl")


def longest_wait() -> float:
    """Seconds to wait for another process, from TDXCTL_WAIT. Raises UsageError."""
    text = os.environ.get("TDXCTL_WAIT", "")
    try:
        wait = float(text) if text else _DEFAULT_WAIT
    except ValueError:
        wait = -1.0
    if not 0 <= wait <= 86400:
        raise UsageError(
            f"TDXCTL_WAIT is not a number of seconds: '{printable(text)}'",
            hint="from 0 to 86400; the default is 60",
        )
    return wait


class Store:
    """The rows of one state folder, inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def machine(self, name: str) -> MachineRow | None:
        """The machine of that name, None where there is none."""
        rows = self._select("WHERE name = ?", name)
        return rows[0] if rows else None

    def machines(self) -> list[MachineRow]:
        """All machines, the one booted last first."""
        return self._select("ORDER BY booted DESC")

    def operations(self, name: str) -> list[OperationRow]:
        """The operations of a machine since boot, in order, the boot first."""
        rows = self._connection.execute(
            "SELECT operation, outcome FROM operation WHERE machine = ? ORDER BY number", (name,)
        )
        return [OperationRow(*row) for row in rows]

    def put_machine(
        self, name: str, description: str, kernel: str, tdxctl: str, status: str
    ) -> None:
        """A machine just booted, in place of one of the same name; it has no operations yet."""
        self.forget(name)
        self._connection.execute(
            "INSERT INTO machine VALUES (?, ?, ?, ?, "
            "(SELECT coalesce(max(booted), 0) + 1 FROM machine), ?)",
            (name, description, kernel, tdxctl, status),
        )

    def put_operation(self, name: str, row: OperationRow, status: str) -> None:
        """One more operation of a machine, and the status after it."""
        self._connection.execute(
            "INSERT INTO operation VALUES (?, "
            "(SELECT count(*) FROM operation WHERE machine = ?), ?, ?)",
            (name, name, row.operation, row.outcome),
        )
        self._connection.execute("UPDATE machine SET status = ? WHERE name = ?", (status, name))

    def forget(self, name: str) -> bool:
        """Delete a machine; whether there was one."""
        self._connection.execute("DELETE FROM operation WHERE machine = ?", (name,))
        return self._connection.execute("DELETE FROM machine WHERE name = ?", (name,)).rowcount > 0

    def _select(self, tail: str, *arguments: str) -> list[MachineRow]:
        rows = self._connection.execute(
            f"SELECT name, description, kernel, tdxctl, booted, status FROM machine {tail}",
            arguments,
        )
        return [MachineRow(*row) for row in rows]


@contextmanager
def writing() -> Iterator[Store]:
    """The store, exclusively: what is done inside is committed as a whole, or not at all.

    Raises StateError where it cannot be had or cannot be written.
    """
    folder = state_folder()
    path = os.path.join(folder, _FILE)
    with _naming(path):
        _make_folder(folder)
        with closing(_connect(path, "rwc")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                _check_or_create(connection, path, create=True)
                yield Store(connection)
            except BaseException:
                connection.rollback()
                raise
            connection.execute("COMMIT")


@contextmanager
def reading() -> Iterator[Store | None]:
    """The store for readers, which never write; None where there is none yet."""
    path = os.path.join(state_folder(), _FILE)
    with _naming(path):
        if not os.path.lexists(path):
            yield None
            return
        _check_folder(os.path.dirname(path))
        with closing(_connect_reader(path)) as connection:
            connection.execute("BEGIN")
            yield Store(connection) if _check_or_create(connection, path, create=False) else None


def _connect(path: str, mode: str) -> sqlite3.Connection:
    if os.path.isdir(path):
        raise StateError(
            f"the store '{printable(path)}' is a folder",
            hint="move it away, or name another folder in TDXCTL_STATE",
        )
    # What has a meaning in a URI is escaped.
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(
        f"file:{quoted}?mode={mode}",
        uri=True,
        timeout=longest_wait(),
        isolation_level=None,
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _connect_reader(path: str) -> sqlite3.Connection:
    # Read-write, because only that can roll back what a killed process left half done; where
    # the file system does not allow it, nothing can have been left.
    try:
        connection = _connect(path, "rw")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in ("SQLITE_CANTOPEN", "SQLITE_READONLY"):
            raise
        connection = _connect(path, "ro")
    return connection


def _check_or_create(connection: sqlite3.Connection, path: str, *, create: bool) -> bool:
    # Whether the tables are there; an empty file is a store that nothing was written to yet.
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (application, version, tables) == (0, 0, 0):
        if create:
            for statement in _TABLES.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return create
    if application != _APPLICATION_ID:
        raise StateError(
            f"'{printable(path)}' is a database of another program",
            hint="move it away, or name another folder in TDXCTL_STATE",
        )
    if version != SCHEMA_VERSION:
        raise StateError(
            f"'{printable(path)}' has schema {version}, this tdxctl reads {SCHEMA_VERSION}",
            hint="use the tdxctl that made it, or name another folder in TDXCTL_STATE",
        )
    return True


def _make_folder(folder: str) -> None:
    try:
        os.makedirs(os.path.dirname(folder) or ".", exist_ok=True)
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise StateError(
            f"cannot make the state folder '{printable(folder)}': {_reason(error)}",
            hint="name a folder that can be written in TDXCTL_STATE, or use --once",
        ) from None
    _check_folder(folder)


def _check_folder(folder: str) -> None:
    try:
        found = os.stat(folder)
    except OSError as error:
        raise StateError(
            f"cannot use the state folder '{printable(folder)}': {_reason(error)}"
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(
            f"the state folder '{printable(folder)}' is not a folder",
            hint="move the file away, or name another folder in TDXCTL_STATE",
        )
    if found.st_uid != os.geteuid():
        raise StateError(
            f"the state folder '{printable(folder)}' belongs to another user (uid {found.st_uid})",
            hint="name a folder of your own in TDXCTL_STATE",
        )


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


_CAUSES = {
    "SQLITE_BUSY": (
        "is in use by another tdxctl for longer than TDXCTL_WAIT ({wait:g} s)",
        "try again, or wait longer: TDXCTL_WAIT=300",
    ),
    "SQLITE_FULL": ("cannot be written: the disk is full", "make room; nothing was changed"),
    "SQLITE_READONLY": (
        "cannot be written: it is read-only",
        "name a folder that can be written in TDXCTL_STATE, or use --once",
    ),
    "SQLITE_CANTOPEN": (
        "cannot be opened",
        "see that it is a file of yours, or name another folder in TDXCTL_STATE",
    ),
    "SQLITE_IOERR": (
        "cannot be read or written: the disk or its limits refuse",
        "make room, or name another folder in TDXCTL_STATE; nothing was changed",
    ),
    "SQLITE_NOTADB": ("is not a database: truncated or overwritten", "move it away"),
    "SQLITE_CORRUPT": ("is damaged", "move it away"),
    "SQLITE_PERM": ("may not be opened", "name another folder in TDXCTL_STATE"),
}


@contextmanager
def _naming(path: str) -> Iterator[None]:
    # What SQLite says, in words, with the file it is about.
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        cause = next((words for prefix, words in _CAUSES.items() if name.startswith(prefix)), None)
        what, hint = cause or (f"cannot be used: {printable(str(error))}", "move it away")
        raise StateError(
            f"the store '{printable(path)}' {what.format(wait=longest_wait())}", hint=hint
        ) from error
