# SPDX-License-Identifier: Apache-2.0
"""What a person is shown, before it has a form: `plain`, `terminal` and `html` render blocks."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from tdxctl.report.reasons import LABELS, Pairs


class Heading(Struct, frozen=True):
    """What it is about: a line, and more of it."""

    lines: tuple[str, ...]


class Step(Struct, frozen=True):
    """A line of the steps: number (or empty), title, outcome, and what is to be said of it."""

    number: str
    title: str
    outcome: str
    detail: str
    indent: int = 0


class Steps(Struct, frozen=True):
    """The steps of a bring-up, one after the other."""

    steps: tuple[Step, ...]


class Table(Struct, frozen=True):
    """A table; numbers are right-aligned in the columns named in right.

    bad: rows that stand out where rows can. verdict: the column that says why they do. note: a line
    below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: Collection[int] = ()
    bad: Collection[int] = ()
    verdict: int | None = None
    note: str = ""


class Log(Struct, frozen=True):
    """(level, text) of each line that a kernel printed."""

    lines: tuple[tuple[str, str], ...]


class Verdict(Struct, frozen=True):
    """How it ended, in a line or more; good: well."""

    text: str
    good: bool


class Facts(Struct, frozen=True):
    """(label, text) pairs below a title, where they have one; width: columns for a label."""

    pairs: Pairs
    title: str = ""
    width: int = LABELS


class Notes(Struct, frozen=True):
    """What is to be known for reading the rest."""

    lines: tuple[str, ...]


Block = Heading | Steps | Table | Log | Verdict | Facts | Notes
