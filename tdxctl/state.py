# SPDX-License-Identifier: Apache-2.0
"""Where stored state lies, how long it is waited for, and what can be wrong with it, in words."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tdxctl.errors import BrokenStoreError, StateError, UsageError
from tdxctl.progress import shown
from tdxctl.units import printable

T = TypeVar("T")

#: SQLite waits this many seconds at a time: Python hears no Ctrl-C meanwhile.
SLICE = 0.2
_DEFAULT_WAIT = 60.0


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


def make_folder(folder: str) -> None:
    """Make the state folder where there is none. Raises StateError."""
    try:
        os.makedirs(os.path.dirname(folder) or ".", exist_ok=True)
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise StateError(
            f"cannot make the state folder '{printable(folder)}': {reason(error)}",
            hint="name a folder that can be written in TDXCTL_STATE, or use --once",
        ) from None
    check_folder(folder)


def check_folder(folder: str) -> None:
    """Raises StateError where folder is not a folder of this user's."""
    try:
        found = os.stat(folder)
    except OSError as error:
        raise StateError(
            f"cannot use the state folder '{printable(folder)}': {reason(error)}"
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


def reason(error: OSError) -> str:
    """The system's words for error."""
    return (error.strerror or str(error)).lower()


def when_free(act: Callable[[], T], wait: float) -> T:
    """What act returns, once no other process is in its way; gives up after wait seconds."""
    give_up = time.monotonic() + wait
    with shown(f"waiting for another tdxctl, up to {wait:g} s"):
        while True:
            try:
                return act()
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= give_up:
                    raise


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process is in the way."""
    name: str | None = getattr(error, "sqlite_errorname", None)
    return name is not None and name.startswith("SQLITE_BUSY")


_MOVE_AWAY = "move it away; `tdxctl boot --platform P` then makes a machine anew"
_CAUSES = {
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
    "SQLITE_NOTADB": ("is not a database: truncated or overwritten", _MOVE_AWAY),
    "SQLITE_CORRUPT": ("is damaged", _MOVE_AWAY),
    "SQLITE_PERM": ("may not be opened", "name another folder in TDXCTL_STATE"),
    "SQLITE_PROTOCOL": ("cannot be locked", "name a folder on a local disk in TDXCTL_STATE"),
}


def damaged(path: str, what: str) -> BrokenStoreError:
    """The error for a store that is not as it was written; what is a clause."""
    return BrokenStoreError(f"the store '{printable(path)}' is damaged: {what}", hint=_MOVE_AWAY)


def _in_use(path: str, wait: float) -> StateError:
    return StateError(
        f"the store '{printable(path)}' is in use by another tdxctl for longer than TDXCTL_WAIT "
        f"({wait:g} s)",
        hint="try again, or wait longer: TDXCTL_WAIT=300",
    )


@contextmanager
def naming(path: str, wait: float) -> Iterator[None]:
    """What SQLite says in StateErrors, in words, with the file it is about."""
    try:
        yield
    except sqlite3.Error as error:
        if is_busy(error):
            raise _in_use(path, wait) from error
        name = getattr(error, "sqlite_errorname", None) or ""
        cause = next((words for prefix, words in _CAUSES.items() if name.startswith(prefix)), None)
        if cause is None:  # tables, names or text that are not those that were written
            raise damaged(path, printable(str(error))) from error
        what, hint = cause
        raise BrokenStoreError(f"the store '{printable(path)}' {what}", hint=hint) from error
