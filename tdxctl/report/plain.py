# SPDX-License-Identifier: Apache-2.0
"""Text for a pipe: aligned, complete, without colour or box drawing."""

from __future__ import annotations

from tdxctl.report.aligned import aligned
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
    rows = [
        (f"{line.number:>1} {'  ' * line.indent}{line.title}", f"{line.outcome:<7}", line.detail)
        for line in steps
    ]
    return [f"  {row}" for row in aligned(rows)]


def _table(table: Table) -> str:
    rows = aligned([table.columns, *table.rows], table.right)
    return "\n".join([table.title, *(f"  {row}" for row in rows)])
