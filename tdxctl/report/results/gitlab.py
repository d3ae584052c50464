# SPDX-License-Identifier: Apache-2.0
"""A scenario run as GitLab's code quality report: what it shows beside the lines of a merge.

The keys are those that GitLab reads (docs.gitlab.com/ci/testing/code_quality). A fingerprint is of
the file, the scenario and what is said, not of the line: what moved is not new.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

from tdxctl.report.results.summary import ERROR, NOTE, WARNING, Finding, findings
from tdxctl.scenario.description import Outcome
from tdxctl.units import printable, printable_lines

_SEVERITIES = {ERROR: "major", WARNING: "minor", NOTE: "info"}


def render(outcomes: list[Outcome]) -> str:
    """The document, without a newline at the end; an empty list where all is as expected."""
    return json.dumps(list(_issues(outcomes)), indent=2)


def _issues(outcomes: list[Outcome]) -> Iterator[dict[str, object]]:
    seen: dict[str, int] = {}
    for outcome in outcomes:
        for found in findings(outcome):
            # The same said twice of a scenario are two.
            key = "\0".join((found.file, outcome.name, found.rule, found.message))
            seen[key] = seen.get(key, 0) + 1
            yield _issue(outcome, found, f"{key}\0{seen[key]}")


def _issue(outcome: Outcome, found: Finding, key: str) -> dict[str, object]:
    return {
        "description": printable_lines(f"{outcome.name}: {found.text}"),
        "check_name": f"tdxctl/{found.rule}",
        "fingerprint": sha256(key.encode("utf-8", "surrogatepass")).hexdigest(),
        "severity": _SEVERITIES[found.severity],
        "location": {"path": printable(found.file), "lines": {"begin": found.line}},
    }
