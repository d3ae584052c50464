# SPDX-License-Identifier: Apache-2.0
"""`tdxctl pamt`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.operation import operation_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation


@operation_command(
    "pamt",
    click.argument("action", type=OneOf(["get", "put"])),
    click.argument("address"),
)
def command(action: str, address: str) -> list[Operation]:
    """Take or give back a page for a TD, as Dynamic PAMT counts them.

    \b
      tdxctl boot --platform small --kernel 7.2+dynamic-pamt && tdxctl pamt get 8GiB
      tdxctl boot --platform small --kernel 7.2+dynamic-pamt && tdxctl pamt get 0x200001000

    The first page of a 2 MiB range makes the kernel give the module a pair of pages
    (TDH.PHYMEM.PAMT.ADD), the last one given back gets it back. Exit 1 when that fails.
    """
    from tdxctl.commands.inputs import arguments
    from tdxctl.operations import Pamt

    return [Pamt(action, arguments.address(address))]
