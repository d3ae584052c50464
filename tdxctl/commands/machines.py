# SPDX-License-Identifier: Apache-2.0
"""`tdxctl machines`."""

from __future__ import annotations

import click

from tdxctl.commands import complete
from tdxctl.commands.options import format_option
from tdxctl.commands.output import print_json, print_text


@click.command("machines")
@click.argument("name", required=False, shell_complete=complete.machines)
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

    from tdxctl import store
    from tdxctl.commands.stored import machine_document
    from tdxctl.report import text_status

    if name is not None:
        print_json(machine_document(name).render())
        return 0
    with store.reading() as rows:
        known = [json.loads(row.status) for row in rows.machines()] if rows is not None else []
    if output_format == "json":
        from tdxctl.report.machines import Machines

        print_json(Machines(tuple(known)).render())
    else:
        print_text("\n".join(text_status.machine_lines(known)))
    return 0
