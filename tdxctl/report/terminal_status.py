# SPDX-License-Identifier: Apache-2.0
"""A machine's stored status on a terminal, with Rich."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tdxctl.report.text_status import status_pairs

_STYLES = {"INITIALIZED": "bold green", "UNKNOWN": "bold yellow"}


def show(status: dict[str, Any]) -> None:
    """Print the status on the terminal that standard output is."""
    console = Console(highlight=False, markup=False, emoji=False)
    (machine, verdict), *rest = status_pairs(status)
    style = _STYLES.get(status["status"], "bold red")
    console.print(Text.assemble((machine, "bold"), ": ", (verdict, style)))
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    for label, text in rest:
        grid.add_row(Text(f"  {label}", "dim"), Text(text, "bold" if label == "to do" else ""))
    console.print(grid)
