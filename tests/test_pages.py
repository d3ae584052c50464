# SPDX-License-Identifier: Apache-2.0
"""Everything that the pages under docs/ show is run, and its output compared.

A page's commands run one after the other, in a folder that looks like a checkout and is thrown
away, so that they may write files.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tdxctl import Platform
from tests import documents
from tests.cli.runner import in_shell
from tests.pages import DOCS, PAGES, blocks, examples, leads_nowhere, links


def _run(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", in_shell() + command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        check=False,
        timeout=60,
    )
    documents.check(done.stdout)
    return done.stdout


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if examples(page)])
def test_every_command_prints_what_the_page_shows(name: str, checkout: Path) -> None:
    """Expect the commands, run one after the other as a reader would, to print just that."""
    commands = examples(PAGES[name])
    shown = [f"$ {command}\n{output}" for command, output in commands]
    assert [f"$ {command}\n{_run(command, checkout)}" for command, _ in commands] == shown


@pytest.mark.parametrize("name", PAGES)
def test_every_command_that_a_page_shows_is_in_a_block_that_is_run(name: str) -> None:
    """Expect no fence to be lost, and no command to hide in a block of another kind."""
    lines = PAGES[name].read_text().splitlines()
    assert sum(line.startswith("```") for line in lines) % 2 == 0
    assert sum(line.startswith("$ ") for line in lines) == len(examples(PAGES[name]))


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if blocks(page, "python")])
def test_the_python_of_a_page_runs(
    name: str, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect the blocks, as one program, to come to their end."""
    monkeypatch.chdir(checkout)
    exec(compile("\n".join(blocks(PAGES[name], "python")), name, "exec"), {"__name__": "page"})


@pytest.mark.parametrize("name", PAGES)
def test_descriptions_in_a_page_are_valid(name: str, tmp_path: Path) -> None:
    """Expect each block of YAML that begins with the schema of a description to be one."""
    for text in blocks(PAGES[name], "yaml"):
        if text.startswith("schema: tdxctl.platform/1\n"):
            (tmp_path / "shown.yaml").write_text(text)
            assert Platform.load(tmp_path / "shown.yaml").cpus.madt


def test_the_index_leads_to_every_page() -> None:
    """Expect a page to be found by who begins at the first; the site's menu is made of it too."""
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert {link.partition("#")[0] for link in links(PAGES["index.md"])} >= pages - {"index.md"}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """Expect files and headings that are there; addresses of the network are not asked."""
    assert leads_nowhere(PAGES[name]) == []


def test_there_are_pages() -> None:
    """Expect the tests above not to be about nothing."""
    assert sum(len(examples(page)) for page in PAGES.values()) >= 3
