# SPDX-License-Identifier: Apache-2.0
"""Tables that are made of the code: the sentences of `tdxctl --help`, the README's tables.

Renewed with: python -m tools.tables. The commands are those of `tdxctl.commands.GROUPS`, each with
the first sentence of its help; the rooms are those of `tools.rooms`.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import click

from tdxctl.commands import GROUPS
from tools.rooms import ROOMS, Room

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SENTENCES = ROOT / "tdxctl" / "sentences.py"

_HEAD = '''\
# SPDX-License-Identifier: Apache-2.0
"""What each command does: the first sentence of its help, for listing it without loading it.

Made by `python -m tools.tables`.
"""

SENTENCES = {
'''


def files() -> dict[Path, str]:
    """The text of each file that holds a table, as it should be."""
    said = {name: sentence_of(name) for names in GROUPS.values() for name in names}
    lines = [f'    "{name}": "{sentence}",\n' for name, sentence in said.items()]
    text = _section(README.read_text(), "commands", _commands(said))
    text = _section(text, "rooms", _rooms())
    return {SENTENCES: _HEAD + "".join(lines) + "}\n", README: text}


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
    assert times == 1, f"the README has no section {name}"
    return found


def _commands(said: dict[str, str]) -> list[str]:
    lines = ["| command | does |", "|---|---|"]
    for group, names in GROUPS.items():
        lines.append(f"| **{group}** | |")
        lines += [f"| `{name}` | {said[name].removesuffix('.')} |" for name in names]
    return lines


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
