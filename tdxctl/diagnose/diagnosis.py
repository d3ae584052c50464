# SPDX-License-Identifier: Apache-2.0
"""All checks over a log, and what state TDX is in on its host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tdxctl.advice.checks import BY_ID, CHECKS, NOT_STARTED, RUNNING, Check
from tdxctl.advice.known_causes import SKU
from tdxctl.advice.setups import Setup, in_words_of, setup_of
from tdxctl.capture.bootlog import BootLog, which_boot
from tdxctl.capture.host_texts import HostText
from tdxctl.diagnose.evidence import Evidence, gather
from tdxctl.diagnose.outcome import CheckResult, Diagnosis, Outcome, Verdict
from tdxctl.diagnose.prediction import judge, predict
from tdxctl.diagnose.rules import RULES
from tdxctl.diagnose.unclear import contradictions, unclear
from tdxctl.messages.check_ids import CheckId
from tdxctl.seam.cpu_models import is_sold_with_seam
from tdxctl.units import counted, printable

_SUMMARIES = {
    "initialized": "the TDX module is initialized",
    "failed": "the initialization of the TDX module failed",
    "not started": "TDX is enabled by the BIOS, and no initialization was tried",
    "not enabled": "TDX is not enabled on this host",
    "not supported": "this host with this kernel has no TDX",
    "unknown": "the log does not show what became of TDX",
}
# What is shown by lines that are there, whoever's boot it is.
_SHOWN = (RUNNING, "failed")


def diagnose(log: BootLog, texts: Sequence[HostText] = ()) -> Diagnosis:
    """What state TDX is in on the host of log, and why; texts: what is shown beside the log."""
    evidence = gather(log, texts)
    prediction = predict(evidence)
    outcomes: dict[CheckId, Outcome] = {}
    for check in CHECKS:
        judged = judge(prediction) if check.id == "prediction" else None
        outcomes[check.id] = judged or _outcome(check, evidence, outcomes)
    setup = setup_of(evidence.board)
    if setup is not None:
        outcomes = {check: _of_setup(setup, outcome) for check, outcome in outcomes.items()}
    results = tuple(CheckResult(check, outcomes[check.id]) for check in CHECKS)
    state, deciding = _state(results)
    if contradictions(evidence) or (log.is_crash_kernel and state not in _SHOWN):
        state, deciding = "unknown", None
    summary = _SUMMARIES[state]
    if state == NOT_STARTED and outcomes["keyids"].verdict is not Verdict.PASS:
        summary = "no initialization of TDX was tried"
    if deciding is not None and deciding.check.id == "kvm":
        summary = _of_kvm(deciding, outcomes["initialized"])
    elif deciding is not None and state != RUNNING:
        summary += f": {deciding.outcome.detail}"
    to_do = None
    if state == "unknown":
        why, to_do = unclear(evidence)
        summary += f": {why}"
    notes = tuple(_notes(evidence, texts, deciding))
    return Diagnosis(state, summary, deciding, results, evidence.kernel, prediction, to_do, notes)


def _of_kvm(deciding: CheckResult, initialized: Outcome) -> str:
    # Where KVM alone is shown, nothing tells how far the module got.
    detail = deciding.outcome.detail
    if initialized.verdict is Verdict.PASS:
        return f"the TDX module is initialized, and KVM cannot use it: {detail}"
    return f"{detail}; what became of the TDX module is not shown"


def _notes(
    evidence: Evidence, texts: Sequence[HostText], deciding: CheckResult | None
) -> Iterator[str]:
    if (which := which_boot(evidence.log)) is not None:
        yield f"the log {which}"
    if evidence.quoted:
        first = evidence.quoted[0]
        yield (
            f"line {first.number} has no time and no host, as others have, and tells of another "
            f"end: it is taken for no line of this log ({printable(first.text.strip())})"
        )
    for text in texts:
        if text.kvm_tdx is not None:
            can = "KVM can use TDX" if text.kvm_tdx else "KVM cannot use TDX, as it is loaded"
            yield f"kvm_intel's parameter tdx is {'Y' if text.kvm_tdx else 'N'}: {can}"
    line = None if deciding is None else deciding.outcome.line
    if line is not None and line.parts:
        yield (
            f"line {line.number}, on which this rests, was wrapped: it is put together from "
            f"{counted(len(line.parts), 'line')} of the file"
        )


def _outcome(check: Check, evidence: Evidence, outcomes: dict[CheckId, Outcome]) -> Outcome:
    if (failed := _failed_before(check, outcomes)) is not None:
        return Outcome(Verdict.SKIP, f"{failed} failed")
    outcome = RULES[check.id](evidence)
    # What a check that passes rules out is no cause.
    stand = tuple(
        cause
        for cause in outcome.causes
        if cause.refuted_by is None or not _passes(outcomes, cause.refuted_by)
    )
    if is_sold_with_seam(evidence.brand) is False:
        # Of a workstation's CPU that comes first.
        stand = tuple(sorted(stand, key=lambda cause: cause is not SKU))
    if not stand and outcome.status is not None:
        stand = (outcome.status.as_cause,)
    return replace(outcome, causes=stand)


def _of_setup(setup: Setup, outcome: Outcome) -> Outcome:
    # The way out in the words of the user's own BIOS.
    causes = tuple(
        replace(cause, to_do=in_words_of(setup, cause.to_do)) for cause in outcome.causes
    )
    return replace(outcome, causes=causes)


def _passes(outcomes: dict[CheckId, Outcome], check: CheckId) -> bool:
    return check in outcomes and outcomes[check].verdict is Verdict.PASS


def _failed_before(check: Check, outcomes: dict[CheckId, Outcome]) -> CheckId | None:
    # The check before it, or before that, that failed: what comes after it tells nothing.
    parent = check.parent
    while parent is not None:
        if outcomes[parent].verdict is Verdict.FAIL:
            return parent
        parent = BY_ID[parent].parent
    return None


def _state(results: tuple[CheckResult, ...]) -> tuple[str, CheckResult | None]:
    # The first check that failed and stands in the way of TDX decides; else whether it runs.
    for result in results:
        if result.outcome.verdict is Verdict.FAIL and result.check.state != RUNNING:
            return result.outcome.state or result.check.state, result
    initialized = next(result for result in results if result.check.id == "initialized")
    if initialized.outcome.verdict is Verdict.PASS:
        return RUNNING, initialized
    return "unknown", None
