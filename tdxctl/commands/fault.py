# SPDX-License-Identifier: Apache-2.0
"""`tdxctl fault`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.operation import operation_command
from tdxctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation


@operation_command(
    "fault",
    click.argument("action", type=OneOf(["set", "clear"])),
    click.argument("keys", metavar="[KEY=VALUE]...", nargs=-1),
)
def command(action: str, keys: tuple[str, ...]) -> list[Operation]:
    """Script a fault on a running machine, or clear all of them.

    \b
      tdxctl fault set leaf=TDH.SYS.KEY.CONFIG status=TDX_KEY_GENERATION_FAILED --machine no-module
      tdxctl fault clear --machine no-module

    Keys are those of `faults` in a description: leaf, status, cpu, call, times; allocation, call,
    times; pconfig or rdrand, call, times; global_lock, tdmr_lock, busy_cpu; module=halted. Calls
    are counted since boot.
    """
    from tdxctl.operations import FaultClear, FaultSet

    if bool(keys) != (action == "set"):
        raise UsageError(
            "fault set takes KEY=VALUE pairs, fault clear takes none",
            hint="`tdxctl fault --help` names the keys",
        )
    if action == "clear":
        return [FaultClear()]
    from tdxctl.platform.load import runtime_fault

    return [FaultSet(runtime_fault(keys))]
