# SPDX-License-Identifier: Apache-2.0
"""`tdxctl schema`."""

from __future__ import annotations

import click

from tdxctl.commands.choice import OneOf
from tdxctl.commands.output import print_json

#: What `--format json` prints: name of a document -> where its record is.
DOCUMENTS = {
    "init": "tdxctl.report.json_init:Init",
    "status": "tdxctl.report.json_status:Status",
    "plan": "tdxctl.report.plans:Plan",
    "operations": "tdxctl.report.operations:Operations",
    "diagnosis": "tdxctl.report.diagnosis:Diagnosed",
    "test": "tdxctl.report.results.as_json:Test",
    "validate": "tdxctl.report.problems:Validated",
    "error": "tdxctl.report.problems:Error",
}


@click.command("schema")
@click.argument(
    "name", type=OneOf(("platform", "resolved", "scenario", *DOCUMENTS)), default="platform"
)
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
            import json
            from importlib import import_module

            from tdxctl.report.schemas import schema_of

            module, _, record = DOCUMENTS[name].partition(":")
            document = getattr(import_module(module), record)
            print_json(json.dumps(schema_of(document), indent=2))
    return 0
