# SPDX-License-Identifier: Apache-2.0
"""From text to a Platform, or to every problem in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from tdxctl.errors import DescriptionError, Diagnostic, UsageError
from tdxctl.platform import source
from tdxctl.platform.build import build
from tdxctl.platform.checks import cross_checks
from tdxctl.platform.description import Platform
from tdxctl.platform.model import BRANCH_MARK, NAME_PATTERN, PlatformModel
from tdxctl.platform.source import UNREADABLE, Source, dotted, got
from tdxctl.units import printable

_STDIN = "-"


def load_file(path: str) -> Platform:
    """The description in the file at path; `-` is standard input."""
    data = _read_bytes(path)
    shown = "<stdin>" if path == _STDIN else path
    stem = "stdin" if path == _STDIN else PurePath(path).stem
    starts_as_json = data.lstrip()[:1] == b"{"
    is_json = starts_as_json if path == _STDIN else path.lower().endswith(".json")
    return platform_of(source.read(data, shown, is_json=is_json), default_name=stem)


def validate_files(paths: tuple[str, ...]) -> list[dict[str, str]]:
    """{file, name} of each description. Raises DescriptionError with the problems of all."""
    problems: list[Diagnostic] = []
    checked = []
    missing: UsageError | None = None
    for path in paths:
        try:
            checked.append({"file": path, "name": load_file(path).name})
        except UsageError as error:
            missing = missing or error
            problems += error.diagnostics()
        except DescriptionError as error:
            problems += error.diagnostics()
    if missing is not None and all(problem.file is None for problem in problems):
        raise missing
    if problems:
        raise DescriptionError(tuple(problems))
    return checked


def from_dict(data: Mapping[str, object]) -> Platform:
    """The description in a dict; messages name paths only."""
    return platform_of(Source(file=None, data=dict(data)), default_name="platform")


def platform_of(document: Source, *, default_name: str) -> Platform:
    """The Platform that document describes. Raises DescriptionError with every problem."""
    problems = list(document.problems)
    model = None
    if not isinstance(document.data, dict):
        problems.append(document.problem((), f"must be a mapping ({got(document.data)})"))
    else:
        try:
            model = PlatformModel.model_validate(document.data)
        except ValidationError as error:
            problems += _model_problems(document, error)
        for found in cross_checks(document.data):
            detail = got(found.value) if found.value is not None else None
            problems.append(
                document.problem(found.path, found.summary, detail=detail, hint=found.hint)
            )
        if "name" not in document.data and not re.fullmatch(NAME_PATTERN, default_name, re.ASCII):
            problems.append(
                document.problem(
                    ("name",),
                    "is required: the file's name cannot serve as a machine's name",
                    detail=got(default_name),
                    hint="add a name of letters, digits, dots, underscores and hyphens",
                )
            )
    if problems or model is None:
        order = sorted(problems, key=lambda d: (d.line or 0, d.column or 0))
        raise DescriptionError(tuple(order))
    return build(model, default_name)


def _read_bytes(path: str) -> bytes:
    limit = source.MAX_FILE_SIZE + 1
    if path == _STDIN:
        return sys.stdin.buffer.read(limit)
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(f"cannot read '{printable(path)}': {reason}") from None


def _model_problems(document: Source, error: ValidationError) -> list[Diagnostic]:
    problems = []
    for entry in error.errors(include_url=False):
        if entry["type"] == "unreadable" or entry["input"] is UNREADABLE:
            continue
        path = tuple(
            part for part in entry["loc"] if not (isinstance(part, str) and BRANCH_MARK in part)
        )
        problems.append(_model_problem(document, path, entry["type"], entry["input"], entry))
    return problems


def _model_problem(
    document: Source, path: source.Path, kind: str, value: object, entry: Any
) -> Diagnostic:
    context = entry.get("ctx", {})
    match kind:
        case "tdxctl":
            return document.problem(
                path, context["summary"], detail=got(value), hint=context["hint"]
            )
        case "missing":
            return document.problem(path, "is required")
        case "extra_forbidden":
            return document.problem(path, "unknown key", hint=_did_you_mean(path), at_key=True)
        case "too_short":
            return document.problem(path, "must not be empty")
        case "too_long":
            return document.problem(path, f"has more than {context['max_length']} entries")
        case "list_type":
            return document.problem(path, "must be a list", detail=got(value))
        case "union_tag_not_found":
            return document.problem(
                path, "must have one of the keys leaf, allocation, boot, msr", detail=got(value)
            )
        case _:
            return document.problem(path, "must be a mapping", detail=got(value))


def _did_you_mean(path: source.Path) -> str | None:
    # The nearest key of the model at that place.
    import difflib

    keys = _keys_at(path[:-1])
    near = difflib.get_close_matches(str(path[-1]), keys, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"keys of {dotted(path[:-1])}: {', '.join(keys)}" if len(path) > 1 and keys else None


def _keys_at(path: source.Path) -> list[str]:
    # Walks the JSON Schema, which has the model's keys by their written names.
    schema = PlatformModel.model_json_schema()
    nodes: list[dict[str, Any]] = [schema]
    for part in path:
        nodes = [child for node in nodes for child in _children(schema, node, part)]
    return [key for node in nodes for key in node.get("properties", {})]


def _children(
    schema: dict[str, Any], node: dict[str, Any], part: str | int
) -> list[dict[str, Any]]:
    found = [node["items"]] if isinstance(part, int) and "items" in node else []
    if isinstance(part, str) and part in node.get("properties", {}):
        found.append(node["properties"][part])
    resolved = []
    while found:
        child = found.pop()
        if "$ref" in child:
            found.append(schema["$defs"][child["$ref"].rpartition("/")[2]])
            continue
        found += child.get("anyOf", []) + child.get("oneOf", [])
        resolved.append(child)
    return resolved
