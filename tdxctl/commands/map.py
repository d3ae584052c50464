# SPDX-License-Identifier: Apache-2.0
"""`tdxctl map`."""

from __future__ import annotations

import click

from tdxctl.commands.options import (
    format_option,
    kernel_option,
    machine_option,
    platform_option,
    set_option,
)
from tdxctl.commands.output import write_map
from tdxctl.linux.releases import KernelId


@click.command("map")
@platform_option
@kernel_option
@machine_option
@set_option
@format_option("text", "svg")
def command(
    platform: str | None,
    kernel: KernelId | None,
    machine: str | None,
    settings: tuple[str, ...],
    output_format: str,
) -> int:
    """Draw a machine's memory: ranges, CMRs, TDMRs, PAMTs and reserved areas.

    \b
      tdxctl map --platform spr-2s-512g
      tdxctl map --platform emr-2s-256g-fragmented --kernel 6.8 --format svg > map.svg

    With --platform it is initialized first, and nothing is stored; of a stored machine the TDMRs
    are drawn as they are, the memory as described. Long empty stretches are cut out, and what would
    be too small to be seen is widened: the legend says so. Exit 0 when it is drawn, whatever the
    status.
    """
    from tdxctl.commands.shown import shown_machine
    from tdxctl.report.memory_map.model import memory_map

    shown = shown_machine(platform, machine, kernel, settings)
    write_map(memory_map(shown.platform, shown.summary()), output_format)
    return 0
