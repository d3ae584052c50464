# SPDX-License-Identifier: Apache-2.0
"""Checks of what has to be there before an initialization: CPU, firmware, kernel, KVM."""

from __future__ import annotations

from dataclasses import replace

from tdxctl.advice.checks import BY_ID
from tdxctl.advice.known_causes import (
    NO_CALLER,
    NO_SERVER,
    OTHER_BUILD,
    OTHER_VENDOR,
    SGX,
    SGX_REGISTRATION,
    SKU,
    VIRTUAL_MACHINE,
    VIRTUALIZATION,
    VMX_NOT_ON,
)
from tdxctl.capture.wrapped import LogLine
from tdxctl.diagnose.evidence import Evidence, Seen
from tdxctl.diagnose.outcome import Outcome
from tdxctl.diagnose.progress import (
    FAIL,
    NOT_SHOWN,
    PASS,
    SKIP,
    UNKNOWN,
    WARN,
    Rule,
    attempted,
    done,
    failed,
    first_call,
    passed,
    past_boot,
    stands,
)
from tdxctl.diagnose.releases import by_kvm, has_no_caller, is_too_old, unless_never_made
from tdxctl.messages import boot, bring_up, kvm, machine, own_loader, runtime
from tdxctl.messages.message import Message, Stage
from tdxctl.seam.cpu_models import (
    CPU_MODELS,
    has_seam,
    is_sold_with_seam,
    model_name,
    vendor_of,
)
from tdxctl.units import are, counted

_MIN_KEYIDS = 2


def host(evidence: Evidence) -> Outcome:
    """Whether the log is a host's at all."""
    if (seen := evidence.first(machine.GUEST, machine.GUEST_FEATURES)) is not None:
        return failed("host", seen.line, "it is the log of a kernel inside a TD")
    hypervisor = evidence.first(machine.HYPERVISOR)
    if hypervisor is not None and not evidence.earliest(_shows_tdx):
        detail = f"it is the log of a virtual machine ({hypervisor.fields['words']})"
        return Outcome(FAIL, detail, hypervisor.line, causes=(VIRTUAL_MACHINE,))
    return Outcome(PASS, "no line of a guest's kernel")


def _shows_tdx(message: Message) -> bool:
    # What only a host prints that has TDX: the line of every machine without is none.
    return message.is_of_tdx_host and message is not boot.NOT_SUPPORTED


def cpu(evidence: Evidence) -> Outcome:
    """Whether the CPU's generation has TDX."""
    if (seen := evidence.reached(Stage.ENUMERATED)) is not None:
        return passed(seen.line, "it has TDX")
    if (seen := evidence.first(boot.KEYIDS)) is not None:
        # "SKU without TDX" [field-notes 1]: seen with KeyIDs and no module.
        return passed(seen.line, "it has KeyIDs for TDX: a generation with TDX")
    if (seen := evidence.first(kvm.KVM_OF_AMD)) is not None:
        return _of_another_vendor("AMD", seen.line, "KVM runs on it as on an AMD CPU")
    if evidence.cpu_line is None:
        if (seen := evidence.first(machine.IOMMU_OF_AMD)) is not None:
            return _of_another_vendor("AMD", seen.line, "its IOMMU is AMD's")
        return NOT_SHOWN
    family, model = evidence.cpu or (None, None)
    name = _name_of_cpu(evidence)
    if (vendor := vendor_of(evidence.brand, family)) is not None:
        return _of_another_vendor(vendor, evidence.cpu_line, name)
    known = None if family is None or model is None else has_seam(family, model)
    sold = is_sold_with_seam(evidence.brand)
    if known is False or (known is None and sold is False):
        detail = f"{name}: not of a generation with TDX"
        return failed("cpu", evidence.cpu_line, detail)
    if known is None:
        return Outcome(UNKNOWN, f"{name}: not known here", evidence.cpu_line)
    if sold is False:
        detail = f"{name}: a workstation's, which are sold without TDX"
        return Outcome(UNKNOWN, detail, evidence.cpu_line)
    if model == CPU_MODELS["sapphire-rapids"] and "TDX" not in evidence.brand:
        detail = f"{name}: a generation of which not every model has TDX"
        return Outcome(UNKNOWN, detail, evidence.cpu_line)
    return passed(evidence.cpu_line, f"{name}: a generation with TDX")


