# SPDX-License-Identifier: Apache-2.0
"""YAML as plain data. What YAML 1.1 would read as something else than it looks like is a
problem here, not a value; nothing is constructed that a tag asks for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import yaml

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
    WrittenFloat,
    end_of,
    fatal,
    shortened,
)
from tdxctl.units import printable

_MAX_ALIASED_NODES = 10_000
# libyaml compares each directive, and each tag, with all %TAG directives.
_MAX_DIRECTIVES = 16
_DIRECTIVE = re.compile("^%", re.MULTILINE)

_PLAIN_INT = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_PLAIN_HEX = re.compile(r"0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*", re.ASCII)
_PLAIN_FLOAT = re.compile(r"-?[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?|-?\.[0-9]+", re.ASCII)
_YAML_OCTAL = re.compile(r"[-+]?0[0-7_]+", re.ASCII)
# What may not stand in a YAML file, not even quoted.
_NOT_YAML = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)
_TAG_PREFIX = "tag:yaml.org,2002:"
_TAGS_OF_COLLECTIONS = (_TAG_PREFIX + "map", _TAG_PREFIX + "seq")


class _Event:
    """What is kept of a parser's event: a tenth of its size."""

    __slots__ = ("anchor", "kind", "mark", "style", "tag", "value")

    def __init__(self, event: Any) -> None:
        self.kind = type(event)
        self.mark = _mark(event)
        self.anchor: Any = getattr(event, "anchor", None)
        self.tag: Any = getattr(event, "tag", None)
        self.style: Any = getattr(event, "style", None)
        self.value: Any = getattr(event, "value", None)


