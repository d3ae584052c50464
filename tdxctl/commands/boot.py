# SPDX-License-Identifier: Apache-2.0
"""`tdxctl boot`, also as `tdxctl reboot`."""

from __future__ import annotations

import click

from tdxctl.commands.options import (
    format_option,
    kernel_option,
    machine_option,
    platform_option,
    set_option,
)
from tdxctl.commands.output import write_operations
from tdxctl.linux.releases import KernelId


@click.command("boot")
@platform_option
@kernel_option
@machine_option
@set_option
@format_option("text", "json")
def command(
    platform: str | None,
    kernel: KernelId | None,
    machine: str | None,
    settings: tuple[str, ...],
    output_format: str,
) -> int:
    """Boot a machine, or boot it again.

    \b
      tdxctl boot --platform spr-2s-512g
      tdxctl boot --machine spr-2s-512g --kernel v5-posted

    Without --platform the same description and kernel are booted again; what happened to the
    machine since is gone. Prints the kernel's TDX lines of the boot.
    """
    from tdxctl import lab
    from tdxctl.commands.asked import asked

    wanted = asked(platform, kernel, machine, settings)
    result = lab.boot(wanted)
    write_operations(wanted.machine, [("boot", result)], output_format)
    return 0
