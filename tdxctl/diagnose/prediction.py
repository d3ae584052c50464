# SPDX-License-Identifier: Apache-2.0
"""Prediction against reality: tdxctl's own kernel on the memory that a log shows."""

from __future__ import annotations

from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.findings import Findings
from tdxctl.capture.merge import Captured, merge
from tdxctl.causes import ReservedAreasExhausted
from tdxctl.diagnose.evidence import Evidence
from tdxctl.diagnose.outcome import Outcome, Prediction, Verdict
from tdxctl.diagnose.releases import kernel_of
from tdxctl.diagnose.steps import pamt_kib
from tdxctl.errors import TdxctlError
from tdxctl.explain.failures import explain_failure
from tdxctl.linux.changes import CMR_WALK
from tdxctl.linux.lookup import find_kernel
from tdxctl.messages import bring_up
from tdxctl.platform.description import (
    Platform,
)

_FROM_BLOCKS = "the kernel's memory ranges"
_FROM_E820 = "the e820 map, cut as the kernel does"
_FROM_CMRS = "the CMRs"
_DIFFERENCES = {
    _FROM_BLOCKS: (
        "memory that was hot-added, or that the log has lost",
        "a module whose PAMT entries are not of 16 bytes",
    ),
    _FROM_E820: (
        "memory that the kernel kept for itself at boot (mem=, memmap=)",
        "nodes: without the SRAT's, touching memory of two nodes is one range",
    ),
    _FROM_CMRS: (
        "the memory ranges: CMRs can give one TDMR fewer, 4 KiB less for each PAMT of it",
        "CMRs that the log has lost",
    ),
}


def predict(evidence: Evidence) -> Prediction | None:
    """What tdxctl's kernel allocates on this memory; None where the log shows too little."""
    printed = evidence.last(bring_up.PAMT_ALLOCATED)
    # v5 says only that it shut the module down, whatever stopped it but a SEAMCALL.
    silent = evidence.last(bring_up.MODULE_SHUT_DOWN) if not evidence.seamcalls else None
    exhausted = evidence.last(bring_up.RESERVED_AREAS_EXHAUSTED)
    if printed is None and silent is None and exhausted is None:
        return None
    try:
        found = read_dmesg(evidence.log)
        captured = merge([found], assume_tdx=True)
    except TdxctlError:
        return None
    basis = _basis(found)
    if basis is None or (printed is None and basis == _FROM_CMRS):
        # Holes come from the memory ranges: CMRs cannot tell why reserved areas ran out.
        return None
    # With NumPy behind it, so only where there is something to predict.
    from tdxctl.machine import Machine

    kernel = _kernel(evidence)
    try:
        machine = Machine.boot(_platform(captured, kernel), kernel)
        result = machine.tdx_init()
    except TdxctlError as error:
        return Prediction(kernel, basis, _kib(evidence), None, error.message, False, ())
    failure = result.failure
    predicted = machine.pamt_bytes >> 10 if failure is None else None
    if printed is not None:
        agrees = predicted == pamt_kib(printed)
    elif silent is not None:
        agrees = failure is not None
    else:
        agrees = failure is not None and isinstance(failure.cause, ReservedAreasExhausted)
    return Prediction(
        kernel,
        basis,
        _kib(evidence),
        predicted,
        None if failure is None else explain_failure(failure).why,
        agrees,
        () if agrees else _DIFFERENCES[basis],
    )


def judge(prediction: Prediction | None) -> Outcome:
    """Whether a prediction agrees with the log."""
    if prediction is None:
        return Outcome(
            Verdict.UNKNOWN, "the log does not show both a memory map and what it cost or failed on"
        )
    printed, predicted = prediction.printed_kib, prediction.predicted_kib
    where = f"from {prediction.basis}, under {prediction.kernel}"
    if predicted is None:
        said = f"fails{' too' if prediction.agrees else ''}: {prediction.why}"
    elif printed is None:
        said = f"initializes it: {predicted} KiB"
    else:
        said = f"allocates {predicted} KiB"
        said += "" if prediction.agrees else f", {printed} KiB were printed"
    verdict = Verdict.PASS if prediction.agrees else Verdict.WARN
    return Outcome(verdict, f"{where}, tdxctl's kernel {said}")


def _kib(evidence: Evidence) -> int | None:
    printed = evidence.last(bring_up.PAMT_ALLOCATED)
    return None if printed is None else pamt_kib(printed)


def _basis(found: Findings) -> str | None:
    if found.blocks:
        return _FROM_BLOCKS
    if found.usable:
        return _FROM_E820
    return _FROM_CMRS if found.cmrs else None


def _kernel(evidence: Evidence) -> str:
    # The generation that printed the log: by its words where they tell, else by its name. A kernel
    # that prints CMRs walks them for holes.
    if evidence.first(bring_up.DYNAMIC_PAMT):
        return "7.2+dynamic-pamt"
    printed = evidence.last(bring_up.PAMT_ALLOCATED)
    in_pages = printed is not None and "pages" in printed.fields
    if in_pages or evidence.first(bring_up.MODULE_SHUT_DOWN):
        return "v5"
    # Who asked for the initialization is no matter: somebody did.
    known = kernel_of(evidence)
    release = "6.8" if known is None else known.release.id
    if release == "6.8" and evidence.first(bring_up.CMR) and printed is not None:
        return "6.8+cmr-walk"
    return release


def _platform(captured: Captured, kernel: str) -> Platform:
    # A machine with that memory and nothing in the way: what a PAMT costs depends on no more.
    ranges = [{"start": b.start, "end": b.end, "node": b.node} for b in captured.ranges]
    cmrs = _cmrs(captured, kernel)
    dynamic_pamt = 1 << 36
    no_rbp_mod = 1 << 18
    return Platform.from_canonical(
        {
            "name": "log",
            "cpus": {"model": {"family": 6, "model": 0xCF}, "madt": [{"apic_id": 0}]},
            "memory": {"ranges": ranges, "cmrs": cmrs},
            "module": {"features": dynamic_pamt | no_rbp_mod, "checks": "lax"},
        }
    )


def _cmrs(captured: Captured, kernel: str) -> list[dict[str, int]]:
    # A kernel that walks the CMRs walks the log's; for the others one holds all memory.
    if CMR_WALK in find_kernel(kernel).changes and captured.cmrs is not None:
        return [{"base": start, "size": end - start} for start, end in captured.cmrs]
    return [{"base": 0, "size": captured.ranges[-1].end}]
