# SPDX-License-Identifier: Apache-2.0
"""build/man: a man page of tdxctl and of each command, made of their help.

python -m tools.manpages && man -l build/man/tdxctl-init.1
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import click

from tdxctl import __version__
from tdxctl.cli import cli
from tdxctl.commands import GROUPS
from tdxctl.sentences import SENTENCES

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "man"


def pages() -> dict[str, str]:
    """The text of each page by the name of its file, `tdxctl-init.1`."""
    made = {"tdxctl.1": _page(cli, "tdxctl", [*_commands(), *_exits()])}
    for names in GROUPS.values():
        for name in names:
            command = import_module(f"tdxctl.commands.{name}").command
            assert isinstance(command, click.Command)
            made[f"tdxctl-{name}.1"] = _page(command, f"tdxctl {name}", [".SH SEE ALSO", _SEE])
    return made


_SEE = ".BR tdxctl (1)"


def _page(command: click.Command, name: str, rest: list[str]) -> str:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    parent = click.Context(cli, **cli.context_settings)
    context = click.Context(command, parent, info_name=name)
    synopsis = " ".join(command.collect_usage_pieces(context))
    title = name.replace(" ", "-")
    lines = [
        f'.TH {title.upper()} 1 "" "tdxctl {__version__}" "tdxctl"',
        ".SH NAME",
        f"{title} \\- {_roff(paragraphs[0].rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {name}",
        _roff(synopsis),
        ".SH DESCRIPTION",
    ]
    for number, paragraph in enumerate(paragraphs[1:]):
        lines += _paragraph(paragraph)[number == 0 :]
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    lines.append(".SH OPTIONS")
    for option in options:
        if (record := option.get_help_record(context)) is not None:
            lines += [".TP", f"\\fB{_roff(record[0])}\\fR", _roff(record[1])]
    return "\n".join([*lines, *rest]) + "\n"


def _paragraph(text: str) -> list[str]:
    # What begins with \b keeps its lines.
    if text.startswith("\b"):
        body = [_roff(line.strip()) for line in text.splitlines()[1:]]
        return [".PP", ".nf", ".RS 4", *body, ".RE", ".fi"]
    return [".PP", _roff(" ".join(text.split()))]


def _commands() -> list[str]:
    lines = [".SH COMMANDS"]
    for group, names in GROUPS.items():
        lines.append(f".SS {group}")
        for name in names:
            lines += [".TP", f".BR tdxctl\\-{name} (1)", _roff(SENTENCES[name])]
    return lines


def _exits() -> list[str]:
    text = (ROOT / "docs" / "exit-codes.md").read_text()
    lines = [".SH EXIT STATUS"]
    for code, means in re.findall(r"^\| (\d[\d, ]*) \| (.*) \|$", text, re.MULTILINE):
        lines += [".TP", f"\\fB{code}\\fR", _roff(means)]
    return lines


def _roff(text: str) -> str:
    # A backslash, a hyphen that is typed, and a dot or quote that would begin a request.
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def main() -> None:
    """Write the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
