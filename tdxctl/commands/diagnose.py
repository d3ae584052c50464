# SPDX-License-Identifier: Apache-2.0
"""`tdxctl diagnose`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.stdout import print_json, print_text, terminal_width


@click.command("diagnose")
@click.argument("file", metavar="FILE", shell_complete=completions.files)
@click.option("--short", is_flag=True, help="Only the checks that are not well.")
@click.option("--verbose", is_flag=True, help="Every check, with the line it rests on.")
@format_option("text", "json")
def command(file: str, short: bool, verbose: bool, output_format: str) -> int:
    """Say from a real kernel's log what state TDX is in, and why.

    \b
      tdxctl diagnose boot.log
      tdxctl diagnose boot.log --short

    FILE is a log of any generation of kernels, whole or cut, or a system report; - is standard
    input. Exit 0 when TDX is initialized, 1 when not, 4 when it is not a log.
    """
    from tdxctl.capture.bootlog import MAX_LOG_SIZE, read_log
    from tdxctl.capture.files import read_file, shown
    from tdxctl.diagnose.diagnosis import diagnose
    from tdxctl.report import diagnosis

    found = diagnose(read_log(read_file(file, MAX_LOG_SIZE), shown(file)))
    if output_format == "json":
        print_json(diagnosis.to_json(found))
    else:
        width = terminal_width()
        print_text(diagnosis.to_text(found, short=short, verbose=verbose, width=width))
    return 0 if found.healthy else 1
