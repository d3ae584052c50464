# SPDX-License-Identifier: Apache-2.0
"""What all renderers of a scenario run share: counts, groups by file, what is to be said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from msgspec import Struct

from tdxctl.errnos import errno_name
from tdxctl.errors import Diagnostic
from tdxctl.explain.failures import explain_failure
from tdxctl.report.reasons import Pairs, brief
from tdxctl.scenario.description import (
    BROKEN,
    FAILED,
    PASSED,
    UNEXPECTED,
    WAIVED,
    Difference,
    Outcome,
)
from tdxctl.units import counted, printable

OUTCOMES = (PASSED, FAILED, WAIVED, UNEXPECTED, BROKEN)

#: Severities of what is found.
ERROR, WARNING, NOTE = "error", "warning", "note"
#: Kind of what is found -> what it is.
RULES = {
    "expectation": "What a step was expected to do and did not.",
    "not-run": "No answer could be had: what would happen is not modelled.",
    "unexpected-pass": "A scenario that was expected to fail passed.",
    "waived": "A scenario that may fail for now, and does.",
    "description": "A scenario or the description of its platform is wrong.",
    "implausible": "A description that can be booted and that no firmware makes.",
}


class Finding(Struct, frozen=True):
    """One thing that is to be said, at its place: of a rule, `error`, `warning` or `note`.

    more: lines on what the step did, or on what to try.
    """

    rule: str
    severity: str
    file: str
    line: int
    column: int | None
    message: str
    more: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that is said, in lines."""
        return "\n".join((self.message, *self.more))

    @property
    def at_its_place(self) -> str:
        """The same behind `file:line: `, or `file:line:column: `."""
        column = "" if self.column is None else f":{self.column}"
        return f"{printable(self.file)}:{self.line}{column}: {self.text}"


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many of each outcome, in a fixed order."""
    found = dict.fromkeys(OUTCOMES, 0)
    for outcome in outcomes:
        found[outcome.outcome] += 1
    return found


def in_numbers(outcomes: list[Outcome], what: str = "scenario") -> str:
    """`5 scenarios: 3 passed, 2 failed`."""
    numbers = [f"{n} {what}" for what, n in counts(outcomes).items() if n]
    return f"{counted(len(outcomes), what)}: {', '.join(numbers)}"


def by_file(outcomes: list[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """The outcomes of each file, in order."""
    return [(file, list(group)) for file, group in groupby(outcomes, key=lambda o: o.file)]


def in_a_line(difference: Difference) -> str:
    """`init: status: expected INITIALIZED, got ERROR`; lines of a log stay lines."""
    return (
        f"{difference.step}: {difference.key}: expected {difference.expected}, got {difference.got}"
    )


def why(outcome: Outcome) -> str | None:
    """What stands beside an outcome without differences: a waiver, or why there is no answer."""
    if outcome.outcome == UNEXPECTED:
        return f"was expected to fail: {outcome.reason}"
    return outcome.reason


def told(outcome: Outcome) -> Pairs:
    """The errno, the status, the step, why and what to do, where the step ended badly."""
    ended = outcome.ended
    if ended is None or not outcome.is_bad or (ended.returned == 0 and ended.failure is None):
        return ()
    name = errno_name(ended.returned)
    words = f"{ended.step}: {f'-{name}' if name else ended.returned}, status {ended.status}"
    failure = ended.failure
    if failure is None:
        return (("ended", words),)
    if failure.step:
        words += f", in step {failure.step}"
    return (("ended", words), *brief(explain_failure(failure)))


def findings(outcome: Outcome) -> Iterator[Finding]:
    """What is to be said of it, each at its place; nothing where all is as expected."""
    file = outcome.file
    for problem in outcome.problems:
        yield _of_problem(problem, outcome)
    if not outcome.is_bad:
        if outcome.outcome == WAIVED:
            yield Finding("waived", NOTE, file, outcome.line, None, outcome.reason or "")
        return
    more = tuple(f"{label}: {text}" for label, text in told(outcome))
    for difference in outcome.differences:
        text = in_a_line(difference)
        yield Finding("expectation", ERROR, file, difference.line, None, text, more)
        more = ()
    reason = why(outcome)
    if reason is not None:
        rule = "unexpected-pass" if outcome.outcome == UNEXPECTED else "not-run"
        yield Finding(rule, ERROR, file, outcome.line, None, reason, more)


def _of_problem(problem: Diagnostic, outcome: Outcome) -> Finding:
    is_error = problem.severity == ERROR
    in_words = problem._replace(file=None, line=None, column=None, hint=None, severity=ERROR)
    hint = (f"hint: {problem.hint}",) if problem.hint else ()
    return Finding(
        rule="description" if is_error else "implausible",
        severity=ERROR if is_error else WARNING,
        file=problem.file or outcome.file,
        line=problem.line or outcome.line,
        column=problem.column,
        message=in_words.render(),
        more=hint,
    )
