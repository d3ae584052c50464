# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of a platform description, for editors and other tools."""

from __future__ import annotations

import json

from tdxctl.platform.description import SCHEMA
from tdxctl.platform.model import PlatformModel


def platform_schema() -> str:
    """JSON Schema, draft 2020-12, of tdxctl.platform/1."""
    schema = PlatformModel.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA}
    return json.dumps(head | schema | {"title": SCHEMA}, indent=2)
