# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal, with Rich. Nothing is markup, nothing is ever cut off."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from tdxctl.advice.words import TO_DO
from tdxctl.report.blocks import Facts, Heading, Log, Notes, Steps, Table, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tdxctl.report.blocks import Block, Step

_OUTCOMES = {"passed": ("✔", "green"), "failed": ("✘", "bold red"), "skipped": ("·", "dim")}
_ASCII_OUTCOMES = {"passed": "+", "failed": "X", "skipped": "-"}
_LEVELS = {"err": "red", "warn": "yellow", "WARN": "yellow"}


def show(blocks: Iterable[Block]) -> None:
    """Print the blocks on the terminal that standard output is, an empty line between them.

    Facts without a title belong to what stands above them.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    for i, block in enumerate(blocks):
        if i and not (isinstance(block, Facts) and not block.title):
            console.print()
        _print(console, block)


def _print(console: Console, block: Block) -> None:
    match block:
        case Heading():
            _heading(console, block.lines[0], *map(Text, block.lines[1:]))
        case Notes():
            console.print(Text("\n").join(map(Text, block.lines)), soft_wrap=True)
        case Steps():
            console.print(_steps(block.steps, unicode=console.encoding.startswith("utf")))
        case Table():
            console.print(_table(block))
            if block.note:
                console.print(Text(block.note), soft_wrap=True)
        case Log():
            lines = (Text("  " + text, _LEVELS.get(level, "dim")) for level, text in block.lines)
            _heading(console, "Kernel log", *lines)
        case Verdict():
            console.print(Text(block.text, "bold green" if block.good else "bold red"))
        case Facts():
            if block.title:
                _heading(console, block.title)
            console.print(pairs_grid(block.pairs, gap=1))


def _heading(console: Console, title: str, *lines: Text) -> None:
    console.print(Text("\n").join([Text(title, "bold"), *lines]), soft_wrap=True)


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


def _table(table: Table) -> RichTable:
    rich = RichTable(
        title=Text(table.title, "bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for i, column in enumerate(table.columns):
        rich.add_column(
            Text(column), justify="right" if i in table.right else "left", overflow="fold"
        )
    for row in table.rows:
        rich.add_row(*map(Text, row))
    return rich


def pairs_grid(pairs: Iterable[tuple[str, str]], gap: int) -> RichTable:
    """(label, text) pairs below each other; what to do stands out."""
    grid = RichTable.grid(padding=(0, gap))
    grid.add_column()
    grid.add_column(overflow="fold")
    for label, text in pairs:
        grid.add_row(Text(f"  {label}", "dim"), Text(text, "bold" if label == TO_DO else ""))
    return grid
