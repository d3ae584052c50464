# SPDX-License-Identifier: Apache-2.0
"""From a document to the record of the description in it, or to every problem in it.

The record is the caller's: `Platform` reads itself with this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from msgspec import Struct
from pydantic_core import ValidationError

from tdxctl.errors import DescriptionError, Diagnostic
from tdxctl.platform.canonical import built
from tdxctl.platform.checks import cross_checks
from tdxctl.platform.declared_schema import schema_of
from tdxctl.platform.faults import FAULT_KEYS
from tdxctl.platform.problems import Shape, model_problems
from tdxctl.platform.reader import read_as
from tdxctl.platform.reading import read
from tdxctl.platform.settings import with_settings
from tdxctl.platform.source import UNREADABLE, Source, got, in_order
from tdxctl.platform.text import DescriptionText
from tdxctl.units import is_name

T = TypeVar("T", bound=Struct)


def read_text_as(kind: type[T], text: DescriptionText, settings: tuple[str, ...] = ()) -> T:
    """The description that text is, with `PATH=VALUE` settings on top, in the order given."""
    document = read(text.data, text.shown, is_json=text.is_json)
    return described(kind, with_settings(document, settings), default_name=text.default_name)


def described(kind: type[T], document: Source, *, default_name: str) -> T:
    """The record that document describes. Raises DescriptionError with every problem."""
    given: dict[str, Any] = {}
    errors: list[ValidationError] = []
    if isinstance(document.data, dict):
        given, errors = read_as(kind, document.data)
    if problems := in_order(_problems(kind, document, given, errors, default_name)):
        raise DescriptionError(problems)
    return built(kind, given, default_name)


def _problems(
    kind: type[Struct],
    document: Source,
    given: dict[str, Any],
    errors: list[ValidationError],
    default_name: str,
) -> Iterator[Diagnostic]:
    yield from document.problems
    if document.data is UNREADABLE:
        return  # reported where it was read
    if not isinstance(document.data, dict):
        yield document.problem((), f"must be a mapping ({got(document.data)})")
        return
    yield from declared_problems(document, errors, kind)
    for found in cross_checks(kind, given):
        if found.path not in document.merged:
            detail = document.got_at(found.path) if found.shows_value else None
            yield document.problem(found.path, found.summary, detail=detail, hint=found.hint)
    if "name" not in document.data and not is_name(default_name):
        yield document.problem(
            ("name",),
            "is required: the file's name cannot serve as a machine's name",
            detail=got(default_name),
            hint="add a name of letters, digits, dots, underscores and hyphens",
        )


def declared_problems(
    document: Source, errors: list[ValidationError], kind: Any
) -> Iterator[Diagnostic]:
    """What is wrong with single values of document, which was read for the record kind."""
    shape = Shape(lambda: schema_of(kind), lambda _: FAULT_KEYS)
    for error in errors:
        yield from model_problems(document, error, shape)
