# SPDX-License-Identifier: Apache-2.0
"""`tdxctl root`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.inputs.subjects import Subject, subject_options
from tdxctl.commands.outputs.stdout import print_json, print_text


@click.command("root")
@click.argument("folder", metavar="DIR", shell_complete=completions.files)
@subject_options()
@format_option("text", "json")
def command(subject: Subject, folder: str, output_format: str) -> int:
    """Write what a machine shows to programs, as files of a host.

    \b
      tdxctl root host --platform spr-2s-512g --kernel 6.16
      tdxctl root host --platform no-module --kernel 7.2 --format json

    /sys, /proc, firmware's tables, the kernel's log, MSRs for `rdmsr`: as after the bring-up, or
    of a stored machine as it is. host.json says what each file tells, and from which fact of the
    machine. DIR is new, empty, or a root from before, which becomes as a new one; nothing is
    written outside it. Exit 0 when it is written, whatever the verdict.
    """
    from tdxctl.commands.inputs.machines import machine_as_host
    from tdxctl.report.roots import to_text
    from tdxctl.rootfs.document import machine_root
    from tdxctl.units import printable

    root = machine_root(machine_as_host(subject))
    root.write(folder)
    if output_format == "json":
        print_json(root.document.render())
    else:
        print_text(to_text(root.document, printable(folder)))
    return 0
