# SPDX-License-Identifier: Apache-2.0
"""`tdxctl trace`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.options import format_option, machine_option
from tdxctl.commands.outputs.stdout import print_json, print_text


@click.command("trace")
@machine_option
@format_option("text", "jsonl")
def command(machine: str | None, output_format: str) -> int:
    """Print a machine's hardware events since boot.

    \b
      tdxctl trace --machine spr-2s-512g
      tdxctl trace --machine spr-2s-512g --format jsonl

    SEAMCALLs, PAMT allocations, WBINVD. Runs of equal events are one line with their count.
    """
    from tdxctl.commands.inputs.stored_machines import stored_events
    from tdxctl.report import trace

    row, events = stored_events(machine)
    hardware = [event for event in events if event["ev"] not in ("log", "step", "status")]
    if output_format == "text":
        print_text("\n".join(map(trace.line, hardware)))
    else:
        from tdxctl.report import jsonl

        print_json(jsonl.render_stored(row.name, row.kernel_id, hardware))
    return 0
