# SPDX-License-Identifier: Apache-2.0
"""Why a bring-up failed, in words: the cause, what it means, what to do.

Reasons are templates over the failure's facts. A cause without an entry here is a bug; a
test holds the table complete.
"""

from __future__ import annotations

from msgspec import Struct

from tdxctl.events import Failure, Holds
from tdxctl.explain.states import V5_FINAL
from tdxctl.explain.statuses import explain_status
from tdxctl.explain.words import BIOS_ORDER
from tdxctl.seam.leaves import leaf_title
from tdxctl.seam.status import status_details, status_name


class Cause(Struct, frozen=True):
    """reason: what happened. meaning: what that means. hint: what to do."""

    reason: str
    meaning: str
    hint: str


CAUSES = {
    "no-mtrr": Cause(
        "the CPU has no MTRRs",
        "Without X86_FEATURE_MTRR the kernel does not look for TDX.",
        "use a CPU with TDX",
    ),
    "seamrr-absent": Cause(
        "the CPU has no SEAMRR: MTRRCAP (MSR 0xFE) bit 15 is clear",
        "Without the SEAM range registers there is no TDX; the kernel says nothing.",
        "use a CPU with TDX",
    ),
    "seamrr-disabled": Cause(
        "SEAMRR is not locked and enabled (MSR 0x1401 bits 10 and 11)",
        "BIOS did not enable TDX; the kernel says nothing.",
        BIOS_ORDER,
    ),
    "too-few-keyids": Cause(
        "BIOS left {keyids} KeyIDs for TDX, at least 2 are needed",
        "One KeyID is the module's own, every TD needs another. This kernel meets fewer with a "
        "WARN_ON backtrace.",
        "raise the number of TDX KeyIDs in the BIOS (TME-MT/TDX key split)",
    ),
    "keyid-start-wraps": Cause(
        "the KeyID partitioning (MSR 0x87) is nonsense: the first TDX KeyID wraps to 0",
        "The low half of the MSR is 0xffffffff. This kernel meets that with a WARN_ON backtrace.",
        "report it to the firmware vendor",
    ),
    "no-keyids": Cause(
        "BIOS left no KeyIDs for TDX",
        "The private half of MSR 0x87 is 0: TDX is not enabled. The kernel says nothing.",
        BIOS_ORDER,
    ),
    "keyid-msr-faults": Cause(
        "MSR 0x87 (IA32_MKTME_KEYID_PARTITIONING) cannot be read",
        "The CPU has no multi-key TME, or the BIOS turned it off. The kernel says nothing.",
        BIOS_ORDER,
    ),
    "hibernation-possible": Cause(
        "hibernation is possible",
        "TDX memory cannot be saved to disk: this kernel does without TDX then.",
        "boot with nohibernate",
    ),
    "memory-notifier": Cause(
        "registering the memory notifier failed ({notifier})",
        "Without it the kernel could not keep new memory from the page allocator.",
        "report it: this does not happen on a healthy kernel",
    ),
    "no-xsave": Cause(
        "the CPU has no XSAVE",
        "TDs need it, so this kernel does.",
        "use a CPU with TDX; boot without noxsave",
    ),
    "no-movdir64b": Cause(
        "the CPU has no MOVDIR64B",
        "The kernel resets TDX private pages with it.",
        "use a CPU with TDX",
    ),
    "no-self-snoop": Cause(
        "the CPU does not snoop its own caches",
        "The kernel relies on it for memory that changes its KeyID.",
        "use a CPU with TDX",
    ),
    "vmx-off": Cause(
        "the CPU is not in VMX operation, and cannot enter it",
        "SEAMCALL works in VMX operation only. The kernel says nothing.",
        "enable virtualization (VT-x) in the BIOS",
    ),
    "earlier-error": Cause(
        "an earlier initialization failed",
        "ERROR is final: no SEAMCALL is made any more until reboot.",
        "reboot, and read what the first attempt printed",
    ),
    "rbp-clobbered": Cause(
        "the module lacks NO_RBP_MOD (FEATURES0 bit 18)",
        "Entering a TD would clobber the frame pointer: this kernel refuses such a module.",
        "update the TDX module, or use an older kernel",
    ),
    "too-many-cpuid-configs": Cause(
        "the module reports {reported} CPUID configurations, this kernel has room for {limit}",
        "NUM_CPUID_CONFIG is beyond the kernel's array.",
        "use a newer kernel",
    ),
    "outside-cmrs": Cause(
        "memory [{start:#x}, {end:#x}) does not lie in one CMR",
        "This kernel checks its memory against the CMRs while it lists it.",
        "keep that memory from the kernel at boot (memmap=), or have the firmware report it in "
        "one CMR",
    ),
    "bad-image": Cause(
        "the update image is not one: {what} does not fit",
        "Every failure of an update reads `firmware-invalid` to the user.",
        "take the image from its source again",
    ),
    "update-not-initialized": Cause(
        "the module is not initialized",
        "There is no upload device then.",
        "see why the boot did not initialize it",
    ),
    "update-not-preserving": Cause(
        "the module lacks TD_PRESERVING (FEATURES0 bit 1)",
        "It cannot hand over to another one; there is no upload device.",
        "update the module through the BIOS",
    ),
    "update-seamret-erratum": Cause(
        "SEAMRET from P-SEAMLDR clobbers the current VMCS on this CPU",
        "VMX_BASIC lacks NO_SEAMRET_INVD_VMCS: the kernel offers no update.",
        "update microcode, or update the module through the BIOS",
    ),
    "cpu-offline": Cause(
        "offline: CPU {offline}, of {present} CPUs present",
        "This kernel initializes the module only while every CPU that the MADT has enabled is "
        "online. The status stays UNKNOWN, so a retry is allowed.",
        "bring the CPUs online and call tdx_init() again",
    ),
    "cpu-disabled": Cause(
        "{disabled} MADT slots are not enabled (disabled_cpus), although all {present} CPUs are "
        "online",
        "This kernel counts slots that are merely not enabled as CPUs that could be missing.",
        "have the BIOS leave unused slots out of the MADT, or use a later kernel: 6.8 dropped the "
        "check",
    ),
    "cpu-offline-and-disabled": Cause(
        "offline: CPU {offline}, of {present} CPUs present; and {disabled} MADT slots are not "
        "enabled (disabled_cpus)",
        "This kernel initializes the module only while every CPU that the MADT has enabled is "
        "online and no slot is merely not enabled.",
        "bring the CPUs online; and have the BIOS leave unused slots out of the MADT, or use a "
        "later kernel: 6.8 dropped the check",
    ),
    "module-not-loaded": Cause(
        "no TDX module is loaded: TDH.SYS.INIT did not get through",
        "SEAMCALL answered VMfailInvalid.",
        "see that the firmware carries and loads a TDX module, then reboot",
    ),
    "module-was-not-loaded": Cause(
        "an earlier call found no TDX module",
        f"NONE is {V5_FINAL}: no SEAMCALL is made any more.",
        "load a module and reboot",
    ),
    "module-was-shut-down": Cause(
        "the TDX module was shut down before",
        f"SHUTDOWN is {V5_FINAL}: no SEAMCALL is made any more.",
        "reboot",
    ),
    "cmrs-not-ascending": Cause(
        "the CMRs are not in ascending order",
        "The kernel found a firmware bug in the list of convertible memory.",
        "update the BIOS; the kernel log shows the list",
    ),
    "cmrs-empty-first": Cause(
        "an empty CMR stands before a valid one",
        "The kernel found a firmware bug in the list of convertible memory.",
        "update the BIOS; the kernel log shows the list",
    ),
    "cmrs-none": Cause(
        "there is no valid CMR",
        "Firmware reports no convertible memory at all.",
        "update the BIOS; the kernel log shows the list",
    ),
    "not-convertible": Cause(
        "memory [{start:#x}, {end:#x}) of node {node} does not lie in one CMR",
        "Every page that the kernel's page allocator owns must be convertible; a region across "
        "two touching CMRs is refused as well.",
        "keep that memory from the kernel at boot (memmap=), or have the firmware report it in "
        "one CMR",
    ),
    "tdmrs-exhausted": Cause(
        "memory needs {needed} TDMRs, the module has {limit}",
        "Each memory region that reaches into a new GiB takes a TDMR of its own, and this "
        "kernel never joins regions into one TDMR.",
        "fewer memory regions: interleave less, or take odd regions from the kernel (memmap=)",
    ),
    "reserved-areas-exhausted": Cause(
        "TDMR {tdmr} [{start:#x}, {end:#x}) needs {needed} reserved areas, the module has {limit}: "
        "memory holes {holes}, PAMTs {pamts}",
        "Every hole between memory regions costs a reserved area of its TDMR. Low memory cut up "
        "by firmware tables uses them up.",
        "fewer holes in low memory: a BIOS that keeps its tables together, or a kernel that finds "
        "holes by walking CMRs",
    ),
    "pamt-allocation": Cause(
        "no {pages} contiguous pages for the PAMT of TDMR {tdmr} [{start:#x}, {end:#x}), asked "
        "from node {node}",
        "A PAMT is one physically contiguous chunk, about 1/256 of its TDMR; memory in use or "
        "cut into nodes that are too small has no room for it.",
        "initialize TDX right after boot, before memory is in use, or give the node more memory",
    ),
    "pamt-of-no-size": Cause(
        "the PAMT of TDMR {tdmr} [{start:#x}, {end:#x}) has no size",
        "The module reports a PAMT entry size that makes the sum of the three parts 0.",
        "describe pamt_entry_size as the module reports it: 16",
    ),
    "no-memory": Cause(
        "there is no usable memory above 1 MiB",
        "The one TDMR of size 0 gets no PAMT.",
        "describe the machine's memory in memory.ranges",
    ),
    "kernel-allocation": Cause(
        "the kernel could not allocate {what}",
        "An allocation of the kernel's own failed.",
        "free memory, then reboot: this kernel does not try again",
    ),
}