class YamlReader:
    """Walks the parser's events by index.

    No recursion in the parser, aliases and tags in our hands, a node under an alias read again
    from where its anchor stands.
    """

    def __init__(self, text: str, file: str | None) -> None:
        self._source = Source(file)
        self._text = text
        self._events: list[_Event] = []
        self._next = 0
        self._anchors: dict[str, int] = {}
        self._open_anchors: list[str] = []
        self._targets: dict[int, int] = {}  # alias event -> what it stood for where it stands
        self._alias_mark: Mark | None = None  # of the outermost alias that is being expanded
        self._aliased = 0
        self._resolver: Any = yaml.resolver.Resolver()

    def read(self) -> Source:
        """The document. Raises DescriptionError where it is not one YAML document."""
        self._parse()
        self._source.data = self._node((), 0)
        return self._source

    def _parse(self) -> None:
        file = self._source.file
        # The C parser where PyYAML was built with it; both give the same events.
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        if match := _NOT_YAML.search(self._text):
            place = end_of(self._text[: match.start()])
            what = f"character U+{ord(match[0]):04X} is not allowed"
            raise fatal(file, *place, f"is not valid YAML: {what}")
        directives = [
            match.start() for match in islice(_DIRECTIVE.finditer(self._text), _MAX_DIRECTIVES + 1)
        ]
        if len(directives) > _MAX_DIRECTIVES:
            place = end_of(self._text[: directives[-1]])
            raise fatal(file, *place, f"has more than {_MAX_DIRECTIVES} directives (%)")
        try:
            events = list(self._bounded(yaml.parse(self._text, Loader=loader)))
        except yaml.MarkedYAMLError as error:
            self._refuse_what_is_before(error, loader)
            raise self._yaml_error(error) from None
        except yaml.YAMLError as error:
            what = printable(str(error).split("\n")[0])
            raise fatal(file, 1, 1, f"is not valid YAML: {what}") from None
        starts = [i for i, event in enumerate(events) if event.kind is yaml.DocumentStartEvent]
        if not starts:
            raise fatal(file, 1, 1, "is empty")
        if len(starts) > 1:
            line, column = events[starts[1]].mark
            what, hint = "holds more than one document", "remove all but one"
            raise fatal(file, line, column, what, hint=hint)
        self._events, self._next = events, starts[0] + 1

    def _refuse_what_is_before(self, error: yaml.MarkedYAMLError, loader: Any) -> None:
        # A scanner looks ahead of its parser, and some have limits of their own: what stands
        # before the place that they refuse may be beyond one of ours.
        if error.problem_mark is not None:
            with suppress(yaml.YAMLError):
                for _ in self._bounded(
                    yaml.parse(self._text[: error.problem_mark.index], Loader=loader)
                ):
                    pass

    def _yaml_error(self, error: yaml.MarkedYAMLError) -> DescriptionError:
        mark, context = error.problem_mark or error.context_mark, error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = printable(str(error.problem or error.context))
        detail = None
        if context and context.line + 1 < line:
            detail = f"{printable(str(error.context))} that starts in line {context.line + 1}"
        lines = self._text.split("\n")
        at_tab = line <= len(lines) and lines[line - 1][column - 1 : column] == "\t"
        return fatal(
            self._source.file,
            line,
            column,
            f"is not valid YAML: {what}",
            detail=detail,
            hint="YAML is indented with spaces, not tabs" if at_tab else None,
        )

    def _bounded(self, events: Iterator[Any]) -> Iterator[_Event]:
        # Stops the parser early: its time grows with the square of the depth, its memory with
        # the number of values.
        depth = 0
        for number, event in enumerate(events):
            if number > MAX_VALUES:
                raise fatal(self._source.file, *_mark(event), TOO_MANY_VALUES)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_NESTING:
                    raise self._too_deep(_mark(event))
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            yield _Event(event)

    def _too_deep(self, mark: Mark) -> DescriptionError:
        what = f"is nested deeper than {MAX_NESTING} levels"
        return fatal(self._source.file, *(self._alias_mark or mark), what)

    def _take(self) -> _Event:
        event = self._events[self._next]
        self._next += 1
        return event

    def _node(self, path: Path, depth: int) -> Any:
        start, event = self._next, self._take()
        if self._alias_mark is None:
            self._source.value_marks[path] = event.mark
        if event.kind is yaml.AliasEvent:
            return self._alias(event, path, depth)
        if self._alias_mark is not None:
            self._count_aliased(self._alias_mark)
        anchor = event.anchor if self._alias_mark is None else None
        if anchor is not None:
            self._open_anchors.append(anchor)
        value: Any
        if event.kind is yaml.ScalarEvent:
            value = self._scalar(event, path)
        elif depth >= MAX_NESTING:  # only where aliases are expanded
            raise self._too_deep(event.mark)
        else:
            sequence = event.kind is yaml.SequenceStartEvent
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
        while self._events[self._next].kind is not yaml.SequenceEndEvent:
            items.append(self._node((*path, len(items)), depth + 1))
        self._take()
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while self._events[self._next].kind is not yaml.MappingEndEvent:
            event = self._events[self._next]
            key = self._key(path, depth)
            if key is None:
                self._skip((*path, "?"), depth)
                continue
            if key in mapping:
                first = self._source.key_marks.get((*path, key), event.mark)
                hint = f"the first one is in line {first[0]}"
                self._report(event, (*path, key), "is given twice", hint=hint)
                self._skip((*path, key), depth)
                continue
            if self._alias_mark is None:
                self._source.key_marks[(*path, key)] = event.mark
            mapping[key] = self._node((*path, key), depth + 1)
        self._take()
        return mapping

    def _key(self, path: Path, depth: int) -> str | None:
        event = self._events[self._next]
        if event.kind is yaml.ScalarEvent:
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

    def _scalar(self, event: _Event, path: Path) -> Any:
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
                number = WrittenFloat(text)
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

    def _alias(self, event: _Event, path: Path, depth: int) -> Any:
        resume, outer = self._next, self._alias_mark
        if outer is None:
            self._targets[resume] = self._target(event)
        self._next, self._alias_mark = self._targets[resume], outer or event.mark
        value = self._node(path, depth)
        self._next, self._alias_mark = resume, outer
        return value

    def _target(self, event: _Event) -> int:
        name = printable(event.anchor)
        if event.anchor in self._open_anchors:
            raise fatal(self._source.file, *event.mark, f"alias *{name} stands inside &{name}")
        if event.anchor not in self._anchors:
            raise fatal(self._source.file, *event.mark, f"unknown alias *{name}")
        return self._anchors[event.anchor]

    def _count_aliased(self, mark: Mark) -> None:
        self._aliased += 1
        if self._aliased > _MAX_ALIASED_NODES:
            what = f"aliases expand to more than {_MAX_ALIASED_NODES} nodes"
            raise fatal(self._source.file, *mark, what)

    def _surprise(self, event: _Event, path: Path, reads_as: str, hint: str) -> Unreadable:
        self._report(
            event,
            path,
            f"YAML 1.1 reads this as {reads_as}",
            detail=f"got {shortened(event.value)}",
            hint=hint,
        )
        return UNREADABLE

    def _no_number(self, event: _Event, path: Path, what: str) -> Unreadable:
        self._report(
            event, path, what, detail=f"got {shortened(event.value)}", hint="quote it if it is text"
        )
        return UNREADABLE

    def _tag_problem(self, event: _Event, path: Path) -> None:
        tag = str(event.tag)
        if tag.startswith(_TAG_PREFIX):
            tag = "!!" + tag.removeprefix(_TAG_PREFIX)
        self._report(event, path, "tags are not supported", detail=f"got {shortened(tag)}")

    def _report(
        self,
        event: _Event,
        path: Path,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        if self._alias_mark is not None:
            return  # said where the anchor stands
        self._source.report(event.mark, path, summary, detail=detail, hint=hint)


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1
