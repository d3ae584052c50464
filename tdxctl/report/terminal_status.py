# SPDX-License-Identifier: Apache-2.0
"""A machine's stored status on a terminal, with Rich."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from tdxctl.report.terminal import pairs_grid
from tdxctl.report.text_status import status_pairs

_STYLES = {"INITIALIZED": "bold green", "UNKNOWN": "bold yellow"}


def show(status: dict[str, Any]) -> None:
    """Print the status on the terminal that standard output is."""
    console = Console(highlight=False, markup=False, emoji=False)
    (machine, verdict), *rest = status_pairs(status)
    style = _STYLES.get(status["status"], "bold red")
    console.print(Text.assemble((machine, "bold"), ": ", (verdict, style)))
    console.print(pairs_grid(rest, gap=2))
