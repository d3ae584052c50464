# SPDX-License-Identifier: Apache-2.0
"""JSON (RFC 8259) as plain data, with the place of every key and value."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from tdxctl.errors import DescriptionError
from tdxctl.platform.source import (
    MAX_DIGITS,
    MAX_NESTING,
    MAX_VALUES,
    TOO_MANY_VALUES,
    UNREADABLE,
    Mark,
    Path,
    Source,
    Unreadable,
    fatal,
    shortened,
)
from tdxctl.units import printable

# The JSON decoder's own string scanner: (text, index behind the quote, strict).
_scan_string: Callable[[str, int, bool], tuple[str, int]] = json.decoder.scanstring  # type: ignore[attr-defined]
_JSON_SPACE = re.compile(r"[ \t\n\r]*", re.ASCII)
_JSON_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_JSON_WORDS = {"true": True, "false": False, "null": None}


class JsonReader:
    """A recursive descent over the text."""

    def __init__(self, text: str, file: str | None) -> None:
        self._source = Source(file)
        self._text = text
        self._at = 0
        self._values = 0
        self._line_starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def read(self) -> Source:
        """The document. Raises DescriptionError where it is not JSON."""
        self._space()
        if self._at == len(self._text):
            raise fatal(self._source.file, 1, 1, "is empty")
        self._source.data = self._value((), 0)
        self._space()
        if self._at != len(self._text):
            raise self._error("nothing may follow the value")
        return self._source

    def read_lines(self) -> Source:
        """The values that follow one another, as a list. Raises DescriptionError."""
        values: list[Any] = []
        self._source.value_marks[()] = (1, 1)
        self._space()
        while self._at != len(self._text):
            values.append(self._value((len(values),), 1))
            self._space()
        self._source.data = values
        return self._source

    def _space(self) -> None:
        match = _JSON_SPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _mark(self, at: int) -> Mark:
        line = bisect_right(self._line_starts, at)
        return line, at - self._line_starts[line - 1] + 1

    def _error(self, what: str, at: int | None = None) -> DescriptionError:
        mark = self._mark(self._at if at is None else at)
        return fatal(self._source.file, *mark, f"is not valid JSON: {what}")

    def _value(self, path: Path, depth: int) -> Any:
        mark = self._source.value_marks[path] = self._mark(self._at)
        self._values += 1
        if self._values > MAX_VALUES:
            raise fatal(self._source.file, *mark, TOO_MANY_VALUES)
        first = self._text[self._at : self._at + 1]
        if first in ("{", "[") and depth >= MAX_NESTING:
            what = f"is nested deeper than {MAX_NESTING} levels"
            raise fatal(self._source.file, *mark, what)
        if first == "{":
            return self._object(path, depth)
        if first == "[":
            return self._array(path, depth)
        if first == '"':
            return self._string()
        for word, value in _JSON_WORDS.items():
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return value
        return self._number(path)

    def _object(self, path: Path, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for _ in self._elements("}"):
            mark = self._mark(self._at)
            if self._text[self._at : self._at + 1] != '"':
                raise self._error("a key in double quotes is missing")
            key = self._string()
            self._space()
            if self._text[self._at : self._at + 1] != ":":
                raise self._error("a colon is missing")
            self._at += 1
            self._space()
            if key in mapping:
                first = self._source.key_marks[(*path, key)]
                hint = f"the first one is in line {first[0]}"
                self._source.report(mark, (*path, key), "is given twice", hint=hint)
                source, self._source = self._source, Source(self._source.file)
                self._value((*path, key), depth + 1)
                self._source = source
                continue
            self._source.key_marks[(*path, key)] = mark
            mapping[key] = self._value((*path, key), depth + 1)
        return mapping

    def _array(self, path: Path, depth: int) -> list[Any]:
        items: list[Any] = []
        for _ in self._elements("]"):
            items.append(self._value((*path, len(items)), depth + 1))
        return items

    def _elements(self, close: str) -> Iterator[None]:
        # Between the brackets: yields where an element starts, checks the commas.
        self._at += 1
        self._space()
        if self._text[self._at : self._at + 1] == close:
            self._at += 1
            return
        while True:
            yield
            self._space()
            found = self._text[self._at : self._at + 1]
            if found not in (",", close) or not found:
                raise self._error(f"a comma or {close} is missing")
            self._at += 1
            if found == close:
                return
            self._space()

    def _string(self) -> str:
        try:
            value, self._at = _scan_string(self._text, self._at + 1, True)
        except json.JSONDecodeError as error:
            # `Unterminated string starting at`, as the standard library goes on with a line.
            what = error.msg.partition(":")[0].removesuffix(" at").removesuffix(" starting")
            raise self._error(printable(what[:1].lower() + what[1:]), error.pos) from None
        return value

    def _number(self, path: Path) -> int | float | Unreadable:
        match = _JSON_NUMBER.match(self._text, self._at)
        if match is None:
            raise self._error("a value is expected")
        mark, self._at = self._mark(self._at), match.end()
        detail = f"got {shortened(match[0])}"
        if len(match[0]) > MAX_DIGITS:
            self._source.report(mark, path, "is too long for a number", detail=detail)
            return UNREADABLE
        number = float(match[0]) if match[2] or match[3] else int(match[1])
        if math.isinf(number):
            self._source.report(mark, path, "is too large for a number", detail=detail)
            return UNREADABLE
        return number
