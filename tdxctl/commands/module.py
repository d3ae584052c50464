# SPDX-License-Identifier: Apache-2.0
"""`tdxctl module`."""

from __future__ import annotations

import click

from tdxctl.commands import complete
from tdxctl.commands.choice import OneOf
from tdxctl.commands.options import format_option, machine_option
from tdxctl.commands.output import write_operations


@click.command("module")
@click.argument("action", type=OneOf(["load", "unload", "shutdown", "update"]))
@click.option("--version", metavar="V", help="update: the new module's version. Default: the same.")
@click.option(
    "--image",
    metavar="FILE",
    shell_complete=complete.files,
    help="update: the file to upload. Default: a good one.",
)
@click.option("--force", is_flag=True, help="update: even where the kernel offers none.")
@machine_option
@format_option("text", "json")
def command(
    action: str,
    version: str | None,
    image: str | None,
    force: bool,
    machine: str | None,
    output_format: str,
) -> int:
    """Load, unload, shut down or update the TDX module of a running machine.

    \b
      tdxctl module load --machine no-module
      tdxctl module shutdown --machine spr-2s-512g

    load puts a fresh module image in place; unload makes every SEAMCALL fail as VMfailInvalid.
    No kernel function unloads or shuts down on demand: these are tdxctl's own means to reach
    the states that the kernel's design names. update is what an upload to the kernel's device
    does (from 7.2 on); on v5, by hand, it puts another module in place that must be initialized,
    also where the status was final.
    """
    from tdxctl import lab
    from tdxctl.commands.parse import module_operation
    from tdxctl.commands.stored import machine_row

    operation = module_operation(action, version, image, force=force)
    name = machine_row(machine).name
    results = lab.operate(name, [operation])
    write_operations(name, [(f"module {action}", results[0])], output_format)
    return 1 if results[0].returned else 0
