# SPDX-License-Identifier: Apache-2.0
"""What tdxctl prints as JSON is what the schema of its document says."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema

from tdxctl.commands.schema import record_of
from tdxctl.platform.schema import platform_schema
from tdxctl.report.schemas import Schema, schema_of


@cache
def published(name: str) -> Schema:
    """The schema that `tdxctl schema NAME` prints."""
    if name == "platform":
        return dict(json.loads(platform_schema()))
    return schema_of(record_of(name))


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(published(name))


def check(output: str) -> str | None:
    """The name of the document that output is; None where it is no JSON of tdxctl's.

    Raises jsonschema.ValidationError where it is not what the document's schema says, and KeyError
    where there is no such document.
    """
    values = _documents(output)
    if not values:
        return None
    name = _name(values[0])
    if len(values) > 1 and name == "test":
        values = [values[0] | {"scenarios": values[1:]}]  # a scenario a line
    for value in values:
        _validator("error" if value.get("schema") == "tdxctl.error/1" else name).validate(value)
    return name


def _documents(output: str) -> list[dict[str, Any]]:
    # One document, or a line each.
    if not output.startswith("{"):
        return []
    lines = [output] if output.startswith("{\n") else output.splitlines()
    try:
        values = [json.loads(line) for line in lines]
    except json.JSONDecodeError:
        return []
    return values if _name(values[0]) else []


def _name(head: dict[str, Any]) -> str:
    title = str(head.get("schema") or head.get("ev"))
    return title.removeprefix("tdxctl.").partition("/")[0] if title.startswith("tdxctl.") else ""
