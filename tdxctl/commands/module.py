# SPDX-License-Identifier: Apache-2.0
"""`tdxctl module`."""

from __future__ import annotations

import click

from tdxctl.commands.options import format_option, machine_option
from tdxctl.commands.output import write_operations


@click.command("module")
@click.argument("action", type=click.Choice(["load", "unload", "shutdown"]))
@machine_option
@format_option("text", "json")
def command(action: str, machine: str | None, output_format: str) -> int:
    """Load, unload or shut down the TDX module of a running machine.

    \b
      tdxctl module load --machine no-module
      tdxctl module shutdown --machine spr-2s-512g

    load puts a fresh module image in place; unload makes every SEAMCALL fail as VMfailInvalid.
    No kernel function unloads or shuts down on demand: these are tdxctl's own means to reach
    the states that the kernel's design names.
    """
    from tdxctl import lab
    from tdxctl.commands.stored import machine_row

    name = machine_row(machine).name
    results = lab.operate(name, [{"op": f"module_{action}"}])
    write_operations(name, [(f"module {action}", results[0])], output_format)
    return 1 if results[0].returned else 0
