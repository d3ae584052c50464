# SPDX-License-Identifier: Apache-2.0
"""A sweep as text and JSON: laws first, then outcomes, or what differs between two kernels."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from tdxctl.document import Count, Document, one_of
from tdxctl.errnos import errno_name
from tdxctl.sweep import compare, invariants
from tdxctl.sweep.compare import Difference
from tdxctl.sweep.invariants import Violation
from tdxctl.sweep.run import Answer, Run, Sweep
from tdxctl.units import counted

#: So many points of a group, and of a law that is broken, are named.
_NAMED = 3


class Answered(Struct, frozen=True):
    """What a caller gets, and how many SEAMCALLs were made."""

    returned: int
    errno: str | None
    status: str
    seamcalls: Count


class PointRun(Struct, frozen=True):
    """A point: what the call that met the fault gave, and a call after it; null: not modelled."""

    point: str
    first: Answered | None
    second: Answered | None
    log: tuple[str, ...]
    pamts_left: Count
    not_modelled: str | None


class Group(Struct, frozen=True):
    """Points of one outcome."""

    first: Answered | None
    second: Answered | None
    final: bool
    points: tuple[str, ...]


class Broken(Struct, frozen=True):
    """A law that a point breaks."""

    invariant: str
    point: str
    how: str


class Differs(Struct, frozen=True):
    """A point of which the other kernel makes something else, or only what happens differs."""

    point: str
    what: Annotated[str, one_of("outcome", "events", "only-here", "only-there")]
    before: PointRun | None
    after: PointRun | None


class SweepDocument(Document, frozen=True, tag="tdxctl.sweep/1"):
    """Every error path of a bring-up: the points, by outcome, and what breaks a law.

    differences: against another kernel, where one was asked for.
    """

    platform: str
    kernel: str
    clean: PointRun
    points: tuple[PointRun, ...]
    groups: tuple[Group, ...]
    violations: tuple[Broken, ...]
    against: str | UnsetType = UNSET
    differences: tuple[Differs, ...] | UnsetType = UNSET


class Shown(Struct, frozen=True):
    """A sweep and the laws that it breaks; against another kernel's what differs."""

    sweep: Sweep
    violations: tuple[Violation, ...]
    against: Sweep | None
    differences: list[Difference] | None


def to_json(shown: Shown) -> str:
    """`tdxctl.sweep/1`."""
    sweep, against = shown.sweep, shown.against
    return SweepDocument(
        platform=sweep.platform,
        kernel=sweep.kernel,
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
        violations=tuple(
            Broken(found.invariant, found.point, found.how) for found in shown.violations
        ),
        against=UNSET if against is None else against.kernel,
        differences=UNSET if shown.differences is None else tuple(map(_differs, shown.differences)),
    ).render()


def to_text(shown: Shown) -> str:
    """Laws, then outcomes; against another kernel only what differs."""
    sweep, against = shown.sweep, shown.against
    lines = [
        f"{sweep.platform} under {sweep.kernel}: {counted(len(sweep.runs), 'point')} at which "
        "something fails",
        f"without a fault: {_told(sweep.clean)}",
        "",
        *_laws(shown.violations),
    ]
    if against is None or shown.differences is None:
        lines += ["", *_outcomes(sweep)]
    else:
        lines += ["", *_differences(sweep, against, shown.differences)]
    return "\n".join(lines)


def _laws(found: tuple[Violation, ...]) -> list[str]:
    if not found:
        return [f"all {len(invariants.INVARIANTS)} invariants hold at every point"]
    lines = []
    for law in invariants.INVARIANTS:
        broken = [violation for violation in found if violation.invariant == law.id]
        if broken:
            lines.append(f"BROKEN at {counted(len(broken), 'point')}: {law.sentence}")
            lines += [f"  {violation.point}: {violation.how}" for violation in broken[:_NAMED]]
            lines += _more(len(broken) - _NAMED)
    return lines


def _outcomes(sweep: Sweep) -> list[str]:
    lines = []
    for run, runs in compare.groups(sweep):
        lines.append(f"{_told(run)}: {counted(len(runs), 'point')}")
        lines += [f"  {one.point}" for one in runs[:_NAMED]]
        lines += _more(len(runs) - _NAMED)
    return lines


def _differences(sweep: Sweep, against: Sweep, found: list[Difference]) -> list[str]:
    if not found:
        return [f"{against.kernel} makes the same of every point"]
    outcomes = [each for each in found if not each.events and each.before and each.after]
    events = [each for each in found if each.events]
    here = [each.point for each in found if each.after is None]
    there = [each.point for each in found if each.before is None]
    lines = [f"{against.kernel} differs at {counted(len(found), 'point')} of {len(sweep.runs)}"]
    for each in outcomes:
        assert each.before is not None
        assert each.after is not None
        lines += [f"  {each.point}", f"    {_told(each.before)}", f"    {_told(each.after)}"]
    for what, points in (
        ("the same outcome, other events", [each.point for each in events]),
        (f"only under {sweep.kernel}", here),
        (f"only under {against.kernel}", there),
    ):
        if points:
            lines.append(f"{what}: {counted(len(points), 'point')}")
            lines += [f"  {point}" for point in points[:_NAMED]]
            lines += _more(len(points) - _NAMED)
    return lines


def _more(count: int) -> list[str]:
    return [f"  and {count} more"] if count > 0 else []


def _told(run: Run) -> str:
    if run.first is None or run.second is None:
        return f"not modelled ({run.not_modelled})"
    second = "final" if run.is_final else f"a second call: {_code(run.second)}, {run.second.status}"
    if run.is_final and run.second.returned != run.first.returned:
        second = f"final ({_code(run.second)} to a second call)"
    return f"{_code(run.first)}, {run.first.status}; {second}"


def _code(answer: Answer) -> str:
    name = errno_name(answer.returned)
    return f"{answer.returned} ({name})" if name else str(answer.returned)


def _answered(answer: Answer | None) -> Answered | None:
    if answer is None:
        return None
    errno = errno_name(answer.returned) or None
    return Answered(answer.returned, errno, answer.status, answer.seamcalls)


def _point(run: Run) -> PointRun:
    return PointRun(
        run.point,
        _answered(run.first),
        _answered(run.second),
        tuple(line.text for line in run.log),
        run.pamts_left,
        run.not_modelled,
    )


def _differs(found: compare.Difference) -> Differs:
    before, after = found.before, found.after
    if after is None:
        what = "only-here"
    elif before is None:
        what = "only-there"
    else:
        what = "events" if found.events else "outcome"
    return Differs(
        found.point,
        what,
        None if before is None else _point(before),
        None if after is None else _point(after),
    )
