# SPDX-License-Identifier: Apache-2.0
"""`tdxctl boot`, also as `tdxctl reboot`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.inputs.subjects import Subject, subject_options
from tdxctl.commands.outputs.stdout import write_operations


@click.command("boot")
@subject_options()
@format_option("text", "json")
def command(subject: Subject, output_format: str) -> int:
    """Boot a machine, or boot it again.

    \b
      tdxctl boot --platform spr-2s-512g
      tdxctl boot --machine spr-2s-512g --kernel v5-posted

    Without --platform the same description and kernel are booted again; what happened to the
    machine since is gone. Prints the kernel's TDX lines of the boot.
    """
    from tdxctl import lab
    from tdxctl.commands.inputs.machines import asked_of_lab

    asked = asked_of_lab(subject)
    result = lab.boot(asked)
    write_operations(asked.machine, [("boot", result)], output_format)
    return 0
