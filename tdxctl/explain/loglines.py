# SPDX-License-Identifier: Apache-2.0
"""What kernels of all generations print of TDX, and what each line means.

Sources: the log strings of v5 (2022) to mid-2026, distribution kernels and their reports
(field notes, "Log wording changes: never key on one").
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line: its id, what it reads like, what it means.

    check: the one that looks at it; None where that is told by the SEAMCALL in it.
    """

    id: str
    pattern: re.Pattern[str]
    check: str | None
    meaning: str


def _line(line_id: str, pattern: str, check: str | None, meaning: str) -> KnownLine:
    return KnownLine(line_id, re.compile(pattern, re.ASCII), check, meaning)


# At the start of a message: in the middle it is what somebody wrote about one.
_START = r"^[\s>|`]*"
_TDX = _START + r"(?:virt/)?tdx: "
_HEX = r"(?:0x)?([0-9a-fA-F]{1,16})"

#: In the order in which they are tried: the first that fits is what a line is.
LINES = (
    _line(
        "seamcall-failed",
        rf"SEAMCALL \({_HEX}\) failed: {_HEX}",
        None,
        "A SEAMCALL returned an error.",
    ),
    _line(
        "seamcall-failed-v5",
        rf"SEAMCALL failed: leaf: {_HEX}, error: {_HEX}",
        None,
        "A SEAMCALL returned an error.",
    ),
    _line(
        "seamcall-failed-decimal",
        rf"SEAMCALL failed:(?: CPU (\d{{1,5}}):)? leaf (\d{{1,10}}), error {_HEX}",
        None,
        "A SEAMCALL returned an error; this kernel prints the leaf in decimal.",
    ),
    _line(
        "seamcall-output",
        r"RCX 0x[0-9a-f]{16} RDX 0x([0-9a-f]{16})",
        None,
        "What the failed SEAMCALL left in registers; for TDH.SYS.RD, RDX is the field's id.",
    ),
    _line(
        "keyids",
        r"private KeyID range:? *\[(\d{1,10}), (\d{1,10})\)",
        "keyids",
        "The BIOS set KeyIDs aside for TDX: the first is the module's own, the others are for "
        "guests.",
    ),
    _line(
        "one-keyid",
        r"initialization failed: too few private KeyIDs|only one TDX private KeyID",
        "keyids",
        "One KeyID is the module's own; with no other there is none for a guest.",
    ),
    _line(
        "hibernation",
        r"initialization failed: Hibernation support is enabled",
        "hibernation",
        "The kernel could hibernate, which TDX memory does not survive: it does without TDX.",
    ),
    _line(
        "notifier",
        r"register_memory_notifier\(\) failed \(-?(\d+)\)",
        "memory-notifier",
        "The kernel could not watch memory coming online.",
    ),
    _line(
        "x2apic",
        r"Disable TDX as X2APIC is not enabled",
        "x2apic",
        "TDX needs CPUs in x2APIC mode.",
    ),
    _line(
        "memory-list",
        r"Build TDX-usable memory regions failed",
        "usable-memory",
        "The list of memory for TDX could not be built.",
    ),
    _line(
        "not-supported",
        rf"{_START}(?:(?:virt/)?tdx|kvm_intel): (?:tdx: )?"
        r"(?:TDX not supported by the host platform|no TDX private KeyIDs available)",
        "keyids",
        "No TDX was found at boot. Kernels of 2026 print it on every machine without TDX.",
    ),
    _line(
        "kvm-refused",
        rf"{_START}kvm(?:_intel)?: (?:tdx: )?(.{{1,80}}?) (?:is|are) required for TDX|"
        rf"{_START}kvm(?:_intel)?: (?:tdx: )?tdx requires (kvm\.\w+=\w+)",
        "kvm-conditions",
        "KVM does without TDX: a condition of its own does not hold.",
    ),
    _line(
        "feature-missing",
        rf"{_TDX}(XSAVE|MOVDIR64B|Self-snoop) is required for TDX",
        "cpu-features",
        "A CPU feature that TDX needs is not there, or was turned off.",
    ),
    _line(
        "s3",
        r"Disable ACPI S3\. Turn off TDX",
        "keyids",
        "Harmless: with TDX the kernel does without suspend to RAM.",
    ),
    _line(
        "enabled-by-bios",
        rf"{_TDX}TDX enabled by BIOS",
        "keyids",
        "The BIOS enabled TDX.",
    ),
    _line(
        "seamrr-enabled",
        rf"{_TDX}SEAMRR enabled",
        "seamrr",
        "The BIOS set memory aside for the TDX module.",
    ),
    _line(
        "not-enabled-by-bios",
        rf"{_TDX}(?:\[firmware bug\]: TDX is )?not enabled by BIOS",
        "seam-enabled",
        "A SEAMCALL was refused by the CPU (#GP): KeyIDs are there, but TDX was not enabled.",
    ),
    _line(
        "offline-cpus",
        r"Unable to initialize the TDX module when there's offline CPU",
        "cpus-online",
        "v5: a CPU is offline, or the MADT has slots that are not enabled.",
    ),
    _line(
        "not-loaded",
        rf"{_TDX}(?:TDX )?module (?:is )?not loaded",
        "module-loaded",
        "No TDX module answered: the firmware loaded none.",
    ),
    _line(
        "rbp",
        r"frame pointer \(RBP\) clobber bug present|NO_RBP_MOD feature is not supported",
        "module-features",
        "The module is too old: this kernel refuses one without NO_RBP_MOD.",
    ),
    _line(
        "bad-cmrs",
        r"Firmware bug: (?:CMRs not in address|invalid CMR|No valid CMR)|Invalid CMRs detected",
        "cmrs",
        "The firmware's list of convertible memory is wrong.",
    ),
    _line(
        "cmr",
        r"CMR ?(?:\[\d+\])?: \[0x([0-9a-f]{1,16}), 0x([0-9a-f]{1,16})\)",
        "cmrs",
        "Memory that the firmware reports as convertible.",
    ),
    _line(
        "not-convertible",
        r"is not fully convertible memory|is not TDX convertible memory",
        "cmrs",
        "Memory of the kernel's lies outside the CMRs.",
    ),
    _line(
        "reserved-areas",
        r"TDMR \[0x([0-9a-f]+), 0x([0-9a-f]+)\): reserved areas exhausted",
        "reserved-areas",
        "The holes between memory ranges need more reserved areas than one TDMR has.",
    ),
    _line(
        "tdmrs",
        r"initialization failed: TDMRs exhausted",
        "tdmrs",
        "Memory is in more pieces than the module has TDMRs.",
    ),
    _line(
        "tdmrs-near",
        r"consumed TDMRs reaching limit: (\d+) used out of (\d+)",
        "tdmrs",
        "A warning: few TDMRs are left.",
    ),
    _line(
        "no-node",
        r"unable to find local NUMA node for PAMT allocation",
        "pamt",
        "A warning: a PAMT lies on another NUMA node than its memory.",
    ),
    _line(
        "dynamic-pamt",
        rf"{_TDX}Enable Dynamic PAMT",
        "pamt",
        "The greater part of the PAMT is allocated as TDs use memory.",
    ),
    _line(
        "pamt",
        r"(\d{1,12}) (pages|KBs?) allocated for PAMT",
        "pamt",
        "What the module's metadata costs, allocated for good.",
    ),
    _line(
        "version",
        rf"{_TDX}(?:TDX module(?: version)?: |TDX module \d+\.\d+\.\d+|"
        r"[Mm]odule version: \d)",
        "system-info",
        "The TDX module answered and said what it is.",
    ),
    _line(
        "init-failed",
        rf"{_TDX}(?:TDX-)?[Mm]odule initialization failed \((-?\d{{1,4}})\)|"
        rf"{_TDX}initialization failed \((-?\d{{1,4}})\)",
        "initialized",
        "The initialization ended with that errno.",
    ),
    _line(
        "shut-down",
        r"Failed to initialize TDX module\.  ?Shut it down",
        "initialized",
        "v5: the initialization failed, and the module was shut down until the next boot.",
    ),
    _line(
        "initialized",
        rf"{_TDX}(?:TDX[- ])?[Mm]odule initialized",
        "initialized",
        "The TDX module is initialized.",
    ),
    _line(
        "kvm-supported",
        rf"{_START}kvm_intel: TDX is supported",
        "kvm",
        "KVM can run TDs.",
    ),
    _line(
        "kvm-failed",
        rf"{_START}kvm_intel: (?:Failed to initialize TDX|TDX is not supported|"
        r"Disable TDX: MAX_VCPU)",
        "kvm",
        "KVM goes on without TDX.",
    ),
    _line(
        "tdp-mmu",
        r"TDX requires TDP MMU|[Tt]dp_mmu.*TDX",
        "kvm",
        "KVM's TDP MMU is off, and TDs need it.",
    ),
    _line(
        "kexec",
        r"Not allowed on platform with tdx_pw_mce bug",
        "kexec",
        "Kexec is refused: this CPU has the partial-write erratum.",
    ),
    _line(
        "debugconfig",
        r"TDDEBUGCONFIG isn't supported",
        "harmless",
        "Harmless: a debug interface that production modules do not have.",
    ),
    _line(
        "symbol-version",
        r"kvm_intel: no symbol version for",
        "harmless",
        "Harmless: kvm_intel was built apart from the kernel.",
    ),
    _line(
        "additional-output",
        r"additional output: rcx",
        None,
        "What the failed SEAMCALL left in registers.",
    ),
    _line(
        "report-seamrr",
        r"SEAM_RR bit: ([01])\b",
        "seamrr",
        "A system report: whether SEAMRR is enabled (MSR 0x1401, bit 11).",
    ),
    _line(
        "report-keyids",
        r"NUM_TDX_PRIV_KEYS: ([0-9a-fA-F]{1,8})\b",
        "keyids",
        "A system report: the number of KeyIDs of TDX, in hex.",
    ),
    _line(
        "report-tme",
        r"MK_TME_ENABLED bit: ([01])\b",
        "tme",
        "A system report: whether multi-key memory encryption is enabled.",
    ),
    _line(
        "report-sgx",
        r"SGX_AND_MCHECK_STATUS: ([0-9a-fA-F]{1,16})\b",
        "sgx",
        "A system report: 0 says that SGX and the check of memory passed.",
    ),
    _line(
        "report-cpuinfo",
        r"No TDX support in CPU according to /proc/cpuinfo",
        "kernel-support",
        "A system report: the running kernel has not found TDX.",
    ),
    _line(
        "tme",
        r"x86/tme: (enabled|not enabled) by BIOS",
        "tme",
        "Whether the BIOS enabled memory encryption.",
    ),
    _line(
        "mktme",
        r"x86/mktme: (enabled|disabled) by BIOS",
        "tme",
        "Whether the BIOS enabled multi-key memory encryption.",
    ),
    _line(
        "guest",
        rf"{_TDX}Guest detected|Memory Encryption Features active: .*Intel TDX|TDX aware idle",
        "host",
        "This kernel runs inside a TD: it is a guest's log.",
    ),
    _line(
        "kvm-warning",
        r"WARNING: CPU: \d+ PID: \d+ at arch/x86/kvm/vmx/tdx",
        "td-runtime",
        "KVM met something unexpected while a TD ran.",
    ),
)

_BY_ID = {line.id: line for line in LINES}


def line_of(line_id: str) -> KnownLine:
    """The line of that id."""
    return _BY_ID[line_id]


def find_line(text: str) -> tuple[KnownLine, re.Match[str]] | None:
    """The line that text is, and where it fits; None for what is not of TDX."""
    for known in LINES:
        if match := known.pattern.search(text):
            return known, match
    return None