def _name_of_cpu(evidence: Evidence) -> str:
    parts = [evidence.brand] if evidence.brand else []
    if evidence.cpu is not None:
        family, model = evidence.cpu
        called = model_name(family, model)
        number = f"family {family:#x}, model {model:#x}"
        parts.append(f"{number}, {called}" if called else number)
    return ", ".join(parts)


def _of_another_vendor(vendor: str, line: LogLine, name: str) -> Outcome:
    return Outcome(FAIL, f"{name}: {vendor}'s, without TDX", line, causes=(OTHER_VENDOR,))


def tme(evidence: Evidence) -> Outcome:
    """Whether the BIOS enabled memory encryption."""
    if (seen := evidence.last(machine.REPORT_TME)) is not None:
        on = seen.number("enabled") == 1
    elif (seen := evidence.last(machine.MKTME, machine.TME)) is not None:
        on = seen.fields["state"] == "enabled"
    else:
        return NOT_SHOWN
    if on:
        return passed(seen.line, "enabled by the BIOS")
    return failed("tme", seen.line, "not enabled by the BIOS")


def seamrr(evidence: Evidence) -> Outcome:
    """Whether SEAMRR is enabled."""
    if (seen := evidence.last(machine.REPORT_SEAMRR)) is not None:
        if seen.number("enabled") == 1:
            return passed(seen.line, "SEAMRR is enabled")
        detail = "SEAMRR is not enabled: of MSR 0x1401 bit 10 (locked) or 11 (enabled) is clear"
        return failed("seamrr", seen.line, detail)
    if (seen := stands(evidence, boot.SEAMRR_DISABLED)) is not None:
        return failed("seamrr", seen.line, "SEAMRR is not enabled")
    if (seen := evidence.last(boot.SEAMRR_ENABLED)) is not None:
        return passed(seen.line, "SEAMRR is enabled")
    return NOT_SHOWN


def keyids(evidence: Evidence) -> Outcome:
    """How many KeyIDs the BIOS gave TDX."""
    if (seen := stands(evidence, boot.ONE_KEYID)) is not None:
        return failed("keyids", seen.line, "too few KeyIDs: the module's own and none for guests")
    if (seen := evidence.last(boot.KEYIDS)) is not None:
        start, end = seen.number("start"), seen.number("end")
        if end - start < _MIN_KEYIDS:
            shown = counted(max(end - start, 0), "KeyID")
            return failed("keyids", seen.line, f"{shown} for TDX, 2 are needed")
        guests = are(end - start - 1, "KeyID")
        detail = f"KeyID {start} is the module's, {guests} for guests"
        return passed(seen.line, detail)
    if (seen := evidence.last(machine.REPORT_KEYIDS)) is not None:
        # "a report prints `20` meaning 0x20 = 32" [field-notes 1]
        number = seen.number("keyids")
        if number < _MIN_KEYIDS:
            shown = counted(number, "KeyID")
            return failed("keyids", seen.line, f"{shown} for TDX, 2 are needed")
        return passed(seen.line, f"{number} KeyIDs (printed in hex), {number - 1} for guests")
    if (seen := stands(evidence, boot.NOT_SUPPORTED)) is not None:
        return _not_supported(evidence, seen)
    if (seen := evidence.last(boot.ENABLED_BY_BIOS, boot.NO_S3)) is not None:
        return passed(seen.line, "TDX is enabled")
    return NOT_SHOWN


