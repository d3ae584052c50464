# SPDX-License-Identifier: Apache-2.0
"""Where stored state lies, how long it is waited for, and what can be wrong with it, in words."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
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


@contextmanager
def queued(path: str, wait: float) -> Iterator[float]:
    """Writers of the store one at a time, in the order they came; yields when the wait began.

    Who waits sleeps: a thousand that look again and again take the time of the one whose turn it
    is. The lock is on the folder and dies with its process. Where a file system has none, SQLite's
    own lock does alone. Raises StateError after wait seconds.
    """
    started = time.monotonic()
    try:
        descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
    except OSError:
        yield started
        return
    try:
        if not _is_our_turn(descriptor, wait):
            raise _in_use(path, wait)
        yield started
    finally:
        os.close(descriptor)


def _is_our_turn(descriptor: int, wait: float) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    except OSError:
        return True
    else:
        return True
    turn = threading.Event()
    same = os.dup(descriptor)  # one lock, held until both are closed

    def stand_in_line() -> None:
        with suppress(OSError):
            fcntl.flock(same, fcntl.LOCK_EX)
        turn.set()
        os.close(same)

    # In a thread of its own, because flock() knows no limit and hears no Ctrl-C. One that was
    # given up gets the lock some time, and closes it.
    try:
        threading.Thread(target=stand_in_line, daemon=True).start()
    except RuntimeError:  # none to be had: SQLite's lock alone
        os.close(same)
        return True
    with _waiting(wait):
        return turn.wait(wait)


def _waiting(wait: float) -> AbstractContextManager[None]:
    return shown(f"waiting for another tdxctl, up to {wait:g} s")


def when_free(act: Callable[[], T], wait: float, since: float | None = None) -> T:
    """What act returns, once no other process is in its way; gives up wait seconds after since.

    since: of time.monotonic(); now by default.
    """
    give_up = (time.monotonic() if since is None else since) + wait
    with _waiting(wait):
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
    except UnicodeDecodeError as error:  # of SQLite's own words, with what it found in them
        raise damaged(path, "what is in it is no text") from error
