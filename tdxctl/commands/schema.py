# SPDX-License-Identifier: Apache-2.0
"""`tdxctl schema`."""

from __future__ import annotations

import click

from tdxctl.commands.choice import OneOf
from tdxctl.commands.output import print_json

_NAMES = (
    "platform",
    "resolved",
    "scenario",
    "init",
    "status",
    "plan",
    "test",
    "diagnosis",
    "error",
)


@click.command("schema")
@click.argument("name", type=OneOf(_NAMES), default="platform")
def command(name: str) -> int:
    """Print a JSON Schema, for editors and other tools.

    \b
      tdxctl schema platform
      tdxctl schema scenario > scenario-1.schema.json

    platform and scenario are what one writes; resolved is a platform with every key and nothing
    left to tdxctl, as Platform.to_dict() has it; the others are what --format json prints, error
    at any exit above 1.
    """
    match name:
        case "platform" | "resolved":
            from tdxctl.platform.schema import platform_schema

            print_json(platform_schema(resolved=name == "resolved"))
        case "scenario":
            from tdxctl.scenario.load import json_schema

            print_json(json_schema())
        case _:
            from tdxctl.report.schemas import output_schema

            print_json(output_schema(name))
    return 0
