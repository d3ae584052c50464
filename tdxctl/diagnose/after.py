# SPDX-License-Identifier: Apache-2.0
"""Checks of what comes after an initialization, and of lines that mislead."""

from __future__ import annotations

from dataclasses import replace

from tdxctl.advice.checks import BY_ID
from tdxctl.advice.known_causes import MISMATCH, TOO_MANY_CPUS
from tdxctl.diagnose.evidence import Evidence
from tdxctl.diagnose.outcome import Outcome
from tdxctl.diagnose.progress import (
    FAIL,
    NOT_SHOWN,
    PASS,
    WARN,
    call_failed,
    done,
    failed,
    passed,
)
from tdxctl.messages import kvm as kvm_messages
from tdxctl.messages import runtime
from tdxctl.messages.boot import NO_S3


def kvm(evidence: Evidence) -> Outcome:
    """What kvm_intel says."""
    if (silent := _refused_in_silence(evidence)) is not None:
        return silent
    end = done(evidence)
    if evidence.kvm_tdx is False and end is not None:
        detail = "kvm_intel's parameter tdx is N: as it is loaded, KVM goes on without TDX"
        return failed("kvm", end, detail)
    said = [seen for message in _OF_KVM if (seen := evidence.last(message)) is not None]
    if not said:
        return NOT_SHOWN
    # The last word counts; what KVM said before the module was initialized was mended.
    last = max(said, key=lambda seen: seen.line.number)
    if last.message is kvm_messages.KVM_SUPPORTED:
        return passed(last.line, "KVM says so")
    if end is not None and last.line.number < end.number:
        return NOT_SHOWN
    if last.message is kvm_messages.TDP_MMU_OFF:
        # Real hosts print it hours later, when a TD is made: the module is as it was.
        return Outcome(WARN, "KVM's TDP MMU is off", last.line, causes=BY_ID["kvm"].causes)
    found = failed("kvm", last.line, "KVM goes on without TDX")
    # Where KVM names its reason, the others are none.
    if last.message is kvm_messages.KVM_TOO_MANY_CPUS:
        return replace(found, causes=(TOO_MANY_CPUS,))
    if last.message in (kvm_messages.KVM_REFUSED, kvm_messages.KVM_PARAMETER_WRONG):
        return replace(found, causes=BY_ID["kvm-conditions"].causes)
    return found


def _refused_in_silence(evidence: Evidence) -> Outcome | None:
    # "kvm_intel missing, log ends with `virt/tdx: module initialized`: tests 9 or 10 (EINVAL,
    # silent); with the line of 11: that" [kvm 5]
    seen, end = evidence.last(kvm_messages.NOT_INSERTED_EINVAL), done(evidence)
    if seen is None or end is None or seen.line.number < end.number:
        return None
    if evidence.last(kvm_messages.KVM_TOO_MANY_CPUS) is not None:
        return None
    detail = (
        "kvm_intel does not load, and the kernel says nothing: KVM cannot serve the module's "
        "attributes, XFAM or topology"
    )
    return Outcome(FAIL, detail, seen.line, causes=(MISMATCH,))


# What KVM says of TDX.
_OF_KVM = (
    kvm_messages.KVM_SUPPORTED,
    kvm_messages.KVM_FAILED,
    kvm_messages.KVM_TOO_MANY_CPUS,
    kvm_messages.KVM_REFUSED,
    kvm_messages.KVM_PARAMETER_WRONG,
    kvm_messages.TDP_MMU_OFF,
)


def td_runtime(evidence: Evidence) -> Outcome:
    """Errors while TDs ran, after the bring-up."""
    end = done(evidence)
    for call in evidence.seamcalls:
        # After the bring-up its own leaves are called again, for a CPU that comes online.
        late = end is not None and call.line.number > end.number and not call.is_debug
        if call.is_of_a_td or late:
            found = call_failed("td-runtime", call)
            return Outcome(WARN, found.detail, found.line, found.status, found.causes)
    if (seen := evidence.last(kvm_messages.KVM_WARNING)) is not None:
        causes = BY_ID["td-runtime"].causes
        place = f"{seen.fields['function']}(), arch/x86/kvm/vmx/tdx.c:{seen.fields['line']}"
        return Outcome(WARN, f"KVM warned while a TD ran: {place}", seen.line, causes=causes)
    return Outcome(PASS, "no error at run time is shown")


def kexec(evidence: Evidence) -> Outcome:
    """Whether kexec was refused."""
    if (seen := evidence.last(runtime.KEXEC_REFUSED)) is not None:
        return Outcome(WARN, "refused", seen.line, causes=BY_ID["kexec"].causes)
    return Outcome(PASS, "no refusal is shown")


def harmless(evidence: Evidence) -> Outcome:
    """Lines that are no failure, whatever they look like."""
    for call in evidence.seamcalls:
        if call.is_debug:
            return passed(
                call.line, f"leaf {call.leaf} is one for debugging: production modules lack it"
            )
    seen = evidence.first(runtime.DEBUG_UNSUPPORTED, kvm_messages.SYMBOL_VERSION, NO_S3)
    if seen is not None:
        return passed(seen.line, seen.message.meaning.removeprefix("Harmless: "))
    return Outcome(PASS, "none is shown")
