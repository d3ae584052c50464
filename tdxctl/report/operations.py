# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.operations/1`: what operations on a machine did, as a dict of JSON values."""

from __future__ import annotations

from tdxctl.errnos import errno_name
from tdxctl.events import OpResult
from tdxctl.report.json_init import log_dict

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
