# SPDX-License-Identifier: Apache-2.0
"""Text for a pipe: aligned, complete, without colour or box drawing."""

from __future__ import annotations

from collections.abc import Iterable

from tdxctl.report.aligned import aligned
from tdxctl.report.blocks import Block, Facts, Heading, Log, Notes, Steps, Table, Verdict
from tdxctl.report.prose import labelled, plain


def render(blocks: Iterable[Block]) -> str:
    """The blocks as text, an empty line between them, without a newline at the end."""
    return "\n\n".join("\n".join(_lines(block)) for block in blocks)


def _lines(block: Block) -> Iterable[str]:
    match block:
        case Heading(lines=lines) | Notes(lines=lines):
            return lines
        case Steps():
            return ["Steps", *_steps(block)]
        case Table():
            return _table(block)
        case Log():
            return ["Kernel log", *(f"  {text}" for _, text in block.lines)]
        case Verdict():
            return [block.text]
        case Facts():
            title = [block.title] if block.title else []
            return [*title, plain(labelled(block.pairs, block.width))]


def _steps(block: Steps) -> list[str]:
    rows = [
        (f"{step.number:>1} {'  ' * step.indent}{step.title}", f"{step.outcome:<7}", step.detail)
        for step in block.steps
    ]
    return [f"  {row}" for row in aligned(rows)]


def _table(table: Table) -> list[str]:
    rows = aligned([table.columns, *table.rows], table.right)
    if not table.title:
        return rows
    note = [table.note] if table.note else []
    return [table.title, *(f"  {row}" for row in [*rows, *note])]
