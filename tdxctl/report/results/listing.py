# SPDX-License-Identifier: Apache-2.0
"""Scenarios that would be run, as text and as `tdxctl.scenarios/1`."""

from __future__ import annotations

from msgspec import Struct

from tdxctl.document import Count, Document
from tdxctl.scenario.description import Case
from tdxctl.units import printable


class Listed(Struct, frozen=True):
    """A scenario on a kernel, and where it stands; waived: why it may fail, or null."""

    file: str
    line: Count
    name: str
    kernel: str
    description: str
    waived: str | None


class Scenarios(Document, frozen=True, tag="tdxctl.scenarios/1"):
    """Scenarios, none of which was run."""

    scenarios: tuple[Listed, ...]


def to_text(cases: list[Case]) -> str:
    """A line each: its name, and its file and line."""
    return "\n".join(f"{printable(c.name)} ({printable(c.file)}:{c.line})" for c in cases)


def to_json(cases: list[Case]) -> str:
    """One document."""
    return Scenarios(
        tuple(Listed(c.file, c.line, c.name, c.kernel, c.description, c.waived) for c in cases)
    ).render()
