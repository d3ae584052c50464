# SPDX-License-Identifier: Apache-2.0
"""`tdxctl diagnose`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import boot_option, format_option
from tdxctl.commands.outputs.stdout import print_json, print_prose
from tdxctl.errors import UsageError


@click.command("diagnose")
@click.argument("files", metavar="[FILE]...", nargs=-1, shell_complete=completions.files)
@click.option("--live", is_flag=True, help="This machine: its log, and what its files say.")
@click.option("--root", metavar="DIR", help="A host's files, as `tdxctl root` writes them.")
@boot_option
@click.option("--short", is_flag=True, help="Only the checks that are not well.")
@click.option("--all", "every", is_flag=True, help="Those that passed or say nothing too.")
@click.option("--verbose", is_flag=True, help="Every check, with the line it rests on.")
@format_option("text", "json")
def command(
    files: tuple[str, ...],
    live: bool,
    root: str | None,
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
    taken. --live and --root also say which of the things that programs look at are right, and
    which mislead; without root as far as it goes. Exit 0 when TDX is initialized, and with those
    two when TDs can run, 1 when not, 4 when it is none of these.
    """
    from tdxctl.commands.inputs.hosts import shown_host
    from tdxctl.diagnose.diagnosis import diagnose
    from tdxctl.report import diagnosis

    if live or root is not None:
        return _whole(files, live, root, boot, (short, every, verbose), output_format)
    if not files:
        raise UsageError(
            "nothing to diagnose", hint="FILE, a kernel's log; --live, or --root DIR of a host"
        )
    host = shown_host(files, boot)
    found = diagnose(host.log, host.texts)
    for note in host.notes:
        click.echo(f"note: {note}", err=True)
    if output_format == "json":
        print_json(diagnosis.to_json(found))
    else:
        print_prose(diagnosis.to_lines(found, short=short, every=every, verbose=verbose))
    return 0 if found.healthy else 1


def _whole(
    files: tuple[str, ...],
    live: bool,
    root: str | None,
    boot: int | None,
    told: tuple[bool, bool, bool],
    output_format: str,
) -> int:
    """A whole host: this one, or the one whose files are at root."""
    from tdxctl.capture.host import host_at, this_host
    from tdxctl.diagnose.diagnosis import diagnose
    from tdxctl.diagnose.signals import signals_of
    from tdxctl.report import diagnosis, signals

    if files or (live and root is not None):
        raise UsageError("FILE, --live and --root: one of them")
    host = this_host() if root is None else host_at(root, boot)
    found = diagnose(host.log, host.state.texts)
    seen = signals_of(host.state, found)
    shown = signals.host_shown(seen, host.unread)
    if output_format == "json":
        print_json(diagnosis.to_json(found, shown))
    else:
        short, every, verbose = told
        lines = diagnosis.to_lines(found, short=short, every=every, verbose=verbose)
        print_prose([*lines, *signals.to_lines(shown)])
    return 0 if seen.ready else 1
