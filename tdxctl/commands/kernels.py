# SPDX-License-Identifier: Apache-2.0
"""`tdxctl kernels`."""

from __future__ import annotations

import click

from tdxctl.commands.options import format_option
from tdxctl.commands.output import print_json, print_text


@click.command("kernels")
@format_option("text", "json")
def command(output_format: str) -> int:
    """List the kernels that can be booted: what each changed, and what it is validated by.

    \b
      tdxctl kernels
      tdxctl kernels --format json

    An id, a title and a date; the alias mainline is the newest.
    """
    import json

    from tdxctl.linux.kernels import KERNELS

    if output_format == "json":
        entries = [kernel._asdict() for kernel in KERNELS]
        print_json(json.dumps({"schema": "tdxctl.kernels/1", "kernels": entries}, indent=2))
        return 0
    blocks = [
        f"{kernel.id}: {kernel.title} ({kernel.date})\n"
        f"  changes:      {kernel.changes}\n"
        f"  validated by: {kernel.validated_by}"
        for kernel in KERNELS
    ]
    print_text("\n".join(blocks))
    return 0
