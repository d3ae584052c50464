# SPDX-License-Identifier: Apache-2.0
"""The line on a terminal while something takes long."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tdxctl import progress


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal of 40 columns as standard error; the end that reads what is drawn."""
    reads, writes = os.openpty()
    monkeypatch.setattr(progress, "_STDERR", writes)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((40, 25)))
    monkeypatch.setenv("TERM", "xterm")
    progress.enable()
    os.set_blocking(reads, False)
    yield reads
    os.close(reads)
    os.close(writes)
    progress.enable()  # which it then is not: there is no terminal any more


def _drawn(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode()
    except BlockingIOError:
        return ""


def test_what_takes_long_is_said_and_nothing_is_left_of_it(terminal: int) -> None:
    """Expect what is done and for how long when the timer fires, and the line to be erased."""
    with progress.shown("reading"):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        os.kill(os.getpid(), signal.SIGALRM)
        assert _drawn(terminal) == "\rreading... 0 s\x1b[K"
        progress.say("merging")
        os.kill(os.getpid(), signal.SIGALRM)
        assert _drawn(terminal) == "\rmerging... 0 s\x1b[K"
    assert _drawn(terminal) == "\r\x1b[K"
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_is_quick_draws_nothing(terminal: int) -> None:
    with progress.shown("reading"):
        pass
    assert _drawn(terminal) == ""


def test_inside_another_one_it_stands_in_its_place(terminal: int) -> None:
    with progress.shown("capturing"):
        with progress.shown("reading"):
            os.kill(os.getpid(), signal.SIGALRM)
            assert _drawn(terminal) == "\rreading... 0 s\x1b[K"
        os.kill(os.getpid(), signal.SIGALRM)
        assert _drawn(terminal) == "\rcapturing... 0 s\x1b[K"


def test_a_line_fits_the_terminal(terminal: int) -> None:
    """Expect a column to stay free: a terminal breaks a line that fills it."""
    with progress.shown("x" * 60):
        os.kill(os.getpid(), signal.SIGALRM)
        assert _drawn(terminal) == f"\r{'x' * 39}\x1b[K"


def test_the_alarm_of_a_caller_is_put_back(terminal: int) -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        with progress.shown("reading"):
            assert signal.getsignal(signal.SIGALRM) is not signal.SIG_IGN
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGALRM, before)


def test_outside_of_all_nothing_is_said(terminal: int) -> None:
    progress.say("reading")
    assert _drawn(terminal) == ""


@pytest.mark.parametrize("term", ["", "dumb"])
def test_a_terminal_that_cannot_erase_a_line_is_left_alone(
    terminal: int, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    progress.enable()
    with progress.shown("reading"):
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert _drawn(terminal) == ""
