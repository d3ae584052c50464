# SPDX-License-Identifier: Apache-2.0
"""`tdxctl plan`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from tdxctl.commands.inputs.kernels import ALL, KernelName, booted_kernel, each_once
from tdxctl.commands.inputs.options import format_option, one_platform_option, set_option
from tdxctl.commands.outputs.stdout import print_blocks, print_json
from tdxctl.errors import UsageError
from tdxctl.linux.releases import KernelId


@click.command("plan")
@one_platform_option
@booted_kernel(
    "--kernel",
    "kernels",
    type=KernelName(or_all=True),
    multiple=True,
    default=(ALL,),
    help="A kernel, or all. Repeatable. Default: all.",
)
@set_option
@click.option("--add-memory", metavar="SIZE@NODE", multiple=True, help="More memory. Repeatable.")
@click.option("--hole", metavar="A-B", multiple=True, help="No memory in [A, B). Repeatable.")
@click.option(
    "--guest",
    metavar="SIZE,VCPUS",
    help="How many TDs of that size there is room for: 8GiB,4.",
)
@format_option("text", "json")
def command(
    platform: str,
    kernels: tuple[KernelId | str, ...],
    settings: tuple[str, ...],
    add_memory: tuple[str, ...],
    hole: tuple[str, ...],
    guest: str | None,
    output_format: str,
) -> int:
    """Say what each kernel would do on a platform, and the cost.

    \b
      tdxctl plan --platform spr-2s-512g
      tdxctl plan --platform spr-2s-512g --add-memory 64GiB@1 --guest 8GiB,4

    It says how many TDs the KeyIDs allow and what one costs; what is arithmetic and no measurement
    is marked. Changes are shown beside the platform as it is. Nothing is stored. Exit 0 when every
    kernel asked for would initialize it (changed, if it is changed), and KVM would run TDs, 1 when
    one would not.
    """
    from tdxctl.commands.inputs.arguments import memory_range, size_and_vcpus, size_at_node
    from tdxctl.commands.inputs.platforms import description_of
    from tdxctl.plan import plan
    from tdxctl.platform.changes import with_hole, with_memory_added
    from tdxctl.progress import shown
    from tdxctl.report import plans

    size = None if guest is None else size_and_vcpus(guest)
    if platform == "-" and settings:
        raise UsageError("--set with a platform from standard input: it can be read only once")
    unchanged = description_of(platform, ())
    changed = description_of(platform, settings) if settings else unchanged
    for text in add_memory:
        changed = with_memory_added(changed, *size_at_node(text))
    for text in hole:
        changed = with_hole(changed, *memory_range(text))
    with shown("planning"):
        before = plan(unchanged, _told(kernels))
        after = None if changed == unchanged else plan(changed, _told(kernels))
    if output_format == "json":
        print_json(plans.to_json(before, after, size))
    else:
        print_blocks(plans.to_blocks(before, after, size))
    return 0 if all(plan.is_ready for plan in (after or before).kernels) else 1


def _told(kernels: tuple[KernelId | str, ...]) -> Iterator[KernelId]:
    from tdxctl.progress import say

    for kernel in each_once(kernels):
        say(f"planning for kernel {kernel.id}")
        yield kernel
