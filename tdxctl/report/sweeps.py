# SPDX-License-Identifier: Apache-2.0
"""A sweep as a document: its points, by outcome, what breaks a law, what another kernel changes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Struct, UnsetType

from tdxctl.document import Count, Document, one_of
from tdxctl.errnos import errno_name
from tdxctl.linux.releases import changes_between
from tdxctl.platform.canonical import plain
from tdxctl.platform.faults import BootFault, Fault, SeamcallFault
from tdxctl.seam.leaves import leaf_title
from tdxctl.seam.status import status_name
from tdxctl.sweep import compare
from tdxctl.sweep.compare import Difference
from tdxctl.sweep.invariants import Violation
from tdxctl.sweep.run import Answer, Run, Sweep


class Answered(Struct, frozen=True):
    """What a caller gets, and how many SEAMCALLs were made."""

    returned: int
    errno: str | None
    status: str
    seamcalls: Count


class DoneDocument(Struct, frozen=True):
    """What a bring-up did to memory and caches; PAMTs as chunks of memory that were got and freed.

    movdir64b: stores of 64 bytes, by which PAMTs are reset.
    """

    pamts: Count
    pamts_freed: Count
    wbinvd_on_all_cpus: Count
    wbinvd: Count
    movdir64b: Count


class PointRun(Struct, frozen=True):
    """A point: what the call that met the fault gave, and a call after it; null: not modelled.

    faults, offline: what a description has to say for it. left: allocated still, how many.
    """

    point: str
    first: Answered | None
    second: Answered | None
    log: tuple[str, ...]
    pamts_left: Count
    not_modelled: str | None
    faults: tuple[dict[str, Any], ...]
    offline: tuple[Count, ...]
    done: DoneDocument
    left: dict[str, Count]


class Group(Struct, frozen=True):
    """Points of one outcome."""

    first: Answered | None
    second: Answered | None
    final: bool
    points: tuple[str, ...]


class Broken(Struct, frozen=True):
    """A law that a point breaks. known: why the release does so too, null where it does not."""

    invariant: str
    point: str
    how: str
    known: str | None


class Differs(Struct, frozen=True):
    """A point of which the other kernel makes something else, or only what happens differs.

    left_out, added: of events, what it does not do and does instead, how often.
    """

    point: str
    what: Annotated[str, one_of("outcome", "events", "only-here", "only-there")]
    before: PointRun | None
    after: PointRun | None
    left_out: dict[str, Count]
    added: dict[str, Count]


class SweepDocument(Document, frozen=True, tag="tdxctl.sweep/1"):
    """Every error path of a bring-up: the points, by outcome, and what breaks a law.

    complete: false where it was interrupted. pairs: whether two things fail at each point.
    differences: against another kernel, where one was asked for; changes: what stands between the
    two kernels.
    """

    platform: str
    kernel: str
    clean: PointRun
    points: tuple[PointRun, ...]
    groups: tuple[Group, ...]
    violations: tuple[Broken, ...]
    complete: bool
    pairs: bool
    against: str | UnsetType = UNSET
    changes: tuple[str, ...] | UnsetType = UNSET
    against_violations: tuple[Broken, ...] | UnsetType = UNSET
    differences: tuple[Differs, ...] | UnsetType = UNSET


class Shown(Struct, frozen=True):
    """A sweep and the laws that it breaks; against another kernel's what differs, and its laws."""

    sweep: Sweep
    violations: tuple[Violation, ...]
    against: Sweep | None
    differences: list[Difference] | None
    against_violations: tuple[Violation, ...] = ()


def to_json(shown: Shown) -> str:
    """`tdxctl.sweep/1`."""
    sweep, against = shown.sweep, shown.against
    return SweepDocument(
        platform=sweep.platform,
        kernel=sweep.kernel.id,
        clean=_point(sweep.clean),
        points=tuple(map(_point, sweep.runs)),
        groups=tuple(
            Group(
                _answered(run.first),
                _answered(run.second),
                run.is_final,
                tuple(one.point for one in runs),
            )
            for run, runs in compare.groups(sweep)
        ),
        violations=tuple(map(_broken, shown.violations)),
        complete=sweep.is_whole and (against is None or against.is_whole),
        pairs=sweep.pairs,
        against=UNSET if against is None else against.kernel.id,
        changes=UNSET if against is None else changes(sweep, against),
        against_violations=(
            UNSET if against is None else tuple(map(_broken, shown.against_violations))
        ),
        differences=UNSET if shown.differences is None else tuple(map(_differs, shown.differences)),
    ).render()


def changes(sweep: Sweep, against: Sweep) -> tuple[str, ...]:
    """The ids of the changes that one of the two kernels has and the other has not."""
    ours, theirs = changes_between(sweep.kernel, against.kernel)
    return tuple(change.id for change in (*ours, *theirs))


def scripted(fault: Fault) -> dict[str, Any]:
    """A fault as a person writes it into a description: names, and no defaults."""
    found = plain(fault)
    if isinstance(fault, SeamcallFault):
        found |= {"leaf": leaf_title(fault.leaf), "status": status_name(fault.status)}
    if isinstance(fault, BootFault):
        found |= {"errno": errno_name(-fault.errno)}
    return {
        key: value for key, value in found.items() if key not in {"call", "times"} or value != 1
    }


def _broken(found: Violation) -> Broken:
    return Broken(found.invariant, found.point, found.how, found.known)


def _answered(answer: Answer | None) -> Answered | None:
    if answer is None:
        return None
    errno = errno_name(answer.returned)
    return Answered(answer.returned, errno, answer.status, answer.seamcalls)


def _point(run: Run) -> PointRun:
    return PointRun(
        run.point,
        _answered(run.first),
        _answered(run.second),
        tuple(line.text for line in run.log),
        max(0, run.pamts_left),
        run.not_modelled,
        tuple(map(scripted, run.faults)),
        run.offline,
        DoneDocument(
            run.done.pamts,
            run.done.pamts_freed,
            run.done.wbinvd_on_all_cpus,
            run.done.wbinvd,
            run.done.movdir64b,
        ),
        dict(run.left),
    )


def _differs(found: compare.Difference) -> Differs:
    before, after = found.before, found.after
    return Differs(
        found.point,
        found.what,
        None if before is None else _point(before),
        None if after is None else _point(after),
        dict(found.left_out),
        dict(found.added),
    )