def _not_supported(evidence: Evidence, seen: Seen) -> Outcome:
    found = failed("keyids", seen.line, "the kernel found no TDX at boot")
    text = boot.WITHOUT_TDX.text
    if text not in seen.line.text or _may_have_tdx(evidence):
        return found
    # From 7.1 on the line says no more than that: it comes on a notebook too.
    detail = "the kernel found no TDX at boot, and says so on every machine without: no fault there"
    others = tuple(cause for cause in found.causes if cause is not SKU)
    return replace(found, detail=detail, causes=(SKU, *others), state="not supported")


def _may_have_tdx(evidence: Evidence) -> bool:
    # Whether its CPU is of a generation with TDX.
    return evidence.cpu is not None and bool(has_seam(*evidence.cpu))


def sgx(evidence: Evidence) -> Outcome:
    """Whether SGX is on and MCHECK, which needs it, passed."""
    if (seen := evidence.last(machine.REPORT_MCHECK)) is not None:
        status = seen.number("mcheck")
        if status == 0:
            return passed(seen.line, "passed")
        found = failed("sgx", seen.line, f"MCHECK failed with {status:#x}")
        if status == _MCHECK_REGISTRATION:
            return replace(found, causes=(SGX_REGISTRATION, *found.causes))
        return found
    if (seen := evidence.last(machine.SGX_EPC)) is not None:
        return passed(seen.line, "SGX is on: the BIOS gave it memory")
    if (seen := evidence.last(machine.SGX_DISABLED, machine.SGX_NO_EPC)) is None:
        return NOT_SHOWN
    if (line := done(evidence)) is not None:
        return Outcome(WARN, "SGX was off, and the module is initialized all the same", line)
    detail = "SGX is off in the BIOS: the kernel says so itself"
    if evidence.earliest(lambda message: message.is_of_tdx_host) or _may_have_tdx(evidence):
        return failed("sgx", seen.line, detail)
    # Nothing shows that the machine has TDX at all.
    return Outcome(WARN, detail, seen.line, causes=BY_ID["sgx"].causes)


# In hex, as a system report prints it: the status of a registration that is corrupt.
_MCHECK_REGISTRATION = 0x1861


def panic(evidence: Evidence) -> Outcome:
    """Whether the kernel lived until KVM could be loaded."""
    tried = attempted(evidence, "the kernel got as far as an initialization")
    if (seen := evidence.last(machine.PANIC, machine.NO_ROOT, machine.OOPS)) is None:
        return tried
    words = {
        machine.PANIC.id: f"the kernel panicked: {seen.fields.get('words')}",
        machine.OOPS.id: f"the kernel crashed: {seen.fields.get('words')}",
    }.get(seen.message.id, "the system did not find its root file system")
    if tried.verdict is PASS:
        return Outcome(WARN, f"{words}, after an initialization was tried", seen.line)
    return failed("boot", seen.line, f"{words}, before an initialization was tried")


def vmx(evidence: Evidence) -> Outcome:
    """Whether virtualization is on: without it KVM does not load, and no SEAMCALL is made."""
    if (seen := stands(evidence, bring_up.VMX_OFF)) is not None:
        cpu = f"CPU {seen.fields['cpu']}" if "cpu" in seen.fields else "a CPU"
        return Outcome(
            FAIL,
            f"{cpu} was not in VMX operation: the SEAMCALL was refused (#UD)",
            seen.line,
            causes=(VMX_NOT_ON, *BY_ID["vmx"].causes),
            state="failed",
        )
    if (seen := stands(evidence, kvm.VMX_DISABLED)) is None:
        return attempted(evidence, "KVM is loaded")
    late = attempted(evidence, "KVM was loaded all the same")
    return late if late.verdict is PASS else failed("vmx", seen.line, "VMX is off in the BIOS")


