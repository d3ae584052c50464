# SPDX-License-Identifier: Apache-2.0
"""`tdxctl kernels`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.kernels import KernelName, named_kernel
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.stdout import print_json, print_prose
from tdxctl.errors import UsageError
from tdxctl.linux.releases import KERNELS, KernelId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.report.prose import Line


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

    if kernel is None:
        if against is not None:
            raise UsageError("--against which kernel's?", hint="tdxctl kernels 6.18 --against 6.8")
        is_json = output_format == "json"
        _print(kernels.list_json(KERNELS) if is_json else kernels.list_lines(KERNELS))
    elif against is not None:
        if output_format == "json":
            _print(kernels.between_json(kernel, against))
        else:
            _print(kernels.between_lines(kernel, against))
    elif output_format == "json":
        _print(kernels.one_json(kernel))
    else:
        _print(kernels.one_lines(kernel))
    return 0


def _print(shown: str | list[Line]) -> None:
    from tdxctl.report.kernels import WIDTH

    if isinstance(shown, str):
        print_json(shown)
    else:
        print_prose(shown, WIDTH)
