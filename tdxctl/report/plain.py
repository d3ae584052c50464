# SPDX-License-Identifier: Apache-2.0
"""Text for a pipe: aligned, complete, without colour or box drawing."""

from __future__ import annotations

from tdxctl.report.reasons import labelled
from tdxctl.report.view import InitView, StepLine, Table


def render(view: InitView) -> str:
    """The view as text, without a newline at the end."""
    blocks = ["\n".join(view.heading)]
    if view.steps:
        blocks.append("\n".join(["Steps", *_steps(view.steps)]))
    blocks += [_table(table) for table in view.tables]
    if view.log:
        blocks.append("\n".join(["Kernel log", *(f"  {text}" for _, text in view.log)]))
    blocks.append(view.verdict)
    if view.problem:
        blocks.append("\n".join(labelled(view.problem)))
    return "\n\n".join(blocks)


def _steps(steps: tuple[StepLine, ...]) -> list[str]:
    width = max(len(line.title) + 2 * line.indent for line in steps)
    lines = []
    for line in steps:
        title = "  " * line.indent + line.title
        text = f"  {line.number:>1} {title:<{width}}  {line.outcome:<7}  {line.detail}"
        lines.append(text.rstrip())
    return lines


def _table(table: Table) -> str:
    cells = [table.columns, *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    lines = [table.title]
    for row in cells:
        aligned = [
            f"{cell:>{width}}" if i in table.right else f"{cell:<{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(aligned).rstrip())
    return "\n".join(lines)
