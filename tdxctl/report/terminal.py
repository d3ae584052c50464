# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal, with Rich. Nothing is markup, nothing is ever cut off."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from tdxctl.advice.words import TO_DO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tdxctl.report.view import InitView, StepLine, Table

_OUTCOMES = {"passed": ("✔", "green"), "failed": ("✘", "bold red"), "skipped": ("·", "dim")}
_ASCII_OUTCOMES = {"passed": "+", "failed": "X", "skipped": "-"}
_LEVELS = {"err": "red", "warn": "yellow", "WARN": "yellow"}


def show(view: InitView) -> None:
    """Print the view on the terminal that standard output is."""
    console = Console(highlight=False, markup=False, emoji=False)
    heading = Text("\n").join([Text(view.heading[0], "bold"), *map(Text, view.heading[1:])])
    console.print(heading, soft_wrap=True)
    if view.steps:
        console.print()
        console.print(_steps(view.steps, unicode=console.encoding.startswith("utf")))
    for table in view.tables:
        console.print()
        console.print(_table(table))
    if view.log:
        console.print()
        console.print(Text("Kernel log", "bold"))
        for level, text in view.log:
            console.print(Text("  " + text, _LEVELS.get(level, "dim")), soft_wrap=True)
    console.print()
    console.print(Text(view.verdict, "bold green" if view.good else "bold red"))
    if view.problem:
        console.print(pairs_grid(view.problem, gap=1))


def _steps(steps: tuple[StepLine, ...], *, unicode: bool) -> RichTable:
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
