# SPDX-License-Identifier: Apache-2.0
"""Stored machines: rows and locks in one SQLite file. Knows only text.

A write transaction is the emulated tdx_module_lock between processes: begun before anything
is read, held while a machine is rebuilt and operated, committed before anything is printed.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from tdxctl import database
from tdxctl.errors import StateError, UsageError
from tdxctl.state import (
    SLICE,
    check_folder,
    damaged,
    longest_wait,
    make_folder,
    naming,
    queued,
    state_folder,
    when_free,
)
from tdxctl.units import did_you_mean, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_COMPILED = 64
#: With its key; a longer one costs more to keep in the file that every command locks than to read
#: again.
MAX_COMPILED_SIZE = 256 << 10
# What a boot fixes, what changes, and what shows that both are whole.
_MACHINES = (
    "SELECT name, description, kernel, changes, digest, module, tdxctl, booted, "
    "status, seal, operations, last FROM machine"
)


class Compiled(NamedTuple):
    """A compiled description; text is None where the store has it already."""

    key: str
    text: str | None


class OperationRow(NamedTuple):
    """An operation and its outcome, both as JSON text."""

    operation: str
    outcome: str


class MachineRow(NamedTuple):
    """A stored machine without its operations.

    description and status are JSON text. kernel is a release, changes are those carried on top of
    it, joined by `+`, and digest is of the user's own file where the kernel is one. module is the
    TDX module's release, None where none was loaded; tdxctl is the version that booted the
    machine. booted grows from boot to boot over all machines: it and status are the store's.
    """

    name: str
    description: str
    kernel: str
    changes: str
    digest: str | None
    module: str | None
    tdxctl: str
    booted: int = 0
    status: str = ""

    @property
    def kernel_id(self) -> str:
        """The release, with the changes on top of it."""
        return "+".join(filter(None, (self.kernel, self.changes)))


class _Head(NamedTuple):
    # Where a machine's chain of operations begins, how many there are, and the last one's seal.
    origin: int
    operations: int
    last: int


def no_such_machine(name: str, known: list[MachineRow]) -> UsageError:
    """The error for a name that no machine has, with the names there are."""
    names = [row.name for row in known]
    hint = "there is none; `tdxctl boot --platform P` makes one"
    if names:
        hint = did_you_mean(name, names) or f"machines: {', '.join(names)}"
    return UsageError(f"no such machine: '{printable(name)}'", hint=hint)


def _seal(*values: object) -> int:
    # Against damage, not against forgers: a CRC, which costs a start no OpenSSL. ascii() tells
    # text from bytes and numbers, and is the same on every Python.
    return zlib.crc32(ascii(values).encode())


def _head_seal(head: _Head, status: str) -> int:
    return _seal(head.origin, head.operations, head.last, status)


def _store_seal(seals: dict[str, int]) -> int:
    return _seal(*sorted(seals.items()))


class Store:
    """The rows of one state folder, inside a transaction.

    Every row carries a seal: an operation's is of the one before it too, a machine's of its last
    operation, the store's of all machines. What is read is held against them, so that what was
    damaged is a StateError and never an answer.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._heads: dict[str, _Head] = {}
        found = connection.execute("SELECT name, seal FROM machine ORDER BY name").fetchall()
        sealed = connection.execute("SELECT one, seal FROM store").fetchall()
        if sealed != [(1, _seal(*found))]:
            raise self._not_as_stored()
        self._seals: dict[str, int] = dict(found)

    def seal(self) -> None:
        """Seal the store as it is now: the last thing before a commit."""
        self._connection.execute("UPDATE store SET seal = ?", (_store_seal(self._seals),))

    def machine(self, name: str) -> MachineRow | None:
        """The machine of that name, None where there is none."""
        if name not in self._seals:
            return None
        rows = self._connection.execute(f"{_MACHINES} WHERE name = ?", (name,)).fetchall()
        if len(rows) != 1:
            raise self._not_as_stored()
        return self._whole(rows[0])

    def machines(self) -> list[MachineRow]:
        """All machines, the one booted last first."""
        rows = self._connection.execute(f"{_MACHINES} ORDER BY booted DESC").fetchall()
        if len(rows) != len(self._seals) or {row[0] for row in rows} != set(self._seals):
            raise self._not_as_stored()
        return [self._whole(row) for row in rows]

    def operations(self, name: str) -> list[OperationRow]:
        """The operations of a machine since boot, in order, the boot first."""
        if name not in self._seals:
            return []
        head = self._head(name)
        rows = self._connection.execute(
            "SELECT number, seal, operation, outcome FROM operation WHERE machine = ? "
            "ORDER BY number",
            (name,),
        ).fetchall()
        seal = head.origin
        for expected, (number, stored, operation, outcome) in enumerate(rows):
            seal = _seal(seal, expected, operation, outcome)
            if (number, stored) != (expected, seal):
                raise self._machine_not_as_stored(name)
        if (len(rows), seal) != (head.operations, head.last):
            raise self._machine_not_as_stored(name)
        return [OperationRow(operation, outcome) for _, _, operation, outcome in rows]

    def count(self, name: str) -> int:
        """How many operations a machine has had since boot, the boot included."""
        return self._head(name).operations

    def put_machine(self, row: MachineRow) -> None:
        """A machine just booted, in place of one of the same name; it has no operations yet."""
        self.forget(row.name)
        newest = "SELECT coalesce(max(booted), 0) + 1 FROM machine"
        fixed = (
            row.name,
            row.description,
            row.kernel,
            row.changes,
            row.digest,
            row.module,
            row.tdxctl,
            self._connection.execute(newest).fetchone()[0],
        )
        origin = _seal(*fixed)
        head = _Head(origin, 0, origin)
        self._connection.execute(
            "INSERT INTO machine (name, description, kernel, changes, digest, module, tdxctl, "
            "booted, status, seal, operations, last) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, 0)",
            fixed,
        )
        self._put_head(row.name, head, status="")

    def put_operation(self, name: str, row: OperationRow, status: str) -> None:
        """One more operation of a machine, and the status after it."""
        head = self._head(name)
        seal = _seal(head.last, head.operations, row.operation, row.outcome)
        self._connection.execute(
            "INSERT INTO operation (machine, number, seal, operation, outcome) "
            "VALUES (?, ?, ?, ?, ?)",
            (name, head.operations, seal, row.operation, row.outcome),
        )
        self._put_head(name, _Head(head.origin, head.operations + 1, seal), status)

    def forget(self, name: str) -> bool:
        """Delete a machine; whether there was one."""
        self._connection.execute("DELETE FROM operation WHERE machine = ?", (name,))
        self._connection.execute("DELETE FROM machine WHERE name = ?", (name,))
        self._heads.pop(name, None)
        return self._seals.pop(name, None) is not None

    def compiled(self, key: str) -> str | None:
        """The text of a compiled description, None where there is none that is whole."""
        entry = "SELECT seal, text FROM compiled WHERE key = ?"
        row = self._connection.execute(entry, (key,)).fetchone()
        return None if row is None or row[0] != _seal(key, row[1]) else str(row[1])

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
        if len(compiled.key) + len(compiled.text) > MAX_COMPILED_SIZE:
            return
        self._connection.execute(
            f"INSERT OR REPLACE INTO compiled (key, used, seal, text) VALUES (?, {newest}, ?, ?)",
            (compiled.key, _seal(compiled.key, compiled.text), compiled.text),
        )
        self._connection.execute(
            "DELETE FROM compiled WHERE key NOT IN "
            "(SELECT key FROM compiled ORDER BY used DESC LIMIT ?)",
            (MAX_COMPILED,),
        )

    def _whole(self, row: tuple[Any, ...]) -> MachineRow:
        # A row of _MACHINES, held against its seal.
        *columns, seal, operations, last = row
        head = _Head(_seal(*columns[:-1]), operations, last)
        name, status = columns[0], columns[-1]
        if not seal == _head_seal(head, status) == self._seals[name]:
            raise self._machine_not_as_stored(name)
        self._heads[name] = head
        return MachineRow(*columns)

    def _head(self, name: str) -> _Head:
        if name not in self._heads:
            self.machine(name)
        return self._heads[name]

    def _put_head(self, name: str, head: _Head, status: str) -> None:
        seal = _head_seal(head, status)
        self._connection.execute(
            "UPDATE machine SET status = ?, seal = ?, operations = ?, last = ? WHERE name = ?",
            (status, seal, head.operations, head.last, name),
        )
        self._heads[name] = head
        self._seals[name] = seal

    def _machine_not_as_stored(self, name: str) -> StateError:
        return damaged(self._path, f"machine '{printable(name)}' is not as it was stored")

    def _not_as_stored(self) -> StateError:
        return damaged(self._path, "its machines are not those that were stored")


