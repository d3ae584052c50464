# SPDX-License-Identifier: Apache-2.0
"""`tdxctl states`."""

from __future__ import annotations

from collections.abc import Callable

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.choices import Between
from tdxctl.commands.inputs.kernels import kernel_option
from tdxctl.commands.inputs.options import format_option
from tdxctl.linux.releases import KernelId

_DEPTH, _MAX_DEPTH = 5, 8
_HOST = "small"


@click.command("states")
@kernel_option
@click.option(
    "--platform",
    metavar="P",
    shell_complete=completions.platforms,
    help="The host: a shipped platform or a file. Default: one with two CPUs.",
)
@click.option(
    "--depth",
    metavar="N",
    type=Between(1, _MAX_DEPTH),
    default=_DEPTH,
    help=f"So many operations in a row. Default: {_DEPTH}.",
)
@format_option("text", "svg", "dot", "json")
def command(kernel: KernelId | None, platform: str | None, depth: int, output_format: str) -> int:
    """Draw the states that a kernel can have the TDX module in.

    \b
      tdxctl states --kernel v5
      tdxctl states --kernel 7.2 --format svg > states.svg

    Everything is done to a host that can be, one after the other: init, the module loaded,
    unloaded, shut down and updated, a CPU off- and online, a fault set and cleared, kexec and
    boot. Hosts that later operations cannot tell apart are one state; the picture has a box per
    status. Nothing is stored.
    """
    from tdxctl.commands.inputs.platforms import description_of
    from tdxctl.commands.outputs.stdout import print_document, print_indented, print_json
    from tdxctl.linux.lookup import find_kernel
    from tdxctl.linux.releases import DEFAULT_KERNEL
    from tdxctl.progress import shown
    from tdxctl.report import states
    from tdxctl.sweep.states import cut_down, explore

    host = description_of(platform or _HOST, ())
    if platform is None:
        host = cut_down(host)
    chosen = kernel or find_kernel(DEFAULT_KERNEL)
    with shown("exploring"):
        found = explore(host, chosen, depth, _told(chosen))
    match output_format:
        case "json":
            print_json(states.to_json(found))
        case "svg":
            from tdxctl.report import states_svg

            print_document(states_svg.render(found))
        case "dot":
            print_document(states.to_dot(found))
        case _:
            print_indented(states.to_text(found))
    return 0


def _told(kernel: KernelId) -> Callable[[int, int], None]:
    from tdxctl.progress import say

    return lambda depth, found: say(f"exploring {kernel.id}, depth {depth}: {found} states")
