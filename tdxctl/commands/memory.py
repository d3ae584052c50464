# SPDX-License-Identifier: Apache-2.0
"""`tdxctl memory`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.operation import operation_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation


@operation_command(
    "memory",
    click.argument("action", type=OneOf(["online"])),
    click.argument("memory", metavar="RANGE"),
)
def command(action: str, memory: str) -> list[Operation]:
    """Bring memory of a running machine online.

    \b
      tdxctl memory online 4GiB-5GiB --machine spr-2s-512g
      tdxctl memory online 0x100000000+1GiB --machine spr-2s-512g

    RANGE is START-END, end exclusive, or START+SIZE. Exit 1 when the kernel refuses it.
    """
    from tdxctl.commands.inputs.arguments import memory_range
    from tdxctl.operations import MemoryOnline

    operation = {"online": MemoryOnline}[action]
    return [operation(*memory_range(memory))]
