# SPDX-License-Identifier: Apache-2.0
"""docs/schemas: the schemas of the documents that tdxctl prints, as they were published.

Renewed with: python -m tools.schemas. It refuses where a reader of the published document could
stumble: a key that is gone, may be left out now, or is something else. Such a document gets a new
version.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tdxctl.commands.schema import DOCUMENTS, record_of
from tdxctl.report.schemas import Schema, schema_of

FOLDER = Path(__file__).parent.parent / "docs" / "schemas"


def current() -> dict[str, Schema]:
    """The schema of each document by the name of its file, `init-1.schema.json`."""
    schemas = {}
    for document in DOCUMENTS:
        schema = schema_of(record_of(document))
        name = schema["title"].removeprefix("tdxctl.").replace("/", "-")
        schemas[f"{name}.schema.json"] = schema
    return schemas


def changes(published: Schema, now: Schema) -> list[str]:
    """Where a document is no longer what was published: a line each, `steps[].leaf is gone`."""
    return list(_changes(_inline(published, published), _inline(now, now), ""))


def _inline(schema: Any, whole: Schema) -> Any:
    # Without the names of definitions, and without words.
    if isinstance(schema, list):
        return [_inline(each, whole) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    return {
        key: {name: _inline(each, whole) for name, each in value.items()}
        if key == "properties"
        else _inline(value, whole)
        for key, value in schema.items()
        if key not in _WORDS
    }


def _changes(old: Schema, new: Schema, where: str) -> Iterator[str]:
    shown = where or "the document"
    if "anyOf" in old and "anyOf" in new:
        yield from _options(old["anyOf"], new["anyOf"], shown)
        return
    others = {key: value for key, value in old.items() if key not in _COMPARED}
    if others != {key: value for key, value in new.items() if key not in _COMPARED}:
        yield f"{shown} is something else"
        return
    if set(old.get("enum", ())) - set(new.get("enum", ())):
        yield f"{shown} has fewer values"
    for key, schema in old.get("properties", {}).items():
        name = f"{where}.{key}" if where else key
        if key not in new.get("properties", {}):
            yield f"{name} is gone"
            continue
        if key in old["required"] and key not in new["required"]:
            yield f"{name} may be left out"
        yield from _changes(schema, new["properties"][key], name)
    for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if key in old or key in new:
            yield from _changes(old.get(key, {}), new.get(key, {}), where + mark)


_WORDS = ("$defs", "$schema", "title", "description")
_COMPARED = ("enum", "properties", "required", "items", "additionalProperties")


def _options(old: list[Schema], new: list[Schema], shown: str) -> Iterator[str]:
    # A new kind of object may come; what was there has to stay, and nothing else to be possible.
    left = list(new)
    for option in old:
        same = next((each for each in left if not list(_changes(option, each, ""))), None)
        if same is None:
            yield f"{shown} is something else"
            return
        left.remove(same)
    if not all("properties" in each for each in left):
        yield f"{shown} can be something else"


def main() -> int:
    """Write the files; 1 where a document was changed without a new version."""
    refused = False
    FOLDER.mkdir(exist_ok=True)
    for name, schema in current().items():
        path = FOLDER / name
        found = changes(json.loads(path.read_text()), schema) if path.exists() else []
        for change in found:
            sys.stderr.write(f"{name}: {change}: raise the version of the document\n")
        refused |= bool(found)
        if not found:
            path.write_text(json.dumps(schema, indent=2) + "\n")
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
