# SPDX-License-Identifier: Apache-2.0
"""`tdxctl keyid`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.operation import operation_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation


@operation_command(
    "keyid",
    click.argument("action", type=OneOf(["alloc", "free"])),
)
def command(action: str) -> list[Operation]:
    """Take or give back a guest KeyID, as KVM does for a TD.

    \b
      tdxctl boot --platform small --kernel 7.2+dynamic-pamt && tdxctl keyid alloc --machine small
      tdxctl boot --platform small --kernel 6.8 && tdxctl keyid alloc --machine small

    TDs themselves are not modelled; that one is there decides whether the last CPU of a package
    may go offline. Kernels from 6.8 on. Exit 1 when none is left.
    """
    from tdxctl.operations import GuestKeyid

    return [GuestKeyid(action)]
