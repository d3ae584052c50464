# SPDX-License-Identifier: Apache-2.0
"""A scenario run as `tdxctl.test/1`: one document, or a line per scenario."""

from __future__ import annotations

import json
from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from tdxctl.document import Count, Document, one_of
from tdxctl.errnos import errno_name
from tdxctl.report.json_init import Failure, failure_of
from tdxctl.report.problems import Problem, problem_of
from tdxctl.report.results.summary import counts
from tdxctl.scenario import description
from tdxctl.scenario.description import Outcome


class Summary(Struct, frozen=True):
    """How many scenarios there were, and how they ended."""

    total: Count
    passed: Count
    failed: Count
    waived: Count
    unexpectedly_passed: Count
    broken: Count


class Difference(Struct, frozen=True):
    """What a step was expected to be and was not."""

    line: Count
    step: str
    key: str
    expected: str
    got: str


class Ended(Struct, frozen=True):
    """How a step ended, and why it failed where it did."""

    step: str
    returned: int
    errno: str | None
    status: str
    failure: Failure | None


class Scenario(Struct, frozen=True):
    """A scenario on a kernel; reason: of the waiver, or why it could not be run.

    ended: how the first step ended that is not as expected. problems: what is wrong in a file that
    is broken, whose kernel is empty. seconds: what it took, where that was asked for.
    """

    file: str
    line: Count
    name: str
    kernel: str
    outcome: Annotated[str, one_of("passed", "failed", "waived", "unexpectedly_passed", "broken")]
    reason: str | None
    differences: tuple[Difference, ...]
    ended: Ended | None
    problems: tuple[Problem, ...]
    seconds: float | UnsetType = UNSET


class Test(Document, frozen=True, tag="tdxctl.test/1"):
    """What became of scenarios. As JSON lines: all but them on the first, then one a line."""

    summary: Summary
    scenarios: tuple[Scenario, ...]


def render(outcomes: list[Outcome]) -> str:
    """One document."""
    return _document(outcomes).render()


def render_lines(outcomes: list[Outcome]) -> str:
    """A head line with the summary, then a line per scenario."""
    head = _document(outcomes).to_dict()
    scenarios = head.pop("scenarios")
    return "\n".join(map(json.dumps, [head, *scenarios]))


def _document(outcomes: list[Outcome]) -> Test:
    ended = {what.replace(" ", "_"): number for what, number in counts(outcomes).items()}
    return Test(Summary(len(outcomes), **ended), tuple(map(_scenario, outcomes)))


def _scenario(outcome: Outcome) -> Scenario:
    return Scenario(
        file=outcome.file,
        line=outcome.line,
        name=outcome.name,
        kernel=outcome.kernel,
        outcome=outcome.outcome.replace(" ", "_"),
        reason=outcome.reason,
        differences=tuple(
            Difference(each.line, each.step, each.key, each.expected, each.got)
            for each in outcome.differences
        ),
        ended=_ended(outcome.ended),
        problems=tuple(map(problem_of, outcome.problems)),
        seconds=UNSET if outcome.seconds is None else round(outcome.seconds, 3),
    )


def _ended(ended: description.Ended | None) -> Ended | None:
    if ended is None:
        return None
    errno, failure = errno_name(ended.returned), failure_of(ended.failure)
    return Ended(ended.step, ended.returned, errno, ended.status, failure)
