# SPDX-License-Identifier: Apache-2.0
"""Documents: a frozen record each, of which its JSON and its JSON Schema are made.

The fields of a record are the keys of an object, in order; a key that is left out at times is a
field that may be UNSET. A document carries its name and version in `schema`. A new key keeps the
version; one that is changed or gone raises it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

#: A register value, a status or an address.
Hex = Annotated[str, Meta(pattern="^0x[0-9a-f]+$")]
#: How many, a size in bytes, a CPU, a node.
Count = Annotated[int, Meta(ge=0)]
#: Bytes by NUMA node.
ByNode = dict[str, Count]
#: Of a field that is an object: its keys stand among those of the record itself.
SPREAD = Meta(extra={"spread": True})


def one_of(*values: str | int) -> Meta:
    """That a value is one of these."""
    return Meta(extra_json_schema={"enum": list(values)})


class Document(Struct, frozen=True, tag_field="schema"):
    """What `--format json` prints: the tag of a subclass is `tdxctl.NAME/VERSION`."""

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON values."""
        values: dict[str, Any] = to_builtins(self)
        return values

    def render(self) -> str:
        """The document as JSON, without a newline at the end."""
        return json.dumps(self.to_dict(), indent=2)


def spread(values: dict[str, Any], key: str) -> dict[str, Any]:
    """The values with those under key in its place."""
    entries: dict[str, Any] = {}
    for name, value in values.items():
        entries |= value if name == key else {name: value}
    return entries
