# SPDX-License-Identifier: Apache-2.0
"""YAML or JSON text as plain data, with the line and column of every key and value.

Only mappings, lists and scalars come out. What YAML 1.1 would read as something else than
it looks like is a problem here, not a value; nothing is constructed that a tag asks for.
"""

from __future__ import annotations

import json
import math
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
MAX_DIGITS = 40
_MAX_NESTING = 32
_MAX_ALIASED_NODES = 10_000
# Twice what the largest description within the limits consists of.
_MAX_VALUES = 400_000
_TOO_MANY_VALUES = f"consists of more than {_MAX_VALUES} values"
_MAX_GOT = 60

_PLAIN_INT = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_PLAIN_HEX = re.compile(r"0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*", re.ASCII)
_PLAIN_FLOAT = re.compile(r"-?[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?|-?\.[0-9]+", re.ASCII)
_YAML_OCTAL = re.compile(r"[-+]?0[0-7_]+", re.ASCII)
# What may not stand in a YAML file, not even quoted.
_NOT_YAML = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_TAG_PREFIX = "tag:yaml.org,2002:"
_TAGS_OF_COLLECTIONS = (_TAG_PREFIX + "map", _TAG_PREFIX + "seq")


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
    #: What a `--set` put where: its path, and its text, which stands for the place.
    settings: dict[Path, str] = field(default_factory=dict)
    #: Numbers whose notation says more than their value: 0x....
    notations: dict[Path, str] = field(default_factory=dict)
    #: Mappings with a merge key: what they seem to lack may be what would be merged.
    merged: set[Path] = field(default_factory=set)

    def got(self, path: Path, value: object) -> str:
        """`got ...` for a message, as it was written where that is known."""
        notation = self.notations.get(path)
        written = notation is not None and int(notation.replace("_", ""), 16) == value
        return f"got {notation}" if written else got(value)

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


def dotted(path: Path) -> str:
    """`memory.ranges.2.end`: the notation of messages."""
    return ".".join(map(str, path))


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


def read(data: bytes, file: str | None, *, is_json: bool) -> Source:
    """Parse data as JSON or YAML. Raises DescriptionError where it is neither."""
    if len(data) > MAX_FILE_SIZE:
        raise _fatal(file, 1, 1, "is larger than 8 MiB", hint="no description needs that much")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Of error.object, not of data: a byte order mark is gone there.
        before = error.object[: error.start].decode("utf-8", "replace")
        what = f"is not UTF-8 text (byte {error.object[error.start]:#04x})"
        raise _fatal(file, *_end_of(before), what) from None
    return _JsonReader(text, file).read() if is_json else _YamlReader(text, file).read()


def _end_of(before: str) -> Mark:
    # Line and column of what follows the text before.
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _fatal(
    file: str | None,
    line: int,
    column: int,
    summary: str,
    *,
    detail: str | None = None,
    hint: str | None = None,
) -> DescriptionError:
    problem = Diagnostic(summary, detail, hint, file, line, column)
    return DescriptionError((problem,))


