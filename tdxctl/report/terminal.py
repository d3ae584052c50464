# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal, with Rich. Nothing is markup, nothing is ever cut off."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from tdxctl.advice.words import TO_DO
from tdxctl.report import prose
from tdxctl.report.blocks import Facts, Heading, Log, Notes, Steps, Table, Verdict
from tdxctl.report.prose import BAD, DIM, GOOD, HEAD, KEPT, WARN, Line, wrapped
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tdxctl.report.blocks import Block, Step

_OUTCOMES = {"passed": ("✔", "green"), "failed": ("✘", "bold red"), "skipped": ("·", "dim")}
_ASCII_OUTCOMES = {"passed": "+", "failed": "X", "skipped": "-"}
_LEVELS = {"err": "err", "warn": WARN, "WARN": WARN}


_ROLES = {
    HEAD: "bold",
    GOOD: "bold green",
    BAD: "bold red",
    WARN: "yellow",
    DIM: "dim",
    "err": "red",
}


def show_prose(lines: Iterable[Line]) -> None:
    """Print the lines on the terminal that standard output is, wrapped at words."""
    _prose(_console(), lines)


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def _prose(console: Console, lines: Iterable[Line]) -> None:
    for line in lines:
        for label, text in wrapped(line, console.width):
            shown = Text.assemble(
                (printable(label), _ROLES.get(line.label_role, "")),
                (printable(text), _ROLES.get(line.role, "")),
            )
            console.print(shown, soft_wrap=True)


def show(blocks: Iterable[Block]) -> None:
    """Print the blocks on the terminal that standard output is, an empty line between them.

    Facts without a title belong to what stands above them.
    """
    console = _console()
    for i, block in enumerate(blocks):
        if i and not (isinstance(block, Facts) and not block.title):
            console.print()
        _print(console, block)


def _print(console: Console, block: Block) -> None:
    match block:
        case Heading():
            first, *rest = block.lines
            _prose(console, [Line(first, HEAD), *map(Line, rest)])
        case Notes():
            _prose(console, [Line(line, DIM) for line in block.lines])
        case Steps():
            console.print(_steps(block.steps, unicode=console.encoding.startswith("utf")))
        case Table():
            _table(console, block)
        case Log():
            _prose(console, [Line("Kernel log", HEAD)])
            # Whole, to be copied.
            for level, text in block.lines:
                console.print(Text("  " + text, _ROLES[_LEVELS.get(level, DIM)]), soft_wrap=True)
        case Verdict():
            _prose(console, [Line(block.text, GOOD if block.good else BAD)])
        case Facts():
            title = [Line(block.title, HEAD)] if block.title else []
            _prose(console, [*title, *prose.labelled(block.pairs, block.width)])


def _steps(steps: tuple[Step, ...], *, unicode: bool) -> RichTable:
    grid = RichTable.grid(padding=(0, 1))
    for _ in range(3):
        grid.add_column()
    grid.add_column(overflow="fold")
    for line in steps:
        mark, style = _OUTCOMES[line.outcome]
        mark = mark if unicode else _ASCII_OUTCOMES[line.outcome]
        title_style = "dim" if line.outcome == "skipped" or line.indent else ""
        title = Text("  " * line.indent + line.title, style if mark == "✘" else title_style)
        detail = line.detail if line.outcome != "skipped" else "skipped"
        grid.add_row(Text(mark, style), Text(line.number), title, Text(detail, "dim"))
    return grid


def _table(console: Console, table: Table) -> None:
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
    if len(widths) - 1 not in table.right:
        widths[-1] = min(widths[-1], _WORDS)
    if table.right and sum(widths) + 2 * (len(widths) - 1) > console.width:
        _prose(console, _stacked(table))
    else:
        if table.title:
            _prose(console, [Line(table.title, HEAD)])
        console.print(_grid(table))
    if table.note:
        _prose(console, [Line(table.note, DIM)])


# Columns that a last column of words takes at least.
_WORDS = 24


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


def _grid(table: Table) -> RichTable:
    rich = RichTable(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for i, column in enumerate(table.columns):
        rich.add_column(
            Text(column),
            justify="right" if i in table.right else "left",
            overflow="fold",
            no_wrap=i in table.right,
        )
    for n, row in enumerate(table.rows):
        role = _ROLES[BAD if n in table.bad else GOOD]
        cells = (Text(cell, role if i == table.verdict else "") for i, cell in enumerate(row))
        rich.add_row(*cells)
    return rich


def pairs_grid(pairs: Iterable[tuple[str, str]], gap: int) -> RichTable:
    """(label, text) pairs below each other; what to do stands out."""
    grid = RichTable.grid(padding=(0, gap))
    grid.add_column()
    grid.add_column(overflow="fold")
    for label, text in pairs:
        grid.add_row(Text(f"  {label}", "dim"), Text(text, "bold" if label == TO_DO else ""))
    return grid