def kernel_support(evidence: Evidence) -> Outcome:
    """Whether the running kernel knows TDX, and its KVM."""
    if (seen := stands(evidence, kvm.NO_TDX_PARAMETER)) is not None:
        detail = "kvm_intel has no parameter tdx: the running kernel's KVM knows no TDX"
        return failed("kernel-support", seen.line, detail)
    if (seen := evidence.earliest(lambda message: message.is_of_tdx_host)) is not None:
        return passed(seen.line, "it prints lines on TDX")
    if evidence.seamcalls:
        return passed(evidence.seamcalls[0].line, "it makes SEAMCALLs")
    if (seen := evidence.first(machine.REPORT_HAS_TDX)) is not None:
        return passed(seen.line, "it has found TDX")
    if (seen := evidence.first(machine.REPORT_NO_TDX)) is not None:
        return failed(
            "kernel-support",
            seen.line,
            "the firmware has TDX, and the running kernel has not found it",
        )
    if not evidence.is_cut and evidence.kernel_line is not None:
        why = "the kernel has no host support, or the firmware has no TDX"
        if is_too_old(evidence):
            why = f"Linux {evidence.kernel} has no TDX host code: mainline has it from 6.8 on"
        detail = f"a whole boot without a line on TDX: {why}"
        return failed("kernel-support", evidence.kernel_line, detail)
    return NOT_SHOWN


def stops(message: Message, detail: str) -> Rule:
    """A check that fails on a line of its own, and holds once the bring-up got past it.

    detail: what is said then, with the message's fields.
    """
    check = message.check
    assert check is not None, "a message that stops a bring-up has a check"

    def rule(evidence: Evidence) -> Outcome:
        if (seen := stands(evidence, message)) is not None:
            return failed(check, seen.line, detail.format_map(seen.fields))
        if (line := past_boot(evidence)) is not None:
            return unless_never_made(evidence, check, passed(line, "the bring-up got past it"))
        return NOT_SHOWN

    return rule


def kvm_conditions(evidence: Evidence) -> Outcome:
    """What KVM itself asks for before it goes on to TDX."""
    asks = by_kvm(evidence)
    if asks is False:
        return Outcome(SKIP, "this kernel initializes the module before KVM is asked")
    if (seen := stands(evidence, kvm.NO_EPT_VIOLATION_VE)) is not None:
        detail = "the CPU has no EPT violation #VE, or the hypervisor below does not show it"
        found = failed("kvm-conditions", seen.line, detail)
        return replace(found, causes=(NO_SERVER,), state="not supported")
    refusals = (kvm.KVM_REFUSED, kvm.KVM_PARAMETER_WRONG, kvm.TDP_MMU_OFF, kvm.EPT_OFF)
    if (seen := evidence.last(*refusals)) is None:
        return attempted(evidence, "KVM went on") if asks else NOT_SHOWN
    if (ended := done(evidence)) is not None:
        return passed(ended, "they held at the time")
    what = "EPT" if seen.message is kvm.EPT_OFF else "the TDP MMU"
    what = str(next(iter(seen.fields.values()), what))
    return failed("kvm-conditions", seen.line, f"{what} is required, and is off")


def cpus_online(evidence: Evidence) -> Outcome:
    """v5's check of offline CPUs."""
    if (seen := stands(evidence, bring_up.OFFLINE_CPUS)) is not None:
        return failed("cpus-online", seen.line, "v5 does not initialize the module then")
    if (seen := stands(evidence, own_loader.CPUS_LEFT_OUT)) is not None:
        return failed("cpus-online", seen.line, "this kernel loads no module then")
    past = attempted(evidence, "the initialization got past it")
    return unless_never_made(evidence, "cpus-online", past)


