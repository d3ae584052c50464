# SPDX-License-Identifier: Apache-2.0
"""Mutants that do what the original does, each with the reason: equivalent.txt."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FILE = Path(__file__).with_suffix(".txt")


@cache
def reasons() -> dict[str, str]:
    """The reason of each by the mutant's name: a line each, and an indented one below it."""
    found: dict[str, str] = {}
    name = ""
    for line in FILE.read_text().splitlines():
        if line.startswith("    "):
            found[name] = f"{found[name]} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            name = line
            found[name] = ""
    return found


def names() -> frozenset[str]:
    """Their names: none of them is tried."""
    return frozenset(reasons())
