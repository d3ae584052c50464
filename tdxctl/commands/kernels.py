# SPDX-License-Identifier: Apache-2.0
"""`tdxctl kernels`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.kernels import KernelName, named_kernel
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.stdout import print_as
from tdxctl.errors import UsageError
from tdxctl.linux.releases import KERNELS, KernelId


@click.command("kernels")
@click.argument(
    "kernel",
    metavar="[KERNEL]",
    required=False,
    type=KernelName(),
    shell_complete=completions.kernels,
)
@named_kernel("--against", help="The changes between KERNEL and this one.")
@format_option("text", "json")
def command(kernel: KernelId | None, against: KernelId | None, output_format: str) -> int:
    """List the kernels that can be booted, or tell one in full.

    \b
      tdxctl kernels
      tdxctl kernels 6.18 --against 6.8

    KERNEL tells one of them in full, each change with its commit. A kernel is a release and the
    changes since the one before; RELEASE+CHANGE boots a release that carries one more.
    """
    from tdxctl.report import kernels

    as_json = output_format == "json"
    if kernel is None:
        if against is not None:
            raise UsageError("--against which kernel's?", hint="tdxctl kernels 6.18 --against 6.8")
        shown = kernels.list_json(KERNELS) if as_json else kernels.list_text(KERNELS)
    elif against is not None:
        render = kernels.between_json if as_json else kernels.between_text
        shown = render(kernel, against)
    else:
        shown = kernels.one_json(kernel) if as_json else kernels.one_text(kernel)
    print_as(output_format, shown)
    return 0
