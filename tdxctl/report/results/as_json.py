# SPDX-License-Identifier: Apache-2.0
"""A scenario run as `tdxctl.test/1`: one document, or a line per scenario."""

from __future__ import annotations

import json

from tdxctl.report.results.summary import counts
from tdxctl.scenario.description import Outcome

SCHEMA = "tdxctl.test/1"


def render(outcomes: list[Outcome]) -> str:
    """One document."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "summary": {"total": len(outcomes)} | _counts(outcomes),
            "scenarios": [_entry(outcome) for outcome in outcomes],
        },
        indent=2,
    )


def render_lines(outcomes: list[Outcome]) -> str:
    """A head line with the summary, then a line per scenario."""
    head = {"schema": SCHEMA, "summary": {"total": len(outcomes)} | _counts(outcomes)}
    return "\n".join(json.dumps(entry) for entry in [head, *map(_entry, outcomes)])


def _counts(outcomes: list[Outcome]) -> dict[str, int]:
    return {what.replace(" ", "_"): number for what, number in counts(outcomes).items()}


def _entry(outcome: Outcome) -> dict[str, object]:
    return {
        "file": outcome.file,
        "line": outcome.line,
        "name": outcome.name,
        "kernel": outcome.kernel,
        "outcome": outcome.outcome.replace(" ", "_"),
        "reason": outcome.reason,
        "differences": [
            {
                "line": difference.line,
                "step": difference.step,
                "key": difference.key,
                "expected": difference.expected,
                "got": difference.got,
            }
            for difference in outcome.differences
        ],
    }
