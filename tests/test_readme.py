# SPDX-License-Identifier: Apache-2.0
"""Everything the README shows is run, and its output compared.

Its commands are processes from the start, as a reader's are; the pages' are forks
(tests/test_pages.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import documents, pages
from tests.cli.runner import ROOT
from tools import pictures, tables

README = ROOT / "README.md"


def _run(command: str, folder: Path) -> str:
    shell = f'tdxctl() {{ "{sys.executable}" -m tdxctl "$@"; }}\n{command}'
    done = subprocess.run(
        ["bash", "-c", shell],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    documents.check(done.stdout)
    return done.stdout


def test_every_command_prints_what_the_readme_shows(checkout: Path) -> None:
    """Expect the commands, run one after the other as a reader would, to print just that."""
    commands = pages.examples(README)
    assert len(commands) >= 4
    shown = [f"$ {command}\n{output}" for command, output in commands]
    assert [f"$ {command}\n{_run(command, checkout)}" for command, _ in commands] == shown


@pytest.mark.parametrize("path", tables.files(), ids=lambda path: path.name)
def test_the_tables_are_what_the_code_says(path: Path) -> None:
    """Expect `python -m tools.tables` to find nothing to renew."""
    assert path.read_text() == tables.files()[path]


def test_the_pictures_are_what_tdxctl_draws() -> None:
    """Expect `python -m tools.pictures` to find nothing to renew, and text that can be read out."""
    for path, drawn in pictures.files().items():
        assert path.read_text() == drawn
        assert "<title" in drawn


def test_it_is_one_screen_and_a_half() -> None:
    """Expect no more lines than fit: what goes on is a page under docs/."""
    assert len(README.read_text().splitlines()) <= 90


def test_links_of_the_readme_lead_somewhere() -> None:
    assert pages.links(README)
    assert pages.leads_nowhere(README) == []
