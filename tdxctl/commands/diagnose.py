# SPDX-License-Identifier: Apache-2.0
"""`tdxctl diagnose`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import boot_option, format_option
from tdxctl.commands.outputs.stdout import print_json, print_prose


@click.command("diagnose")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, shell_complete=completions.files
)
@boot_option
@click.option("--short", is_flag=True, help="Only the checks that are not well.")
@click.option("--all", "every", is_flag=True, help="Those that passed or say nothing too.")
@click.option("--verbose", is_flag=True, help="Every check, with the line it rests on.")
@format_option("text", "json")
def command(
    files: tuple[str, ...],
    boot: int | None,
    short: bool,
    every: bool,
    verbose: bool,
    output_format: str,
) -> int:
    """Say from a real kernel's log what state TDX is in, and why.

    \b
      tdxctl diagnose boot.log
      tdxctl diagnose boot.log --short

    FILE is a log of any generation of kernels, whole or cut, or a system report, or what is shown
    beside one: lscpu, /proc/cpuinfo, rdmsr, files of /sys in a shell; or a folder or an archive of
    them. - is standard input. Of several boots in a log the last that is no crash kernel's is
    taken. Exit 0 when TDX is initialized, 1 when not, 4 when it is none of these.
    """
    from tdxctl.commands.inputs.hosts import shown_host
    from tdxctl.diagnose.diagnosis import diagnose
    from tdxctl.report import diagnosis

    host = shown_host(files, boot)
    found = diagnose(host.log, host.texts)
    for note in host.notes:
        click.echo(f"note: {note}", err=True)
    if output_format == "json":
        print_json(diagnosis.to_json(found))
    else:
        print_prose(diagnosis.to_lines(found, short=short, every=every, verbose=verbose))
    return 0 if found.healthy else 1
