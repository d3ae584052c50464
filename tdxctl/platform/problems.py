# SPDX-License-Identifier: Apache-2.0
"""From pydantic's errors to diagnostics at their places, with the nearest key as a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from pydantic_core import ValidationError

from tdxctl.errors import Diagnostic
from tdxctl.platform.fields import BRANCH_MARK
from tdxctl.platform.source import UNREADABLE, Path, Source, dotted
from tdxctl.units import printable


class Shape(Struct, frozen=True):
    """What hints are made from.

    schema: the model's JSON Schema, which knows the keys. branches: the keys that tell the kinds
    of entry apart, at a path where an entry has none of them.
    """

    schema: Callable[[], dict[str, Any]]
    branches: Callable[[Path], tuple[str, ...]]


def model_problems(document: Source, error: ValidationError, shape: Shape) -> Iterator[Diagnostic]:
    """A diagnostic for each of pydantic's errors."""
    for entry in error.errors(include_url=False):
        if entry["type"] == "unreadable" or entry["input"] is UNREADABLE:
            continue
        kind, location = entry["type"], entry["loc"]
        path = path_of(location, kind)
        if path in document.merged or (kind == "missing" and path[:-1] in document.merged):
            continue
        yield _model_problem(document, path, location, entry, shape)


def path_of(location: Path, kind: str) -> Path:
    """The path in a description of where pydantic found something of that kind."""
    # The last part of an unknown key's location is the description's own, whatever it is.
    own = location[-1:] if kind == "extra_forbidden" else ()
    rest = location[: len(location) - len(own)]
    return (*(part for part in rest if not is_branch(part)), *own)


def is_branch(part: str | int) -> bool:
    """Whether part of a location names the branch of a union: no key and no index."""
    return isinstance(part, str) and part.startswith(BRANCH_MARK)


def _model_problem(
    document: Source, path: Path, location: Path, entry: Any, shape: Shape
) -> Diagnostic:
    context, value = entry.get("ctx", {}), entry["input"]
    match entry["type"]:
        case "tdxctl":
            hint = context["hint"]() if callable(context["hint"]) else context["hint"]
            detail = document.got(path, value)
            return document.problem(path, context["summary"], detail=detail, hint=hint)
        case "missing":
            return document.problem(path, "is required")
        case "extra_forbidden":
            return document.problem(
                path, "unknown key", hint=_did_you_mean(path, location, shape.schema()), at_key=True
            )
        case "invalid_key" | "string_unicode":
            return document.problem(path, "a key must be text")
        case "too_short":
            return document.problem(path, "must not be empty")
        case "too_long":
            return document.problem(path, f"has more than {context['max_length']} entries")
        case "list_type":
            return document.problem(
                path,
                "must be a list",
                detail=document.got(path, value),
                hint=_keys_hint("keys of an entry", (*path, 0), (*location, 0), shape),
            )
        case "union_tag_not_found":
            return document.problem(
                path,
                f"must have one of the keys {', '.join(shape.branches(path))}",
                detail=document.got(path, value),
            )
        case _:
            where = f"keys of {printable(dotted(path))}"
            return document.problem(
                path,
                "must be a mapping",
                detail=document.got(path, value),
                hint=_keys_hint(where, path, location, shape),
            )


def _keys_hint(where: str, path: Path, location: Path, shape: Shape) -> str | None:
    records = [keys for node in _nodes_at(location, shape.schema()) if (keys := _keys_of(node))]
    if len(records) > 1:
        return f"an entry has one of the keys {', '.join(shape.branches(path))}"
    return f"{where}: {', '.join(records[0])}" if records else None


def _did_you_mean(path: Path, location: Path, schema: dict[str, Any]) -> str | None:
    # The nearest key of the model at that place.
    import difflib

    keys = _keys_at(location[:-1], schema)
    near = difflib.get_close_matches(str(path[-1]), keys, n=1)
    if near:
        return f"did you mean {near[0]}?"
    where = f"keys of {printable(dotted(path[:-1]))}" if len(path) > 1 else "keys here"
    return f"{where}: {', '.join(keys)}"


def _keys_at(location: Path, schema: dict[str, Any]) -> list[str]:
    return [key for node in _nodes_at(location, schema) for key in _keys_of(node)]


def _keys_of(node: dict[str, Any]) -> list[str]:
    return list(node.get("properties", {}))


def _nodes_at(location: Path, schema: dict[str, Any]) -> list[dict[str, Any]]:
    # Walks the JSON Schema, which has the model's keys by their written names.
    nodes = _resolved(schema, [schema])
    for part in location:
        if is_branch(part):
            # The branches of a union are named after the key that tells them apart.
            tag = str(part).removeprefix(BRANCH_MARK)
            nodes = [node for node in nodes if tag in node.get("properties", {})][:1] or nodes
        else:
            nodes = [child for node in nodes for child in _children(schema, node, part)]
    return nodes


def _children(
    schema: dict[str, Any], node: dict[str, Any], part: str | int
) -> list[dict[str, Any]]:
    found = [node["items"]] if isinstance(part, int) and "items" in node else []
    if isinstance(part, str) and part in node.get("properties", {}):
        found.append(node["properties"][part])
    return _resolved(schema, found)


def _resolved(schema: dict[str, Any], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # The nodes themselves, with what they may be instead.
    resolved = []
    while found:
        child = found.pop()
        if "$ref" in child:
            found.append(schema["$defs"][child["$ref"].rpartition("/")[2]])
            continue
        found += child.get("anyOf", []) + child.get("oneOf", [])
        resolved.append(child)
    return resolved
