# SPDX-License-Identifier: Apache-2.0
"""`tdxctl fault`."""

from __future__ import annotations

import click

from tdxctl.commands.choice import OneOf
from tdxctl.commands.options import format_option, machine_option
from tdxctl.commands.output import write_operations
from tdxctl.errors import UsageError


@click.command("fault")
@click.argument("action", type=OneOf(["set", "clear"]))
@click.argument("keys", metavar="[KEY=VALUE]...", nargs=-1)
@machine_option
@format_option("text", "json")
def command(action: str, keys: tuple[str, ...], machine: str | None, output_format: str) -> int:
    """Script a fault on a running machine, or clear all of them.

    \b
      tdxctl fault set leaf=TDH.SYS.KEY.CONFIG status=TDX_KEY_GENERATION_FAILED --machine no-module
      tdxctl fault clear --machine no-module

    Keys are those of `faults` in a description: leaf, status, cpu, call, times; allocation, call,
    times; pconfig or rdrand, call, times; global_lock, tdmr_lock, busy_cpu; module=halted. Calls
    are counted since boot.
    """
    from tdxctl import lab
    from tdxctl.commands.stored import machine_row
    from tdxctl.operations import Operation, set_fault

    if bool(keys) != (action == "set"):
        raise UsageError(
            "fault set takes KEY=VALUE pairs, fault clear takes none",
            hint="`tdxctl fault --help` names the keys",
        )
    operation: Operation = {"op": "fault_clear"}
    if action == "set":
        from tdxctl.platform.load import runtime_fault

        operation = set_fault(runtime_fault(keys))
    name = machine_row(machine).name
    results = lab.operate(name, [operation])
    write_operations(name, [(f"fault {action}", results[0])], output_format)
    return 0
