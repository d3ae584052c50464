# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal: within its columns, in its colours. Nothing is ever cut off."""

from __future__ import annotations

from itertools import groupby, zip_longest
from operator import itemgetter

from tdxctl.report import prose
from tdxctl.report.aligned import GAP, padded
from tdxctl.report.blocks import Facts, Heading, Log, Notes, Steps, Table, Verdict
from tdxctl.report.prose import BAD, DIM, GOOD, HEAD, KEPT, WARN, Line, words, wrapped
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tdxctl.report.blocks import Block
    from tdxctl.screens import Screen

    #: A piece of a line, and its role.
    Run = tuple[str, str]

_PASSED, _FAILED, _SKIPPED = "passed", "failed", "skipped"
_MARKS = {_PASSED: "✔", _FAILED: "✘", _SKIPPED: "·"}
_ASCII_MARKS = {_PASSED: "+", _FAILED: "X", _SKIPPED: "-"}
_MARK_ROLES = {_PASSED: "done", _FAILED: BAD, _SKIPPED: DIM}
_LEVELS = {"err": "err", "warn": WARN, "WARN": WARN}

#: Role -> what ECMA-48's SGR selects for it: a weight, and a colour.
_ROLES = {
    HEAD: ("1", ""),
    GOOD: ("1", "32"),
    BAD: ("1", "31"),
    WARN: ("", "33"),
    DIM: ("2", ""),
    "err": ("", "31"),
    "done": ("", "32"),
}

# Columns that a last column of words takes at least.
_WORDS = 24
# In place of a step's mark and number.
_NO_MARK = " " * len("m n ")
# Where what is said of a step stands below it.
_BELOW_A_STEP = 6


def to_prose(lines: Iterable[Line], screen: Screen) -> str:
    """The lines, wrapped at words, without a newline at the end."""
    return "\n".join(_painted(runs, screen) for runs in _prose(lines, screen.columns))


def to_text(blocks: Iterable[Block], screen: Screen) -> str:
    """The blocks, an empty line between them, without a newline at the end.

    Facts without a title belong to what stands above them.
    """
    lines = []
    for i, block in enumerate(blocks):
        if i and not (isinstance(block, Facts) and not block.title):
            lines.append("")
        lines += [_painted(runs, screen) for runs in _runs(block, screen)]
    return "\n".join(lines)


def _painted(runs: Iterable[Run], screen: Screen) -> str:
    # Whoever said it: nothing but what stands here orders the terminal to do anything.
    painted = ""
    for role, alike in groupby(runs, itemgetter(1)):
        text = printable("".join(text for text, _ in alike))
        codes = _codes(role, screen)
        painted += f"\x1b[{codes}m{text}\x1b[0m" if text and codes else text
    return painted.rstrip()


def _codes(role: str, screen: Screen) -> str:
    if not role or not screen.escapes:
        return ""
    weight, colour = _ROLES[role]
    return ";".join(filter(None, (weight, colour if screen.colours else "")))


def _prose(lines: Iterable[Line], width: int) -> Iterator[list[Run]]:
    for line in lines:
        for label, text in wrapped(line, width):
            yield [(label, line.label_role), (text, line.role)]


def _runs(block: Block, screen: Screen) -> Iterator[list[Run]]:
    # Line by line.
    width = screen.columns
    match block:
        case Heading():
            first, *rest = block.lines
            yield from _prose([Line(first, HEAD), *map(Line, rest)], width)
        case Notes():
            yield from _prose([Line(line, DIM) for line in block.lines], width)
        case Steps():
            yield from _steps(block, screen)
        case Table():
            yield from _table(block, width)
        case Log():
            yield from _prose([Line("Kernel log", HEAD)], width)
            # Whole, to be copied.
            yield from ([("  " + text, _LEVELS.get(level, DIM))] for level, text in block.lines)
        case Verdict():
            yield from _prose([Line(block.text, GOOD if block.good else BAD)], width)
        case Facts():
            title = [Line(block.title, HEAD)] if block.title else []
            yield from _prose([*title, *prose.labelled(block.pairs, block.width)], width)


def _steps(block: Steps, screen: Screen) -> Iterator[list[Run]]:
    marks = _MARKS if screen.unicode else _ASCII_MARKS
    titles = ["  " * step.indent + step.title for step in block.steps]
    details = [step.outcome if step.outcome == _SKIPPED else step.detail for step in block.steps]
    room = screen.columns - len(_NO_MARK)
    width = min(max(map(len, titles)), max(_WORDS, room // 2))
    beside = room - width - 1
    below = beside < min(max(map(len, details)), _WORDS)
    for step, title, detail in zip(block.steps, titles, details, strict=True):
        role = _MARK_ROLES[step.outcome]
        title_role = role if step.outcome != _PASSED else DIM if step.indent else ""
        begin: list[Run] = [(marks[step.outcome], role), (f" {step.number:>1} ", "")]
        if below and detail and len(f"{title} {detail}") > room:
            yield [*begin, (title, title_role)]
            left = " " * (_BELOW_A_STEP + 2 * step.indent)
            said = words(detail, screen.columns - len(left))
            yield from ([(left, ""), (part, DIM)] for part in said)
            continue
        parts = ([title], [detail]) if below else (words(title, width), words(detail, beside))
        for part, more in zip_longest(*parts, fillvalue=""):
            gap = " " * (1 if below else width + 1 - len(part))
            yield [*begin, (part, title_role), (gap, ""), (more, DIM)]
            begin = [(_NO_MARK, "")]


def _table(table: Table, width: int) -> Iterator[list[Run]]:
    rows = [table.columns, *table.rows]
    last = len(table.columns) - 1
    *others, widest = (max(map(len, column)) for column in zip(*rows, strict=True))
    left = sum(others) + len(GAP) * len(others)
    if left + (widest if last in table.right else min(widest, _WORDS)) > width:
        yield from _prose(_stacked(table), width)
    else:
        if table.title:
            yield from _prose([Line(table.title, HEAD)], width)
        for n, cells in enumerate(padded(rows, table.right), -1):
            first, *more = [cells[-1]] if last in table.right else words(cells[-1], width - left)
            roles = [HEAD if n < 0 else ""] * len(cells)
            if n >= 0 and table.verdict is not None:
                roles[table.verdict] = BAD if n in table.bad else GOOD
            texts = [*(cell + GAP for cell in cells[:-1]), first]
            yield list(zip(texts, roles, strict=True))
            yield from ([(" " * left, ""), (part, roles[-1])] for part in more)
    if table.note:
        yield from _prose([Line(table.note, DIM)], width)


def _stacked(table: Table) -> Iterator[Line]:
    # A table that is wider than the terminal: a paragraph per row, no number torn apart.
    if table.title:
        yield Line(table.title, HEAD)
    width = max(len(row[0]) for row in table.rows)
    for n, (first, *cells) in enumerate(table.rows):
        named = [f"{a} {b}" for a, b in zip(table.columns[1:], cells, strict=True) if b != "-"]
        text = "; ".join(said if len(said) > _WORDS else said.replace(" ", KEPT) for said in named)
        role = HEAD if table.verdict is None else BAD if n in table.bad else GOOD
        yield Line(text, "", f"{first:<{width}}  ", role)
