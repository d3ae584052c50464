# SPDX-License-Identifier: Apache-2.0
"""What somebody is told who types what seems right, and is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl.cli import COMMANDS
from tdxctl.commands.inputs.guesses import _OTHER_WORDS
from tests.cli.runner import tdxctl


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dmesg.txt"], "A file is given to a command: tdxctl diagnose dmesg.txt"),
        (["ours.yaml"], "A file is given to a command: tdxctl init --platform ours.yaml"),
        (["fake"], "No such command 'fake'. Did you mean 'root'?"),
        (["Analyse", "dmesg.txt"], "No such command 'Analyse'. Did you mean 'diagnose'?"),
        (["diagnos", "dmesg.txt"], "No such command 'diagnos'. Did you mean 'diagnose'?"),
        (["qqq"], "No such command 'qqq'."),
        (["help"], "No such command 'help'. Did you mean '--help'?"),
        (["validate"], "Missing argument 'FILE...'."),
        (["plan", "ours.yaml"], "A platform is named by its option: --platform ours.yaml"),
        (
            ["map", "small", "--kernel", "6.8"],
            "A platform is named by its option: --platform small",
        ),
        (["diagnose", "dmseg.txt"], "cannot read 'dmseg.txt': no such file or directory"),
        (["init", "--platform", "small", "--kernel", "mine.py"], "no such kernel: 'mine.py'"),
    ],
)
def test_a_slip_is_told(words: list[str], told: str, tmp_path: Path) -> None:
    for name in ("dmesg.txt", "ours.yaml", "mine.py"):
        (tmp_path / name).touch()
    done = tdxctl(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"error: {told}"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["diagnose", "dmseg.txt"], "did you mean dmesg.txt?"),
        (["diagnose", "nowhere/dmesg.txt"], "there is no folder 'nowhere'"),
        (["validate"], "- is standard input; `tdxctl validate --help` explains"),
        (["cpu", "online"], "`tdxctl cpu --help` explains"),
        (["plan", "--platform", "ours"], "the file here is ours.yaml"),
        (
            ["boot", "--platform", "small", "--kernel", "mine.py"],
            "a kernel of your own is FILE.py:Class, the file and the class in it",
        ),
    ],
)
def test_what_is_near_is_named(words: list[str], hint: str, tmp_path: Path) -> None:
    for name in ("dmesg.txt", "ours.yaml"):
        (tmp_path / name).touch()
    assert tdxctl(*words, cwd=tmp_path).stderr.splitlines()[1] == f"  hint: {hint}"


def test_every_other_word_leads_to_a_command() -> None:
    assert set(_OTHER_WORDS.values()) <= {*COMMANDS, "--help", "--version"}
