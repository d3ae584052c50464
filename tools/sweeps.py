# SPDX-License-Identifier: Apache-2.0
"""Every release against every other at every error path: the tables of docs/sweep.md.

python -m tools.sweeps [PLATFORM]: by default `small`. It takes a minute.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations

from tdxctl import Platform
from tdxctl.errors import NotModelledError
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.releases import RELEASE_OF, RELEASES
from tdxctl.platform import shipped
from tdxctl.sweep.compare import differences
from tdxctl.sweep.invariants import INVARIANTS, violations
from tdxctl.sweep.run import Sweep, sweep

#: What a release reads of the module that the one before does not, where no change says so.
METADATA = "metadata"


def named(before: str, after: str, swept: Callable[[str], Sweep]) -> dict[str, dict[str, int]]:
    """What differs between a release and the one that it is on, by the change that it comes with.

    The changes are put on the release before, one after the other: what is new with one is its.
    """
    names: dict[str, dict[str, int]] = {}
    seen: set[str] = set()
    kernel = before
    for change in RELEASE_OF[after].adds:
        if change.engine != RELEASE_OF[before].engine:
            # What sets its engine apart from the one before cannot be had without it.
            found = differences(swept(before), swept(after))
        else:
            kernel = f"{kernel}+{change.id}"
            found = differences(swept(before), swept(kernel))
        new = [each for each in found if each.point not in seen]
        if new:
            names[change.id] = dict(Counter(each.what for each in new))
        seen |= {each.point for each in new}
    rest = [each for each in differences(swept(before), swept(after)) if each.point not in seen]
    if rest:
        names[METADATA] = dict(Counter(each.what for each in rest))
    return names


def adjacent() -> Iterator[tuple[str, str]]:
    """Each release with the one that it is on."""
    return ((row.on, row.id) for row in RELEASES if row.on is not None)


def main(name: str) -> None:
    """Print the tables, and what they took."""
    platform = Platform.load(shipped.path_of(name))
    sweeps: dict[str, Sweep] = {}

    def swept(kernel: str) -> Sweep:
        if kernel not in sweeps:
            sweeps[kernel] = sweep(platform, find_kernel(kernel))
        return sweeps[kernel]

    started = time.monotonic()
    ids = [row.id for row in RELEASES]
    pairs = list(combinations(ids, 2))
    found = {pair: len(differences(swept(pair[0]), swept(pair[1]))) for pair in pairs}
    took = time.monotonic() - started
    print(f"{len(pairs)} pairs of releases on {name}: {took:.1f} s\n")
    print("| differing points | " + " | ".join(ids[1:]) + " |")
    print("|---|" + "---|" * len(ids[1:]))
    for i, one in enumerate(ids[:-1]):
        cells = ["" if j <= i else str(found[one, ids[j]]) for j in range(1, len(ids))]
        print(f"| {one} | " + " | ".join(cells) + " |")
    print("\n| from | to | named by |\n|---|---|---|")
    for before, after in adjacent():
        said = [
            f"`{change}`: " + ", ".join(f"{count} {what}" for what, count in counts.items())
            for change, counts in named(before, after, swept).items()
        ]
        print(f"| {before} | {after} | {'; '.join(said) or 'no point differs'} |")
    print("\n| release | points | breaks |\n|---|---|---|")
    for kernel in ids:
        broken = Counter(each.invariant for each in violations(swept(kernel)))
        laws = [f"`{law.id}`: {broken[law.id]}" for law in INVARIANTS if broken[law.id]]
        print(f"| {kernel} | {len(swept(kernel).runs)} | {', '.join(laws) or 'nothing'} |")
    print("\n| platform | v5-posted against v5 |\n|---|---|")
    for each in shipped.names():
        print(f"| {each} | {_nit(Platform.load(shipped.path_of(each)))} |")


def _nit(platform: Platform) -> str:
    try:
        posted, reviewed = (sweep(platform, find_kernel(k)) for k in ("v5-posted", "v5"))
    except NotModelledError as error:
        return f"not modelled: {error.message}"
    ready = [
        each.clean.first is not None and each.clean.first.returned == 0
        for each in (posted, reviewed)
    ]
    found = differences(posted, reviewed)
    said = f"{len(found)} of {len(posted.runs)} points"
    if len(found) == 1:
        said += f": {found[0].point}"
    return said if all(ready) else f"(not initialized without a fault) {said}"


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["small"]))
