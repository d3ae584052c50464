# SPDX-License-Identifier: Apache-2.0
"""`tdxctl init`."""

from __future__ import annotations

import click

from tdxctl.commands.options import format_option, kernel_option, platform_option
from tdxctl.commands.output import write
from tdxctl.errors import UsageError


@click.command("init")
@platform_option
@kernel_option
@format_option("text", "json", "jsonl", "dmesg")
def command(platform: str | None, kernel: str, output_format: str) -> int:
    """Boot a described platform and bring its TDX module up.

    \b
      tdxctl init --platform spr-2s-512g
      tdxctl init --platform ./x.yaml --kernel v5-posted --format json

    Prints every step, the kernel's log, what the PAMT costs and the final status. Exit 0
    when the status is INITIALIZED, 1 when it is not.
    """
    if platform is None:
        raise UsageError(
            "which platform? none is named",
            hint="--platform NAME or --platform FILE; `tdxctl platforms` lists the shipped ones",
        )
    from tdxctl.host.kernels import find_kernel
    from tdxctl.platform.description import Platform
    from tdxctl.platform.shipped import resolve

    find_kernel(kernel)
    description = Platform.load(resolve(platform))
    from tdxctl.machine import Machine

    machine = Machine.boot(description, kernel=kernel)
    report = machine.init_report(machine.tdx_init(), with_boot=True)
    write(report, output_format)
    return 0 if report.result.returned == 0 else 1
