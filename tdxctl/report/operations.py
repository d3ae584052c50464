# SPDX-License-Identifier: Apache-2.0
"""What operations on a machine did: `tdxctl.operations/1` as a dict, and why one failed."""

from __future__ import annotations

from tdxctl.advice.words import Explained
from tdxctl.errnos import errno_name
from tdxctl.events import Failure, OpResult
from tdxctl.explain.failures import explain_failure
from tdxctl.report.json_init import log_dict
from tdxctl.report.reasons import brief, labelled

SCHEMA = "tdxctl.operations/1"


def to_dict(machine: str, results: list[tuple[str, OpResult]]) -> dict[str, object]:
    """The results, each with its label, in order."""
    return {
        "schema": SCHEMA,
        "machine": machine,
        "operations": [
            {
                "operation": label,
                "returned": result.returned,
                "errno": errno_name(result.returned),
                "status": result.status,
                "log": [log_dict(line) for line in result.log],
            }
            for label, result in results
        ],
    }


def problem_lines(failure: Failure) -> list[str]:
    """Why an operation failed and what to do, as lines of text."""
    words = explain_failure(failure)
    where = f" ({failure.step})" if failure.step else ""
    return labelled(brief(Explained(words.why + where, words.means, words.to_do)), width=8)
