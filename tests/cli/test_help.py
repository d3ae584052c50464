# SPDX-License-Identifier: Apache-2.0
"""`tdxctl --help`: every command in its group, a line each."""

from __future__ import annotations

import inspect
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from tdxctl.commands import GROUPS
from tests.cli.runner import ROOT, tdxctl
from tools import manpages

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


def test_every_commands_help_begins_with_two_examples_of_it() -> None:
    """Expect a sentence, then two lines with the command; tests/cli/test_exits.py runs them."""
    for name in (name for names in GROUPS.values() for name in names):
        command = import_module(f"tdxctl.commands.{name}").command
        _, examples, *_ = inspect.cleandoc(command.help).split("\n\n")
        mark, *lines = examples.split("\n")
        assert mark == "\b"
        assert len(lines) == 2
        assert all(f"tdxctl {name}" in line for line in lines)


def test_the_groups_are_in_line_with_each_other() -> None:
    shown = tdxctl("--help").stdout.splitlines()
    assert "  cpu         Bring CPUs of a running machine online or offline." in shown
    assert "  completion  Print the script that completes tdxctl's words in a shell." in shown


def test_without_a_word_it_is_the_same_on_standard_error() -> None:
    done = tdxctl()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == tdxctl("--help").stdout


def test_each_command_has_a_man_page_made_of_its_help() -> None:
    pages = manpages.pages()
    assert len(pages) == 1 + sum(map(len, GROUPS.values()))
    assert "\n.B tdxctl cpu\n[OPTIONS] {online|offline} LIST\n" in pages["tdxctl-cpu.1"]
    assert "\n.RS 4\ntdxctl cpu online 3 \\-\\-machine offline\\-cpu\n" in pages["tdxctl-cpu.1"]
    assert "\\fB\\-h, \\-\\-help\\fR" in pages["tdxctl-cpu.1"]
    assert ".TP\n\\fB5\\fR\nstored state: busy" in pages["tdxctl.1"]


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="no mandoc here: apt-get install mandoc")
def test_a_formatter_of_man_pages_has_nothing_to_say(tmp_path: Path) -> None:
    for name, text in manpages.pages().items():
        (tmp_path / name).write_text(text)
    linted = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    # Pages of a release have no day: they are the same whenever they are made.
    said = [line for line in linted.stdout.splitlines() if "missing date" not in line]
    assert said == []