# For a kernel that walks CMRs, another one that does is no way out.
_HOLES_BETWEEN_CMRS = Cause(
    CAUSES["reserved-areas-exhausted"].reason,
    "Every hole between CMRs costs a reserved area of its TDMR: this kernel walks the CMRs.",
    "fewer holes between CMRs: a BIOS that keeps its tables together",
)


class Explanation(Struct, frozen=True):
    """A failure in words."""

    reason: str
    explain: str
    hint: str


def explain_failure(failure: Failure) -> Explanation:
    """The words for why tdx_init() failed."""
    facts = dict(failure.facts)
    if failure.cause == "seamcall" and failure.status is not None and failure.leaf is not None:
        words = explain_status(failure.status)
        reason = (
            f"{leaf_title(failure.leaf)} on CPU {failure.cpu} returned "
            f"{describe_status(failure.status)}"
        )
        if facts.get("failed_cpus", 1) != 1:
            reason += f"; {facts['failed_cpus']} CPUs failed"
        if "cpuid" in facts:
            reason += f"; {_cpuid(int(facts['cpuid']))}"
        if "tdmr_base" in facts:
            reason += f"; TDMR at {facts['tdmr_base']:#x}"
        return Explanation(reason + _inner_errno(failure), words.meaning, words.hint)
    cause = CAUSES[failure.cause]
    if facts.get("gaps") == Holds.CMR_GAP.value:
        cause = _HOLES_BETWEEN_CMRS
    return Explanation(
        cause.reason.format(**facts) + _inner_errno(failure), cause.meaning, cause.hint
    )


def _cpuid(rcx: int) -> str:
    # "RCX leaf/subleaf": the sub-leaf in the upper half, all ones where there is none.
    leaf, subleaf = rcx & 0xFFFFFFFF, rcx >> 32
    return f"CPUID leaf {leaf:#x}" + (f", sub-leaf {subleaf:#x}" if subleaf != 0xFFFFFFFF else "")


def _inner_errno(failure: Failure) -> str:
    if failure.inner_errno == failure.errno:
        return ""
    return f" (-{failure.inner_errno} inside the kernel, -{failure.errno} to the caller)"


def describe_status(status: int) -> str:
    """`TDX_NON_ORDERED_RESERVED_IN_TDMR (TDMR 0, reserved area 3), 0xc0000a2100000300`."""
    details = status_details(status)
    name = status_name(status)
    if name == hex(status):
        return name
    return f"{name}{f' ({details})' if details else ''}, {status:#x}"
