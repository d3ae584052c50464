# SPDX-License-Identifier: Apache-2.0
"""`tdxctl kexec`."""

from __future__ import annotations

from tdxctl.commands.operation import operation_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.operations import Operation


@operation_command("kexec")
def command() -> list[Operation]:
    """Boot a running machine's kernel anew by kexec.

    \b
      tdxctl kexec --machine spr-2s-512g
      tdxctl kexec --machine spr-2s-512g --format json

    The TDX module stays as it is. Prints the new kernel's TDX lines. Exit 1 where the old kernel
    loads no image.
    """
    from tdxctl.operations import Kexec

    return [Kexec()]
