# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.init/1`: a tdx_init() call as JSON, the same bytes for the same input."""

from __future__ import annotations

import json

from tdxctl.errnos import errno_name
from tdxctl.events import (
    Failure,
    InitReport,
    LogLine,
    PamtRow,
    PamtSummary,
    StepResult,
    TdmrRow,
    log_of,
)
from tdxctl.explain.failures import explain_failure
from tdxctl.report import reasons
from tdxctl.seam.leaves import leaf_title
from tdxctl.seam.status import status_name

SCHEMA = "tdxctl.init/1"


def render(report: InitReport) -> str:
    """The report as one JSON document, without a newline at the end."""
    return json.dumps(to_dict(report), indent=2)


def to_dict(report: InitReport) -> dict[str, object]:
    """The report as tdxctl.init/1 has it."""
    summary, result = report.summary, report.result
    return {
        "schema": SCHEMA,
        "machine": summary.machine,
        "kernel": summary.kernel,
        "call": report.call,
        "returned": result.returned,
        "errno": errno_name(result.returned),
        "status": result.status,
        "callers": [{"returned": returned} for returned in result.callers],
        "failure": failure_dict(result.failure) if result.failure else None,
        "steps": [_step(step) for step in result.steps],
        "tdmrs": [_tdmr(row) for row in summary.tdmrs],
        "pamt": pamt_dict(summary.pamt),
        "log": [log_dict(line) for line in log_of(report.events)],
    }


def failure_dict(failure: Failure) -> dict[str, object]:
    """A failure with its words."""
    status = failure.status
    return {
        "step": failure.step,
        "cause": failure.cause.id,
        "leaf": None if failure.leaf is None else leaf_title(failure.leaf),
        "cpu": failure.cpu,
        "status": None if status is None else hex(status),
        "status_name": None if status is None else status_name(status),
        "errno": failure.errno,
        **reasons.to_dict(explain_failure(failure)),
    }


def pamt_dict(pamt: PamtSummary) -> dict[str, object]:
    """What the PAMTs cost."""
    return {
        "bytes": pamt.total,
        "pages": pamt.pages,
        "kib": pamt.kib,
        "by_node": {str(node): size for node, size in pamt.by_node},
    }


def _step(step: StepResult) -> dict[str, object]:
    entry: dict[str, object] = {
        "number": step.number,
        "name": step.name,
        "title": step.title,
        "outcome": step.outcome,
        "leaf": step.leaf,
        "seamcalls": step.seamcalls,
        "detail": step.detail,
    }
    if step.substeps:
        entry["steps"] = [
            {"name": sub.name, "title": sub.title, "outcome": sub.outcome, "detail": sub.detail}
            for sub in step.substeps
        ]
    return entry


def _tdmr(row: TdmrRow) -> dict[str, object]:
    return {
        "base": hex(row.base),
        "size": row.size,
        "node": row.node,
        "pamt": {"4k": _pamt(row.pamt_4k), "2m": _pamt(row.pamt_2m), "1g": _pamt(row.pamt_1g)},
        "reserved": [{"offset": offset, "size": size} for offset, size in row.reserved],
    }


def _pamt(pamt: PamtRow) -> dict[str, object]:
    return {"base": hex(pamt.base), "size": pamt.size}


def log_dict(line: LogLine) -> dict[str, object]:
    """A log line, and whether its format string lacks the newline."""
    entry: dict[str, object] = {"level": line.level, "text": line.text}
    return entry if line.newline else entry | {"newline": False}
