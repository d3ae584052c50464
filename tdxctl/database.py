# SPDX-License-Identifier: Apache-2.0
"""The SQLite file that stored machines lie in: made whole, opened, and told from others."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress

from tdxctl.errors import StateError
from tdxctl.state import SLICE, damaged, reason
from tdxctl.units import printable

#: Raised when the tables change. 1 had no seals: what was damaged there answered as if whole.
SCHEMA_VERSION = 2
_APPLICATION_ID = 0x54445843  # "TDXC"
_FILE = "machines-{}.sqlite3"
# What is short comes first: a row's end may lie pages away from its beginning.
_TABLES = """
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seal INTEGER NOT NULL
) STRICT;
CREATE TABLE machine (
    name TEXT PRIMARY KEY,
    seal INTEGER NOT NULL,
    operations INTEGER NOT NULL,
    last INTEGER NOT NULL,
    booted INTEGER NOT NULL,
    tdxctl TEXT NOT NULL,
    kernel TEXT NOT NULL,
    changes TEXT NOT NULL,
    digest TEXT,
    module TEXT,
    status TEXT NOT NULL,
    description TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE operation (
    machine TEXT NOT NULL,
    number INTEGER NOT NULL,
    seal INTEGER NOT NULL,
    operation TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (machine, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE compiled (
    key TEXT PRIMARY KEY,
    used INTEGER NOT NULL,
    seal INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


def store_file(folder: str) -> str:
    """The store of this version in the state folder."""
    return os.path.join(folder, _FILE.format(SCHEMA_VERSION))


def older_file(folder: str) -> str | None:
    """The store of an older tdxctl in the state folder, None where there is none."""
    for version in range(SCHEMA_VERSION - 1, 0, -1):
        path = os.path.join(folder, _FILE.format(version))
        if os.path.lexists(path):
            return path
    return None


def make(path: str, seal: int) -> bool:
    """Make a store without machines, whose seal is that, where there is none; whether it did.

    It appears whole or not at all, so that one without tables is one that was damaged. Raises
    StateError, sqlite3.Error.
    """
    if os.path.lexists(path):
        return False
    try:
        return _made(path, _image(seal))
    except OSError as error:
        raise StateError(
            f"cannot make the store '{printable(path)}': {reason(error)}",
            hint="name a folder that can be written in TDXCTL_STATE, or use --once",
        ) from None


def _made(path: str, image: bytes) -> bool:
    new = f"{path}.new-{os.getpid()}"
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(image)
            file.flush()
            os.fsync(file.fileno())
        return _put_in_place(new, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new)


def _put_in_place(new: str, path: str) -> bool:
    try:
        os.link(new, path)  # which another process's file is safe from, unlike a rename
    except FileExistsError:
        return False
    except OSError:
        os.rename(new, path)  # a file system without links
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def _image(seal: int) -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in filter(str.strip, _TABLES.split(";\n")):
            connection.execute(statement)
        connection.execute("INSERT INTO store VALUES (1, ?)", (seal,))
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return connection.serialize()
    finally:
        connection.close()


def connect(path: str, wait: float, mode: str = "rw") -> sqlite3.Connection:
    """The store, open; SQLite itself waits for other processes for at most SLICE seconds.

    Raises StateError, sqlite3.Error.
    """
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
    return _or_closed(connection, lambda: connection.execute("PRAGMA synchronous = FULL"))


def connect_reader(path: str, wait: float) -> sqlite3.Connection:
    """The store, open for one who does not write. Raises StateError, sqlite3.Error."""
    # Read-write, because only that can roll back what a killed process left half done; where
    # the file system does not allow it, nothing can have been left.
    try:
        connection = connect(path, wait)
        return _or_closed(
            connection,
            lambda: connection.execute("SELECT count(*) FROM sqlite_master").fetchone(),
        )
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in ("SQLITE_CANTOPEN", "SQLITE_READONLY"):
            raise
        return connect(path, wait, "ro")


def _or_closed(connection: sqlite3.Connection, first: Callable[[], object]) -> sqlite3.Connection:
    # A connection that fails at the first thing asked of it has no one else to close it.
    try:
        first()
    except BaseException:
        connection.close()
        raise
    return connection


def check(connection: sqlite3.Connection, path: str) -> None:
    """Raises StateError where the file is not a store of this version."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (application, version, tables) == (0, 0, 0):
        raise damaged(path, "nothing is in it")
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
