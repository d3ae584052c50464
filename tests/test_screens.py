# SPDX-License-Identifier: Apache-2.0
"""What the terminal that is written to can show."""

from __future__ import annotations

import io
import os
import sys

import pytest

from tdxctl.screens import Screen, obeys_escapes, stdout_screen


class _Terminal(io.StringIO):
    encoding = "UTF-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An xterm of 100 columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("variable", "value", "screen"),
    [
        ("TERM", "xterm-256color", Screen(100, escapes=True, colours=True, unicode=True)),
        ("TERM", "dumb", Screen(100, escapes=False, colours=False, unicode=True)),
        ("TERM", "unknown", Screen(100, escapes=False, colours=False, unicode=True)),
        ("TERM", "", Screen(100, escapes=False, colours=False, unicode=True)),
        ("NO_COLOR", "1", Screen(100, escapes=True, colours=False, unicode=True)),
        ("NO_COLOR", "", Screen(100, escapes=True, colours=True, unicode=True)),
        ("COLUMNS", "37", Screen(37, escapes=True, colours=True, unicode=True)),
    ],
)
def test_what_the_environment_says_of_a_terminal(
    environment: pytest.MonkeyPatch, variable: str, value: str, screen: Screen
) -> None:
    environment.setenv(variable, value)
    environment.setattr(sys, "stdout", _Terminal())
    assert stdout_screen() == screen


def test_a_terminal_that_is_not_named_obeys_nothing(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("TERM")
    assert not obeys_escapes()


def test_a_terminal_of_another_encoding_is_shown_ascii(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(_Terminal, "encoding", "iso-8859-1")
    environment.setattr(sys, "stdout", _Terminal())
    assert stdout_screen() == Screen(100, escapes=True, colours=True, unicode=False)


def test_a_pipe_is_as_wide_as_asked_for_and_gets_plain_ascii(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """80 columns where nothing is asked for."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("COLUMNS", "120")
    assert stdout_screen() == Screen(120, escapes=False, colours=False, unicode=False)
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(sys, "__stdout__", None)
    assert stdout_screen() == Screen(80, escapes=False, colours=False, unicode=False)


@pytest.mark.parametrize("columns", [None, "0", "-3", "wide"])
@pytest.mark.parametrize(("says", "taken"), [(50, 50), (0, 80)])
def test_without_columns_that_can_be_the_terminal_tells(
    environment: pytest.MonkeyPatch, columns: str | None, says: int, taken: int
) -> None:
    """Expect standard output to be asked, and 80 columns where it does not know."""
    if columns is None:
        environment.delenv("COLUMNS")
    else:
        environment.setenv("COLUMNS", columns)
    sizes = {1: os.terminal_size((says, 24))}
    environment.setattr(os, "get_terminal_size", lambda descriptor: sizes[descriptor])
    environment.setattr(sys, "stdout", _Terminal())
    assert stdout_screen().columns == taken
