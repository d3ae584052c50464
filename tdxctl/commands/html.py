# SPDX-License-Identifier: Apache-2.0
"""`tdxctl html`."""

from __future__ import annotations

import click

from tdxctl.commands import complete
from tdxctl.commands.kernel_name import KernelName
from tdxctl.commands.options import machine_option, platform_option, set_option
from tdxctl.linux.releases import DEFAULT_KERNEL, KernelId


@click.command("html")
@platform_option
@click.option(
    "--kernel",
    "kernels",
    metavar="K",
    type=KernelName(),
    multiple=True,
    shell_complete=complete.kernels,
    help=f"A kernel to tell in full. Repeatable. Default: {DEFAULT_KERNEL}.",
)
@machine_option
@set_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    shell_complete=complete.files,
    help="Where to; - is stdout.",
)
def command(
    platform: str | None,
    kernels: tuple[KernelId, ...],
    machine: str | None,
    settings: tuple[str, ...],
    output: str,
) -> int:
    """Write a page about a machine that needs nothing but a browser: for a ticket.

    \b
      tdxctl html --platform spr-2s-512g -o page.html
      tdxctl html --platform no-module --kernel v5 --kernel 6.8 -o page.html

    The platform, the verdict of every kernel, and of those named the steps, the memory map, the
    TDMRs, the PAMTs and the log. With --platform nothing is stored; of a stored machine the
    outcome is shown as it is, the memory as described. Exit 0 when it is written, whatever the
    verdict.
    """
    from tdxctl.commands.paged import page
    from tdxctl.commands.written import write_document

    write_document(page(platform, kernels, machine, settings), output)
    return 0
