# SPDX-License-Identifier: Apache-2.0
"""`tdxctl memory`."""

from __future__ import annotations

import click

from tdxctl.commands.choice import OneOf
from tdxctl.commands.options import format_option, machine_option
from tdxctl.commands.output import write_operations


@click.command("memory")
@click.argument("action", type=OneOf(["online"]))
@click.argument("memory", metavar="RANGE")
@machine_option
@format_option("text", "json")
def command(action: str, memory: str, machine: str | None, output_format: str) -> int:
    """Bring memory of a running machine online.

    \b
      tdxctl memory online 4GiB-5GiB --machine spr-2s-512g
      tdxctl memory online 0x100000000+1GiB --machine spr-2s-512g

    RANGE is START-END, end exclusive, or START+SIZE. Exit 1 when the kernel refuses it.
    """
    from tdxctl import lab
    from tdxctl.commands.parse import memory_range
    from tdxctl.commands.stored import machine_row

    start, end = memory_range(memory)
    name = machine_row(machine).name
    results = lab.operate(name, [{"op": f"memory_{action}", "start": start, "end": end}])
    write_operations(name, [(f"memory {start:#x}-{end:#x} {action}", results[0])], output_format)
    return 1 if results[0].returned else 0
