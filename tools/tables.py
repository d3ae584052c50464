# SPDX-License-Identifier: Apache-2.0
"""Tables that are made of the code: the sentences of `tdxctl --help`, tables in docs/.

Renewed with: python -m tools.tables. The commands are those of `tdxctl.commands.GROUPS`, each with
the first sentence of its help; the rooms are those of `tools.rooms`, the documents those of
`tdxctl schema`, the words of the glossary those of `tdxctl explain`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import msgspec

from tdxctl import Machine, Platform
from tdxctl.commands import GROUPS
from tdxctl.commands.schema import DOCUMENTS, record_of
from tdxctl.events import Failure, LogLine, OpResult, TdmrRow
from tdxctl.explain.terms import TERMS
from tdxctl.report.schemas import schema_of
from tools.rooms import ROOMS, Room

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SENTENCES = ROOT / "tdxctl" / "sentences.py"

_HEAD = '''\
# SPDX-License-Identifier: Apache-2.0
"""What each command does: the first sentence of its help, for listing it without loading it.

Made by `python -m tools.tables`.
"""

SENTENCES = {
'''
_LINES = "A line of `--format jsonl`: what happened, in order."
_GLOSSARY = """\
# Glossary

The words of the field, as `tdxctl explain WORD` tells them; it also knows every status, leaf,
metadata field, check, MSR and line of a kernel's log. Made by `python -m tools.tables`.

"""


def files() -> dict[Path, str]:
    """The text of each file that holds a table, as it should be."""
    said = {name: sentence_of(name) for names in GROUPS.values() for name in names}
    lines = [f'    "{name}": "{sentence}",\n' for name, sentence in said.items()]
    return {
        SENTENCES: _HEAD + "".join(lines) + "}\n",
        DOCS / "glossary.md": _glossary(),
        **{
            DOCS / page: _section((DOCS / page).read_text(), name, table)
            for page, name, table in (
                ("command-line.md", "commands", _commands(said)),
                ("json.md", "documents", _documents()),
                ("architecture.md", "rooms", _rooms()),
                ("python.md", "members", _members()),
            )
        },
    }


def sentence_of(name: str) -> str:
    """The first sentence of a command's help."""
    command = import_module(f"tdxctl.commands.{name}").command
    assert isinstance(command, click.Command)
    return command.get_short_help_str(limit=200)


def _section(text: str, name: str, lines: list[str]) -> str:
    # Between <!-- NAME --> and <!-- end of NAME -->.
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    made = begin + "".join(f"{line}\n" for line in lines) + end
    found, times = re.subn(f"{begin}.*?{end}", lambda _: made, text, flags=re.DOTALL)
    assert times == 1, f"no page has a section {name}"
    return found


def _commands(said: dict[str, str]) -> list[str]:
    lines = ["| command | does |", "|---|---|"]
    for group, names in GROUPS.items():
        lines.append(f"| **{group}** | |")
        lines += [f"| `{name}` | {said[name].removesuffix('.')} |" for name in names]
    return lines


def _documents() -> list[str]:
    lines = ["| document | `tdxctl schema` | what it is |", "|---|---|---|"]
    for name in DOCUMENTS:
        schema = schema_of(record_of(name))
        file = schema["title"].removeprefix("tdxctl.").replace("/", "-")
        link = f"[`{schema['title']}`](schemas/{file}.schema.json)"
        lines.append(f"| {link} | `{name}` | {schema.get('description', _LINES)} |")
    return lines


def _members() -> list[str]:
    lines = []
    for record in (Platform, Machine, OpResult, Failure, TdmrRow, LogLine):
        said = " ".join((inspect.getdoc(record) or "").split())
        lines += ["", f"### {record.__name__}", "", said, ""]
        lines += ["| member | what it is |", "|---|---|"]
        lines += [f"| `{shown}` | {said} |" for shown, said in _members_of(record)]
    return [*lines, ""]


def _members_of(record: type) -> Iterator[tuple[str, str]]:
    # Fields of a record, which its sentence tells of, then what has a docstring of its own.
    if issubclass(record, msgspec.Struct) and record is not Platform:
        for field in msgspec.structs.fields(record):
            yield field.name, f"`{record.__annotations__[field.name].replace(' | ', ' or ')}`"
    for name, member in vars(record).items():
        if name.startswith("_") or inspect.getdoc(member) is None:
            continue
        if isinstance(member, property):
            yield name, _first(member)
        elif callable(function := getattr(member, "__func__", member)):
            yield f"{name}{_arguments(function)}", _first(function)


def _arguments(function: Any) -> str:
    names = list(inspect.signature(function).parameters.values())[1:]
    shown = [
        one.name if one.default is one.empty else f"{one.name}={one.default!r}" for one in names
    ]
    return f"({', '.join(shown)})"


def _first(documented: object) -> str:
    # The first paragraph of a docstring.
    first, *_ = (inspect.getdoc(documented) or "").split("\n\n")
    return " ".join(first.split()).replace("|", "\\|")


def _glossary() -> str:
    parts = [_GLOSSARY]
    for term in sorted(TERMS, key=lambda term: term.name.lstrip("#/").lower()):
        also = f" (also: {', '.join(map(_escaped, term.others))})" if term.others else ""
        to_do = "" if term.to_do is None else f" To do: {_escaped(term.to_do)}."
        parts.append(f"* **{_escaped(term.name)}**{also}: {_escaped(term.means)}{to_do}\n")
    return "".join(parts)


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_<#|\[\]])", r"\\\1", text)


def _rooms() -> list[str]:
    lines = ["| room | what it is | may import |", "|---|---|---|"]
    return lines + [_room(room) for room in ROOMS]


def _room(room: Room) -> str:
    name = room.name
    if room.modules:
        name += f" ({', '.join(f'`{module}`' for module in room.modules)})"
    else:
        name = f"`{name}/`" if (ROOT / "tdxctl" / name).is_dir() else f"`{name}`"
    return f"| {name} | {room.holds} | {', '.join(room.imports) or 'nothing'} |"


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
