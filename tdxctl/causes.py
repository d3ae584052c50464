# SPDX-License-Identifier: Apache-2.0
"""Why a bring-up fails: a frozen type per cause, with the numbers that tell it from others.

A kernel raises one, an event carries it, `advice` has the words for it. `id` is its name in
JSON. Addresses and sizes are in bytes; a range from start to end is half-open.
"""

from __future__ import annotations

from msgspec import Struct

from tdxctl.errnos import Errno

# Found at boot


class NoMtrr(Struct, frozen=True):
    """The CPU has no MTRRs."""

    id = "no-mtrr"


class SeamrrAbsent(Struct, frozen=True):
    """The CPU has no SEAMRR."""

    id = "seamrr-absent"


class SeamrrDisabled(Struct, frozen=True):
    """SEAMRR is not locked and enabled."""

    id = "seamrr-disabled"


class TooFewKeyids(Struct, frozen=True):
    """BIOS left TDX fewer than two KeyIDs: so many."""

    id = "too-few-keyids"
    keyids: int


class KeyidStartWraps(Struct, frozen=True):
    """The first TDX KeyID wraps to 0."""

    id = "keyid-start-wraps"


class NoKeyids(Struct, frozen=True):
    """BIOS left TDX no KeyIDs."""

    id = "no-keyids"


class KeyidMsrFaults(Struct, frozen=True):
    """MSR 0x87 cannot be read."""

    id = "keyid-msr-faults"


class HibernationPossible(Struct, frozen=True):
    """The kernel could hibernate."""

    id = "hibernation-possible"


class MemoryNotifier(Struct, frozen=True):
    """Registering the memory notifier returned -errno."""

    id = "memory-notifier"
    errno: Errno


class NoXsave(Struct, frozen=True):
    """The CPU has no XSAVE."""

    id = "no-xsave"


class NoMovdir64b(Struct, frozen=True):
    """The CPU has no MOVDIR64B."""

    id = "no-movdir64b"


class NoSelfSnoop(Struct, frozen=True):
    """The CPU does not snoop its own caches."""

    id = "no-self-snoop"


# Before the first SEAMCALL


class VmxOff(Struct, frozen=True):
    """The CPU cannot enter VMX operation."""

    id = "vmx-off"


class CpuOffline(Struct, frozen=True):
    """CPUs of the MADT are offline: which, of how many."""

    id = "cpu-offline"
    offline: tuple[int, ...]
    present: int


class CpuDisabled(Struct, frozen=True):
    """Slots of the MADT are not enabled: how many, beside so many CPUs."""

    id = "cpu-disabled"
    disabled: int
    present: int


class CpuOfflineAndDisabled(Struct, frozen=True):
    """Both of that."""

    id = "cpu-offline-and-disabled"
    offline: tuple[int, ...]
    disabled: int
    present: int


class NotBuiltForTdx(Struct, frozen=True):
    """The kernel was built without CONFIG_INTEL_TDX_HOST."""

    id = "not-built-for-tdx"


class NoCaller(Struct, frozen=True):
    """Nobody calls tdx_enable() on this kernel."""

    id = "no-caller"


class EarlierError(Struct, frozen=True):
    """An earlier initialization failed; this kernel tries once."""

    id = "earlier-error"


class ModuleWasNotLoaded(Struct, frozen=True):
    """An earlier call found no TDX module."""

    id = "module-was-not-loaded"


class ModuleWasShutDown(Struct, frozen=True):
    """The TDX module was shut down before."""

    id = "module-was-shut-down"


# KVM, with a module that is initialized or not looked at yet


class KvmLoadedWithoutTdx(Struct, frozen=True):
    """kvm_intel was loaded with tdx=0."""

    id = "kvm-loaded-without-tdx"


class KvmLacks(Struct, frozen=True):
    """KVM has not what it needs for TDX: a feature, or a parameter's value."""

    id = "kvm-lacks"
    what: str


