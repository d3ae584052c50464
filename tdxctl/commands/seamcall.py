# SPDX-License-Identifier: Apache-2.0
"""`tdxctl seamcall`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import format_option, set_option
from tdxctl.commands.outputs.stdout import print_report
from tdxctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.platform.calls import Script
    from tdxctl.report.evidence import Module
    from tdxctl.script import Done

_DEFAULT_PLATFORM = "small"


@click.command("seamcall")
@click.argument("script", metavar="SCRIPT", shell_complete=completions.files)
@click.option(
    "--platform",
    metavar="P",
    shell_complete=completions.platforms,
    help=f"The platform whose module is called, as of `init`. Default: {_DEFAULT_PLATFORM}.",
)
@click.option(
    "--machine",
    metavar="M",
    shell_complete=completions.machines,
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
    """Make the SEAMCALLs of a script, and say what each answered.

    \b
      tdxctl seamcall calls.yaml
      tdxctl seamcall calls.yaml --set module.version=1.5.01 --format json

    SCRIPT is YAML, a JSON array or JSON lines, - for standard input: a list of calls (leaf, cpu,
    version, rcx to r11, until, expect), TDMR_INFO tables (tdmr: NAME), write, read and fault.
    Without --machine the calls go to a fresh module of the platform, and nothing is stored; with
    it to a stored machine's, behind its kernel's back. Exit 1 when a call's status is not the
    one that it expects, or an error where it expects none.
    """
    if machine is not None and (platform is not None or settings):
        raise UsageError("--machine is a machine that is running: no --platform and no --set")
    from tdxctl.platform.script import load_script
    from tdxctl.report import seamcalls

    calls = load_script(script)
    if machine is not None:
        name, module, answered = _of_machine(calls, machine)
    else:
        name, module, answered = _of_platform(calls, platform or _DEFAULT_PLATFORM, settings)
    print_report(seamcalls, output_format, name, module, answered)
    return 0 if all(done.as_wanted for done in answered) else 1


def _of_machine(calls: Script, machine: str) -> tuple[str, Module, list[Done]]:
    # The machine's name, its module, and each entry with what came of it.
    import json

    from tdxctl import lab
    from tdxctl.commands.inputs.stored_machines import machine_row
    from tdxctl.report.evidence import from_dict
    from tdxctl.script import run

    row = machine_row(machine)
    answered = run(calls, lambda operations: lab.operate(row.name, operations))
    return row.name, from_dict(json.loads(row.status)["module"]), answered


def _of_platform(
    calls: Script, platform: str, settings: tuple[str, ...]
) -> tuple[str, Module, list[Done]]:
    from tdxctl.assembly import module_evidence
    from tdxctl.commands.inputs.platforms import description_of
    from tdxctl.machine import Machine
    from tdxctl.progress import shown
    from tdxctl.report.evidence import module_of
    from tdxctl.script import run

    description = description_of(platform, settings)
    with shown("calling the module"):
        booted = Machine.boot(description)
        answered = run(calls, lambda operations: [one.perform(booted) for one in operations])
        module = module_of(module_evidence(description), loaded=description.module.loaded)
        return booted.name, module, answered
