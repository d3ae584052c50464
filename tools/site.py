# SPDX-License-Identifier: Apache-2.0
"""The source of the site in build/docs: the pages of docs/, and one for each command.

    python -m tools.site

A page of a command is its help. Links that leave docs/ lead to where the project's files are
published.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from importlib import import_module
from pathlib import Path

import click

from tdxctl.cli import cli
from tdxctl.commands import GROUPS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "build" / "docs"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")


def main() -> None:
    """Write the folder anew."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    for path in sorted(DOCS.rglob("*")):
        if path.is_dir():
            continue
        copy = SOURCE / path.relative_to(DOCS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            copy.write_text(_with_links(path))
        else:
            shutil.copyfile(path, copy)
    (SOURCE / "changelog.md").write_text((ROOT / "CHANGELOG.md").read_text())
    (SOURCE / "commands").mkdir()
    for names in GROUPS.values():
        for name in names:
            (SOURCE / "commands" / f"{name}.md").write_text(_help(name))
    with (SOURCE / "index.md").open("a") as index:
        index.write(_toctrees())


def _with_links(page: Path) -> str:
    # Of a page and a file beside it the links are the site's; of all else, the project's.
    published = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]

    def lead(link: re.Match[str]) -> str:
        target = (page.parent / link[1]).resolve()
        if target.is_relative_to(DOCS) and target.is_file():
            return link[0]
        kind = "tree" if target.is_dir() else "blob"
        return f"{published}/{kind}/main/{target.relative_to(ROOT)}{link[2] or ''}"

    return _LINK.sub(lead, page.read_text())


def _help(name: str) -> str:
    command = import_module(f"tdxctl.commands.{name}").command
    assert isinstance(command, click.Command)
    context = click.Context(
        command, click.Context(cli, info_name="tdxctl"), name, terminal_width=92
    )
    return f"# tdxctl {name}\n\n```text\n{command.get_help(context)}\n```\n"


def _toctrees() -> str:
    # In the order of the index, so that a page is in the menu where it is on the front page.
    text = (DOCS / "index.md").read_text()
    sections = re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", text, re.MULTILINE)
    trees = [
        (heading, list(dict.fromkeys(re.findall(r"\]\(([\w/-]+)\.md", section))))
        for heading, section in sections
    ]
    listed = {page for _, pages in trees for page in pages} | {"index"}
    pages = (path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md"))
    if others := sorted(set(pages) - listed):
        trees.append(("Also", others))
    commands = [f"commands/{name}" for names in GROUPS.values() for name in names]
    trees.append(("Commands", [*commands, "changelog"]))
    return "\n" + "\n".join(_toctree(caption, pages) for caption, pages in trees)


def _toctree(caption: str, pages: list[str]) -> str:
    lines = "\n".join(pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


if __name__ == "__main__":
    main()
