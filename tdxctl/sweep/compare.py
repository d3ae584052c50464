# SPDX-License-Identifier: Apache-2.0
"""What a sweep shows: points by outcome, and what another kernel makes of the same points."""

from __future__ import annotations

from msgspec import Struct

from tdxctl.sweep.run import Run, Sweep


class Difference(Struct, frozen=True):
    """A point of which two kernels make something else; None where one has no such point.

    events: the outcome is the same, and what happened on the way is not.
    """

    point: str
    before: Run | None
    after: Run | None
    events: bool = False


def groups(sweep: Sweep) -> list[tuple[Run, list[Run]]]:
    """Runs of one outcome together, the largest group first; a run of each for its answers."""
    found: dict[tuple[object, ...], list[Run]] = {}
    for run in sweep.runs:
        found.setdefault((*run.outcome, run.is_final), []).append(run)
    return [(runs[0], runs) for runs in sorted(found.values(), key=len, reverse=True)]


def differences(before: Sweep, after: Sweep) -> list[Difference]:
    """What after makes another of, in the order of before's points, then after's own.

    Events are compared where the two kernels' runs without a fault have the same.
    """
    theirs = {run.point: run for run in after.runs}
    ours = {run.point for run in before.runs}
    same_clean = before.clean.events == after.clean.events
    found = []
    for run in before.runs:
        other = theirs.get(run.point)
        if other is None or other.outcome != run.outcome:
            found.append(Difference(run.point, run, other))
        elif same_clean and other.events != run.events:
            found.append(Difference(run.point, run, other, events=True))
    return found + [Difference(run.point, None, run) for run in after.runs if run.point not in ours]
