# SPDX-License-Identifier: Apache-2.0
"""A document as plain data, with the line and column of every key and value.

`yaml_reader` and `json_reader` make one; only mappings, lists and scalars come out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from msgspec import Struct

from tdxctl.errors import DescriptionError, Diagnostic
from tdxctl.units import printable

Path = tuple[str | int, ...]
Mark = tuple[int, int]

MAX_DIGITS = 40
MAX_NESTING = 32
# More than the largest description within the limits consists of.
MAX_VALUES = 300_000
# More than that nobody reads at once; it keeps what is said of a file smaller than the file.
_MAX_PROBLEMS = 100
TOO_MANY_VALUES = f"consists of more than {MAX_VALUES} values"
_MAX_GOT = 60


class Unreadable:
    """A value that was already complained about: no further word on it."""


UNREADABLE = Unreadable()


class WrittenFloat(float):
    """A number with a point, and how it was written: 6.10 is not 6.1 to everyone."""

    text: str

    def __new__(cls, text: str) -> WrittenFloat:
        """The number that text says."""
        number = super().__new__(cls, text)
        number.text = text
        return number


class Source(Struct):
    """A parsed document: its data, where everything stands, and problems found while reading."""

    file: str | None
    data: object = None
    value_marks: dict[Path, Mark] = {}
    key_marks: dict[Path, Mark] = {}
    problems: list[Diagnostic] = []
    #: What a `--set` put where: its path, and its text, which stands for the place.
    settings: dict[Path, str] = {}
    #: Numbers whose notation says more than their value: 0x....
    notations: dict[Path, str] = {}
    #: Mappings with a merge key: what they seem to lack may be what would be merged.
    merged: set[Path] = set()

    def got(self, path: Path, value: object) -> str:
        """`got ...` for a message, as it was written where that is known."""
        notation = self.notations.get(path)
        written = notation is not None and int(notation.replace("_", ""), 16) == value
        return f"got {notation}" if written else got(value)

    def got_at(self, path: Path) -> str:
        """`got ...` for a message about what stands at path."""
        value: Any = self.data
        for part in path:
            value = value[part]
        return self.got(path, value)

    def report(
        self,
        mark: Mark,
        path: Path,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Note a problem at a place, found while reading."""
        line, column = mark
        where = dotted(path)
        self.problems.append(Diagnostic(summary, detail, hint, self.file, line, column, where))
        if len(self.problems) > _MAX_PROBLEMS:
            raise DescriptionError(in_order(self.problems))

    def problem(
        self,
        path: Path,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        at_key: bool = False,
    ) -> Diagnostic:
        """A diagnostic at path; where path itself does not stand, at what encloses it."""
        line, column, file = None, None, self.file
        setting = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in self.settings), ())
        if not setting and path and path not in self.value_marks:
            # Made on the way to what was set.
            setting = next((p for p in self.settings if p[: len(path)] == path), ())
        if setting:
            file = f"--set {self.settings[setting]}"
        elif self.value_marks:
            mark = self.key_marks.get(path) if at_key else None
            enclosing = path
            while mark is None:
                mark = self.value_marks.get(enclosing)
                enclosing = enclosing[:-1]
            line, column = mark
        return Diagnostic(
            summary=summary,
            detail=detail,
            hint=hint,
            file=file,
            line=line,
            column=column,
            path=dotted(path),
        )


def in_order(problems: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The first problems that were found, by place, and a word where there are more."""
    found = list(islice(problems, _MAX_PROBLEMS + 1))
    shown = sorted(found[:_MAX_PROBLEMS], key=lambda one: (one.line or 0, one.column or 0))
    if len(found) > _MAX_PROBLEMS:
        file = shown[0].file
        what = f"has more than {_MAX_PROBLEMS} problems: the others are not listed"
        shown.append(Diagnostic(what, file=file))
    return tuple(shown)


def dotted(path: Path) -> str:
    """`memory.ranges.2.end`: the notation of messages; keys as much as a message needs."""
    return ".".join(shortened(str(part)) for part in path)


def got(value: object) -> str:
    """`got ...` for a message: one line, printable, shortened."""
    if isinstance(value, dict):
        return "got a mapping"
    if isinstance(value, list):
        return "got a list"
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        return "got a very long number"
    if value is not None and not isinstance(value, str | int | float):
        return f"got a value of type {type(value).__name__}"  # only a caller of from_dict has such
    return f"got {shortened(json.dumps(value, ensure_ascii=False))}"


def shortened(text: str) -> str:
    """The beginning of text, printable, as much as a message needs."""
    text = printable(text[: _MAX_GOT + 1])
    return text if len(text) <= _MAX_GOT else text[: _MAX_GOT - 3] + "..."


def end_of(before: str) -> Mark:
    """Line and column of what follows the text before."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def fatal(
    file: str | None,
    line: int,
    column: int,
    summary: str,
    *,
    detail: str | None = None,
    hint: str | None = None,
) -> DescriptionError:
    """The error for a document that cannot be read on."""
    problem = Diagnostic(summary, detail, hint, file, line, column)
    return DescriptionError((problem,))
