# SPDX-License-Identifier: Apache-2.0
"""`tdxctl capture`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import Command, boot_option
from tdxctl.commands.outputs.files import write_document

_SOURCES = "tdxctl.capture.sources"


def _note(ctx: click.Context, param: click.Parameter, values: Any) -> None:
    # What FILE, --dmesg, --acpi... name, in the order of the command line.
    found = ctx.meta.setdefault(_SOURCES, [])
    name = param.opts[0] if isinstance(param, click.Option) else "FILE"
    found += [(name, value) for value in ([""] if values is True else values or ())]


def _source(*names: str, **options: Any) -> Callable[[Command], Command]:
    if not options.get("is_flag"):
        options |= {"multiple": True, "shell_complete": completions.files}
    return click.option(*names, callback=_note, expose_value=False, **options)


@click.command("capture")
@click.argument(
    "file",
    metavar="[FILE]...",
    nargs=-1,
    callback=_note,
    expose_value=False,
    shell_complete=completions.files,
)
@_source("--dmesg", metavar="FILE", help="A kernel log: dmesg, journalctl, a serial console.")
@_source("--acpi", metavar="FILE|DIR", help="MADT and SRAT: binaries, acpidump's text or folder.")
@_source("--iomem", metavar="FILE", help="The text of /proc/iomem, read as root.")
@_source("--sysfs", metavar="DIR", help="/sys, or a copy of it.")
@_source("--system-report", metavar="FILE", help="The report of canonical/tdx's system-report.sh.")
@_source("--live", is_flag=True, help="This machine, as far as it can be read.")
@boot_option
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
    boot: int | None,
    assume_tdx: bool,
    name: str | None,
    description: str | None,
    source: str | None,
    output: str,
) -> int:
    """Make a platform description from what a real machine shows.

    \b
      tdxctl capture --dmesg boot.log
      tdxctl capture boot.log --assume-tdx --name my-server

    FILE is a log, ACPI tables, /proc/iomem, /proc/cpuinfo, lscpu, rdmsr, files of /sys in a shell,
    or a folder or archive of them: tdxctl finds out which. Sources in any combination: each fills
    what those before it lack. What none shows is not invented: the description says so. It carries
    over numbers only, no names and no command lines. - as FILE is standard input. Exit 4 where a
    source cannot be parsed.
    """
    from tdxctl.commands.inputs.captures import captured_description

    said = {"source": source, "description": description}
    sources = ctx.meta.get(_SOURCES, [])
    text, notes = captured_description(
        sources, name, output, said, assume_tdx=assume_tdx, boot=boot
    )
    write_document(text, output)
    for note in notes:
        click.echo(f"note: {note}", err=True)
    return 0
