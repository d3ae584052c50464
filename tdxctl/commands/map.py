# SPDX-License-Identifier: Apache-2.0
"""`tdxctl map`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.inputs.subjects import Subject, subject_options
from tdxctl.commands.outputs.stdout import write_map


@click.command("map")
@subject_options()
@format_option("text", "svg")
def command(subject: Subject, output_format: str) -> int:
    """Draw a machine's memory: ranges, TDMRs, PAMTs, reserved areas.

    \b
      tdxctl map --platform spr-2s-512g
      tdxctl map --platform emr-2s-256g-fragmented --kernel 6.8 --format svg > map.svg

    CMRs too. With --platform it is initialized first, and nothing is stored; of a stored machine
    the TDMRs are drawn as they are, the memory as described. Long empty stretches are cut out, and
    what would be too small to be seen is widened: the legend says so. Exit 0 when it is drawn,
    whatever the status.
    """
    from tdxctl.commands.inputs.machines import machines_to_show
    from tdxctl.report.memory_map.model import memory_map

    [machine] = machines_to_show(subject)
    write_map(memory_map(machine.platform, machine.summary()), output_format)
    return 0
