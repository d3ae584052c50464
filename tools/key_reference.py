# SPDX-License-Identifier: Apache-2.0
"""docs/platform-keys.md: every key of a description with its sentence, from its declaration.

Renewed with: python -m tools.key_reference > docs/platform-keys.md
"""

from __future__ import annotations

import json
import sys
from typing import Any, get_args

from msgspec import NODEFAULT, Struct

from tdxctl.platform.canonical import plain
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import Fault
from tdxctl.platform.keys import Field, every_key, fields_of

_HEAD = """\
# The keys of a platform description

Made of their declaration (`tdxctl/platform/description.py`, `faults.py`); `tdxctl schema platform`
has the same sentences, with types and limits, for editors. A list's entries are `[]`.

| key | default | what it is |
|---|---|---|
"""
_FAULTS = """
## Faults

Entries of `faults`, and what `tdxctl fault set` takes. The first key of each tells it apart.

| fault | key | default | what it is |
|---|---|---|---|
"""


def reference() -> str:
    """The text of the file."""
    keys = "".join(
        f"| `{path}` | {_default(key) if isinstance(key, Field) else ''} | {doc} |\n"
        for path, key, doc in every_key(Platform)
    )
    faults = "".join(
        f"| {record.__doc__} | `{field.name}` | {_default(field)} | {field.key.doc} |\n"
        for record in get_args(Fault)
        for field in fields_of(record)
    )
    return _HEAD + keys + _FAULTS + faults


def _default(field: Field) -> str:
    value: Any = field.default
    if field.is_required:
        return "required" if field.key.instead is None else f"or `{field.key.instead.name}`"
    if value is NODEFAULT or value is None:
        return ""
    if isinstance(value, Struct):
        return "as below" if field.key.short is None else f"`{json.dumps(plain(value))}`"
    return f"`{json.dumps(value)}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
