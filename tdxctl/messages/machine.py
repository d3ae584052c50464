# SPDX-License-Identifier: Apache-2.0
"""Lines on what TDX stands on, of any kernel; of a TD's own kernel; of system reports."""

from __future__ import annotations

from tdxctl.messages.message import (
    ERR,
    INFO,
    Message,
    Source,
    Stage,
    Template,
)

_ANY = "any release"
_CPU, _REPORT, _GUEST = (Source.CPU,), (Source.REPORT,), (Source.GUEST,)
_OF_A_REPORT = "system-report.sh"

TME = Message(
    "tme",
    Stage.BOOT,
    INFO,
    (Template("x86/tme: {state} by BIOS", of=_ANY),),
    "Whether the BIOS enabled memory encryption.",
    "tme",
    sources=_CPU,
)
MKTME = Message(
    "mktme",
    Stage.BOOT,
    INFO,
    (Template("x86/mktme: {state} by BIOS", of=_ANY),),
    "Whether the BIOS enabled multi-key memory encryption.",
    "tme",
    sources=_CPU,
)
MKTME_KEYIDS = Message(
    "mktme-keyids",
    Stage.BOOT,
    INFO,
    (Template("x86/mktme: {keyids:d} KeyIDs available", of=_ANY),),
    "How many KeyIDs there are for memory encryption without TDX.",
    sources=_CPU,
)
TME_POLICY = Message(
    "tme-policy",
    Stage.BOOT,
    INFO,
    (Template("x86/tme: Unknown policy is active: {policy:#x}", of=_ANY),),
    "Harmless: the kernel has no name for the encryption that is active, such as AES-XTS-256.",
    "harmless",
    sources=_CPU,
)
MKTME_ALGORITHMS = Message(
    "mktme-algorithms",
    Stage.BOOT,
    INFO,
    (Template("x86/mktme: No known encryption algorithm is supported: {algorithms:#x}", of=_ANY),),
    "Harmless: the kernel names AES-XTS-128 only, and the CPU has another algorithm: bit 2 is "
    "AES-XTS-256.",
    "harmless",
    sources=_CPU,
)
SGX_DISABLED = Message(
    "sgx-disabled",
    Stage.BOOT,
    INFO,
    (
        Template("x86/cpu: SGX disabled or unsupported by BIOS.", of=_ANY),
        Template("x86/cpu: SGX disabled by BIOS.", of=_ANY),
    ),
    "SGX is off in the BIOS, or not there. TDX needs it: the CPU verifies the SEAM loader with it.",
    "sgx",
    sources=_CPU,
)
SGX_NO_EPC = Message(
    "sgx-no-epc",
    Stage.BOOT,
    INFO,
    (Template("sgx: There are zero EPC sections.", of=_ANY),),
    "SGX is off in the BIOS, or has no memory. TDX needs it: the CPU verifies the SEAM loader with "
    "it.",
    "sgx",
    sources=_CPU,
)
SGX_EPC = Message(
    "sgx-epc",
    Stage.BOOT,
    INFO,
    (Template("sgx: EPC section {start:#x}-{end:#x}", of=_ANY),),
    "SGX is on: the BIOS gave it that memory.",
    "sgx",
    sources=_CPU,
)
PANIC = Message(
    "panic",
    Stage.BOOT,
    ERR,
    (Template("Kernel panic - not syncing: {words:s}", of=_ANY),),
    "The kernel stopped there. Before KVM is loaded that has nothing to do with TDX.",
    "boot",
    sources=_CPU,
)
OOPS = Message(
    "oops",
    Stage.BOOT,
    ERR,
    (
        Template("BUG: unable to handle {words:s}", of=_ANY),
        Template("BUG: kernel NULL pointer dereference, {words:s}", of=_ANY),
        Template("general protection fault, {words:s}", of=_ANY),
        Template("Oops: {words:s}", of=_ANY),
    ),
    "The kernel crashed there, and may have gone on.",
    "boot",
    sources=_CPU,
)
NO_ROOT = Message(
    "no-root",
    Stage.BOOT,
    ERR,
    (
        Template("Warning: dracut-initqueue timeout - starting timeout scripts", of="dracut"),
        Template("Entering emergency mode", of="dracut"),
        Template("You are in emergency mode", of="systemd"),
        Template("does not exist.  Dropping to a shell!", of="initramfs-tools"),
    ),
    "The system did not start: without its disk there is nobody to load KVM.",
    "boot",
    sources=_CPU,
)
IOMMU_OF_AMD = Message(
    "iommu-of-amd",
    Stage.BOOT,
    INFO,
    (
        Template("AMD-Vi: Interrupt remapping enabled", of=_ANY),
        Template("AMD-Vi: IOMMU performance counters supported", of=_ANY),
        Template("AMD-Vi: Found IOMMU", of=_ANY),
        Template("AMD-Vi: Using global IVHD", of=_ANY),
    ),
    "The machine has AMD's IOMMU, and so AMD's CPUs.",
    "cpu",
    sources=_CPU,
)
HYPERVISOR = Message(
    "hypervisor",
    Stage.BOOT,
    INFO,
    (Template("Hypervisor detected: {words:s}", of=_ANY),),
    "The kernel runs in a virtual machine, or beside a hypervisor.",
    sources=_CPU,
)
GUEST = Message(
    "guest",
    Stage.BOOT,
    INFO,
    (Template("Guest detected", of=_ANY),),
    "This kernel runs inside a TD: it is a guest's log.",
    "host",
    sources=_GUEST,
    generic=True,
)
GUEST_FEATURES = Message(
    "guest-features",
    Stage.BOOT,
    INFO,
    (
        Template("Memory Encryption Features active: Intel TDX", of=_ANY),
        Template("using TDX aware idle routine", of=_ANY),
    ),
    "This kernel runs inside a TD: it is a guest's log.",
    "host",
    sources=_GUEST,
)
REPORT_SEAMRR = Message(
    "report-seamrr",
    Stage.BOOT,
    INFO,
    (
        Template("SEAM_RR bit: {enabled:d}", of=_OF_A_REPORT),
        Template("TDX_STATUS bit: {enabled:d}", of=_OF_A_REPORT),
    ),
    "A system report: whether SEAMRR is enabled (MSR 0x1401, bit 11).",
    "seamrr",
    sources=_REPORT,
)
REPORT_KEYIDS = Message(
    "report-keyids",
    Stage.BOOT,
    INFO,
    (Template("NUM_TDX_PRIV_KEYS: {keyids:x}", of=_OF_A_REPORT),),
    "A system report: the number of KeyIDs of TDX, in hex.",
    "keyids",
    sources=_REPORT,
)
REPORT_TME = Message(
    "report-tme",
    Stage.BOOT,
    INFO,
    (
        Template("MK_TME_ENABLED bit: {enabled:d}", of=_OF_A_REPORT),
        Template("HW_ENCRYPT_ENABLE bit: {enabled:d}", of=_OF_A_REPORT),
    ),
    "A system report: whether multi-key memory encryption is enabled.",
    "tme",
    sources=_REPORT,
)
REPORT_MCHECK = Message(
    "report-sgx",
    Stage.BOOT,
    INFO,
    (
        Template("SGX_AND_MCHECK_STATUS: {mcheck:x}", of=_OF_A_REPORT),
        Template("MSR_EXTRA1 (0xa0): {mcheck:x}", of=_OF_A_REPORT),
    ),
    "A system report: 0 says that SGX and the check of memory passed.",
    "sgx",
    sources=_REPORT,
)
REPORT_HAS_TDX = Message(
    "report-cpuinfo-tdx",
    Stage.BOOT,
    INFO,
    (Template("CPU supports TDX according to /proc/cpuinfo", of=_OF_A_REPORT),),
    "A system report: the running kernel has found TDX.",
    "kernel-support",
    sources=_REPORT,
)
REPORT_NO_TDX = Message(
    "report-cpuinfo",
    Stage.BOOT,
    INFO,
    (Template("No TDX support in CPU according to /proc/cpuinfo", of=_OF_A_REPORT),),
    "A system report: the running kernel has not found TDX.",
    "kernel-support",
    sources=_REPORT,
)
