# SPDX-License-Identifier: Apache-2.0
"""From text to a Platform, or to every problem in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import ValidationError

from tdxctl.errors import DescriptionError, Diagnostic, UsageError
from tdxctl.platform.canonical import built, built_one_of
from tdxctl.platform.checks import cross_checks
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import FAULT_KEYS, Fault, RuntimeFault
from tdxctl.platform.implausible import warnings
from tdxctl.platform.problems import Shape, model_problems
from tdxctl.platform.reader import read_as
from tdxctl.platform.reading import read
from tdxctl.platform.schema import schema_of
from tdxctl.platform.settings import with_settings
from tdxctl.platform.source import UNREADABLE, Source, got, in_order
from tdxctl.platform.text import DescriptionText, read_text
from tdxctl.units import NAME_PATTERN, printable


def load_file(path: str, settings: tuple[str, ...] = ()) -> Platform:
    """The description in the file at path; `-` is standard input.

    settings are `PATH=VALUE` changes on top, in the order given.
    """
    return load_text(read_text(path), settings)


def load_text(text: DescriptionText, settings: tuple[str, ...] = ()) -> Platform:
    """The description that text is, with settings on top."""
    document = read(text.data, text.shown, is_json=text.is_json)
    return platform_of(with_settings(document, settings), default_name=text.default_name)


def load_yaml(text: str) -> Platform:
    """The description in a YAML text of tdxctl's own making."""
    return platform_of(read(text.encode(), "<text>", is_json=False), default_name="text")


def from_canonical(data: dict[str, Any], settings: tuple[str, ...]) -> Platform:
    """A stored description with `PATH=VALUE` changes on top."""
    return platform_of(with_settings(Source(file=None, data=data), settings), default_name="")


def validate_files(paths: tuple[str, ...]) -> tuple[list[dict[str, str]], list[Diagnostic]]:
    """{file, name} of each description, and what is implausible in them.

    Raises DescriptionError with the problems of all, and with what is implausible beside them.
    """
    problems: list[Diagnostic] = []
    implausible: list[Diagnostic] = []
    checked = []
    missing: UsageError | None = None
    for path in paths:
        try:
            text = read_text(path)
            document = read(text.data, text.shown, is_json=text.is_json)
            platform = platform_of(document, default_name=text.default_name)
            checked.append({"file": path, "name": platform.name})
            implausible += warnings(platform, document)
        except UsageError as error:
            missing = missing or error
            problems += error.diagnostics()
        except DescriptionError as error:
            problems += error.diagnostics()
    if missing is not None and all(problem.file is None for problem in problems):
        raise missing
    if problems:
        raise DescriptionError((*problems, *implausible))
    return checked, implausible


def runtime_fault(pairs: tuple[str, ...]) -> RuntimeFault:
    """The fault of `KEY=VALUE` pairs, values read as YAML. Raises UsageError."""
    for pair in pairs:
        if not pair.partition("=")[2]:
            raise UsageError(
                f"fault set takes KEY=VALUE pairs, got '{printable(pair)}'",
                hint="for example leaf=TDH.SYS.KEY.CONFIG status=TDX_KEY_GENERATION_FAILED",
            )
    document = with_settings(Source(file=None, data={}), pairs)
    given, errors = read_as(Fault, document.data)
    found = in_order((*document.problems, *_model_problems(document, errors, Fault)))
    if found:
        # On a command line a value is where its key is.
        problems = tuple(one._replace(file=None, line=None, column=None) for one in found)
        raise UsageError("\n".join(one.render() for one in problems), problems=problems)
    fault = built_one_of(Fault, given)
    if not isinstance(fault, RuntimeFault):
        raise UsageError(
            "a running machine's boot is over: boot and msr faults cannot be set",
            hint="put the fault into the description and boot",
        )
    return fault


def from_dict(data: Mapping[str, object]) -> Platform:
    """The description in a dict; messages name paths only."""
    return platform_of(Source(file=None, data=dict(data)), default_name="platform")


def platform_of(document: Source, *, default_name: str) -> Platform:
    """The Platform that document describes. Raises DescriptionError with every problem."""
    given: dict[str, Any] = {}
    errors: list[ValidationError] = []
    if isinstance(document.data, dict):
        given, errors = read_as(Platform, document.data)
    if problems := in_order(_problems(document, given, errors, default_name)):
        raise DescriptionError(problems)
    return built(Platform, given, default_name)


def _problems(
    document: Source, given: dict[str, Any], errors: list[ValidationError], default_name: str
) -> Iterator[Diagnostic]:
    yield from document.problems
    if document.data is UNREADABLE:
        return  # reported where it was read
    if not isinstance(document.data, dict):
        yield document.problem((), f"must be a mapping ({got(document.data)})")
        return
    yield from _model_problems(document, errors, Platform)
    for found in cross_checks(given):
        if found.path not in document.merged:
            detail = document.got_at(found.path) if found.shows_value else None
            yield document.problem(found.path, found.summary, detail=detail, hint=found.hint)
    if "name" not in document.data and not re.fullmatch(NAME_PATTERN, default_name, re.ASCII):
        yield document.problem(
            ("name",),
            "is required: the file's name cannot serve as a machine's name",
            detail=got(default_name),
            hint="add a name of letters, digits, dots, underscores and hyphens",
        )


def _model_problems(
    document: Source, errors: list[ValidationError], kind: Any
) -> Iterator[Diagnostic]:
    shape = Shape(lambda: schema_of(kind), lambda _: FAULT_KEYS)
    for error in errors:
        yield from model_problems(document, error, shape)
