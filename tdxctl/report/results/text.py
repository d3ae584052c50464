# SPDX-License-Identifier: Apache-2.0
"""A scenario run for a person: what is not as expected as a diff, the summary at the end."""

from __future__ import annotations

from tdxctl.report.reasons import labelled
from tdxctl.report.results.summary import in_numbers, why
from tdxctl.report.results.summary import told as told_of
from tdxctl.scenario.description import PASSED, Outcome
from tdxctl.units import counted, printable


def render(
    outcomes: list[Outcome], *, verbose: bool = False, slowest: int = 0, told: bool = False
) -> str:
    """Nothing of what passed but its number; verbose: a line. slowest: so many of them, timed.

    told: what is wrong in broken files has been said elsewhere.
    """
    lines: list[str] = []
    for outcome in outcomes:
        if outcome.outcome != PASSED or verbose:
            lines += _block(outcome, with_problems=not told)
    lines += _slowest(outcomes, slowest) if slowest else []
    return "\n".join([*lines, in_numbers(outcomes)])


def _block(outcome: Outcome, *, with_problems: bool) -> list[str]:
    file = printable(outcome.file)
    reason = why(outcome)
    if outcome.problems:
        reason = counted(len(outcome.problems), "problem")
    head = f"{outcome.outcome.upper()} {printable(outcome.name)} ({file})"
    lines = [head + (f": {printable(reason)}" if reason else "")]
    if with_problems:
        lines += [f"  {line}" for each in outcome.problems for line in each.render().split("\n")]
    if not outcome.is_bad:
        return lines
    for difference in outcome.differences:
        lines.append(f"  {file}:{difference.line}: {difference.step}: {difference.key}")
        lines.append(f"    - {printable(difference.expected)}")
        lines += [f"    + {printable(line)}" for line in difference.got.split("\n")]
    lines += [printable(line) for line in labelled(told_of(outcome), width=8)]
    return [*lines, ""]


def _slowest(outcomes: list[Outcome], number: int) -> list[str]:
    timed = sorted(outcomes, key=lambda outcome: -(outcome.seconds or 0))[:number]
    rows = [f"  {each.seconds or 0:8.3f} s  {printable(each.name)}" for each in timed]
    return ["slowest:", *rows, ""]
