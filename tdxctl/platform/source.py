# SPDX-License-Identifier: Apache-2.0
"""YAML or JSON text as plain data, with the line and column of every key and value.

Only mappings, lists and scalars come out. What YAML 1.1 would read as something else than
it looks like is a problem here, not a value; nothing is constructed that a tag asks for.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from tdxctl.errors import DescriptionError, Diagnostic
from tdxctl.units import printable

Path = tuple[str | int, ...]
Mark = tuple[int, int]

MAX_FILE_SIZE = 8 << 20
_MAX_NESTING = 32
_MAX_ALIASED_NODES = 10_000
_MAX_DIGITS = 40
_MAX_GOT = 60

_PLAIN_INT = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_PLAIN_HEX = re.compile(r"0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*", re.ASCII)
_PLAIN_FLOAT = re.compile(r"-?[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?|-?\.[0-9]+", re.ASCII)


class Unreadable:
    """A value that was already complained about: no further word on it."""


UNREADABLE = Unreadable()


@dataclass(slots=True)
class Source:
    """A parsed document: its data, where everything stands, and problems found while reading."""

    file: str | None
    data: object = None
    value_marks: dict[Path, Mark] = field(default_factory=dict)
    key_marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)

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
        line, column = None, None
        if self.value_marks:
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
            file=self.file,
            line=line,
            column=column,
            path=dotted(path),
        )


def dotted(path: Path) -> str:
    """`memory.ranges.2.end`: the notation of messages."""
    return ".".join(map(str, path))


def got(value: object) -> str:
    """`got ...` for a message: one line, printable, shortened."""
    if isinstance(value, dict):
        return "got a mapping"
    if isinstance(value, list):
        return "got a list"
    text = printable(json.dumps(value, ensure_ascii=False))
    return f"got {text if len(text) <= _MAX_GOT else text[: _MAX_GOT - 3] + '...'}"


def read(data: bytes, file: str | None, *, is_json: bool) -> Source:
    """Parse data as JSON or YAML. Raises DescriptionError where it is neither."""
    if len(data) > MAX_FILE_SIZE:
        raise _fatal(file, 1, 1, "is larger than 8 MiB", hint="no description needs that much")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise _fatal(
            file, line, column, f"is not UTF-8 text (byte {data[error.start]:#04x})"
        ) from None
    return _JsonReader(text, file).read() if is_json else _YamlReader(text, file).read()


def _fatal(
    file: str | None, line: int, column: int, summary: str, hint: str | None = None
) -> DescriptionError:
    return DescriptionError((Diagnostic(summary, file=file, line=line, column=column, hint=hint),))


class _YamlReader:
    # Walks the parser's events by index: no recursion in the parser, aliases and tags in our
    # hands, a node under an alias read again from where its anchor stands.
    def __init__(self, text: str, file: str | None) -> None:
        self._source = Source(file)
        self._text = text
        self._events: list[Any] = []  # the C parser's events have no types
        self._next = 0
        self._anchors: dict[str, int] = {}
        self._in_alias = False
        self._aliased = 0
        self._resolver: Any = yaml.resolver.Resolver()

    def read(self) -> Source:
        self._parse()
        self._source.data = self._node((), 0)
        return self._source

    def _parse(self) -> None:
        file = self._source.file
        # The C parser where PyYAML was built with it; both give the same events.
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            events = list(yaml.parse(self._text, Loader=loader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            what = printable(str(error.problem or error.context))
            raise _fatal(file, line, column, f"is not valid YAML: {what}") from None
        except yaml.reader.ReaderError as error:
            before = self._text[: max(0, error.position)]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            what = f"character U+{ord(error.character):04X} is not allowed"
            raise _fatal(file, line, column, f"is not valid YAML: {what}") from None
        except yaml.YAMLError as error:
            what = printable(str(error).split("\n")[0])
            raise _fatal(file, 1, 1, f"is not valid YAML: {what}") from None
        starts = [i for i, event in enumerate(events) if isinstance(event, yaml.DocumentStartEvent)]
        if not starts:
            raise _fatal(file, 1, 1, "is empty")
        if len(starts) > 1:
            line, column = _mark(events[starts[1]])
            raise _fatal(file, line, column, "holds more than one document", "remove all but one")
        self._events, self._next = events, starts[0] + 1

    def _take(self) -> Any:
        event = self._events[self._next]
        self._next += 1
        return event

    def _node(self, path: Path, depth: int) -> Any:
        start, event = self._next, self._take()
        if depth > _MAX_NESTING:
            raise _fatal(self._source.file, *_mark(event), f"is nested deeper than {_MAX_NESTING}")
        if not self._in_alias:
            self._source.value_marks[path] = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, depth)
        if self._in_alias:
            self._count_aliased(event)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
        else:
            if event.tag not in (None, "!"):
                self._tag_problem(event, path)
            sequence = isinstance(event, yaml.SequenceStartEvent)
            value = self._sequence(path, depth) if sequence else self._mapping(path, depth)
        if event.anchor is not None:
            # Known only once it is complete: an alias inside its own anchor is an error.
            self._anchors[event.anchor] = start
        return value

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(self._events[self._next], yaml.SequenceEndEvent):
            items.append(self._node((*path, len(items)), depth + 1))
        self._take()
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(self._events[self._next], yaml.MappingEndEvent):
            event = self._events[self._next]
            key = self._key(path, depth)
            if key is None:
                self._node((*path, "?"), depth + 1)
                continue
            if key in mapping:
                first = self._source.key_marks[(*path, key)]
                hint = f"the first one is in line {first[0]}"
                self._report(event, (*path, key), "is given twice", hint=hint)
                self._skip((*path, key), depth)
                continue
            self._source.key_marks.setdefault((*path, key), _mark(event))
            mapping[key] = self._node((*path, key), depth + 1)
        self._take()
        return mapping

    def _key(self, path: Path, depth: int) -> str | None:
        event = self._events[self._next]
        if isinstance(event, yaml.ScalarEvent):
            self._take()
            if event.value == "<<" and not event.style:
                self._report(event, path, "merge keys (<<) are not supported", hint="write it out")
                return None
            return str(event.value)
        self._report(event, path, "a key must be plain text")
        self._skip((*path, "?"), depth)
        return None

    def _skip(self, path: Path, depth: int) -> None:
        # Read a value only to get past it: what is wrong in it is not worth a word.
        source, self._source = self._source, Source(self._source.file)
        self._node(path, depth + 1)
        self._source = source

    def _scalar(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if event.tag not in (None, "!"):
            self._tag_problem(event, path)
            return text
        if event.style:  # quoted or a block; plain is None to one parser, empty to the other
            return text
        tag = self._resolver.resolve(yaml.ScalarNode, text, (True, False)).rpartition(":")[2]
        match tag:
            case "null":
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "bool":
                return self._surprise(event, path, "a boolean", "write true or false, or quote it")
            case "int" | "float" if len(text) > _MAX_DIGITS:
                return self._surprise(event, path, "a number", "no number here is that long")
            case "int" if _PLAIN_INT.fullmatch(text):
                return int(text)
            case "int" if _PLAIN_HEX.fullmatch(text):
                return int(text.replace("_", ""), 16)
            case "float" if _PLAIN_FLOAT.fullmatch(text):
                return float(text)
            case "int" | "float":
                return self._surprise(
                    event, path, "another number", "write it in decimal or as 0x..., or quote it"
                )
            case _:
                return text

    def _alias(self, event: Any, path: Path, depth: int) -> Any:
        if event.anchor not in self._anchors:
            what = f"unknown alias *{printable(event.anchor)}"
            raise _fatal(self._source.file, *_mark(event), what)
        resume, outer = self._next, self._in_alias
        self._next, self._in_alias = self._anchors[event.anchor], True
        value = self._node(path, depth)
        self._next, self._in_alias = resume, outer
        return value

    def _count_aliased(self, event: Any) -> None:
        self._aliased += 1
        if self._aliased > _MAX_ALIASED_NODES:
            what = f"aliases expand to more than {_MAX_ALIASED_NODES} nodes"
            raise _fatal(self._source.file, *_mark(event), what)

    def _surprise(self, event: Any, path: Path, reads_as: str, hint: str) -> Unreadable:
        self._report(
            event,
            path,
            f"YAML 1.1 reads this as {reads_as}",
            detail=f"got {printable(event.value)[:_MAX_GOT]}",
            hint=hint,
        )
        return UNREADABLE

    def _tag_problem(self, event: Any, path: Path) -> None:
        self._report(event, path, "tags are not supported", detail=f"got {printable(event.tag)}")

    def _report(
        self,
        event: Any,
        path: Path,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        line, column = _mark(event)
        self._source.problems.append(
            Diagnostic(
                summary,
                detail=detail,
                hint=hint,
                file=self._source.file,
                line=line,
                column=column,
                path=dotted(path),
            )
        )


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


# The JSON decoder's own string scanner: (text, index behind the quote, strict).
_scan_string: Callable[[str, int, bool], tuple[str, int]] = json.decoder.scanstring  # type: ignore[attr-defined]
_JSON_SPACE = re.compile(r"[ \t\n\r]*", re.ASCII)
_JSON_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_JSON_WORDS = {"true": True, "false": False, "null": None}


class _JsonReader:
    # RFC 8259, with the place of every key and value.
    def __init__(self, text: str, file: str | None) -> None:
        self._source = Source(file)
        self._text = text
        self._at = 0
        self._line_starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def read(self) -> Source:
        self._space()
        if self._at == len(self._text):
            raise _fatal(self._source.file, 1, 1, "is empty")
        self._source.data = self._value((), 0)
        self._space()
        if self._at != len(self._text):
            raise self._error("nothing may follow the value")
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
        return _fatal(self._source.file, *mark, f"is not valid JSON: {what}")

    def _value(self, path: Path, depth: int) -> Any:
        if depth > _MAX_NESTING:
            mark = self._mark(self._at)
            raise _fatal(self._source.file, *mark, f"is nested deeper than {_MAX_NESTING}")
        self._source.value_marks[path] = self._mark(self._at)
        first = self._text[self._at : self._at + 1]
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
        return self._number()

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
                self._source.problems.append(
                    Diagnostic(
                        "is given twice",
                        hint=f"the first one is in line {first[0]}",
                        file=self._source.file,
                        line=mark[0],
                        column=mark[1],
                        path=dotted((*path, key)),
                    )
                )
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
            raise self._error(printable(error.msg), error.pos) from None
        return value

    def _number(self) -> int | float:
        match = _JSON_NUMBER.match(self._text, self._at)
        if match is None:
            raise self._error("a value is missing")
        if len(match[0]) > _MAX_DIGITS:
            raise self._error("no number here is that long")
        self._at = match.end()
        return float(match[0]) if match[2] or match[3] else int(match[1])
