# SPDX-License-Identifier: Apache-2.0
"""A line on a terminal's standard error while something takes longer than half a second.

Only the command line enables it. A timer's signal draws the line: no thread, nothing to do for
what is quick, and nothing is left of the line when what took long is over.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tdxctl.screens import columns_of, obeys_escapes

_STDERR = 2
_FIRST_AFTER = 0.5
_THEN_EVERY = 0.2


class _Line:
    def __init__(self) -> None:
        self.enabled = False
        self.doing: list[str] = []
        self.since = 0.0
        self.is_drawn = False

    def draw(self) -> None:
        text = f"{self.doing[-1]}... {time.monotonic() - self.since:.0f} s"
        # Before it is: Ctrl-C may come right behind the write.
        self.is_drawn = True
        self._write(f"\r{text[: columns_of(_STDERR) - 1]}\x1b[K")

    def erase(self) -> None:
        if self.is_drawn:
            self._write("\r\x1b[K")
        self.is_drawn = False

    def _write(self, text: str) -> None:
        # A terminal that is stopped takes nothing: a machine's lock is not held for that.
        with suppress(OSError, ValueError):
            if select.select([], [_STDERR], [], 0)[1]:
                os.write(_STDERR, text.encode("ascii", "replace"))


_line = _Line()


def enable() -> None:
    """Let shown() show: where standard error is a terminal that can erase a line."""
    _line.enabled = os.isatty(_STDERR) and obeys_escapes()


@contextmanager
def shown(what: str) -> Iterator[None]:
    """Say what while it takes long; inside another one, in its place."""
    if not _line.enabled:
        yield
        return
    _line.doing.append(what)
    try:
        if len(_line.doing) > 1:
            yield
            return
        _line.since = time.monotonic()
        before = signal.signal(signal.SIGALRM, lambda *_: _line.draw())
        try:
            signal.setitimer(signal.ITIMER_REAL, _FIRST_AFTER, _THEN_EVERY)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            _line.erase()
    finally:
        _line.doing.pop()


def say(what: str) -> None:
    """From here on what is done is this."""
    if _line.doing:
        _line.doing[-1] = what
