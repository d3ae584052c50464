# SPDX-License-Identifier: Apache-2.0
"""`tdxctl pamt`."""

from __future__ import annotations

import click

from tdxctl.commands.choice import OneOf
from tdxctl.commands.options import format_option, machine_option
from tdxctl.commands.output import write_operations


@click.command("pamt")
@click.argument("action", type=OneOf(["get", "put"]))
@click.argument("address")
@machine_option
@format_option("text", "json")
def command(action: str, address: str, machine: str | None, output_format: str) -> int:
    """Take or give back a page for a TD: Dynamic PAMT's refcounts and page pairs.

    \b
      tdxctl boot --platform small --kernel 7.2+dynamic-pamt && tdxctl pamt get 8GiB
      tdxctl boot --platform small --kernel 7.2+dynamic-pamt && tdxctl pamt get 0x200001000

    The first page of a 2 MiB range makes the kernel give the module a pair of pages
    (TDH.PHYMEM.PAMT.ADD), the last one given back gets it back. Exit 1 when that fails.
    """
    from tdxctl import lab
    from tdxctl.commands.parse import address as parse_address
    from tdxctl.commands.stored import machine_row

    pa = parse_address(address)
    name = machine_row(machine).name
    results = lab.operate(name, [{"op": "pamt", "action": action, "pa": hex(pa)}])
    write_operations(name, [(f"pamt {action} {pa:#x}", results[0])], output_format)
    return 1 if results[0].returned else 0
