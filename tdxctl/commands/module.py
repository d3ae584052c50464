# SPDX-License-Identifier: Apache-2.0
"""`tdxctl module`."""

from __future__ import annotations

import os

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.operation import operation_command
from tdxctl.errors import UsageError
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.parts import UpdateImage
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
        shell_complete=completions.files,
        help="update: the file to upload. Default: a good one.",
    ),
    click.option("--force", is_flag=True, help="update: even where the kernel offers none."),
)
def command(action: str, version: str | None, image: str | None, force: bool) -> list[Operation]:
    """Load, unload, shut down or update a running machine's module.

    \b
      tdxctl module load --machine no-module
      tdxctl module shutdown --machine spr-2s-512g

    load puts a fresh module image in place; unload makes every SEAMCALL fail as VMfailInvalid.
    No kernel function unloads or shuts down on demand: these are tdxctl's own means to reach
    the states that the kernel's design names. update is what an upload to the kernel's device
    does (from 7.2 on); on v5, by hand, it puts another module in place that must be initialized,
    also where the status was final.
    """
    from tdxctl.operations import ModuleLoad, ModuleShutdown, ModuleUnload, ModuleUpdate

    if action != "update":
        if version is not None or image is not None or force:
            raise UsageError(
                "--version, --image and --force are for update",
                hint="`tdxctl module update --version V`",
            )
        return [{"load": ModuleLoad, "unload": ModuleUnload, "shutdown": ModuleShutdown}[action]()]
    if version is not None:
        from tdxctl.seam.releases import ModuleVersion, nearest

        try:
            ModuleVersion.parse(version)
        except ValueError as error:
            message = f"the version '{printable(version)}' {error}"
            raise UsageError(message, hint=nearest(version)) from None
    return [ModuleUpdate(force, version, None if image is None else _uploaded(image))]


def _uploaded(path: str) -> UpdateImage:
    from tdxctl.linux.parts import UpdateImage
    from tdxctl.linux.seamldr import HEADER_SIZE

    # The header, without the zeros at its end, and the size: all that is looked at.
    try:
        with open(path, "rb") as file:
            header = file.read(HEADER_SIZE).rstrip(b"\0")
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read '{printable(path)}': {reason}") from None
    return UpdateImage(header, size)
