# SPDX-License-Identifier: Apache-2.0
"""`tdxctl keyid`."""

from __future__ import annotations

import click

from tdxctl.commands.choice import OneOf
from tdxctl.commands.options import format_option, machine_option
from tdxctl.commands.output import write_operations


@click.command("keyid")
@click.argument("action", type=OneOf(["alloc", "free"]))
@machine_option
@format_option("text", "json")
def command(action: str, machine: str | None, output_format: str) -> int:
    """Take or give back a guest KeyID, as KVM does for a TD.

    \b
      tdxctl boot --platform small --kernel 7.2+dynamic-pamt && tdxctl keyid alloc --machine small
      tdxctl boot --platform small --kernel 6.8 && tdxctl keyid alloc --machine small

    TDs themselves are not modelled; that one is there decides whether the last CPU of a package
    may go offline. Kernels from 6.8 on. Exit 1 when none is left.
    """
    from tdxctl import lab
    from tdxctl.commands.stored import machine_row

    name = machine_row(machine).name
    results = lab.operate(name, [{"op": "guest_keyid", "action": action}])
    write_operations(name, [(f"keyid {action}", results[0])], output_format)
    return 1 if results[0].returned else 0
