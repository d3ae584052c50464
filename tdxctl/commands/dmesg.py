# SPDX-License-Identifier: Apache-2.0
"""`tdxctl dmesg`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.options import machine_option
from tdxctl.commands.outputs.stdout import print_text


@click.command("dmesg")
@machine_option
def command(machine: str | None) -> int:
    """Print a machine's kernel log since boot.

    \b
      tdxctl dmesg --machine spr-2s-512g
      tdxctl dmesg --machine spr-2s-512g | grep PAMT

    Lines carry the kernel's prefix and no timestamp.
    """
    from tdxctl.commands.inputs.stored_machines import stored_events
    from tdxctl.units import printable

    _, events = stored_events(machine)
    print_text("\n".join(printable(str(e["text"])) for e in events if e["ev"] == "log"))
    return 0
