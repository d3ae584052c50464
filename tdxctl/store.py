# SPDX-License-Identifier: Apache-2.0
"""Stored machines: rows and locks in one SQLite file. Knows only text.

A write transaction is the emulated tdx_module_lock between processes: begun before anything
is read, held while a machine is rebuilt and operated, committed before anything is printed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tdxctl.errors import StateError, UsageError
from tdxctl.records import record
from tdxctl.state import (
    SLICE,
    check_folder,
    longest_wait,
    make_folder,
    naming,
    state_folder,
    when_free,
)
from tdxctl.units import did_you_mean, printable

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x54445843  # "TDXC"
_FILE = f"machines-{SCHEMA_VERSION}.sqlite3"
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
# Made when first needed: a store from before it existed is as good as one without entries.
_COMPILED_TABLE = """
CREATE TABLE IF NOT EXISTS compiled (
    key TEXT PRIMARY KEY,
    used INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
MAX_COMPILED = 64
#: A longer one costs more to keep in the file that every command locks than to read again.
MAX_COMPILED_SIZE = 256 << 10


@record
class Compiled:
    """A compiled description; text is None where the store has it already."""

    key: str
    text: str | None


@record
class OperationRow:
    """An operation and its outcome, both as JSON text."""

    operation: str
    outcome: str


@record
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
    names = [row.name for row in known]
    hint = "there is none; `tdxctl boot --platform P` makes one"
    if names:
        hint = did_you_mean(name, names) or f"machines: {', '.join(names)}"
    return UsageError(f"no such machine: '{printable(name)}'", hint=hint)


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

    def compiled(self, key: str) -> str | None:
        """The text of a compiled description, None where there is none."""
        table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'compiled'"
        if self._connection.execute(table).fetchone() is None:
            return None
        entry = "SELECT text FROM compiled WHERE key = ?"
        row = self._connection.execute(entry, (key,)).fetchone()
        return None if row is None else str(row[0])

    def keep_compiled(self, compiled: Compiled) -> None:
        """Put a compiled description in, or note that it was used; the oldest ones go.

        Does nothing where the table cannot be used: what it holds can be had without it.
        """
        self._connection.execute("SAVEPOINT compiled")
        try:
            self._keep_compiled(compiled)
        except sqlite3.Error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO compiled")
        self._connection.execute("RELEASE compiled")

    def _keep_compiled(self, compiled: Compiled) -> None:
        newest = "(SELECT coalesce(max(used), 0) + 1 FROM compiled)"
        if compiled.text is None:
            self._connection.execute(
                f"UPDATE compiled SET used = {newest} WHERE key = ?", (compiled.key,)
            )
            return
        if len(compiled.text) > MAX_COMPILED_SIZE:
            return
        self._connection.execute(_COMPILED_TABLE)
        self._connection.execute(
            f"INSERT OR REPLACE INTO compiled VALUES (?, {newest}, ?)",
            (compiled.key, compiled.text),
        )
        self._connection.execute(
            "DELETE FROM compiled WHERE key NOT IN "
            "(SELECT key FROM compiled ORDER BY used DESC LIMIT ?)",
            (MAX_COMPILED,),
        )

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
    wait = longest_wait()
    with naming(path, wait):
        make_folder(folder)
        with closing(_connect(path, "rwc", wait)) as connection:
            when_free(lambda: connection.execute("BEGIN IMMEDIATE"), wait)
            try:
                _check_or_create(connection, path, create=True)
                yield Store(connection)
            except BaseException:
                connection.rollback()
                raise
            when_free(lambda: connection.execute("COMMIT"), wait)


@contextmanager
def reading(wait: float | None = None) -> Iterator[Store | None]:
    """The store for readers, which never write; None where there is none yet.

    wait: seconds for another process, as TDXCTL_WAIT says by default.
    """
    path = os.path.join(state_folder(), _FILE)
    wait = longest_wait() if wait is None else wait
    with naming(path, wait):
        try:
            os.lstat(path)
        except FileNotFoundError:
            yield None
            return
        except OSError:
            pass  # the folder is not one, or another's: told below, or by SQLite
        check_folder(os.path.dirname(path))
        with closing(when_free(lambda: _connect_reader(path, wait), wait)) as connection:
            connection.execute("BEGIN")
            exists = when_free(lambda: _check_or_create(connection, path, create=False), wait)
            yield Store(connection) if exists else None


def known_text(key: str) -> str | None:
    """The compiled description with that key; None where it cannot be had at once."""
    try:
        with reading(wait=SLICE) as rows:
            return rows.compiled(key) if rows is not None else None
    except StateError:
        return None


def _connect(path: str, mode: str, wait: float) -> sqlite3.Connection:
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
        timeout=min(wait, SLICE),
        isolation_level=None,
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _connect_reader(path: str, wait: float) -> sqlite3.Connection:
    # Read-write, because only that can roll back what a killed process left half done; where
    # the file system does not allow it, nothing can have been left.
    try:
        connection = _connect(path, "rw", wait)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in ("SQLITE_CANTOPEN", "SQLITE_READONLY"):
            raise
        connection = _connect(path, "ro", wait)
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