class KvmAttributes(Struct, frozen=True):
    """KVM cannot serve the attributes of the module's TDs."""

    id = "kvm-attributes"
    fixed0: int
    fixed1: int


class KvmXfam(Struct, frozen=True):
    """KVM cannot serve the XFAM of the module's TDs: it has the bits that are supported."""

    id = "kvm-xfam"
    fixed0: int
    fixed1: int
    supported: int


class NoTopologyEnum(Struct, frozen=True):
    """The module lacks TOPOLOGY_ENUM."""

    id = "no-topology-enum"


class TooManyCpusForTd(Struct, frozen=True):
    """A TD can have fewer virtual CPUs than the host has CPUs."""

    id = "too-many-cpus-for-td"
    limit: int
    cpus: int


# What the module answers


class SeamcallFailed(Struct, frozen=True):
    """A SEAMCALL on a logical CPU returned that status.

    cpuid: the CPUID leaf that the module names, as its RCX has it. failed_cpus: how many CPUs
    failed where all were asked; this is the first. tdmr_base: of the TDMR that was to be
    initialized.
    """

    id = "seamcall"
    leaf: int
    cpu: int
    status: int
    cpuid: int | None = None
    failed_cpus: int = 1
    tdmr_base: int | None = None


class ModuleNotLoaded(Struct, frozen=True):
    """TDH.SYS.INIT did not get through to a module."""

    id = "module-not-loaded"
    leaf: int
    cpu: int
    status: int


class RbpClobbered(Struct, frozen=True):
    """The module lacks NO_RBP_MOD."""

    id = "rbp-clobbered"


class TooManyCpuidConfigs(Struct, frozen=True):
    """The module reports more CPUID configurations than the kernel has room for."""

    id = "too-many-cpuid-configs"
    reported: int
    limit: int


class CmrsNotAscending(Struct, frozen=True):
    """The CMRs are not in ascending order."""

    id = "cmrs-not-ascending"


class CmrsEmptyFirst(Struct, frozen=True):
    """An empty CMR stands before a valid one."""

    id = "cmrs-empty-first"


class CmrsNone(Struct, frozen=True):
    """There is no valid CMR."""

    id = "cmrs-none"


# Memory


class NotConvertible(Struct, frozen=True):
    """A memory region of that node does not lie in one CMR."""

    id = "not-convertible"
    start: int
    end: int
    node: int


class OutsideCmrs(Struct, frozen=True):
    """A memory region does not lie in one CMR, on a kernel that checks while it lists it."""

    id = "outside-cmrs"
    start: int
    end: int


class TdmrsExhausted(Struct, frozen=True):
    """Memory needs more TDMRs than the module has."""

    id = "tdmrs-exhausted"
    needed: int
    limit: int


class ReservedAreasExhausted(Struct, frozen=True):
    """A TDMR, by number, has more holes and PAMTs in it than the module has reserved areas.

    between_cmrs: the holes are those between CMRs, which this kernel walks.
    """

    id = "reserved-areas-exhausted"
    tdmr: int
    base: int
    size: int
    limit: int
    holes: int
    pamts: int
    between_cmrs: bool = False

    @property
    def needed(self) -> int:
        """Reserved areas that the TDMR needs: one for each."""
        return self.holes + self.pamts


class PamtAllocation(Struct, frozen=True):
    """No contiguous 4 KiB pages for the PAMT of a TDMR, asked from node."""

    id = "pamt-allocation"
    tdmr: int
    base: int
    size: int
    pages: int
    node: int


class PamtOfNoSize(Struct, frozen=True):
    """The PAMT of a TDMR has no size."""

    id = "pamt-of-no-size"
    tdmr: int
    base: int
    size: int


class NoMemory(Struct, frozen=True):
    """There is no usable memory above 1 MiB."""

    id = "no-memory"


class KernelAllocation(Struct, frozen=True):
    """The kernel could not allocate something of its own."""

    id = "kernel-allocation"
    what: str


