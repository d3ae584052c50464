# SPDX-License-Identifier: Apache-2.0
"""`tdxctl seamcall`."""

from __future__ import annotations

import click

from tdxctl.commands import complete
from tdxctl.commands.options import format_option, set_option
from tdxctl.commands.output import print_as


@click.command("seamcall")
@click.argument("script", metavar="SCRIPT", shell_complete=complete.files)
@click.option(
    "--platform",
    metavar="P",
    shell_complete=complete.platforms,
    help="The platform whose module is called, as of `init`. Default: small.",
)
@click.option(
    "--machine",
    metavar="M",
    shell_complete=complete.machines,
    help="A stored machine whose module is called, as its next operations.",
)
@set_option
@format_option("text", "json")
def command(
    script: str,
    platform: str | None,
    machine: str | None,
    settings: tuple[str, ...],
    output_format: str,
) -> int:
    """Make the SEAMCALLs of a script, and say what each one answered.

    \b
      tdxctl seamcall calls.yaml
      tdxctl seamcall calls.yaml --set module.version=1.5.01 --format json

    SCRIPT is YAML, a JSON array or JSON lines, - for standard input: a list of calls (leaf, cpu,
    version, rcx to r11, until, expect), TDMR_INFO tables (tdmr: NAME), write, read and fault.
    Without --machine the calls go to a fresh module of the platform, and nothing is stored; with
    it to a stored machine's, behind its kernel's back. Exit 1 when a call's status is not the
    one that it expects, or an error where it expects none.
    """
    from tdxctl.commands.seamcalls import called
    from tdxctl.report import seamcalls

    name, module, answered = called(script, platform, machine, settings)
    render = seamcalls.to_json if output_format == "json" else seamcalls.to_text
    print_as(output_format, render(name, module, answered))
    return 0 if all(done.as_wanted for done in answered) else 1
