# SPDX-License-Identifier: Apache-2.0
"""`tdxctl sweep`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import Between
from tdxctl.commands.inputs.kernels import kernel_option, named_kernel
from tdxctl.commands.inputs.options import format_option, one_platform_option, set_option
from tdxctl.errors import UsageError
from tdxctl.linux.releases import KernelId
from tdxctl.seam.leaves import Leaf
from tdxctl.units import did_you_mean, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tdxctl.report.sweeps import Shown
    from tdxctl.sweep.run import Sweep

#: Pairs that are drawn where nobody says how many.
_BUDGET = 1000
_MAX_BUDGET = 1_000_000
#: Cells of the bar that shows how far a sweep is.
_BAR = 20


@click.command("sweep")
@one_platform_option
@kernel_option
@named_kernel("--against", help="Another kernel: only what it makes another of.")
@click.option("--leaf", metavar="LEAF", help="Only the points of this SEAMCALL: TDH.SYS.CONFIG.")
@click.option("--pairs", is_flag=True, help="Two things fail in each run, drawn by chance.")
@click.option(
    "--seed",
    metavar="N",
    type=Between(0, 2**32 - 1),
    help="Which pairs are drawn: the same for the same N. Default: 0.",
)
@click.option(
    "--budget",
    metavar="N",
    type=Between(1, _MAX_BUDGET),
    help=f"So many pairs at most. Default: {_BUDGET}.",
)
@set_option
@format_option("text", "json", "junit", "html")
def command(
    platform: str,
    kernel: KernelId | None,
    against: KernelId | None,
    leaf: str | None,
    pairs: bool,
    seed: int | None,
    budget: int | None,
    settings: tuple[str, ...],
    output_format: str,
) -> int:
    """Fail each call of a bring-up in turn, and say what comes of it.

    \b
      tdxctl sweep --platform small
      tdxctl sweep --platform small --kernel 6.16 --against 6.18 --leaf TDH.SYS.CONFIG

    Each SEAMCALL with each status that its leaf can return, each allocation, CPUs that go offline,
    and what the boot looks at: the errno, the status, and what a second call gets. What holds at
    all of them (invariants) is looked at first. Nothing is stored. Exit 1 when an invariant is
    broken, or when another kernel differs. Ctrl-C shows what there is, and is exit 130.
    """
    from tdxctl.commands.inputs.platforms import description_of
    from tdxctl.linux.lookup import find_kernel
    from tdxctl.linux.releases import DEFAULT_KERNEL
    from tdxctl.progress import shown
    from tdxctl.report.sweeps import Shown
    from tdxctl.sweep.compare import differences
    from tdxctl.sweep.invariants import violations
    from tdxctl.sweep.run import Pairs, sweep

    if not pairs and (seed is not None or budget is not None):
        raise UsageError("--seed and --budget are of --pairs")
    only = None if leaf is None else _leaf(leaf)
    drawn = Pairs(seed or 0, budget or _BUDGET) if pairs else None
    description = description_of(platform, settings)
    chosen = kernel or find_kernel(DEFAULT_KERNEL)

    def swept(under: KernelId) -> Sweep:
        return sweep(description, under, only, pairs=drawn, told=_told(under))

    with shown("sweeping"):
        one = swept(chosen)
        other = None if against is None or not one.is_whole else swept(against)
    both = [each for each in (one, other) if each is not None]
    if only is not None and not any(each.points for each in both):
        raise UsageError(f"this bring-up makes no {only.title}, so that none can fail")
    broken = violations(one)
    theirs = () if other is None else violations(other)
    differing = None if other is None else differences(one, other)
    _print(output_format, Shown(one, broken, other, differing, theirs))
    if not all(each.is_whole for each in both):
        raise KeyboardInterrupt
    return 1 if broken or theirs or differing else 0


def _told(kernel: KernelId) -> Callable[[int, int], None]:
    from tdxctl.progress import say

    def told(done: int, of: int) -> None:
        full = _BAR * done // of
        say(f"sweeping {kernel.id} [{'#' * full}{'.' * (_BAR - full)}] {done} of {of}")

    return told


def _print(output_format: str, shown: Shown) -> None:
    from tdxctl.commands.outputs.stdout import print_document, print_indented, print_json

    match output_format:
        case "json":
            from tdxctl.report.sweeps import to_json

            print_json(to_json(shown))
        case "junit":
            from tdxctl.report import sweeps_junit

            print_document(sweeps_junit.render(shown))
        case "html":
            from tdxctl.report.html import sweep

            print_document(sweep.render(shown))
        case _:
            from tdxctl.report.sweeps_text import to_text

            print_indented(to_text(shown))


def _leaf(text: str) -> Leaf:
    """The SEAMCALL of that name or number. Raises UsageError."""
    from tdxctl.explain.numbers import find_leaf

    known = find_leaf(text)
    if known is None or known.is_of_the_guest or known.number not in set(Leaf):
        near = did_you_mean(text, [leaf.title for leaf in Leaf])
        raise UsageError(f"not a SEAMCALL of the bring-up: '{printable(text)}'", hint=near)
    return Leaf(known.number)
