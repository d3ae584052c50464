# SPDX-License-Identifier: Apache-2.0
"""`tdxctl schema`."""

from __future__ import annotations

from typing import Any

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.outputs.stdout import print_json

#: What `--format json` prints: name of a document -> where its record is.
DOCUMENTS = {
    "init": "tdxctl.report.json_init:Init",
    "status": "tdxctl.report.json_status:Status",
    "plan": "tdxctl.report.plans:Plan",
    "sweep": "tdxctl.report.sweeps:SweepDocument",
    "fleet-summary": "tdxctl.report.fleets:FleetDocument",
    "states": "tdxctl.report.states:StatesDocument",
    "lint": "tdxctl.report.lints:LintDocument",
    "root": "tdxctl.rootfs.record:Root",
    "operations": "tdxctl.report.operations:Operations",
    "diagnosis": "tdxctl.report.diagnosis:Diagnosed",
    "test": "tdxctl.report.results.as_json:Test",
    "scenarios": "tdxctl.report.results.listing:Scenarios",
    "validate": "tdxctl.report.validated:Validated",
    "error": "tdxctl.report.problems:Error",
    "explain": "tdxctl.report.answers:Explain",
    "kernels": "tdxctl.report.kernels:Kernels",
    "kernels-between": "tdxctl.report.kernels:Between",
    "modules": "tdxctl.report.modules:Modules",
    "machines": "tdxctl.report.machines:Machines",
    "machine": "tdxctl.report.machines:Machine",
    "seamcalls": "tdxctl.report.seamcalls:Seamcalls",
    "events": "tdxctl.entries:AnyEntry",
}
#: Rows that `tdxctl fleet` reads and writes, a line of JSON or the columns of a file each.
ROWS = {"fleet": "tdxctl.fleet.rows:Host", "fleet-verdict": "tdxctl.fleet.rows:Verdict"}


def record_of(name: str) -> Any:
    """The record of a document, the records of its lines where it has several."""
    from importlib import import_module

    module, _, record = (DOCUMENTS | ROWS)[name].partition(":")
    return getattr(import_module(module), record)


@click.command("schema")
@click.argument(
    "name", type=OneOf(("platform", "resolved", "scenario", *ROWS, *DOCUMENTS)), default="platform"
)
def command(name: str) -> int:
    """Print a JSON Schema, for editors and other tools.

    \b
      tdxctl schema platform
      tdxctl schema scenario > scenario-1.schema.json

    platform and scenario are what one writes; resolved is a platform with every key and nothing
    left to tdxctl, as Platform.to_dict() has it; fleet and fleet-verdict are a row of hosts and of
    verdicts; the others are what --format json prints, error at any exit above 1.
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

            from tdxctl.report.schemas import schema_of

            print_json(json.dumps(schema_of(record_of(name)), indent=2))
    return 0
