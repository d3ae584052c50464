# SPDX-License-Identifier: Apache-2.0
"""Each cause of a failed bring-up in words: what happened, what that means, what to do.

mypy holds the numbers in a sentence to be the cause's own; a test holds the table complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct

from tdxctl import causes
from tdxctl.advice import to_do
from tdxctl.advice.bios import SET_UP_THE_BIOS
from tdxctl.advice.states import V5_FINAL
from tdxctl.advice.statuses import describe_status, explain_status
from tdxctl.advice.words import Explained
from tdxctl.causes import Cause
from tdxctl.seam.leaves import leaf_title
from tdxctl.units import format_cpulist

C = TypeVar("C", bound=Cause)
# What is said of a cause: the same of all of its type, or by its numbers.
_Said = str | Callable[[C], str]


class CauseWords(Struct, frozen=True):
    """What is said of the causes of a type, each from the cause."""

    why: Callable[[Any], str]
    means: Callable[[Any], str]
    to_do: Callable[[Any], str]


def _words(
    cause: type[C], why: _Said[C], means: _Said[C], to_do: _Said[C]
) -> tuple[type, CauseWords]:
    return cause, CauseWords(_told(why), _told(means), _told(to_do))


def _told(said: _Said[C]) -> Callable[[C], str]:
    return (lambda _: said) if isinstance(said, str) else said


def _seamcall(cause: causes.SeamcallFailed) -> str:
    said = f"{leaf_title(cause.leaf)} on CPU {cause.cpu} returned {describe_status(cause.status)}"
    if cause.failed_cpus != 1:
        said += f"; {cause.failed_cpus} CPUs failed"
    if cause.cpuid is not None:
        said += f"; {_cpuid(cause.cpuid)}"
    if cause.tdmr_base is not None:
        said += f"; TDMR at {cause.tdmr_base:#x}"
    return said


def _cpuid(rcx: int) -> str:
    # "RCX leaf/subleaf": the sub-leaf in the upper half, all ones where there is none.
    leaf, subleaf = rcx & 0xFFFFFFFF, rcx >> 32
    return f"CPUID leaf {leaf:#x}" + (f", sub-leaf {subleaf:#x}" if subleaf != 0xFFFFFFFF else "")


def _are(cpus: tuple[int, ...]) -> str:
    return "is" if len(cpus) == 1 else "are"


def _format(version: int) -> str:
    # Of an update image: 0x200 is 2.0.
    return f"{version >> 8}.{version & 0xFF}"


def _memory(cause: causes.NotConvertible | causes.OutsideCmrs) -> str:
    return f"memory [{cause.start:#x}, {cause.end:#x})"


def _tdmr(
    cause: causes.ReservedAreasExhausted | causes.PamtAllocation | causes.PamtOfNoSize,
) -> str:
    return f"TDMR {cause.tdmr} [{cause.base:#x}, {cause.base + cause.size:#x})"


_FOUND_AT_BOOT = (
    _words(
        causes.NoMtrr,
        "the CPU has no MTRRs",
        "Without X86_FEATURE_MTRR the kernel does not look for TDX.",
        to_do.USE_A_CPU_WITH_TDX,
    ),
    _words(
        causes.SeamrrAbsent,
        "the CPU has no SEAMRR: MTRRCAP (MSR 0xFE) bit 15 is clear",
        "Without the SEAM range registers there is no TDX; the kernel says nothing.",
        to_do.USE_A_CPU_WITH_TDX,
    ),
    _words(
        causes.SeamrrDisabled,
        "SEAMRR is not locked and enabled (MSR 0x1401 bits 10 and 11)",
        "BIOS did not enable TDX; the kernel says nothing.",
        SET_UP_THE_BIOS,
    ),
    _words(
        causes.TooFewKeyids,
        lambda c: f"BIOS left {c.keyids} KeyIDs for TDX, at least 2 are needed",
        "One KeyID is the module's own, every TD needs another. This kernel meets fewer with a "
        "WARN_ON backtrace.",
        to_do.RAISE_THE_KEY_SPLIT,
    ),
    _words(
        causes.KeyidStartWraps,
        "the KeyID partitioning (MSR 0x87) is nonsense: the first TDX KeyID wraps to 0",
        "The low half of the MSR is 0xffffffff. This kernel meets that with a WARN_ON backtrace.",
        to_do.TELL_THE_VENDOR,
    ),
    _words(
        causes.NoKeyids,
        "BIOS left no KeyIDs for TDX",
        "The private half of MSR 0x87 is 0: TDX is not enabled. The kernel says nothing.",
        SET_UP_THE_BIOS,
    ),
    _words(
        causes.KeyidMsrFaults,
        "MSR 0x87 (IA32_MKTME_KEYID_PARTITIONING) cannot be read",
        "The CPU has no multi-key TME, or the BIOS turned it off. The kernel says nothing.",
        SET_UP_THE_BIOS,
    ),
    _words(
        causes.HibernationPossible,
        "hibernation is possible",
        "TDX memory cannot be saved to disk: this kernel does without TDX then.",
        to_do.BOOT_WITH_NOHIBERNATE,
    ),
    _words(
        causes.MemoryNotifier,
        lambda c: f"registering the memory notifier failed (-{c.errno.name})",
        "Without it the kernel could not keep new memory from the page allocator.",
        to_do.REPORT_TO_THE_KERNEL,
    ),
    _words(
        causes.NoXsave,
        "the CPU has no XSAVE",
        "TDs need it, so this kernel does.",
        f"{to_do.USE_A_CPU_WITH_TDX}; boot without noxsave",
    ),
    _words(
        causes.NoMovdir64b,
        "the CPU has no MOVDIR64B",
        "The kernel resets TDX private pages with it.",
        to_do.USE_A_CPU_WITH_TDX,
    ),
    _words(
        causes.NoSelfSnoop,
        "the CPU does not snoop its own caches",
        "The kernel relies on it for memory that changes its KeyID.",
        to_do.USE_A_CPU_WITH_TDX,
    ),
)

_BEFORE_ANY_SEAMCALL = (
    _words(
        causes.VmxOff,
        "the CPU is not in VMX operation, and cannot enter it",
        "SEAMCALL works in VMX operation only. The kernel says nothing.",
        to_do.TURN_ON_VIRTUALIZATION,
    ),
    _words(
        causes.CpuOffline,
        lambda c: f"offline: CPU {format_cpulist(c.offline)}, of {c.present} CPUs present",
        "This kernel initializes the module only while every CPU that the MADT has enabled is "
        "online. The status stays UNKNOWN, so a retry is allowed.",
        to_do.BRING_CPUS_ONLINE,
    ),
    _words(
        causes.CpuDisabled,
        lambda c: (
            f"{c.disabled} MADT slots are not enabled (disabled_cpus), although all {c.present} "
            "CPUs are online"
        ),
        "This kernel counts slots that are merely not enabled as CPUs that could be missing.",
        to_do.LEAVE_SLOTS_OUT,
    ),
    _words(
        causes.CpuOfflineAndDisabled,
        lambda c: (
            f"offline: CPU {format_cpulist(c.offline)}, of {c.present} CPUs present; and "
            f"{c.disabled} MADT slots are not enabled (disabled_cpus)"
        ),
        "This kernel initializes the module only while every CPU that the MADT has enabled is "
        "online and no slot is merely not enabled.",
        f"bring the CPUs online; and {to_do.LEAVE_SLOTS_OUT}",
    ),
    _words(
        causes.NotBuiltForTdx,
        "the kernel was built without CONFIG_INTEL_TDX_HOST",
        "It has no code for TDX hosts, and says nothing of TDX.",
        to_do.BUILD_FOR_TDX,
    ),
    _words(
        causes.NoCaller,
        "nobody brings TDX up on this kernel",
        "Mainline has the code to initialize the module from 6.8 on, and a KVM that calls it from "
        "6.16 on; some distributions carry that KVM on older kernels (Ubuntu's -intel kernels do).",
        to_do.BOOT_A_KERNEL_WITH_A_CALLER,
    ),
    _words(
        causes.EarlierError,
        "an earlier initialization failed",
        "ERROR is final: no SEAMCALL is made any more until reboot.",
        to_do.READ_THE_FIRST_ATTEMPT,
    ),
    _words(
        causes.ModuleWasNotLoaded,
        "an earlier call found no TDX module",
        f"NONE is {V5_FINAL}: no SEAMCALL is made any more.",
        "load a module and reboot",
    ),
    _words(
        causes.ModuleWasShutDown,
        "the TDX module was shut down before",
        f"SHUTDOWN is {V5_FINAL}: no SEAMCALL is made any more.",
        to_do.REBOOT,
    ),
)

_OF_KVM = (
    _words(
        causes.KvmLoadedWithoutTdx,
        "kvm_intel was loaded with tdx=0, as it is by default",
        "KVM did not ask for TDX, and says nothing.",
        "load it with tdx=1: `options kvm_intel tdx=1` in /etc/modprobe.d, or kvm_intel.tdx=1 on "
        "the kernel's command line",
    ),
    _words(
        causes.KvmLacks,
        lambda c: f"KVM needs {c.what} for TDX",
        "KVM looks at that before the module, switches TDX off with one line, and goes on.",
        "load kvm and kvm_intel with their defaults for it, on a CPU that has it",
    ),
    _words(
        causes.KvmAttributes,
        lambda c: (
            f"KVM cannot serve the attributes of the module's TDs (FIXED0 {c.fixed0:#x}, FIXED1 "
            f"{c.fixed1:#x})"
        ),
        "KVM has SEPT_VE_DISABLE (bit 28) and nothing else: a TD must be able to have it, and need "
        "have no other. The kernel says nothing.",
        to_do.MATCH_MODULE_AND_KERNEL,
    ),
    _words(
        causes.KvmXfam,
        lambda c: (
            f"KVM cannot serve the XFAM of the module's TDs (FIXED0 {c.fixed0:#x}, FIXED1 "
            f"{c.fixed1:#x}): it has {c.supported:#x}"
        ),
        "A TD must have features of XCR0 and XSS that KVM does not have. The kernel says nothing.",
        to_do.MATCH_MODULE_AND_KERNEL,
    ),
    _words(
        causes.NoTopologyEnum,
        "the module lacks TOPOLOGY_ENUM (FEATURES0 bit 20)",
        "KVM wants TDs to be told their own CPU topology. The kernel says nothing.",
        "load a newer module: 1.5.05 and later have it",
    ),
    _words(
        causes.TooManyCpusForTd,
        lambda c: (
            f"the module allows a TD {c.limit} virtual CPUs, and the host has {c.cpus} CPUs "
            "(MAX_VCPUS_PER_TD)"
        ),
        "KVM does not use a module whose TDs could not have as many CPUs as the host. CPUs that "
        "are offline count.",
        to_do.FEWER_CPUS,
    ),
)

_OF_THE_MODULE = (
    _words(
        causes.SeamcallFailed,
        _seamcall,
        lambda c: explain_status(c.status).means,
        lambda c: explain_status(c.status).to_do,
    ),
    _words(
        causes.ModuleNotLoaded,
        "no TDX module is loaded: TDH.SYS.INIT did not get through",
        "SEAMCALL answered VMfailInvalid.",
        to_do.LOAD_A_MODULE,
    ),
    _words(
        causes.RbpClobbered,
        "the module lacks NO_RBP_MOD (FEATURES0 bit 18)",
        "Entering a TD would clobber the frame pointer: this kernel refuses such a module.",
        to_do.MATCH_MODULE_AND_KERNEL,
    ),
    _words(
        causes.TooManyCpuidConfigs,
        lambda c: (
            f"the module reports {c.reported} CPUID configurations, this kernel has room for "
            f"{c.limit}"
        ),
        "NUM_CPUID_CONFIG is beyond the kernel's array.",
        "use a newer kernel",
    ),
    _words(
        causes.CmrsNotAscending,
        "the CMRs are not in ascending order",
        "The kernel found a firmware bug in the list of convertible memory.",
        to_do.UPDATE_FOR_ITS_CMRS,
    ),
    _words(
        causes.CmrsEmptyFirst,
        "an empty CMR stands before a valid one",
        "The kernel found a firmware bug in the list of convertible memory.",
        to_do.UPDATE_FOR_ITS_CMRS,
    ),
    _words(
        causes.CmrsNone,
        "there is no valid CMR",
        "Firmware reports no convertible memory at all.",
        to_do.UPDATE_FOR_ITS_CMRS,
    ),
)

_OF_MEMORY = (
    _words(
        causes.NotConvertible,
        lambda c: f"{_memory(c)} of node {c.node} does not lie in one CMR",
        "Every page that the kernel's page allocator owns must be convertible; a region across "
        "two touching CMRs is refused as well.",
        to_do.KEEP_MEMORY_IN_CMRS,
    ),
    _words(
        causes.OutsideCmrs,
        lambda c: f"{_memory(c)} does not lie in one CMR",
        "This kernel checks its memory against the CMRs while it lists it.",
        to_do.KEEP_MEMORY_IN_CMRS,
    ),
    _words(
        causes.TdmrsExhausted,
        lambda c: f"memory needs {c.needed} TDMRs, the module has {c.limit}",
        "Each memory region that reaches into a new GiB takes a TDMR of its own, and this "
        "kernel never joins regions into one TDMR.",
        to_do.FEWER_REGIONS,
    ),
    _words(
        causes.ReservedAreasExhausted,
        lambda c: (
            f"{_tdmr(c)} needs {c.needed} reserved areas, the module has {c.limit}: "
            f"memory holes {c.holes}, PAMTs {c.pamts}"
        ),
        lambda c: (
            "Every hole between CMRs costs a reserved area of its TDMR: this kernel walks the CMRs."
            if c.between_cmrs
            else "Every hole between memory regions costs a reserved area of its TDMR. Low memory "
            "cut up by firmware tables uses them up."
        ),
        # For a kernel that walks CMRs, another one that does is no way out.
        lambda c: to_do.FEWER_GAPS if c.between_cmrs else to_do.FEWER_HOLES,
    ),
    _words(
        causes.PamtAllocation,
        lambda c: (
            f"no {c.pages} contiguous pages for the PAMT of {_tdmr(c)}, asked from node {c.node}"
        ),
        "A PAMT is one physically contiguous chunk, about 1/256 of its TDMR; memory in use or "
        "cut into nodes that are too small has no room for it.",
        to_do.INITIALIZE_EARLY,
    ),
    _words(
        causes.PamtOfNoSize,
        lambda c: f"the PAMT of {_tdmr(c)} has no size",
        "The module reports a PAMT entry size that makes the sum of the three parts 0.",
        "describe pamt_entry_size as the module reports it: 16",
    ),
    _words(
        causes.NoMemory,
        "there is no usable memory above 1 MiB",
        "The one TDMR of size 0 gets no PAMT.",
        "describe the machine's memory in memory.ranges",
    ),
    _words(
        causes.KernelAllocation,
        lambda c: f"the kernel could not allocate {c.what}",
        "An allocation of the kernel's own failed.",
        "free memory, then reboot: this kernel does not try again",
    ),
)

_OF_THE_LINE = "choose a later release of the line that is running: `tdxctl modules` lists them"
_OF_UPDATES = (
    _words(
        causes.BadImage,
        lambda c: f"the update image is not one: {c.what} does not fit",
        "Every failure of an update reads `firmware-invalid` to the user.",
        to_do.TAKE_THE_IMAGE_AGAIN,
    ),
    _words(
        causes.ImageFormat,
        lambda c: (
            f"the update image is of format {_format(c.version)}, and this kernel takes "
            f"{_format(c.wanted)}"
        ),
        "Intel published images of format 1.0 until December 2025; kernels from 7.2 on take 2.0.",
        "take the image of format 2.0 of the same release",
    ),
    _words(
        causes.UpdateCpuOffline,
        lambda c: (
            f"of {c.present} CPUs {format_cpulist(c.offline)} {_are(c.offline)} offline: P-SEAMLDR "
            "has put no module in place"
        ),
        "P-SEAMLDR's INSTALL is done when every CPU of the machine has called it, and the kernel "
        "calls it on those that are online. The old module is shut down, the new one not there.",
        "bring every CPU online before an update; now reboot",
    ),
    _words(
        causes.UpdateNotInitialized,
        "the module is not initialized",
        "There is no upload device then.",
        "see why the boot did not initialize it",
    ),
    _words(
        causes.UpdateNotPreserving,
        "the module lacks TD_PRESERVING (FEATURES0 bit 1)",
        "It cannot hand over to another one; there is no upload device.",
        "update the module through the BIOS",
    ),
    _words(
        causes.UpdateSeamretErratum,
        "SEAMRET from P-SEAMLDR clobbers the current VMCS on this CPU",
        "VMX_BASIC lacks NO_SEAMRET_INVD_VMCS: the kernel offers no update.",
        "update microcode, or update the module through the BIOS",
    ),
    _words(
        causes.UpdateAcrossLines,
        lambda c: f"no update goes from {c.running} to {c.asked}: they are of different lines",
        "The lines of releases are for different CPUs, and their security versions differ in the "
        "major number, which P-SEAMLDR refuses (SEAMLDR_EUNSUPPORTED).",
        _OF_THE_LINE,
    ),
    _words(
        causes.UpdateFromTooOld,
        lambda c: f"{c.asked} can be put on {c.minimum} and later, and {c.running} is running",
        "Intel's table of signed releases names the lowest version that may be running.",
        "update the module through the BIOS, or boot with the new one",
    ),
    _words(
        causes.UpdateSvnLower,
        lambda c: (
            f"the security version of {c.asked} is {c.asked_svn}, below {c.running_svn} of "
            f"{c.running}, which is running"
        ),
        "P-SEAMLDR takes no update to a lower security version (SEAMLDR_EBADSIG). The module that "
        "was running stays, shut down.",
        _OF_THE_LINE,
    ),
    _words(
        causes.UpdateHandoff,
        lambda c: (
            f"{c.running} hands over version {c.running_hv}, and {c.asked} takes up to {c.asked_hv}"
        ),
        "P-SEAMLDR compares the handoff versions (SEAMLDR_EBADHANDOFF). The module that was "
        "running stays, shut down.",
        _OF_THE_LINE,
    ),
    _words(
        causes.UpdateCpuNotSigned,
        lambda c: f"{c.asked} is not signed for this CPU, family {c.family} model {c.model:#x}",
        "The signature structure of a release lists the CPUs that it is for; P-SEAMLDR takes it on "
        "no other (SEAMLDR_EUNSUPCPU).",
        "choose a release that is signed for this CPU: `tdxctl modules` lists them",
    ),
)

CAUSES: dict[type, CauseWords] = dict(
    (*_FOUND_AT_BOOT, *_BEFORE_ANY_SEAMCALL, *_OF_KVM, *_OF_THE_MODULE, *_OF_MEMORY, *_OF_UPDATES)
)


def explain_cause(cause: Cause) -> Explained:
    """The words for cause."""
    words = CAUSES[type(cause)]
    return Explained(words.why(cause), words.means(cause), words.to_do(cause))
