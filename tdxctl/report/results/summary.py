# SPDX-License-Identifier: Apache-2.0
"""What all renderers of a scenario run share: counts, groups by file, differences in a line."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from tdxctl.scenario.description import FAILED, PASSED, UNEXPECTED, WAIVED, Difference, Outcome

OUTCOMES = (PASSED, FAILED, WAIVED, UNEXPECTED)


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many of each outcome, in a fixed order."""
    found = dict.fromkeys(OUTCOMES, 0)
    for outcome in outcomes:
        found[outcome.outcome] += 1
    return found


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
