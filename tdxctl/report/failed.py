# SPDX-License-Identifier: Apache-2.0
"""Why a tdx_init() call failed, what that means and what to do."""

from __future__ import annotations

from tdxctl.advice.check_of import check_of
from tdxctl.advice.hosts import UNTIL_THEN, explain_host
from tdxctl.advice.statuses import describe_status
from tdxctl.causes import ModuleNotLoaded
from tdxctl.events import Failure, InitReport
from tdxctl.explain.failures import explain_failure
from tdxctl.report.reasons import Pairs, in_full
from tdxctl.seam.leaves import leaf_title


def why_it_failed(report: InitReport, failure: Failure) -> Pairs:
    """(label, text) of the step, the cause, the errno and the words for them."""
    failed: Pairs = ()
    if failure.step is not None:
        titles = {step.name: step for step in report.result.steps}
        step = titles[failure.step]
        number = f"{step.number} " if step.number is not None else ""
        failed = (("failed step", f"{number}{step.title}"),)
    evidence: Pairs = (("errno", f"-{failure.errno}"),)
    if isinstance(call := failure.cause, ModuleNotLoaded):
        evidence = (
            ("SEAMCALL", f"{leaf_title(call.leaf)} on CPU {call.cpu}"),
            ("status", describe_status(call.status)),
            *evidence,
        )
    code = failure.errno if failure.status is None else hex(failure.status)
    if (check := check_of(failure.cause.id, failure.step)) is not None:
        code += f" {check}"
    words = in_full(explain_failure(failure), evidence, code)
    for_now = None if report.result.host is None else explain_host(report.result.host).to_do
    return failed + words + (((UNTIL_THEN, for_now),) if for_now else ())
