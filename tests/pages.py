# SPDX-License-Identifier: Apache-2.0
"""What a page of documentation shows: commands with their output, code, links."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.cli.runner import ROOT

DOCS = ROOT / "docs"
#: Every page but the specification, which quotes and shows nothing that tdxctl does.
PAGES = {
    path.relative_to(DOCS).as_posix(): path
    for path in sorted(DOCS.rglob("*.md"))
    if DOCS / "spec" not in path.parents
}
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_FENCE = re.compile(r"^(`{3,}).*?^\1", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    """What the page's fenced blocks of a language hold."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, page.read_text(), re.MULTILINE | re.DOTALL)


def examples(page: Path) -> list[tuple[str, str]]:
    """Each command of the page's console blocks, after "$ ", and what it shows of its output."""
    return [found for block in blocks(page, "console") for found in _COMMAND.findall(block)]


@cache
def _prose(page: Path) -> str:
    return _COMMENT.sub("", _FENCE.sub("", page.read_text()))


def links(page: Path) -> list[str]:
    """Where the page's links and pictures lead, but for addresses of the network."""
    found = _LINK.findall(_prose(page))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings)


def leads_nowhere(page: Path) -> list[str]:
    """Links of the page to a file or a heading that does not exist."""
    wrong = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = page if not name else (page.parent / name).resolve()
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong
