# SPDX-License-Identifier: Apache-2.0
"""`tdxctl init`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import Between
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.inputs.subjects import Subject, subject_options
from tdxctl.commands.outputs.stdout import write_init


@click.command("init")
@subject_options()
@click.option("--reboot", is_flag=True, help="Boot the machine anew first.")
@click.option("--once", is_flag=True, help="Read and write no stored state: for CI.")
@click.option(
    "--callers",
    type=Between(1, 1000),
    default=1,
    metavar="N",
    help="Let N callers contend for the lock.",
)
@format_option("text", "json", "jsonl", "dmesg")
def command(
    subject: Subject,
    reboot: bool,
    once: bool,
    callers: int,
    output_format: str,
) -> int:
    """Bring TDX up on a machine, booting it if it is not running.

    \b
      tdxctl init --platform spr-2s-512g
      tdxctl init --platform ./x.yaml --kernel v5-posted --once --format json

    Prints every step, the kernel's log, what the PAMT costs and the final status; on kernels from
    6.16 on, which load kvm_intel for it, also what the host is left with. A second init is a
    second tdx_init() call on the same boot. Exit 0 when the status is INITIALIZED, and the host
    ready to run TDs, 1 when it is not.
    """
    if once:
        from tdxctl.commands.inputs.machines import machine_for_once
        from tdxctl.progress import shown

        machine = machine_for_once(subject)
        with shown("running the machine"):
            report = machine.init_report(machine.init_host(callers), with_boot=True)
    else:
        from tdxctl import lab
        from tdxctl.commands.inputs.machines import asked_of_lab

        report = lab.init(asked_of_lab(subject), callers=callers, reboot=reboot)
    write_init(report, output_format)
    return 0 if report.is_ready else 1
