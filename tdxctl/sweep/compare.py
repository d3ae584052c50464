# SPDX-License-Identifier: Apache-2.0
"""What a sweep shows: points by outcome, and what another kernel makes of the same points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from tdxctl.events import (
    AllocContigPages,
    Event,
    FreeContigRange,
    LogLine,
    Movdir64b,
    Seamcall,
    StatusEvent,
    StepEvent,
    Wbinvd,
    WbinvdOnAllCpus,
)
from tdxctl.seam.leaves import leaf_title
from tdxctl.sweep.run import Run, Sweep


class Difference(Struct, frozen=True):
    """A point of which two kernels make something else; None where one has no such point.

    events: the outcome is the same, and what happens from the fault on is not: what after leaves
    out, and what it does instead, in words and how often.
    """

    point: str
    before: Run | None
    after: Run | None
    events: bool = False
    left_out: tuple[tuple[str, int], ...] = ()
    added: tuple[tuple[str, int], ...] = ()

    @property
    def what(self) -> str:
        """What differs: outcome or events; only-here, only-there: which kernel has the point."""
        if self.before is None or self.after is None:
            return "only-there" if self.before is None else "only-here"
        return "events" if self.events else "outcome"


def groups(sweep: Sweep) -> list[tuple[Run, list[Run]]]:
    """Runs of one outcome together, the largest group first; a run of each for its answers."""
    found: dict[tuple[object, ...], list[Run]] = {}
    for run in sweep.runs:
        found.setdefault((*run.outcome, run.is_final), []).append(run)
    return [(runs[0], runs) for runs in sorted(found.values(), key=len, reverse=True)]


def differences(before: Sweep, after: Sweep) -> list[Difference]:
    """What after makes another of, in the order of before's points, then after's own.

    Of events those are compared that follow the fault: kernels that read other metadata before it
    do not differ by that at every point.
    """
    theirs = {run.point: run for run in after.runs}
    ours = {run.point for run in before.runs}
    found = []
    for run in before.runs:
        other = theirs.get(run.point)
        if other is None or other.outcome != run.outcome:
            found.append(Difference(run.point, run, other))
        elif other.events != run.events:
            one, two = run.after(before.clean), other.after(after.clean)
            if one != two and not _alike(before.clean, after.clean, run, other):
                found.append(_in_events(run, other, one, two))
    return found + [Difference(run.point, None, run) for run in after.runs if run.point not in ours]


def _alike(clean: Run, other_clean: Run, run: Run, other: Run) -> bool:
    # Whether what a fault that is survived adds is the same, the clean runs being as they are.
    if (run.first, other.first) == (None, None) or run.outcome != clean.outcome:
        return False
    ours, theirs = _counted(run.events), _counted(other.events)
    ours.subtract(_counted(clean.events))
    theirs.subtract(_counted(other_clean.events))
    return ours == theirs


def _in_events(before: Run, after: Run, one: Iterable[Event], two: Iterable[Event]) -> Difference:
    ours, theirs = _counted(one), _counted(two)
    difference = Difference(before.point, before, after, events=True)
    return replace(
        difference,
        left_out=tuple((ours - theirs).items()),
        added=tuple((theirs - ours).items()),
    )


def _counted(events: Iterable[Event]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for event in events:
        what = _said(event)
        if what is not None:
            counts[what] += 1 if isinstance(event, LogLine | StatusEvent | StepEvent) else event.n
    return counts


def _said(event: Event) -> str | None:
    # In the words of somebody who compares two kernels; None for what is told of elsewhere.
    match event:
        case Seamcall():
            return leaf_title(event.leaf)
        case LogLine():
            return f'the line "{event.text}"'
        case StatusEvent():
            return f"status {event.status}"
        case FreeContigRange():
            return "freed PAMT chunk"
        case AllocContigPages():
            return "PAMT chunk"
        case WbinvdOnAllCpus():
            return "WBINVD on all CPUs"
        case Wbinvd():
            return "WBINVD"
        case Movdir64b():
            return "reset of PAMTs by MOVDIR64B"
        case _:
            return None
