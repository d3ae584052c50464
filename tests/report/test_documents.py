# SPDX-License-Identifier: Apache-2.0
"""Documents are published as they are made, and keep what was published."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import jsonschema
import pytest

from tdxctl.commands.schema import DOCUMENTS
from tests import documents
from tests.cli.runner import ROOT, tdxctl
from tools import schemas

PUBLISHED = {path.name: json.loads(path.read_text()) for path in schemas.FOLDER.iterdir()}
#: Those that one writes have their schemas from elsewhere.
WRITTEN = {"tdxctl.platform/1", "tdxctl.scenario/1"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_has_a_schema(name: str) -> None:
    schema = json.loads(tdxctl("schema", name).stdout)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"].startswith(f"tdxctl.{name}/")


def test_no_document_is_without_a_schema() -> None:
    """Expect each `tdxctl.NAME/VERSION` that the code knows to be one that `schema` prints."""
    named = {
        title
        for path in (ROOT / "tdxctl").rglob("*.py")
        for title in re.findall(r'"(tdxctl\.[a-z-]+/[0-9]+)"', path.read_text())
    }

    assert named == {documents.published(name)["title"] for name in DOCUMENTS} | WRITTEN


def test_the_published_schemas_are_current() -> None:
    """Mend with: python -m tools.schemas."""
    assert schemas.current() == {
        name: schema for name, schema in PUBLISHED.items() if name in schemas.current()
    }


def test_no_document_changes_without_a_new_version() -> None:
    """Expect of each published document to have what it had, unless a newer one is published."""
    current = schemas.current()
    found = [
        f"{name}: {change}"
        for name, schema in PUBLISHED.items()
        if name in current
        for change in schemas.changes(schema, current[name])
    ]

    assert not found, "\n".join(found)


def _changed(*path: str, to: Any = None) -> list[str]:
    # init's schema with the value at path replaced, or without it.
    published = PUBLISHED["init-1.schema.json"]
    now = copy.deepcopy(published)
    at = now
    for key in path[:-1]:
        at = at[key]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return schemas.changes(published, now)


@pytest.mark.parametrize(
    ("path", "to", "change"),
    [
        (("properties", "kernel"), None, "kernel is gone"),
        (("properties", "call"), {"type": "string"}, "call is something else"),
        (("properties", "call"), {"type": "integer"}, "call is something else"),
        (("properties", "errno"), {"type": "string"}, "errno is something else"),
        (("required",), ["schema"], "machine may be left out"),
        (("$defs", "Step", "properties", "title"), None, "steps[].title is gone"),
        (("$defs", "Step", "required"), ["number"], "steps[].name may be left out"),
        (("$defs", "Pamt", "properties", "by_node"), {"type": "object"}, "pamt.by_node.*"),
        (("properties", "failure"), {"$ref": "#/$defs/Failure"}, "failure is something else"),
        (("$defs", "LogLine", "properties", "level", "enum"), ["info"], "log[].level has fewer"),
    ],
)
def test_a_change_of_what_was_published_is_found(
    path: tuple[str, ...], to: Any, change: str
) -> None:
    assert _changed(*path, to=to)[0].startswith(change)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("properties", "release"), {"type": "string"}),
        (("$defs", "Step", "properties", "seconds"), {"type": "number"}),
        (("$defs", "Step", "description"), "Other words."),
        (("$defs", "LogLine", "properties", "level", "enum"), ["info", "warn", "err", "WARN", "x"]),
    ],
)
def test_what_is_new_needs_no_version(path: tuple[str, ...], to: Any) -> None:
    assert _changed(*path, to=to) == []


def test_a_new_kind_of_event_needs_no_version() -> None:
    published = PUBLISHED["events-1.schema.json"]
    kind = {"type": "object", "properties": {"ev": {"const": "kexec"}}, "required": ["ev"]}

    assert schemas.changes(published, published | {"anyOf": [*published["anyOf"], kind]}) == []
    assert schemas.changes(published, published | {"anyOf": published["anyOf"][1:]}) == [
        "the document is something else"
    ]


def test_output_that_is_not_its_document_is_found_out() -> None:
    """Expect a key that is missing, a wrong value and a line that is no event not to pass."""
    printed = tdxctl("init", "--platform", "small", "--once", "--format", "json").stdout
    lines = tdxctl("init", "--platform", "small", "--once", "--format", "jsonl").stdout

    assert documents.check(printed) == "init"
    assert documents.check(lines) == "events"
    assert documents.check("{}") is None
    for broken in (
        printed.replace('"seamcalls"', '"calls"', 1),
        printed.replace('"base": "0x', '"base": "', 1),
        lines.replace('"seamcall"', '"seamkall"', 1),
    ):
        with pytest.raises(jsonschema.ValidationError):
            documents.check(broken)
