# SPDX-License-Identifier: Apache-2.0
"""`tdxctl plan`."""

from __future__ import annotations

import click

from tdxctl.commands import complete
from tdxctl.commands.kernel_name import ALL, KernelName
from tdxctl.commands.options import format_option, one_platform_option, set_option
from tdxctl.commands.output import print_as
from tdxctl.linux.releases import KernelId


@click.command("plan")
@one_platform_option
@click.option(
    "--kernel",
    "kernels",
    metavar="K",
    type=KernelName(or_all=True),
    multiple=True,
    default=(ALL,),
    shell_complete=complete.kernels,
    help="A kernel, or all. Repeatable. Default: all.",
)
@set_option
@click.option("--add-memory", metavar="SIZE@NODE", multiple=True, help="More memory. Repeatable.")
@click.option("--hole", metavar="A-B", multiple=True, help="No memory in [A, B). Repeatable.")
@format_option("text", "json")
def command(
    platform: str,
    kernels: tuple[KernelId | str, ...],
    settings: tuple[str, ...],
    add_memory: tuple[str, ...],
    hole: tuple[str, ...],
    output_format: str,
) -> int:
    """Say what each kernel would do on a platform, and what it would cost.

    \b
      tdxctl plan --platform spr-2s-512g
      tdxctl plan --platform spr-2s-512g --add-memory 64GiB@1 --hole 5GiB-6GiB

    Changes are shown beside the platform as it is. Nothing is stored. Exit 0 when every kernel
    asked for would initialize it (changed, if it is changed), 1 when one would not.
    """
    from tdxctl.commands.planned import planned
    from tdxctl.report import plans

    before, after = planned(platform, kernels, settings, add_memory, hole)
    render = plans.to_json if output_format == "json" else plans.to_text
    print_as(output_format, render(before, after))
    return 0 if all(plan.initializes for plan in (after or before).kernels) else 1
