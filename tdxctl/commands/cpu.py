# SPDX-License-Identifier: Apache-2.0
"""`tdxctl cpu`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.operation import operation_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation


@operation_command(
    "cpu",
    click.argument("action", type=OneOf(["online", "offline"])),
    click.argument("cpus", metavar="LIST"),
)
def command(action: str, cpus: str) -> list[Operation]:
    """Bring CPUs of a running machine online or offline.

    \b
      tdxctl cpu online 3 --machine offline-cpu
      tdxctl cpu offline 0-1,5 --machine spr-2s-512g

    LIST is a kernel cpulist of logical CPUs. Exit 1 when the kernel refuses one; the ones
    after it are then left alone.
    """
    from tdxctl.commands.inputs.arguments import cpulist
    from tdxctl.operations import CpuOffline, CpuOnline

    operation = {"online": CpuOnline, "offline": CpuOffline}[action]
    return [operation(cpu) for cpu in cpulist(cpus)]