@contextmanager
def writing() -> Iterator[Store]:
    """The store, exclusively: what is done inside is committed as a whole, or not at all.

    Raises StateError where it cannot be had or cannot be written.
    """
    folder = state_folder()
    path = database.store_file(folder)
    wait = longest_wait()
    with naming(path, wait):
        make_folder(folder)
        with queued(path, wait) as since:
            made = database.make(path, _seal())
            with closing(database.connect(path, wait)) as connection:
                when_free(lambda: connection.execute("BEGIN IMMEDIATE"), wait, since)
                yield from _transaction(connection, path, wait)
    if made and (older := database.older_file(folder)) is not None:
        sys.stderr.write(f"note: {_of_before(older)}\n")


def _transaction(connection: sqlite3.Connection, path: str, wait: float) -> Iterator[Store]:
    try:
        database.check(connection, path)
        store = Store(connection, path)
        yield store
        store.seal()
    except BaseException:
        connection.rollback()
        raise
    when_free(lambda: connection.execute("COMMIT"), wait)


@contextmanager
def reading(wait: float | None = None) -> Iterator[Store | None]:
    """The store for readers, which never write; None where there is none yet.

    wait: seconds for another process, as TDXCTL_WAIT says by default.
    """
    folder = state_folder()
    path = database.store_file(folder)
    wait = longest_wait() if wait is None else wait
    with naming(path, wait):
        try:
            os.lstat(path)
        except FileNotFoundError:
            if (older := database.older_file(folder)) is not None:
                raise StateError(_of_before(older), hint=_ANEW) from None
            yield None
            return
        except OSError:
            pass  # the folder is not one, or another's: told below, or by SQLite
        check_folder(folder)
        with closing(when_free(lambda: database.connect_reader(path, wait), wait)) as connection:
            connection.execute("BEGIN")
            when_free(lambda: database.check(connection, path), wait)
            yield Store(connection, path)


_ANEW = "`tdxctl boot --platform P` makes a machine anew, in a store of its own"


def _of_before(older: str) -> str:
    return (
        f"the machines of an older tdxctl stay in '{printable(older)}', which that tdxctl reads "
        "and this one leaves alone"
    )


def known_text(key: str) -> str | None:
    """The compiled description with that key; None where it cannot be had at once."""
    try:
        with reading(wait=SLICE) as rows:
            return rows.compiled(key) if rows is not None else None
    except StateError:
        return None
