# SPDX-License-Identifier: Apache-2.0
"""`tdxctl module`."""

from __future__ import annotations

import click

from tdxctl.commands import complete
from tdxctl.commands.choice import OneOf
from tdxctl.commands.operation import operation_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation


@operation_command(
    "module",
    click.argument("action", type=OneOf(["load", "unload", "shutdown", "update"])),
    click.option(
        "--version", metavar="V", help="update: the new module's version. Default: the same."
    ),
    click.option(
        "--image",
        metavar="FILE",
        shell_complete=complete.files,
        help="update: the file to upload. Default: a good one.",
    ),
    click.option("--force", is_flag=True, help="update: even where the kernel offers none."),
)
def command(action: str, version: str | None, image: str | None, force: bool) -> list[Operation]:
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
    from tdxctl.commands.parse import module_operation

    return [module_operation(action, version, image, force=force)]
