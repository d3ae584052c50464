# SPDX-License-Identifier: Apache-2.0
"""`tdxctl machines`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.stdout import print_json, print_text


@click.command("machines")
@click.argument("name", required=False, shell_complete=completions.machines)
@format_option("text", "json")
def command(name: str | None, output_format: str) -> int:
    """List the machines, or print one as JSON that reproduces it.

    \b
      tdxctl machines
      tdxctl machines spr-2s-512g > bug.json

    The JSON of one machine holds its description, its kernel, every operation since boot and
    what came of it: a bug report.
    """
    import json

    from tdxctl.commands.inputs.stored_machines import known_machines, machine_document
    from tdxctl.report import text_status

    if name is not None:
        print_json(machine_document(name).render())
        return 0
    known = [json.loads(row.status) for row in known_machines()]
    if output_format == "json":
        from tdxctl.report.machines import Machines

        print_json(Machines(tuple(known)).render())
    else:
        print_text("\n".join(text_status.machine_lines(known)))
    return 0
