# SPDX-License-Identifier: Apache-2.0
"""`tdxctl sweep`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.kernels import kernel_option, named_kernel
from tdxctl.commands.inputs.options import format_option, one_platform_option, set_option
from tdxctl.commands.outputs.stdout import print_report
from tdxctl.errors import UsageError
from tdxctl.linux.releases import KernelId
from tdxctl.seam.leaves import Leaf
from tdxctl.units import did_you_mean, printable


@click.command("sweep")
@one_platform_option
@kernel_option
@named_kernel("--against", help="Another kernel: only what it makes another of.")
@click.option("--leaf", metavar="LEAF", help="Only the points of this SEAMCALL: TDH.SYS.CONFIG.")
@set_option
@format_option("text", "json")
def command(
    platform: str,
    kernel: KernelId | None,
    against: KernelId | None,
    leaf: str | None,
    settings: tuple[str, ...],
    output_format: str,
) -> int:
    """Fail each call of a bring-up in turn, and say what comes of it.

    \b
      tdxctl sweep --platform small
      tdxctl sweep --platform small --kernel 6.16 --against 6.18 --leaf TDH.SYS.CONFIG

    Each SEAMCALL with each status that its leaf can return, each allocation, and what the boot
    looks at: the errno, the status, and what a second call gets. What holds at all of them
    (invariants) is looked at first. Nothing is stored. Exit 1 when an invariant is broken, or when
    another kernel differs.
    """
    from tdxctl.commands.inputs.platforms import description_of
    from tdxctl.linux.lookup import find_kernel
    from tdxctl.linux.releases import DEFAULT_KERNEL
    from tdxctl.progress import shown
    from tdxctl.report import sweeps
    from tdxctl.sweep.compare import differences
    from tdxctl.sweep.invariants import violations
    from tdxctl.sweep.run import sweep

    only = None if leaf is None else _leaf(leaf)
    description = description_of(platform, settings)
    with shown("sweeping"):
        swept = sweep(description, kernel or find_kernel(DEFAULT_KERNEL), only)
        other = None if against is None else sweep(description, against, only)
    if only is not None and not any(one.runs for one in (swept, other) if one is not None):
        raise UsageError(f"this bring-up makes no {only.title}, so that none can fail")
    broken = [violations(one.runs) for one in (swept, other) if one is not None]
    differing = None if other is None else differences(swept, other)
    print_report(sweeps, output_format, sweeps.Shown(swept, broken[0], other, differing))
    return 1 if any(broken) or differing else 0


def _leaf(text: str) -> Leaf:
    """The SEAMCALL of that name or number. Raises UsageError."""
    from tdxctl.explain.numbers import find_leaf

    known = find_leaf(text)
    if known is None or known.is_of_the_guest or known.number not in set(Leaf):
        near = did_you_mean(text, [leaf.title for leaf in Leaf])
        raise UsageError(f"not a SEAMCALL of the bring-up: '{printable(text)}'", hint=near)
    return Leaf(known.number)
