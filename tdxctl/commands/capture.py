# SPDX-License-Identifier: Apache-2.0
"""`tdxctl capture`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import Command
from tdxctl.commands.outputs.files import write_document

_SOURCES = "tdxctl.capture.sources"


def _source(*names: str, **options: Any) -> Callable[[Command], Command]:
    # What --dmesg, --acpi... name, in the order of the command line.
    def note(ctx: click.Context, param: click.Parameter, values: Any) -> None:
        found = ctx.meta.setdefault(_SOURCES, [])
        found += [(param.opts[0], value) for value in ([""] if values is True else values or ())]

    if not options.get("is_flag"):
        options |= {"multiple": True, "shell_complete": completions.files}
    return click.option(*names, callback=note, expose_value=False, **options)


@click.command("capture")
@_source("--dmesg", metavar="FILE", help="A kernel log: dmesg, journalctl, a serial console.")
@_source("--acpi", metavar="FILE|DIR", help="MADT and SRAT: binaries, acpidump's text or folder.")
@_source("--iomem", metavar="FILE", help="The text of /proc/iomem, read as root.")
@_source("--sysfs", metavar="DIR", help="/sys, or a copy of it.")
@_source("--system-report", metavar="FILE", help="The report of canonical/tdx's system-report.sh.")
@_source("--live", is_flag=True, help="This machine, as far as it can be read.")
@click.option("--assume-tdx", is_flag=True, help="Firmware with TDX, where no source shows it.")
@click.option("--name", metavar="NAME", help="The platform's name. Default: that of -o, captured.")
@click.option("--description", metavar="TEXT", help="The description. Default: its numbers.")
@click.option("--source", metavar="TEXT", help="Where the data is from, for the file's header.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="-",
    shell_complete=completions.files,
    help="Where to write. Default: -.",
)
@click.pass_context
def command(
    ctx: click.Context,
    assume_tdx: bool,
    name: str | None,
    description: str | None,
    source: str | None,
    output: str,
) -> int:
    """Make a platform description from what a real machine shows.

    \b
      tdxctl capture --dmesg boot.log
      tdxctl capture --dmesg boot.log --assume-tdx --name my-server

    Sources in any combination: each fills what those before it lack. What none shows is not
    invented: the description says so. It carries over numbers only, no names and no command
    lines. - as FILE is standard input. Exit 4 where a source cannot be parsed.
    """
    from tdxctl.commands.inputs.captures import captured_description

    said = {"source": source, "description": description}
    sources = ctx.meta.get(_SOURCES, [])
    text, notes = captured_description(sources, name, output, said, assume_tdx=assume_tdx)
    write_document(text, output)
    for note in notes:
        click.echo(f"note: {note}", err=True)
    return 0
