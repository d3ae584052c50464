# SPDX-License-Identifier: Apache-2.0
"""`tdxctl hotplug`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.operation import operation_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation

_WHAT = ["cpu-add", "cpu-remove", "memory-add", "memory-remove", "add-memory"]


@operation_command(
    "hotplug",
    click.argument("what", type=OneOf(_WHAT)),
    click.argument("memory", metavar="[RANGE]", required=False),
)
def command(what: str, memory: str | None) -> list[Operation]:
    """Add or remove CPUs or memory of a running machine.

    \b
      tdxctl boot --platform small --kernel 6.8 && tdxctl hotplug add-memory 64GiB+1GiB
      tdxctl boot --platform small --kernel 7.2+dynamic-pamt && tdxctl hotplug add-memory 64GiB+1GiB

    add-memory is a driver's, the others come from ACPI. Exit 1 when the kernel refuses. A machine's
    CPUs are as described: what a kernel does not refuse is not modelled, except that memory is
    there (`tdxctl memory online` asks for its use).
    """
    from tdxctl.commands.inputs.arguments import memory_range
    from tdxctl.errors import UsageError
    from tdxctl.operations import Hotplug

    if what == "add-memory" and memory is None:
        raise UsageError("add-memory of which range?", hint="a RANGE such as 64GiB+1GiB")
    if what.startswith("cpu-") and memory is not None:
        raise UsageError(f"{what} takes no RANGE: a machine's CPUs are as described")
    start, end = memory_range(memory) if memory is not None else (0, 0)
    return [Hotplug(what, start, end)]
