# SPDX-License-Identifier: Apache-2.0
"""`tdxctl status`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.options import format_option, machine_option
from tdxctl.commands.outputs.stdout import write_status


@click.command("status")
@machine_option
@click.option("--check", is_flag=True, help="Exit 1 unless the status is INITIALIZED.")
@format_option("text", "json")
def command(machine: str | None, check: bool, output_format: str) -> int:
    """Show what a machine's kernel knows of its TDX module.

    \b
      tdxctl status --machine spr-2s-512g
      tdxctl status --machine spr-2s-512g --format json

    Reads what was stored after the machine's last operation; changes nothing.
    """
    import json

    from tdxctl.commands.inputs.stored_machines import machine_row

    row = machine_row(machine)
    status = json.loads(row.status)
    write_status(status, output_format)
    return 1 if check and status["status"] != "INITIALIZED" else 0
