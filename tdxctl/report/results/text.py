# SPDX-License-Identifier: Apache-2.0
"""A scenario run for a person: what is not as expected as a diff, the summary at the end."""

from __future__ import annotations

from tdxctl.errors import Diagnostic
from tdxctl.report import prose
from tdxctl.report.prose import BAD, DIM, GOOD, HEAD, WARN, Line
from tdxctl.report.results.summary import in_numbers, why
from tdxctl.report.results.summary import told as told_of
from tdxctl.scenario.description import PASSED, WAIVED, Outcome
from tdxctl.units import counted, printable


def render(
    outcomes: list[Outcome], *, verbose: bool = False, slowest: int = 0, told: bool = False
) -> str:
    """The lines as they are piped."""
    return prose.plain(to_lines(outcomes, verbose=verbose, slowest=slowest, told=told))


def to_lines(
    outcomes: list[Outcome], *, verbose: bool = False, slowest: int = 0, told: bool = False
) -> list[Line]:
    """Nothing of what passed but its number; verbose: a line. slowest: so many of them, timed.

    told: what is wrong in broken files has been said elsewhere.
    """
    lines: list[Line] = []
    for outcome in outcomes:
        if outcome.outcome != PASSED or verbose:
            lines += _block(outcome, with_problems=not told)
    lines += _slowest(outcomes, slowest) if slowest else []
    role = BAD if any(outcome.is_bad for outcome in outcomes) else GOOD
    return [*lines, Line(in_numbers(outcomes), role)]


_ROLES = {PASSED: GOOD, WAIVED: WARN}


def _block(outcome: Outcome, *, with_problems: bool) -> list[Line]:
    file = printable(outcome.file)
    reason = why(outcome)
    if outcome.problems:
        reason = counted(len(outcome.problems), "problem")
    head = f"{printable(outcome.name)} ({file})" + (f": {printable(reason)}" if reason else "")
    label = f"{outcome.outcome.upper()} "
    lines = [Line(head, "", label, _ROLES.get(outcome.outcome, BAD))]
    if with_problems:
        lines += [line for problem in outcome.problems for line in of_problem(problem, "  ")]
    if not outcome.is_bad:
        return lines
    for difference in outcome.differences:
        place = f"{file}:{difference.line}: {difference.step}: {difference.key}"
        lines.append(Line(place, HEAD, "  "))
        lines.append(Line(printable(difference.expected), GOOD, "    - ", GOOD))
        got = difference.got.split("\n")
        lines += [Line(printable(line), BAD, "    + ", BAD) for line in got]
    told = tuple((label, printable(text)) for label, text in told_of(outcome))
    return [*lines, *prose.labelled(told, width=8), Line("")]


def of_problem(problem: Diagnostic, indent: str = "") -> list[Line]:
    """What is wrong, and what to try on a line of its own."""
    what, *hint = problem.render().split("\n")
    role = WARN if problem.severity == "warning" else ""
    return [Line(what, role, indent), *(Line(line.strip(), DIM, f"{indent}  ") for line in hint)]


def _slowest(outcomes: list[Outcome], number: int) -> list[Line]:
    timed = sorted(outcomes, key=lambda outcome: -(outcome.seconds or 0))[:number]
    rows = [Line(printable(each.name), "", f"  {each.seconds or 0:8.3f} s  ") for each in timed]
    return [Line("slowest:"), *rows, Line("")]
