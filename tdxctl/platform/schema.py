# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of a description."""

from __future__ import annotations

import json

from tdxctl.platform.declared_schema import schema_of
from tdxctl.platform.description import SCHEMA, Platform


def platform_schema(*, resolved: bool = False) -> str:
    """JSON Schema, draft 2020-12, of tdxctl.platform/1; resolved: of the canonical form of it."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA}
    return json.dumps(head | schema_of(Platform, resolved=resolved), indent=2)
