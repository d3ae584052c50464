# SPDX-License-Identifier: Apache-2.0
"""KVM's lines on TDX."""

from __future__ import annotations

from tdxctl.messages.message import (
    BUG_ON,
    ERR,
    INFO,
    WARN,
    WARN_ON,
    Message,
    Source,
    Stage,
    Template,
)
from tdxctl.messages.words import KVM_OF_2024, TREES_OF_5_10

_KVM, _KVM_TDX = (Source.KVM,), (Source.KVM, Source.KVM_TDX)
_MODPROBE, _SYSTEMD = "modprobe", "systemd-modules-load"
_DISTRIBUTIONS = "distribution kernels of 6.2 to 6.14"

KVM_REFUSED = Message(
    "kvm-refused",
    Stage.ASKED,
    ERR,
    (Template("{feature} is required for TDX", (6, 16)),),
    "KVM does without TDX: a condition of its own does not hold.",
    "kvm-conditions",
    sources=_KVM_TDX,
    generic=True,
)
KVM_PARAMETER_WRONG = Message(
    "kvm-parameter",
    Stage.ASKED,
    ERR,
    (Template("tdx requires {parameter}", (6, 16)),),
    "KVM does without TDX: it was loaded with another value of that parameter.",
    "kvm-conditions",
    sources=(Source.KVM_TDX, Source.KVM),
    generic=True,
)
EPT_OFF = Message(
    "ept-off",
    Stage.BOOT,
    ERR,
    (Template("Cannot enable TDX with EPT disabled", of="trees of 5.19 for TDX 1.0"),),
    "KVM does without TDX: it was loaded with ept=0, or the CPU has no EPT.",
    "kvm-conditions",
    sources=(Source.TDX, *_KVM_TDX),
)
KVM_WILL_ASK = Message(
    "kvm-will-ask",
    Stage.BOOT,
    INFO,
    (
        Template("kvm: TDX is supported. x86 phys bits {bits:d}", of="trees of 5.19 for TDX 1.0"),
        Template(
            "kvm: TDX is supported. hkid start pos {bits:d} mask {mask:#x}",
            of="trees of 5.19 for TDX 1.0",
        ),
    ),
    "KVM found TDX enabled, and initializes the module when the first TD asks for it.",
    sources=(Source.TDX, *_KVM_TDX),
)
TDP_MMU_OFF = Message(
    "tdp-mmu",
    Stage.ASKED,
    ERR,
    (Template("TDX requires TDP MMU.  Please enable TDP MMU for TDX.", of=_DISTRIBUTIONS),),
    "KVM's TDP MMU is off, and TDs need it.",
    "kvm-conditions",
    sources=_KVM,
)
KVM_TOO_MANY_CPUS = Message(
    "kvm-too-many-cpus",
    Stage.DONE,
    ERR,
    (
        Template(
            "Disable TDX: MAX_VCPU_PER_TD ({limit:d}) smaller than number of logical CPUs "
            "({cpus:d}).",
            since=(6, 16),
        ),
    ),
    "KVM does without TDX: the module allows a TD fewer virtual CPUs than the host has CPUs.",
    "kvm",
    sources=_KVM,
)
KVM_SUPPORTED = Message(
    "kvm-supported",
    Stage.DONE,
    INFO,
    (Template("TDX is supported.", of=_DISTRIBUTIONS),),
    "KVM can run TDs.",
    "kvm",
    sources=_KVM,
    generic=True,
)
KVM_OFFERS = Message(
    "kvm-offers",
    Stage.DONE,
    INFO,
    (
        Template("max servtds supported per user TD is {servtds:d}", of=_DISTRIBUTIONS),
        Template("live migration supported", of=_DISTRIBUTIONS),
        Template("td partitioning supported", of=_DISTRIBUTIONS),
        Template("support upto {keyids:d} TD keyids", of=TREES_OF_5_10),
    ),
    "What the initialized module offers to TDs, as KVM lists it.",
    sources=(Source.KVM_TDX, Source.TDX),
    generic=True,
)
KVM_FAILED = Message(
    "kvm-failed",
    Stage.ASKED,
    ERR,
    (
        Template("Failed to initialize TDX module.", of=KVM_OF_2024),
        Template("TDX is not supported.", of=_DISTRIBUTIONS),
    ),
    "KVM goes on without TDX.",
    "kvm",
    sources=_KVM,
    generic=True,
)
KVM_WARNING = Message(
    "kvm-warning",
    Stage.RUNTIME,
    WARN_ON,
    (
        Template(
            "WARNING: CPU: {cpu:d} PID: {pid:d} at arch/x86/kvm/vmx/tdx.c:{line:d} {function}+",
            of="any release",
        ),
    ),
    "KVM met something unexpected while a TD ran.",
    "td-runtime",
    sources=_KVM,
)
KVM_CLEANUP_WARNING = Message(
    "kvm-cleanup-warning",
    Stage.DONE,
    WARN_ON,
    (Template("WARN_ON_ONCE(!tdx_cpuhp_state) in __do_tdx_cleanup", (6, 16)),),
    "KVM is unloaded after it had gone on with a module that it cannot use.",
    sources=_KVM,
)
KVM_CLEANUP_BUG = Message(
    "kvm-cleanup-bug",
    Stage.DONE,
    BUG_ON,
    (Template("BUG_ON(cpuhp_cb_check(state)) in __cpuhp_remove_state_cpuslocked", (6, 16)),),
    "The same, and the end of the thread that unloads it; kernels from 6.17.4 on do not get there.",
    sources=_KVM,
)
NO_TDX_PARAMETER = Message(
    "kvm-without-tdx",
    Stage.BOOT,
    WARN,
    (Template("unknown parameter 'tdx' ignored", of="any release"),),
    "kvm_intel was built without TDX: it has no such parameter.",
    "kernel-support",
    sources=(Source.VMX,),
    generic=True,
)
NOT_FITTING = Message(
    "kvm-not-fitting",
    Stage.BOOT,
    ERR,
    (
        Template("disagrees about version of symbol {symbol}", of="any release"),
        Template("Unknown symbol {symbol} (err {errno:-d})", of="any release"),
    ),
    "kvm_intel does not load: it was built for another kernel.",
    "init-attempt",
    sources=(Source.VMX,),
    generic=True,
)
NOT_INSERTED = Message(
    "kvm-not-inserted",
    Stage.BOOT,
    ERR,
    (
        Template("could not insert 'kvm_intel': {words:s}", of=_MODPROBE),
        Template("Failed to insert module 'kvm_intel': {words:s}", of=_SYSTEMD),
        Template("Module kvm_intel not found in {words:s}", of=_MODPROBE),
    ),
    "kvm_intel does not load.",
    "init-attempt",
    sources=(Source.MODPROBE,),
)
NOT_INSERTED_EINVAL = Message(
    "kvm-not-inserted-einval",
    Stage.BOOT,
    ERR,
    (
        Template("could not insert 'kvm_intel': Invalid argument", of=_MODPROBE),
        Template("Failed to insert module 'kvm_intel': Invalid argument", of=_SYSTEMD),
    ),
    "kvm_intel does not load: after `module initialized`, KVM cannot serve such a module.",
    "kvm",
    sources=(Source.MODPROBE,),
)
NOT_INSERTED_EOPNOTSUPP = Message(
    "kvm-not-inserted-eopnotsupp",
    Stage.BOOT,
    ERR,
    (
        Template("could not insert 'kvm_intel': Operation not supported", of=_MODPROBE),
        Template("Failed to insert module 'kvm_intel': Operation not supported", of=_SYSTEMD),
    ),
    "kvm_intel does not load: VMX is off, or a SEAMCALL raised #GP, SEAMRR being off.",
    "seam-enabled",
    sources=(Source.MODPROBE,),
)
NOT_INSERTED_EACCES = Message(
    "kvm-not-inserted-eacces",
    Stage.BOOT,
    ERR,
    (
        Template("could not insert 'kvm_intel': Permission denied", of=_MODPROBE),
        Template("Failed to insert module 'kvm_intel': Permission denied", of=_SYSTEMD),
    ),
    "kvm_intel does not load: a SEAMCALL raised #UD.",
    "seam-enabled",
    sources=(Source.MODPROBE,),
)
SYMBOL_VERSION = Message(
    "symbol-version",
    Stage.BOOT,
    ERR,
    (Template("no symbol version for {symbol}", of="any release"),),
    "Harmless: kvm_intel was built apart from the kernel.",
    "harmless",
    sources=(Source.VMX,),
    generic=True,
)
VMX_DISABLED = Message(
    "vmx-disabled",
    Stage.BOOT,
    ERR,
    (
        Template(
            "VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL on CPU {cpu:d}", of="6.4 and later"
        ),
        Template("VMX not supported by CPU {cpu:d}", of="6.4 and later"),
        Template("kvm: disabled by bios", of="before 6.4"),
        Template("kvm: support for 'kvm_intel' disabled by bios", of="before 6.4"),
        Template("kvm: no hardware support", of="before 6.4"),
        Template("x86/cpu: VMX (outside TXT) disabled by BIOS", of="5.6 and later"),
        Template("x86/cpu: VMX (inside TXT) disabled by BIOS", of="5.6 and later"),
    ),
    "The BIOS turned virtualization off: KVM does not load, and does not get as far as TDX.",
    "vmx",
    sources=(Source.VMX,),
)
KVM_OF_AMD = Message(
    "kvm-of-amd",
    Stage.BOOT,
    INFO,
    (
        Template("SEV {state} (ASIDs {first:d} - {last:d})", of="any release"),
        Template("TSC scaling supported", of="any release"),
        Template("Nested Virtualization enabled", of="any release"),
        Template("Nested Paging enabled", of="any release"),
        Template("SVM disabled (by BIOS) in MSR_VM_CR on CPU {cpu:d}", of="6.4 and later"),
        Template("LBR virtualization supported", of="any release"),
        Template("Virtual VMLOAD VMSAVE supported", of="any release"),
        Template("Virtual GIF supported", of="any release"),
        Template("AVIC enabled", of="any release"),
        Template("SEV supported: {asids:d} ASIDs", of="before 6.4"),
        Template("SEV-ES supported: {asids:d} ASIDs", of="before 6.4"),
    ),
    "KVM runs on an AMD CPU, which has SEV-SNP where Intel's have TDX.",
    "cpu",
    sources=(Source.AMD,),
    generic=True,
)
KVM_OF_ANOTHER = Message(
    "kvm-of-another",
    Stage.BOOT,
    ERR,
    (
        Template("CPU {cpu:d} isn't AMD or Hygon", of="6.4 and later"),
        Template("not supported by CPU {cpu:d}, not AMD or Hygon", of="6.4 and later"),
    ),
    "AMD's part of KVM was tried on a CPU that does not say that it is AMD's.",
    sources=(Source.AMD,),
    generic=True,
)
VMX_SWITCHED_OFF = Message(
    "vmx-switched-off",
    Stage.BOOT,
    INFO,
    (Template("exiting hardware virtualization", of="any release"),),
    "KVM switches VMX off on all CPUs, for a reboot or kexec.",
    sources=(Source.VMX,),
)
NO_EPT_VIOLATION_VE = Message(
    "no-ept-violation-ve",
    Stage.BOOT,
    ERR,
    (Template("SEAM: CPU doesn't support EPT violation #VE", of="KVM of trees of 5.x"),),
    "KVM does without TDX: the CPU, or the hypervisor below, lacks what TDs need.",
    "kvm-conditions",
    sources=(Source.VMX,),
)