class _YamlReader:
    # Walks the parser's events by index: no recursion in the parser, aliases and tags in our
    # hands, a node under an alias read again from where its anchor stands.
    def __init__(self, text: str, file: str | None) -> None:
        self._source = Source(file)
        self._text = text
        self._events: list[Any] = []  # the C parser's events have no types
        self._next = 0
        self._anchors: dict[str, int] = {}
        self._open_anchors: list[str] = []
        self._targets: dict[int, int] = {}  # alias event -> what it stood for where it stands
        self._alias_mark: Mark | None = None  # of the outermost alias that is being expanded
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
        if match := _NOT_YAML.search(self._text):
            place = _end_of(self._text[: match.start()])
            what = f"character U+{ord(match[0]):04X} is not allowed"
            raise _fatal(file, *place, f"is not valid YAML: {what}")
        try:
            events = list(self._bounded(yaml.parse(self._text, Loader=loader)))
        except yaml.MarkedYAMLError as error:
            raise self._yaml_error(error) from None
        except yaml.YAMLError as error:
            what = printable(str(error).split("\n")[0])
            raise _fatal(file, 1, 1, f"is not valid YAML: {what}") from None
        starts = [i for i, event in enumerate(events) if isinstance(event, yaml.DocumentStartEvent)]
        if not starts:
            raise _fatal(file, 1, 1, "is empty")
        if len(starts) > 1:
            line, column = _mark(events[starts[1]])
            what, hint = "holds more than one document", "remove all but one"
            raise _fatal(file, line, column, what, hint=hint)
        self._events, self._next = events, starts[0] + 1

    def _yaml_error(self, error: yaml.MarkedYAMLError) -> DescriptionError:
        mark, context = error.problem_mark or error.context_mark, error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = printable(str(error.problem or error.context))
        detail = None
        if context and context.line + 1 < line:
            detail = f"{printable(str(error.context))} that starts in line {context.line + 1}"
        lines = self._text.split("\n")
        at_tab = line <= len(lines) and lines[line - 1][column - 1 : column] == "\t"
        return _fatal(
            self._source.file,
            line,
            column,
            f"is not valid YAML: {what}",
            detail=detail,
            hint="YAML is indented with spaces, not tabs" if at_tab else None,
        )

    def _bounded(self, events: Iterator[Any]) -> Iterator[Any]:
        # Stops the parser early: its time grows with the square of the depth, its memory with
        # the number of values.
        depth = 0
        for number, event in enumerate(events):
            if number > _MAX_VALUES:
                raise _fatal(self._source.file, *_mark(event), _TOO_MANY_VALUES)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_NESTING:
                    raise self._too_deep(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            yield event

    def _too_deep(self, event: Any) -> DescriptionError:
        what = f"is nested deeper than {_MAX_NESTING} levels"
        return _fatal(self._source.file, *(self._alias_mark or _mark(event)), what)

    def _take(self) -> Any:
        event = self._events[self._next]
        self._next += 1
        return event

    def _node(self, path: Path, depth: int) -> Any:
        start, event = self._next, self._take()
        if self._alias_mark is None:
            self._source.value_marks[path] = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, depth)
        if self._alias_mark is not None:
            self._count_aliased(self._alias_mark)
        anchor = event.anchor if self._alias_mark is None else None
        if anchor is not None:
            self._open_anchors.append(anchor)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
        elif depth >= _MAX_NESTING:  # only where aliases are expanded
            raise self._too_deep(event)
        else:
            sequence = isinstance(event, yaml.SequenceStartEvent)
            if event.tag is not None:
                self._tag_problem(event, path)
            value = self._sequence(path, depth) if sequence else self._mapping(path, depth)
            if event.tag is not None and event.tag not in _TAGS_OF_COLLECTIONS:
                value = UNREADABLE
        if anchor is not None:
            # Known only once it is complete: an alias inside its own anchor is an error.
            self._anchors[self._open_anchors.pop()] = start
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
                self._skip((*path, "?"), depth)
                continue
            if key in mapping:
                first = self._source.key_marks.get((*path, key), _mark(event))
                hint = f"the first one is in line {first[0]}"
                self._report(event, (*path, key), "is given twice", hint=hint)
                self._skip((*path, key), depth)
                continue
            if self._alias_mark is None:
                self._source.key_marks[(*path, key)] = _mark(event)
            mapping[key] = self._node((*path, key), depth + 1)
        self._take()
        return mapping

    def _key(self, path: Path, depth: int) -> str | None:
        event = self._events[self._next]
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None and self._alias_mark is None:
                self._anchors[event.anchor] = self._next
            self._take()
            if event.value == "<<" and not event.style:
                self._report(event, path, "merge keys (<<) are not supported", hint="write it out")
                self._source.merged.add(path)
                return None
            if event.tag is not None:
                self._tag_problem(event, (*path, str(event.value)))
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
        if event.tag is not None:
            self._tag_problem(event, path)
            return UNREADABLE
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
            case "int" | "float" if len(text) > MAX_DIGITS:
                return self._no_number(event, path, "is too long for a number")
            case "int" if _PLAIN_INT.fullmatch(text):
                return int(text)
            case "int" if _PLAIN_HEX.fullmatch(text):
                self._source.notations[path] = text
                return int(text.replace("_", ""), 16)
            case "float" if _PLAIN_FLOAT.fullmatch(text):
                number = float(text)
                if math.isinf(number):
                    return self._no_number(event, path, "is too large for a number")
                return number
            case "int" | "float":
                # Octal, base 60; the rest are underscores, signs, binary, infinity.
                other = ":" in text or _YAML_OCTAL.fullmatch(text)
                reads_as = "another number" if other else "a number"
                hint = "write it in decimal or as 0x..., or quote it"
                return self._surprise(event, path, reads_as, hint)
            case _:
                return text

    def _alias(self, event: Any, path: Path, depth: int) -> Any:
        resume, outer = self._next, self._alias_mark
        if outer is None:
            self._targets[resume] = self._target(event)
        self._next, self._alias_mark = self._targets[resume], outer or _mark(event)
        value = self._node(path, depth)
        self._next, self._alias_mark = resume, outer
        return value

    def _target(self, event: Any) -> int:
        name = printable(event.anchor)
        if event.anchor in self._open_anchors:
            raise _fatal(self._source.file, *_mark(event), f"alias *{name} stands inside &{name}")
        if event.anchor not in self._anchors:
            raise _fatal(self._source.file, *_mark(event), f"unknown alias *{name}")
        return self._anchors[event.anchor]

    def _count_aliased(self, mark: Mark) -> None:
        self._aliased += 1
        if self._aliased > _MAX_ALIASED_NODES:
            what = f"aliases expand to more than {_MAX_ALIASED_NODES} nodes"
            raise _fatal(self._source.file, *mark, what)

    def _surprise(self, event: Any, path: Path, reads_as: str, hint: str) -> Unreadable:
        self._report(
            event,
            path,
            f"YAML 1.1 reads this as {reads_as}",
            detail=f"got {shortened(event.value)}",
            hint=hint,
        )
        return UNREADABLE

    def _no_number(self, event: Any, path: Path, what: str) -> Unreadable:
        self._report(
            event, path, what, detail=f"got {shortened(event.value)}", hint="quote it if it is text"
        )
        return UNREADABLE

    def _tag_problem(self, event: Any, path: Path) -> None:
        tag = str(event.tag)
        if tag.startswith(_TAG_PREFIX):
            tag = "!!" + tag.removeprefix(_TAG_PREFIX)
        self._report(event, path, "tags are not supported", detail=f"got {shortened(tag)}")

    def _report(
        self,
        event: Any,
        path: Path,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        if self._alias_mark is not None:
            return  # said where the anchor stands
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
        self._values = 0
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
        mark = self._source.value_marks[path] = self._mark(self._at)
        self._values += 1
        if self._values > _MAX_VALUES:
            raise _fatal(self._source.file, *mark, _TOO_MANY_VALUES)
        first = self._text[self._at : self._at + 1]
        if first in ("{", "[") and depth >= _MAX_NESTING:
            what = f"is nested deeper than {_MAX_NESTING} levels"
            raise _fatal(self._source.file, *mark, what)
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
                self._report(mark, (*path, key), "is given twice", hint=hint)
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
            # "Unterminated string starting at", as the standard library goes on with a line.
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
            self._report(mark, path, "is too long for a number", detail=detail)
            return UNREADABLE
        number = float(match[0]) if match[2] or match[3] else int(match[1])
        if math.isinf(number):
            self._report(mark, path, "is too large for a number", detail=detail)
            return UNREADABLE
        return number

    def _report(
        self,
        mark: Mark,
        path: Path,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        self._source.problems.append(
            Diagnostic(
                summary,
                detail=detail,
                hint=hint,
                file=self._source.file,
                line=mark[0],
                column=mark[1],
                path=dotted(path),
            )
        )
