# SPDX-License-Identifier: Apache-2.0
"""`tdxctl init`."""

from __future__ import annotations

import click

from tdxctl.commands.choice import Between
from tdxctl.commands.options import (
    format_option,
    kernel_option,
    machine_option,
    platform_option,
    set_option,
)
from tdxctl.commands.output import write_init
from tdxctl.linux.releases import KernelId


@click.command("init")
@platform_option
@kernel_option
@machine_option
@set_option
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
    platform: str | None,
    kernel: KernelId | None,
    machine: str | None,
    settings: tuple[str, ...],
    reboot: bool,
    once: bool,
    callers: int,
    output_format: str,
) -> int:
    """Bring a machine's TDX module up, booting the machine if it is not running.

    \b
      tdxctl init --platform spr-2s-512g
      tdxctl init --platform ./x.yaml --kernel v5-posted --once --format json

    Prints every step, the kernel's log, what the PAMT costs and the final status. A second
    init is a second tdx_init() call on the same boot. Exit 0 when the status is INITIALIZED,
    1 when it is not.
    """
    if once:
        from tdxctl.commands.once import once_report

        report = once_report(platform, kernel, machine, settings, callers)
    else:
        from tdxctl import lab
        from tdxctl.commands.asked import asked

        wanted = asked(platform, kernel, machine, settings)
        report = lab.init(wanted, callers=callers, reboot=reboot)
    write_init(report, output_format)
    return 0 if report.result.status == "INITIALIZED" else 1