def init_attempt(evidence: Evidence) -> Outcome:
    """Whether anybody tried an initialization."""
    outcome = attempted(evidence, "SEAMCALLs were made")
    if outcome.verdict is PASS:
        return outcome
    if (refused := _load_refused(evidence)) is not None:
        return passed(refused.line, "KVM asked, and its load failed")
    if (seen := stands(evidence, kvm.NOT_FITTING, kvm.NOT_INSERTED)) is not None:
        return _not_loaded(seen)
    # "`BIOS enabled: private KeyID range [32, 64)` and then nothing at all" [field-notes 1]
    silent = evidence.last(boot.NO_S3, boot.KEYIDS, boot.ENABLED_BY_BIOS)
    if silent is None or evidence.log.elided or _ends_too_early(evidence, silent):
        return outcome
    if stands(evidence, bring_up.FAILED_FOR, runtime.HOST_WARNING) is not None:
        return outcome
    # What it says then may be what became of it: a line that is cut, or not known here.
    if any(line.number > silent.line.number for line in evidence.strange):
        return outcome
    detail = "the BIOS enabled TDX, and then the kernel says nothing at all"
    found = failed("init-attempt", silent.line, detail)
    if has_no_caller(evidence):
        return replace(found, causes=(NO_CALLER, *found.causes))
    return found


def _not_loaded(seen: Seen) -> Outcome:
    # kvm_intel, for what modprobe or the kernel says before any bring-up.
    if seen.message is kvm.NOT_FITTING or "not found" in seen.line.text:
        detail = "kvm_intel does not load: it is none of this kernel's"
        return replace(failed("init-attempt", seen.line, detail), causes=(OTHER_BUILD,))
    detail = f"kvm_intel does not load: {seen.fields['words']}"
    return replace(failed("init-attempt", seen.line, detail), causes=(SGX, VIRTUALIZATION))


# KVM is loaded by userspace, 7 to 19 s after boot on real hosts.
_UNTIL_KVM = 5.0
# Fewer lines on other things than that are what a filter for tdx leaves.
_A_WHOLE_LOG = 3


def _ends_too_early(evidence: Evidence, silent: Seen) -> bool:
    # A whole log that ends before anybody can have tried.
    seconds = silent.line.seconds
    return (
        seconds is not None
        and evidence.others > _A_WHOLE_LOG
        and evidence.ends < seconds + _UNTIL_KVM
    )


def _load_refused(evidence: Evidence) -> Seen | None:
    # "kvm_intel missing, log ends with `Disable ACPI S3...`, nothing after: SEAMRR off
    # (EOPNOTSUPP), #UD (EACCES), or a repeated load; modprobe's text tells which errno." [kvm 5]
    enabled = evidence.last(boot.NO_S3)
    seen = evidence.last(kvm.NOT_INSERTED_EOPNOTSUPP, kvm.NOT_INSERTED_EACCES)
    if enabled is None or seen is None or seen.line.number < enabled.line.number:
        return None
    went_on = evidence.reached(Stage.ASKED) is not None or first_call(evidence) is not None
    return None if went_on or not by_kvm(evidence) else seen


def seam_enabled(evidence: Evidence) -> Outcome:
    """Whether SEAMCALLs get through."""
    if (refused := _load_refused(evidence)) is not None:
        is_ud = refused.message is kvm.NOT_INSERTED_EACCES
        raised = "#UD" if is_ud else "#GP"
        detail = f"kvm_intel does not load: its first SEAMCALL raised {raised}, without a line"
        found = failed("seam-enabled", refused.line, detail)
        return replace(found, causes=(VMX_NOT_ON,)) if is_ud else found
    if (seen := stands(evidence, bring_up.NOT_ENABLED_BY_BIOS)) is not None:
        return failed("seam-enabled", seen.line, "the CPU refuses SEAMCALLs (#GP)")
    seen = evidence.first(bring_up.MODULE_NOT_LOADED) or evidence.reached(Stage.ENUMERATED)
    line = seen.line if seen else first_call(evidence)
    return NOT_SHOWN if line is None else passed(line, "a SEAMCALL got through")
