# SPDX-License-Identifier: Apache-2.0
"""`tdxctl html`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.kernels import booted_kernel
from tdxctl.commands.inputs.subjects import Subject, subject_options
from tdxctl.linux.releases import DEFAULT_KERNEL

_kernels_option = booted_kernel(
    "--kernel",
    "kernels",
    multiple=True,
    help=f"A kernel to tell in full. Repeatable. Default: {DEFAULT_KERNEL}.",
)


@click.command("html")
@subject_options(_kernels_option)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    shell_complete=completions.files,
    help="Where to; - is stdout.",
)
def command(subject: Subject, output: str) -> int:
    """Write a page about a machine, for a ticket.

    \b
      tdxctl html --platform spr-2s-512g -o page.html
      tdxctl html --platform no-module --kernel v5 --kernel 6.8 -o page.html

    It needs nothing but a browser: how it ended, the verdict of every kernel, of those named the
    steps, the memory map, the TDMRs, the PAMTs and the log, the platform, and how to come to the
    same page. With --platform nothing is stored; of a stored machine the outcome is shown as it is,
    the memory as described. Exit 0 when it is written, whatever the verdict.
    """
    from tdxctl.commands.inputs.machines import machines_to_show
    from tdxctl.commands.outputs.files import write_document
    from tdxctl.commands.outputs.pages import page

    stored = subject.platform is None
    write_document(page(machines_to_show(subject), stored=stored), output)
    return 0
