# SPDX-License-Identifier: Apache-2.0
"""A scenario run as SARIF 2.1.0 (OASIS), as GitHub's code scanning and editors read it."""

from __future__ import annotations

import json
from urllib.parse import quote

from tdxctl.report.results.summary import RULES, Finding, findings
from tdxctl.scenario.description import Outcome
from tdxctl.units import printable_lines

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def render(outcomes: list[Outcome]) -> str:
    """The document, without a newline at the end: one run, a result for all that is to be said."""
    results = [_result(o, found) for o in outcomes for found in findings(o)]
    rules = [{"id": rule, "shortDescription": {"text": text}} for rule, text in RULES.items()]
    run = {"tool": {"driver": {"name": "tdxctl", "rules": rules}}, "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(outcome: Outcome, found: Finding) -> dict[str, object]:
    region = {"startLine": found.line}
    if found.column is not None:
        region["startColumn"] = found.column
    return {
        "ruleId": found.rule,
        "ruleIndex": list(RULES).index(found.rule),
        "level": found.severity,
        "message": {"text": printable_lines(f"{outcome.name}: {found.text}")},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": _uri(found.file)}, "region": region}}
        ],
    }


def _uri(path: str) -> str:
    # Of a path as it was given: a relative one stays relative, to the root of the sources.
    return quote(path, errors="surrogateescape")
