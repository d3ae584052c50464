# SPDX-License-Identifier: Apache-2.0
"""A sweep as text: laws first, then outcomes, or what differs between two kernels."""

from __future__ import annotations

from collections.abc import Iterable

from tdxctl.errnos import errno_name
from tdxctl.report.sweeps import Shown, changes, scripted
from tdxctl.sweep import compare, invariants
from tdxctl.sweep.compare import Difference
from tdxctl.sweep.invariants import Violation
from tdxctl.sweep.run import Answer, Run, Sweep
from tdxctl.units import counted

#: So many points of a group, and of a law that is broken, are named.
_NAMED = 3


def to_text(shown: Shown) -> str:
    """Laws, then outcomes; against another kernel only what differs."""
    sweep, against = shown.sweep, shown.against
    lines = [
        f"{sweep.platform} under {sweep.kernel.id}: {counted(len(sweep.runs), _points(sweep))} at "
        "which something fails" + interrupted(sweep),
        f"without a fault: {told(sweep.clean)}",
        "",
        *_laws(sweep, shown.violations),
        "",
    ]
    if against is None or shown.differences is None:
        lines += _outcomes(sweep)
    else:
        lines += _differences(sweep, against, shown.differences)
        lines += _laws_of_the_other(shown, against)
    return "\n".join(lines)


def _points(sweep: Sweep) -> str:
    return "pair" if sweep.pairs else "point"


def interrupted(sweep: Sweep) -> str:
    """What is said of a sweep that did not come to its end; nothing of one that did."""
    if sweep.is_whole:
        return ""
    return f" (interrupted: {sweep.points - len(sweep.runs)} of {sweep.points} were not run)"


def _laws(sweep: Sweep, found: tuple[Violation, ...]) -> list[str]:
    laws = invariants.INVARIANTS
    broken = {violation.invariant for violation in found}
    if not found:
        return [f"all {len(laws)} invariants hold at every point"]
    lines = []
    runs = {run.point: run for run in sweep.runs}
    for law in laws:
        if law.id in broken:
            lines += _law(law.sentence, [each for each in found if each.invariant == law.id], runs)
    lines.append(f"the other {len(laws) - len(broken)} invariants hold at every point")
    return lines


def _law(sentence: str, found: list[Violation], runs: dict[str, Run]) -> list[str]:
    lines = [f"BROKEN at {counted(len(found), 'point')}: {sentence}"]
    # What no release is known for goes first; of each, what happens first is the shortest input.
    for known in sorted({each.known or "" for each in found}):
        same = [each for each in found if (each.known or "") == known]
        lines += [f"  {each.point}: {each.how}" for each in same[:_NAMED]]
        lines += more(len(same) - _NAMED)
        lines.append(f"    to see it: {shortest_input(runs[same[0].point])}")
        if known:
            lines.append(f"    the release does so too: {known}")
    return lines


def shortest_input(run: Run) -> str:
    """What a description, or a person, has to do for a point."""
    said = []
    if run.faults:
        faults = ", ".join(
            "{" + ", ".join(f"{key}: {value}" for key, value in scripted(fault).items()) + "}"
            for fault in run.faults
        )
        said.append(f"faults: [{faults}]")
    if run.offline:
        cpus = ", ".join(map(str, run.offline[:_NAMED])) + (", ..." if run.offline[_NAMED:] else "")
        said.append(f"CPUs offline: {cpus}")
    return ", ".join(said)


def _laws_of_the_other(shown: Shown, against: Sweep) -> list[str]:
    # Those that the first kernel does not break there as well.
    ours = {(each.invariant, each.point) for each in shown.violations}
    theirs = [each for each in shown.against_violations if (each.invariant, each.point) not in ours]
    lines = []
    for law in invariants.INVARIANTS:
        found = [each for each in theirs if each.invariant == law.id]
        if found:
            runs = {run.point: run for run in against.runs}
            lines += [f"under {against.kernel.id}:", *_law(law.sentence, found, runs)]
    return lines


def _outcomes(sweep: Sweep) -> list[str]:
    lines = []
    for run, runs in compare.groups(sweep):
        lines.append(f"{told(run)}: {counted(len(runs), _points(sweep))}")
        lines += [f"  {one.point}" for one in runs[:_NAMED]]
        lines += more(len(runs) - _NAMED)
    return lines


def _differences(sweep: Sweep, against: Sweep, found: list[Difference]) -> list[str]:
    if not found:
        return [f"{against.kernel.id} makes the same of every point"]
    points = counted(len(found), _points(sweep))
    lines = [f"{against.kernel.id} differs at {points} of {len(sweep.runs)}"]
    if between := changes(sweep, against):
        lines.append(f"between them: {', '.join(between)}")
    for what, same in by_kind(found, sweep, against).items():
        lines.append(f"{what}: {counted(len(same), 'point')}")
        lines += [f"  {each.point}" for each in same[:_NAMED]]
        lines += more(len(same) - _NAMED)
    return lines


def by_kind(
    found: Iterable[Difference], sweep: Sweep, against: Sweep
) -> dict[str, list[Difference]]:
    """Differences by what differs, in words, the outcomes first."""
    order = {"outcome": 0, "events": 1, "only-here": 2, "only-there": 3}
    kinds: dict[str, list[Difference]] = {}
    for each in sorted(found, key=lambda each: order[each.what]):
        kinds.setdefault(_kind(each, sweep, against), []).append(each)
    return kinds


def _kind(found: Difference, sweep: Sweep, against: Sweep) -> str:
    if found.before is None or found.after is None:
        return f"only under {(against if found.before is None else sweep).kernel.id}"
    if not found.events:
        return f"{told(found.before)} -> {told(found.after)}"
    less, extra = ([what for what, _ in some] for some in (found.left_out, found.added))
    said = [f"{word} {_and(some)}" for word, some in (("without", less), ("with", extra)) if some]
    return "the same outcome, " + (" and ".join(said) or "in another order")


def _and(some: list[str]) -> str:
    named = some[:_NAMED]
    return ", ".join(named) + (f" and {len(some) - _NAMED} more" if some[_NAMED:] else "")


def more(count: int) -> list[str]:
    """How many are not named, where some are not."""
    return [f"  and {count} more"] if count > 0 else []


def told(run: Run) -> str:
    """What a caller gets, and what a second call does."""
    if run.first is None or run.second is None:
        return f"not modelled ({run.not_modelled})"
    second = "final" if run.is_final else f"a second call: {_code(run.second)}, {run.second.status}"
    if run.is_final and run.second.returned != run.first.returned:
        second = f"final ({_code(run.second)} to a second call)"
    return f"{_code(run.first)}, {run.first.status}; {second}"


def _code(answer: Answer) -> str:
    name = errno_name(answer.returned)
    return f"{answer.returned} ({name})" if name else str(answer.returned)
