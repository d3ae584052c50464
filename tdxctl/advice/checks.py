# SPDX-License-Identifier: Apache-2.0
"""The checks of a real bring-up as data: a tree, with causes and ways out.

Causes stand in the order of how often they are seen: "Host bring-up failures, most
frequent first" [field-notes 1].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tdxctl.advice import to_do
from tdxctl.advice.known_causes import (
    BIOS,
    DIMMS,
    EARLIER_ATTEMPT,
    FAILED_SEAMCALL,
    HIBERNATION,
    MISMATCH,
    NO_SERVER,
    OLD_BIOS,
    PARAMETER,
    SGX,
    SILENT_KVM,
    SKU,
    TOO_MANY_CPUS,
    VIRTUALIZATION,
    WRONG_KERNEL,
    KnownCause,
)
from tdxctl.errnos import Errno
from tdxctl.messages import boot, bring_up, kvm, machine, own_loader, runtime
from tdxctl.messages.check_ids import CheckId
from tdxctl.seam.status import Status


@dataclass(frozen=True, slots=True)
class Check:
    """A check: what it looks at, the check before it, and why it fails.

    state: what TDX is in where it fails.
    """

    id: CheckId
    title: str
    looks_at: str
    parent: CheckId | None
    state: str
    causes: tuple[KnownCause, ...] = ()


NOT_SUPPORTED, NOT_ENABLED = "not supported", "not enabled"
NOT_STARTED, FAILED, RUNNING = "not started", "failed", "initialized"

CHECKS = (
    Check(
        "host",
        "the log is a host's",
        f"a line that a TD's own kernel prints; {machine.HYPERVISOR.shown}",
        None,
        NOT_SUPPORTED,
        (KnownCause("the log is of a kernel inside a TD", "take the log of the host"),),
    ),
    Check(
        "cpu",
        "the CPU is of a model with TDX",
        "family, model and name of CPU 0; lines of KVM's for AMD",
        "host",
        NOT_SUPPORTED,
        (NO_SERVER,),
    ),
    Check(
        "tme",
        "memory encryption is enabled",
        f"{machine.TME.shown}; {machine.MKTME.shown}; "
        f"{machine.REPORT_TME.shown} of a system report",
        "cpu",
        NOT_ENABLED,
        (BIOS, SKU),
    ),
    Check(
        "seamrr",
        "SEAMRR is enabled",
        f"{boot.SEAMRR_ENABLED.shown} (v5); {boot.SEAMRR_DISABLED.shown}; "
        f"{machine.REPORT_SEAMRR.shown} of a system report",
        "tme",
        NOT_ENABLED,
        (BIOS, DIMMS, SKU),
    ),
    Check(
        "keyids",
        "the BIOS gave TDX its KeyIDs",
        f"the private KeyID range; {machine.REPORT_KEYIDS.shown} of a system report",
        "seamrr",
        NOT_ENABLED,
        (
            BIOS,
            KnownCause(
                "the key split leaves TDX one KeyID or none; OEMs name it differently",
                to_do.RAISE_THE_KEY_SPLIT,
                4,
            ),
            SKU,
        ),
    ),
    Check(
        "sgx",
        "SGX and the check of memory passed",
        f"{machine.SGX_DISABLED.shown}; {machine.SGX_NO_EPC.shown}; {machine.SGX_EPC.shown}; "
        f"{machine.REPORT_MCHECK.shown} of a system report",
        "keyids",
        NOT_ENABLED,
        (SGX, BIOS),
    ),
    Check(
        "kernel-support",
        "the kernel has TDX host support",
        "any line of the kernel's on TDX, beside firmware that has it",
        "sgx",
        NOT_SUPPORTED,
        (
            WRONG_KERNEL,
            KnownCause(
                "the kernel was built without CONFIG_INTEL_TDX_HOST", "use one that was built with"
            ),
            replace(BIOS, refuted_by="keyids"),
        ),
    ),
    Check(
        "hibernation",
        "hibernation is off",
        boot.HIBERNATION_ENABLED.shown,
        "kernel-support",
        NOT_STARTED,
        (HIBERNATION,),
    ),
    Check(
        "x2apic",
        "the CPUs are in x2APIC mode",
        boot.X2APIC_OFF.shown,
        "hibernation",
        NOT_STARTED,
        (KnownCause("x2APIC is off in the BIOS", f"{to_do.TURN_ON_X2APIC}, no nox2apic"),),
    ),
    Check(
        "cpu-features",
        "the CPU features that TDX needs are there",
        f"{boot.FEATURE_MISSING.shown}: XSAVE, MOVDIR64B, Self-snoop",
        "x2apic",
        NOT_STARTED,
        (
            KnownCause("a parameter such as noxsave turned it off", "boot without it"),
            KnownCause("a CPU without it", to_do.USE_A_CPU_WITH_TDX),
        ),
    ),
    Check(
        "memory-notifier",
        "the kernel watches memory coming online",
        boot.NOTIFIER_FAILED.shown,
        "cpu-features",
        NOT_STARTED,
        (KnownCause("it does not fail on a healthy kernel", to_do.REPORT_TO_THE_KERNEL),),
    ),
    Check(
        "usable-memory",
        "the list of memory for TDX was built",
        boot.MEMORY_LIST_FAILED.shown,
        "memory-notifier",
        NOT_STARTED,
        (KnownCause("no memory was left for the list", to_do.REPORT_TO_THE_KERNEL),),
    ),
    Check(
        "boot",
        "the kernel runs on until KVM can be loaded",
        machine.PANIC.shown,
        "usable-memory",
        NOT_STARTED,
        (
            KnownCause(
                "the kernel stopped for something that is no matter of TDX",
                "mend what the panic says; for a root file system that cannot be mounted, an "
                "initrd with the driver of its disk",
            ),
        ),
    ),
    Check(
        "vmx",
        "virtualization is on",
        f"{kvm.VMX_DISABLED.shown}; {bring_up.VMX_OFF.shown}",
        "boot",
        NOT_STARTED,
        (VIRTUALIZATION,),
    ),
    Check(
        "command-line",
        "KVM was asked for TDX",
        "kvm_intel.tdx= in the kernel's command line",
        "vmx",
        NOT_STARTED,
        (PARAMETER,),
    ),
    Check(
        "kvm-conditions",
        "KVM's own conditions for TDX hold",
        f"KVM's lines: {kvm.KVM_REFUSED.shown}; {kvm.KVM_PARAMETER_WRONG.shown}; "
        f"{kvm.TDP_MMU_OFF.shown}; {kvm.EPT_OFF.shown}; {kvm.NO_EPT_VIOLATION_VE.shown}",
        "command-line",
        NOT_STARTED,
        (
            KnownCause(
                "a parameter of kvm or kvm_intel turned off what TDX needs",
                "boot without it: ept=0, tdp_mmu=0, mmio_caching=0, enable_apicv=0, "
                "enable_virt_at_load=0",
            ),
            KnownCause("the BIOS turned a virtualization feature off", "enable it in the BIOS"),
        ),
    ),
    Check(
        "cpus-online",
        "all CPUs of the MADT are online",
        f"v5: {bring_up.OFFLINE_CPUS.shown}; {own_loader.CPUS_LEFT_OUT.shown}",
        "kvm-conditions",
        NOT_STARTED,
        (
            KnownCause(
                "the MADT has slots that are merely not enabled: v5 counts them as offline CPUs",
                to_do.LEAVE_SLOTS_OUT,
            ),
            KnownCause("a CPU is offline", to_do.BRING_CPUS_ONLINE),
        ),
    ),
    Check(
        "init-attempt",
        "an initialization was tried",
        "anything after the BIOS enabled TDX",
        "cpus-online",
        NOT_STARTED,
        (
            SGX,
            SILENT_KVM,
            PARAMETER,
            KnownCause("kvm_intel is not loaded", "modprobe kvm_intel tdx=1"),
        ),
    ),
    Check(
        "seam-enabled",
        "SEAMCALLs reach the module",
        bring_up.NOT_ENABLED_BY_BIOS.shown,
        "init-attempt",
        NOT_ENABLED,
        (SGX, BIOS),
    ),
    Check(
        "module-loaded",
        "a TDX module is loaded",
        f"{bring_up.MODULE_NOT_LOADED.shown}; {own_loader.LOAD_FAILED.shown}; "
        f"{own_loader.LOADER_FAILED.shown}",
        "seam-enabled",
        FAILED,
        (
            KnownCause(
                "the firmware carries no TDX module, or its SEAM loader did not load it",
                "update the BIOS; or load a module from the EFI system partition",
                4,
            ),
            SKU,
        ),
    ),
    Check(
        "sys-init",
        "TDH.SYS.INIT: the module accepts the platform",
        f"SEAMCALL failures of leaf 33; {bring_up.MODULE_OUTDATED.shown}",
        "module-loaded",
        FAILED,
        (OLD_BIOS, MISMATCH),
    ),
    Check(
        "lp-init",
        "TDH.SYS.LP.INIT: the module accepts every CPU",
        f"SEAMCALL failures of leaf 35; {own_loader.KEYIDS_INCONSISTENT.shown}",
        "sys-init",
        FAILED,
        (OLD_BIOS,),
    ),
    Check(
        "system-info",
        "the module says what it is",
        f"SEAMCALL failures of leaves 32 and 34; {own_loader.SYSINFO_INVALID.shown}; the module's "
        "version",
        "lp-init",
        FAILED,
        (MISMATCH,),
    ),
    Check(
        "module-features",
        "the module has the features that the kernel needs",
        bring_up.NO_RBP_MOD.shown,
        "system-info",
        FAILED,
        (MISMATCH,),
    ),
    Check(
        "cmrs",
        "memory lies in the CMRs",
        "CMR lines; memory that is not convertible",
        "module-features",
        FAILED,
        (
            KnownCause("a firmware bug", to_do.UPDATE_FOR_ITS_CMRS),
            KnownCause(
                "memory that came from CXL or PMEM devices",
                f"{to_do.USE_AS_DEVICE_MEMORY}, not as RAM at boot",
                4,
            ),
        ),
    ),
    Check(
        "tdmrs",
        "the module's TDMRs are enough",
        bring_up.TDMRS_EXHAUSTED.shown,
        "cmrs",
        FAILED,
        (KnownCause("memory is in too many pieces", to_do.FEWER_REGIONS),),
    ),
    Check(
        "reserved-areas",
        "the reserved areas of every TDMR are enough",
        bring_up.RESERVED_AREAS_EXHAUSTED.shown,
        "tdmrs",
        FAILED,
        (
            KnownCause(
                "firmware tables cut low memory into more pieces than a TDMR has reserved areas",
                to_do.FEWER_HOLES,
                3,
            ),
        ),
    ),
    Check(
        "pamt",
        "the PAMTs were allocated",
        f"{bring_up.PAMT_ALLOCATED.shown}; errno -12",
        "reserved-areas",
        FAILED,
        (
            KnownCause(
                "no contiguous memory is left for a PAMT, or none for the kernel's own lists",
                to_do.INITIALIZE_EARLY,
            ),
        ),
    ),
    Check(
        "sys-config",
        "TDH.SYS.CONFIG: the module accepts the TDMRs",
        "SEAMCALL failures of leaf 45",
        "pamt",
        FAILED,
        (
            KnownCause(
                "a CPU was offline when the module was initialized",
                to_do.BRING_EVERY_CPU_ONLINE,
                statuses=(Status.TDX_SYS_CONFIG_NOT_PENDING,),
                refuted_by="cpus-online",
            ),
            KnownCause(
                "memory lies outside the CMRs",
                to_do.KEEP_MEMORY_IN_CMRS,
                statuses=(Status.TDX_TDMR_OUTSIDE_CMRS,),
                refuted_by="cmrs",
            ),
        ),
    ),
    Check(
        "key-config",
        "TDH.SYS.KEY.CONFIG: every package has its key",
        "SEAMCALL failures of leaf 31",
        "sys-config",
        FAILED,
        (
            KnownCause(
                "a package has no entropy, or no memory encryption",
                to_do.TRY_AGAIN,
                statuses=(Status.TDX_KEY_GENERATION_FAILED, Status.TDX_RND_NO_ENTROPY),
            ),
        ),
    ),
    Check(
        "tdmr-init",
        "TDH.SYS.TDMR.INIT: memory is initialized",
        "SEAMCALL failures of leaf 36",
        "key-config",
        FAILED,
        (
            KnownCause(
                "a package without an online CPU",
                "bring a CPU of each package online",
                statuses=(Status.TDX_SYS_NOT_READY,),
                refuted_by="cpus-online",
            ),
        ),
    ),
    Check(
        "initialized",
        "the module is initialized",
        f"{bring_up.MODULE_INITIALIZED.shown}, in all its wordings; the errno of a failure",
        "tdmr-init",
        FAILED,
        (MISMATCH, OLD_BIOS),
    ),
    Check(
        "kvm",
        "KVM can run TDs",
        "kvm_intel's lines after the initialization",
        "initialized",
        FAILED,
        (
            KnownCause(
                "a parameter of kvm or kvm_intel turned off what TDX needs",
                "load kvm and kvm_intel without it: ept=0, tdp_mmu=0, mmio_caching=0, "
                "enable_apicv=0, enable_virt_at_load=0",
            ),
            MISMATCH,
            TOO_MANY_CPUS,
        ),
    ),
    Check(
        "td-runtime",
        "TDs run without errors of the module",
        "SEAMCALL failures of a TD's leaves; KVM's warnings",
        "initialized",
        RUNNING,
        (KnownCause("an error at run time, not of the bring-up", "report it with its status"),),
    ),
    Check(
        "kexec",
        "kexec is possible",
        runtime.KEXEC_REFUSED.shown,
        "initialized",
        RUNNING,
        (
            KnownCause(
                "the CPU has the partial-write erratum (Sapphire and Emerald Rapids)",
                to_do.RENEW_FOR_KEXEC,
                4,
            ),
        ),
    ),
    Check(
        "prediction",
        "tdxctl's own kernel does on this memory what this one did",
        "the memory map and the printed PAMT",
        None,
        RUNNING,
    ),
    Check(
        "harmless",
        "no line is mistaken for a failure",
        "SEAMCALL failures of debug leaves, lines that only look bad",
        None,
        RUNNING,
    ),
)

BY_ID: dict[CheckId, Check] = {check.id: check for check in CHECKS}

#: What an errno alone tells of a failed initialization: the causes of the checks that end in it.
CAUSES_OF_ERRNO: dict[Errno, tuple[KnownCause, ...]] = {
    Errno.ENOSPC: BY_ID["reserved-areas"].causes + BY_ID["tdmrs"].causes,
    Errno.E2BIG: BY_ID["reserved-areas"].causes + BY_ID["tdmrs"].causes,
    Errno.ENODEV: BY_ID["module-loaded"].causes + BY_ID["seam-enabled"].causes[:1],
    Errno.EINVAL: (EARLIER_ATTEMPT, *BY_ID["module-features"].causes),
    # Without the line of the SEAMCALL: what most of them come from.
    Errno.EIO: (MISMATCH, OLD_BIOS, FAILED_SEAMCALL),
    Errno.EFAULT: (FAILED_SEAMCALL,),
}


def find_check(name: str) -> Check | None:
    """The check of that id, None where there is none."""
    return next((check for check in CHECKS if check.id == name), None)