# Updates


class BadImage(Struct, frozen=True):
    """The update image is refused: what of it does not fit."""

    id = "bad-image"
    what: str


class ImageFormat(Struct, frozen=True):
    """The update image is of a format that the kernel does not take: 0x100 is 1.0."""

    id = "image-format"
    version: int
    wanted: int


class UpdateCpuOffline(Struct, frozen=True):
    """An update installs the module by every CPU of the machine, and these are offline."""

    id = "update-cpu-offline"
    offline: tuple[int, ...]
    present: int


class UpdateNotInitialized(Struct, frozen=True):
    """No update: the module is not initialized."""

    id = "update-not-initialized"


class UpdateNotPreserving(Struct, frozen=True):
    """No update: the module lacks TD_PRESERVING."""

    id = "update-not-preserving"


class UpdateSeamretErratum(Struct, frozen=True):
    """No update: SEAMRET from P-SEAMLDR clobbers the current VMCS on this CPU."""

    id = "update-seamret-erratum"


class UpdateAcrossLines(Struct, frozen=True):
    """No update: from one line of module releases to another."""

    id = "update-across-lines"
    running: str
    asked: str


class UpdateFromTooOld(Struct, frozen=True):
    """No update: the module that is running is older than what the new one can be put on."""

    id = "update-from-too-old"
    running: str
    asked: str
    minimum: str


class UpdateSvnLower(Struct, frozen=True):
    """P-SEAMLDR refused the image: its security version is lower than that of the one running."""

    id = "update-svn-lower"
    leaf: int
    cpu: int
    status: int
    running: str
    running_svn: str
    asked: str
    asked_svn: str


class UpdateHandoff(Struct, frozen=True):
    """P-SEAMLDR refused the image: it does not take the handoff version of the one running."""

    id = "update-handoff"
    leaf: int
    cpu: int
    status: int
    running: str
    running_hv: int
    asked: str
    asked_hv: int


class UpdateCpuNotSigned(Struct, frozen=True):
    """P-SEAMLDR refused the image: it is not signed for this CPU."""

    id = "update-cpu-not-signed"
    leaf: int
    cpu: int
    status: int
    asked: str
    family: int
    model: int


#: Found at boot: no later call can change them.
BootCause = (
    NoMtrr
    | SeamrrAbsent
    | SeamrrDisabled
    | TooFewKeyids
    | KeyidStartWraps
    | NoKeyids
    | KeyidMsrFaults
    | HibernationPossible
    | MemoryNotifier
    | NoXsave
    | NoMovdir64b
    | NoSelfSnoop
)
#: Causes that name the SEAMCALL that failed: its leaf, logical CPU and status.
SeamcallCause = (
    SeamcallFailed | ModuleNotLoaded | UpdateSvnLower | UpdateHandoff | UpdateCpuNotSigned
)
Cause = (
    BootCause
    | SeamcallCause
    | VmxOff
    | CpuOffline
    | CpuDisabled
    | CpuOfflineAndDisabled
    | KvmLoadedWithoutTdx
    | KvmLacks
    | KvmAttributes
    | KvmXfam
    | NoTopologyEnum
    | TooManyCpusForTd
    | EarlierError
    | NoCaller
    | NotBuiltForTdx
    | ModuleWasNotLoaded
    | ModuleWasShutDown
    | RbpClobbered
    | TooManyCpuidConfigs
    | CmrsNotAscending
    | CmrsEmptyFirst
    | CmrsNone
    | NotConvertible
    | OutsideCmrs
    | TdmrsExhausted
    | ReservedAreasExhausted
    | PamtAllocation
    | PamtOfNoSize
    | NoMemory
    | KernelAllocation
    | BadImage
    | ImageFormat
    | UpdateCpuOffline
    | UpdateNotInitialized
    | UpdateNotPreserving
    | UpdateSeamretErratum
    | UpdateAcrossLines
    | UpdateFromTooOld
)
