# SPDX-License-Identifier: Apache-2.0
"""`tdxctl kexec`."""

from __future__ import annotations

import click

from tdxctl.commands.options import format_option, machine_option
from tdxctl.commands.output import write_operations


@click.command("kexec")
@machine_option
@format_option("text", "json")
def command(machine: str | None, output_format: str) -> int:
    """Boot a running machine's kernel anew by kexec: the TDX module stays as it is.

    \b
      tdxctl kexec --machine spr-2s-512g
      tdxctl kexec --machine spr-2s-512g --format json

    Prints the new kernel's TDX lines. Exit 1 where the old kernel loads no image.
    """
    from tdxctl import lab
    from tdxctl.commands.stored import machine_row

    name = machine_row(machine).name
    results = lab.operate(name, [{"op": "kexec"}])
    write_operations(name, [("kexec", results[0])], output_format)
    return 1 if results[0].returned else 0
