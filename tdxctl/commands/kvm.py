# SPDX-License-Identifier: Apache-2.0
"""`tdxctl kvm`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.operation import operation_command
from tdxctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation


@operation_command(
    "kvm",
    click.argument("action", type=OneOf(["load", "unload"])),
    click.option(
        "--tdx",
        type=OneOf(["0", "1"]),
        help="load: the parameter kvm_intel.tdx. Default: kvm.tdx of the description.",
    ),
)
def command(action: str, tdx: str | None) -> list[Operation]:
    """Load or unload kvm_intel on a running machine.

    \b
      tdxctl boot --platform small --kernel 6.18 && tdxctl kvm load --machine small
      tdxctl boot --platform small --kernel 7.2 && tdxctl kvm load --tdx 0 --machine small

    What KVM makes of TDX, and of the host: kernels from 6.16 on, whose KVM asks for it. Exit 1
    when the insertion or the removal fails; one that only goes on without TDX does not.
    """
    from tdxctl.operations import KvmLoad, KvmUnload

    if action == "load":
        return [KvmLoad(None if tdx is None else tdx == "1")]
    if tdx is not None:
        raise UsageError("--tdx is for load", hint="`tdxctl kvm load --tdx 0`")
    return [KvmUnload()]
