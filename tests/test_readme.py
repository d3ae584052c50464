# SPDX-License-Identifier: Apache-2.0
"""Everything the README shows is run, and its output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import documents
from tests.cli.runner import ROOT
from tools import tables

README = (ROOT / "README.md").read_text()
CONSOLE = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (command, output)
    for block in CONSOLE
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


def _run(command: str) -> str:
    shell = f'tdxctl() {{ "{sys.executable}" -m tdxctl "$@"; }}\n{command}'
    done = subprocess.run(
        ["bash", "-c", shell],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    documents.check(done.stdout)
    return done.stdout


def test_every_command_prints_what_the_readme_shows() -> None:
    """Expect the commands, run one after the other as a reader would, to print just that."""
    assert len(EXAMPLES) >= 25
    shown = [f"$ {command}\n{output}" for command, output in EXAMPLES]
    assert [f"$ {command}\n{_run(command)}" for command, _ in EXAMPLES] == shown


def test_the_python_example_runs() -> None:
    code = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(code) == 1
    done = subprocess.run(
        [sys.executable, "-c", code[0]], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_yaml_example_is_a_description() -> None:
    text = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0]
    done = subprocess.run(
        [sys.executable, "-m", "tdxctl", "init", "--platform", "-"],
        input=text,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", tables.files(), ids=lambda path: path.name)
def test_the_tables_are_what_the_code_says(path: Path) -> None:
    """Expect `python -m tools.tables` to find nothing to renew."""
    assert path.read_text() == tables.files()[path]


def test_links_inside_the_readme_lead_somewhere() -> None:
    anchors = {
        "#" + heading.lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        assert link in anchors or (ROOT / link).exists(), link
