# SPDX-License-Identifier: Apache-2.0
"""`tdxctl --help`: every command in its group, a line each."""

from __future__ import annotations

from tdxctl.commands import GROUPS
from tests.cli.runner import ROOT, tdxctl

# The folder's own: what commands share.
_SHARED = {"__init__", "operation"}


def test_every_command_is_in_one_group() -> None:
    """Expect the groups to name the files of commands/, each once."""
    named = [name for names in GROUPS.values() for name in names]
    files = {path.stem for path in (ROOT / "tdxctl" / "commands").glob("*.py")}
    assert sorted(named) == sorted(files - _SHARED)


def test_a_terminal_of_80_columns_shows_a_line_for_each_command() -> None:
    """Expect a heading, its commands and an empty line: no sentence runs into a second line."""
    shown = tdxctl("--help", environment={"COLUMNS": "80"}).stdout
    blocks = shown.split("\n\n")[-len(GROUPS) :]
    for block, (group, names) in zip(blocks, GROUPS.items(), strict=True):
        heading, *lines = block.rstrip("\n").split("\n")
        assert heading == f"{group}:"
        assert [line.split()[0] for line in lines] == list(names)
        assert max(map(len, lines)) < 80


def test_the_groups_are_in_line_with_each_other() -> None:
    shown = tdxctl("--help").stdout.splitlines()
    assert "  cpu         Bring CPUs of a running machine online or offline." in shown
    assert "  completion  Print the script that completes tdxctl's words in a shell." in shown


def test_without_a_word_it_is_the_same_on_standard_error() -> None:
    done = tdxctl()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == tdxctl("--help").stdout
