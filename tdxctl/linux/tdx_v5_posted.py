# SPDX-License-Identifier: Apache-2.0
"""Series "TDX host kernel support" v5 (22 June 2022) as posted, bug for bit.

arch/x86/virt/vmx/tdx/tdx.c of that series, function by function; specification linux-host,
profile v5-posted. A function that returns a negative errno in C raises KernelErrno here.
"""

from __future__ import annotations

import struct
import threading
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from tdxctl.causes import (
    Cause,
    CmrsEmptyFirst,
    CmrsNone,
    CmrsNotAscending,
    CpuDisabled,
    CpuOffline,
    CpuOfflineAndDisabled,
    KernelAllocation,
    KeyidStartWraps,
    ModuleNotLoaded,
    ModuleWasNotLoaded,
    ModuleWasShutDown,
    NoMtrr,
    NotConvertible,
    SeamcallFailed,
    SeamrrAbsent,
    SeamrrDisabled,
    TooFewKeyids,
)
from tdxctl.errnos import Errno
from tdxctl.errors import NotModelledError
from tdxctl.events import Journal, Wbinvd
from tdxctl.layout.pamt import PAGE_SHIFTS, pamt_size_32bit
from tdxctl.linux import steps
from tdxctl.linux.construct import TdmrConstruction
from tdxctl.linux.kernel import Hardware
from tdxctl.linux.steps import KernelErrno
from tdxctl.messages import boot, bring_up
from tdxctl.messages.message import V5, Message
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.port import Registers
from tdxctl.seam.status import Status, base_status
from tdxctl.units import U32_MASK, counted, format_size, round_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.seamldr import UpdateImage

Uint64s = npt.NDArray[np.uint64]

_MSR_MTRRCAP = 0xFE
_MTRRCAP_SEAMRR = 1 << 15
_MSR_IA32_SEAMRR_PHYS_MASK = 0x1401
_SEAMRR_LOCKED_ENABLED = 1 << 10 | 1 << 11
_MSR_IA32_MKTME_KEYID_PARTITIONING = 0x87

_TDSYSINFO_SIZE = 1024
_MAX_CMRS = 32
_TDX_PA_ARRAY_ALIGNMENT = 512

_WITH_CPUID_IN_RCX = frozenset(
    {Status.TDX_INCORRECT_CPUID_VALUE, Status.TDX_INCONSISTENT_CPUID_FIELD}
)
_WHY_RAISED = {
    Status.UD: "describe a CPU with TDX, with vmx true; kernels from 6.8 on survive it",
    Status.GP: "describe SEAMRR as enabled on every CPU; kernels from 6.8 on survive it",
}
# Leaves called with an output buffer, for which a failure prints the registers too.
_WITH_OUTPUT = frozenset(
    {
        Leaf.TDH_SYS_LP_INIT,
        Leaf.TDH_SYS_INFO,
        Leaf.TDH_SYS_KEY_CONFIG,
        Leaf.TDH_SYS_TDMR_INIT,
        Leaf.TDH_SYS_LP_SHUTDOWN,
    }
)


class TdSysInfo(Struct, frozen=True):
    """The fields of TDSYSINFO_STRUCT that v5 reads."""

    vendor_id: int
    build_date: int
    build_num: int
    minor_version: int
    major_version: int
    max_tdmrs: int
    max_reserved_per_tdmr: int
    pamt_entry_size: int

    @classmethod
    def from_bytes(cls, data: bytes) -> TdSysInfo:
        """From the 1024 bytes that TDH.SYS.INFO wrote."""
        vendor_id, build_date, build_num, minor, major = struct.unpack_from("<IIHHH", data, 4)
        return cls(
            vendor_id, build_date, build_num, minor, major, *struct.unpack_from("<HHH", data, 32)
        )


class KernelV5Posted(TdmrConstruction):
    """The series as posted: a module that is not loaded leaves UNKNOWN, PAMT sizes are int."""

    RELEASE = V5
    INITIAL_STATUS = "UNKNOWN"

    def __init__(self, hardware: Hardware, journal: Journal) -> None:
        super().__init__(hardware, journal)
        self._tdx_module_lock = threading.Lock()
        self._tdx_keyid_start = 0
        self._tdx_keyid_num = 0
        self._warned_of_node = False
        #: Whether an initialised module, shut down since or not, was given PAMTs.
        self._pamts_held = False
        self._cmr_num = 0
        self._tdsysinfo_pa = self.mm.kernel_alloc(_TDSYSINFO_SIZE)
        self._cmr_array_pa = self.mm.kernel_alloc(_MAX_CMRS * 16)

    # Boot

    def boot(self) -> int:
        """tdx_early_detect(), an early_initcall."""
        try:
            self._detect_seam()
            self._detect_tdx_keyids()
        except KernelErrno as error:
            self._boot_failure = error
            return -error.errno
        self.pr(boot.ENABLED_BY_BIOS)
        return 0

    def _detect_seam(self) -> None:
        if not self.cpus.features.mtrr:
            raise KernelErrno(Errno.ENODEV, NoMtrr())
        if not self.msrs.rdmsr(_MSR_MTRRCAP) & _MTRRCAP_SEAMRR:
            raise KernelErrno(Errno.ENODEV, SeamrrAbsent())
        mask = self.msrs.rdmsr(_MSR_IA32_SEAMRR_PHYS_MASK)
        if mask & _SEAMRR_LOCKED_ENABLED != _SEAMRR_LOCKED_ENABLED:
            raise KernelErrno(Errno.ENODEV, SeamrrDisabled())
        self.pr(boot.SEAMRR_ENABLED)

    def _detect_tdx_keyids(self) -> None:
        keyid_part = self.msrs.rdmsr(_MSR_IA32_MKTME_KEYID_PARTITIONING)
        self._tdx_keyid_num = keyid_part >> 32
        # "start = bits 31:0 + 1 in 32-bit arithmetic (0xffffffff wraps to 0)"
        self._tdx_keyid_start = (keyid_part + 1) & U32_MASK
        end = (self._tdx_keyid_start + self._tdx_keyid_num) & U32_MASK
        # Printed before the check, also for bad values.
        self.pr(boot.KEYIDS, start=self._tdx_keyid_start, end=end)
        if self._tdx_keyid_start == 0 or self._tdx_keyid_num < 2:
            self.pr(boot.KEYIDS_UNUSABLE)
            start, keyids = self._tdx_keyid_start, self._tdx_keyid_num
            self._tdx_keyid_start = self._tdx_keyid_num = 0
            if start == 0:
                raise KernelErrno(Errno.EINVAL, KeyidStartWraps())
            raise KernelErrno(Errno.EINVAL, TooFewKeyids(keyids))

    def platform_tdx_enabled(self) -> bool:
        """Whether BIOS enabled TDX: at least two private KeyIDs were found."""
        return self._tdx_keyid_num >= 2

    @property
    def keyids(self) -> tuple[int | None, int]:
        """The first private KeyID is the global one, the others are for guests."""
        if not self.platform_tdx_enabled():
            return None, 0
        return self._tdx_keyid_start, self._tdx_keyid_num - 1

    # The state machine

    def tdx_init(self) -> int:
        """Initialise the module on demand; whoever comes second gets the first one's result."""
        # "under tdx_module_lock (a mutex: callers run one after the other)". The kernel does
        # not take it where TDX is off; there nobody can tell.
        with self._tdx_module_lock:
            self.steps.begin()
            self.failure = None
            if not self.platform_tdx_enabled():
                return self._answered(self._not_enabled())
            match self.status:
                case "UNKNOWN":
                    return self._answered(self._tdx_init())
                case "NONE":
                    return self._answered(self._already(Errno.ENODEV, ModuleWasNotLoaded()))
                case "INITIALIZED":
                    return self._answered(0)
                case _:
                    return self._answered(self._already(Errno.EFAULT, ModuleWasShutDown()))

    def _already(self, errno: Errno, cause: Cause) -> int:
        self.failure = KernelErrno(errno, cause).failure(None, errno)
        return -errno

    def _tdx_init(self) -> int:
        # __tdx_init(), under cpus_read_lock(): no CPU goes on- or offline until the end.
        try:
            with self.steps.step(steps.PRECONDITION):
                self._check_cpus()
        except KernelErrno as error:
            self.failure = error.failure(self.steps.failed_step, error.errno)
            return -error.errno
        try:
            self._init_tdx_module()
        except KernelErrno as error:
            if error.errno is Errno.ENODEV:
                self.pr(bring_up.MODULE_NOT_LOADED)
                self._module_not_loaded()
                returned = Errno.ENODEV
            else:
                self.pr(bring_up.MODULE_SHUT_DOWN)
                self._shutdown_tdx_module()
                # "every errno becomes -EFAULT"
                returned = Errno.EFAULT
            self.failure = error.failure(self.steps.failed_step, returned)
            return -returned
        self.pr(bring_up.MODULE_INITIALIZED)
        return 0

    def _module_not_loaded(self) -> None:
        # "Plain v5 leaves UNKNOWN": every later call tries again.
        pass

    def _check_cpus(self) -> None:
        # "disabled_cpus != 0, or number of online CPUs != num_processors"
        online = self.cpus.online()
        present = self.cpus.present
        self.steps.detail(
            f"{counted(present, 'CPU')}, {len(online)} online, "
            f"{self.cpus.disabled} not enabled in the MADT"
        )
        if self.cpus.disabled or len(online) != present:
            self.pr(bring_up.OFFLINE_CPUS)
            raise KernelErrno(Errno.EINVAL, self._missing_cpus())

    def _missing_cpus(self) -> Cause:
        present, disabled = self.cpus.present, self.cpus.disabled
        offline = tuple(cpu for cpu in range(present) if not self.cpus.is_online(cpu))
        if offline and disabled:
            return CpuOfflineAndDisabled(offline, disabled, present)
        return CpuOffline(offline, present) if offline else CpuDisabled(disabled, present)

    def _shutdown_tdx_module(self) -> None:
        # Failures are printed and ignored.
        with self.steps.step(steps.SHUTDOWN):
            for cpu in self.cpus.online():
                self._seamcall(cpu, Leaf.TDH_SYS_LP_SHUTDOWN)
        self._set_status("SHUTDOWN")

    def shut_down_module(self) -> int:
        """SHUTDOWN by hand: no v5 function does this outside a failed initialisation."""
        with self._tdx_module_lock:
            self.steps.begin()
            self._shutdown_tdx_module()
        return 0

    def update_module(self, image: UpdateImage, *, force: bool) -> int:  # noqa: ARG002
        """By hand, for the series has no update: what its design says of one.

        "after updating the TDX module, it needs to be initialized again": whatever the status was,
        SHUTDOWN and NONE included, it is UNKNOWN; PAMTs that the old module still had are given
        back. The one way on from a final status but a reboot. Raises NotModelledError where
        P-SEAMLDR's SEAMCALL raises an exception.
        """
        with self._tdx_module_lock:
            for cpu in self.cpus.online():
                self._survives(cpu)
            if self._pamts_held:
                self._wbinvd_on_all_cpus()
                self._tdmrs_free_pamt_all()
                self._pamts_held = False
            self._set_status("UNKNOWN")
        return 0

    def kexec(self) -> int:
        """WBINVD in stop_this_cpu() wherever BIOS enabled TDX; the module is left as it is."""
        if self.platform_tdx_enabled():
            for cpu in self.cpus.online():
                self._journal.record(Wbinvd(cpu))
        return 0

    def hotplug_refused(self, what: str, start: int = 0, end: int = 0) -> int:
        """Everything, where BIOS enabled TDX."""
        if not self.platform_tdx_enabled():
            return 0
        if what == "add-memory":
            self.pr(boot.MEMORY_NOT_ADDED, start=start, end=end)
            return -Errno.EINVAL
        added, removed = (
            (boot.ACPI_CPU_ADDED, boot.ACPI_CPU_REMOVED)
            if what.startswith("cpu")
            else (boot.ACPI_MEMORY_ADDED, boot.ACPI_MEMORY_REMOVED)
        )
        if what.endswith("remove"):
            said = removed.printed(self.RELEASE, None, {}).text
            raise NotModelledError(f"this kernel says '{said}' and dies")
        self.pr(added)
        return -Errno.EINVAL

    def memory_online(self, start: int, end: int) -> int:  # noqa: ARG002
        """Nothing: "v5 has no notifier: onlining memory that is present is not refused"."""
        return 0

    # SEAMCALL

    def call_module(self, cpu: int, leaf: Leaf, **registers: int) -> Registers:
        """One SEAMCALL on cpu. Raises NotModelledError where it raises an exception."""
        self._survives(cpu)
        return super().call_module(cpu, leaf, **registers)

    def _survives(self, cpu: int) -> None:
        # "v5 has no exception fixup"; an exception that a fault scripts is answered all the same.
        raised = self.hardware.seamcall_raises(cpu)
        if raised is not None:
            raise NotModelledError(
                f"SEAMCALL raises #{raised.name} on CPU {cpu}: a v5 kernel, which has no fixup, "
                "oopses; that is not modelled",
                hint=_WHY_RAISED[raised],
            )

    def _seamcall(self, cpu: int, leaf: Leaf, **registers: int) -> KernelErrno | None:
        # seamcall(): prints a failure unless VMfailInvalid; None on success.
        return self._judge(cpu, leaf, self.call_module(cpu, leaf, **registers))

    def _judge(
        self, cpu: int, leaf: Leaf, out: Registers, tdmr_base: int | None = None
    ) -> KernelErrno | None:
        # "0 is success; EVERY other value is failure, informational codes included"
        if out.rax == 0:
            return None
        not_loaded = out.rax == Status.VMFAILINVALID
        if not not_loaded:
            self.pr(bring_up.SEAMCALL_FAILED, leaf=leaf, status=out.rax)
            if leaf in _WITH_OUTPUT:
                # The buffers of TDH.SYS.INFO print as 0.
                info = leaf is Leaf.TDH_SYS_INFO
                rcx, r8 = (0, 0) if info else (out.rcx, out.r8)
                self.pr(
                    bring_up.SEAMCALL_OUTPUT,
                    rcx=rcx,
                    rdx=out.rdx,
                    r8=r8,
                    r9=out.r9,
                    r10=out.r10,
                    r11=out.r11,
                )
        # "SYS.INIT VMfailInvalid -> -ENODEV; any other failure of any leaf -> -EFAULT"
        if not_loaded and leaf is Leaf.TDH_SYS_INIT:
            return KernelErrno(Errno.ENODEV, ModuleNotLoaded(leaf, cpu, out.rax))
        # The module names the CPUID leaf in RCX; a scripted status leaves RCX at 0.
        names_cpuid = base_status(out.rax) in _WITH_CPUID_IN_RCX
        cpuid = (out.rcx or None) if names_cpuid else None
        cause = SeamcallFailed(leaf, cpu, out.rax, cpuid=cpuid, tdmr_base=tdmr_base)
        return KernelErrno(Errno.EFAULT, cause)

    # The six steps

    def _init_tdx_module(self) -> None:
        with self.steps.step(steps.GLOBAL_INIT):
            self._tdx_module_init_global()
        with self.steps.step(steps.CPU_INIT):
            self._tdx_module_init_cpus()
        with self.steps.step(steps.ENUMERATE):
            sysinfo = self._tdx_get_sysinfo()
            cmrs = self._check_cmrs()
        constructed = False
        try:
            with self.steps.step(steps.CONFIGURE):
                self._construct_tdmrs(sysinfo, cmrs)
                constructed = True
                with self.steps.substep("sys-config"):
                    self._config_tdx_module(sysinfo)
            with self.steps.step(steps.KEY_CONFIG):
                self._config_global_keyid()
            with self.steps.step(steps.MEMORY_INIT):
                self._init_tdmrs()
        except KernelErrno:
            # The module may have written to the PAMTs only once it was given them.
            if constructed:
                self._wbinvd_on_all_cpus()
            self._tdmrs_free_pamt_all()
            raise
        self._pamts_held = True
        self._set_status("INITIALIZED")
        self.pr(bring_up.PAMT_ALLOCATED, pages=self._built_tdmrs().pamt_pages)

    def _tdx_module_init_global(self) -> None:
        if not self.cpus.features.vmx:
            raise NotModelledError(
                "cpus.features.vmx is false: a v5 kernel oopses at its first SEAMCALL (#UD), which "
                "is not modelled",
                hint="leave vmx true",
            )
        error = self._seamcall(self.cpus.online()[0], Leaf.TDH_SYS_INIT)
        if error:
            raise error

    def _tdx_module_init_cpus(self) -> None:
        # On all CPUs by IPI: all of them run even if one fails.
        errors = [
            error
            for cpu in self.cpus.online()
            if (error := self._seamcall(cpu, Leaf.TDH_SYS_LP_INIT))
        ]
        self.steps.detail(
            f"{counted(len(self.cpus.online()), 'CPU')} in {counted(self._packages(), 'package')}"
        )
        if errors:
            cause = errors[0].cause
            assert isinstance(cause, SeamcallFailed), "only TDH.SYS.INIT tells of no module"
            raise KernelErrno(errors[0].errno, replace(cause, failed_cpus=len(errors)))

    def _tdx_get_sysinfo(self) -> TdSysInfo:
        cpu = self.cpus.online()[0]
        out = self.call_module(
            cpu,
            Leaf.TDH_SYS_INFO,
            rcx=self._tdsysinfo_pa,
            rdx=_TDSYSINFO_SIZE,
            r8=self._cmr_array_pa,
            r9=_MAX_CMRS,
        )
        error = self._judge(cpu, Leaf.TDH_SYS_INFO, out)
        if error:
            raise error
        self._cmr_num = out.r9
        info = TdSysInfo.from_bytes(self.memory.read(self._tdsysinfo_pa, _TDSYSINFO_SIZE))
        self.pr(
            bring_up.VERSION,
            vendor_id=info.vendor_id,
            major=info.major_version,
            minor=info.minor_version,
            build_date=info.build_date,
            build_num=info.build_num,
        )
        return info

    def _check_cmrs(self) -> list[tuple[int, int]]:
        # Returns the CMRs before the first empty one as [start, end).
        data = self.memory.read(self._cmr_array_pa, _MAX_CMRS * 16)
        cmrs = [(base, base + size) for base, size in struct.iter_unpack("<QQ", data)]
        cmrs = cmrs[: self._cmr_num]
        empty = [start == end for start, end in cmrs]
        valid = empty.index(True) if True in empty else len(cmrs)
        for previous, cmr in pairwise(cmrs[:valid]):
            if cmr[0] < previous[1]:
                self._bad_cmrs(cmrs, bring_up.CMRS_NOT_ASCENDING, CmrsNotAscending())
        if not all(empty[valid:]):
            self._bad_cmrs(cmrs, bring_up.CMRS_EMPTY_FIRST, CmrsEmptyFirst())
        if valid == 0:
            self._bad_cmrs(cmrs, bring_up.CMRS_NONE, CmrsNone())
        for start, end in cmrs[:valid]:
            self.pr(bring_up.CMR, start=start, end=end)
        self.steps.detail(counted(valid, "CMR"))
        return cmrs[:valid]

    def _bad_cmrs(self, cmrs: list[tuple[int, int]], message: Message, cause: Cause) -> None:
        for start, end in cmrs:
            self.pr(bring_up.BIOS_CMR, start=start, end=end)
        self.pr(message)
        raise KernelErrno(Errno.EINVAL, cause)

    def _construct_tdmrs(self, sysinfo: TdSysInfo, cmrs: list[tuple[int, int]]) -> None:
        with self.steps.substep("convertible-memory"):
            self._check_memory_convertible(cmrs)
        with self.steps.substep("create-tdmrs"):
            self._create_tdmrs(sysinfo)
        with self.steps.substep("allocate-pamts"):
            self._tdmrs_set_up_pamt_all(sysinfo)
        with self.steps.substep("reserved-areas"):
            self._tdmrs_set_up_rsvd_areas_all(sysinfo)

    def _check_memory_convertible(self, cmrs: list[tuple[int, int]]) -> None:
        # "each region to lie wholly inside ONE CMR": two touching CMRs do not help.
        cmr_starts = np.array([start for start, _ in cmrs], np.int64)
        cmr_ends = np.array([end for _, end in cmrs], np.int64)
        cmr = np.searchsorted(cmr_starts, self.mm.starts, side="right") - 1
        inside = (cmr >= 0) & (self.mm.ends <= cmr_ends[np.maximum(cmr, 0)])
        if not inside.all():
            bad = int(np.argmin(inside))
            start, end = int(self.mm.starts[bad]), int(self.mm.ends[bad])
            self.pr(bring_up.NOT_CONVERTIBLE, start=start, end=end)
            cause = NotConvertible(start, end, int(self.mm.nodes[bad]))
            raise KernelErrno(Errno.EINVAL, cause)

    def _create_tdmrs(self, sysinfo: TdSysInfo) -> None:
        if self.mm.kernel_allocation_fails():
            raise KernelErrno(Errno.ENOMEM, KernelAllocation("the TDMR array"))
        self._cover_memory(sysinfo.max_tdmrs, Errno.E2BIG)

    def _tdmrs_set_up_pamt_all(self, sysinfo: TdSysInfo) -> None:
        sizes = self._pamt_sizes(self._built_tdmrs().sizes, sysinfo.pamt_entry_size)
        self._allocate_pamts(sizes, no_local_node=lambda _: self._no_local_node())

    def _pamt_sizes(self, tdmr_sizes: npt.NDArray[np.int64], entry_size: int) -> Uint64s:
        # Shape (tdmrs, 3). tdmr_get_pamt_sz() computes in int.
        return np.stack(
            [pamt_size_32bit(tdmr_sizes, shift, entry_size) for shift in PAGE_SHIFTS], axis=1
        )

    def _tdmrs_set_up_rsvd_areas_all(self, sysinfo: TdSysInfo) -> None:
        limit = sysinfo.max_reserved_per_tdmr
        self._reserve_areas(self.mm.starts, self.mm.ends, limit, Errno.E2BIG)

    def _config_tdx_module(self, sysinfo: TdSysInfo) -> None:
        if self.mm.kernel_allocation_fails():
            raise KernelErrno(Errno.ENOMEM, KernelAllocation("the TDMR pointer array"))
        tdmrs = self._built_tdmrs()
        pa_array_size = round_up(8 * len(tdmrs), _TDX_PA_ARRAY_ALIGNMENT)
        pa_array_pa = self._write_tdmr_infos(
            sysinfo.max_tdmrs, sysinfo.max_reserved_per_tdmr, pa_array_size
        )
        error = self._seamcall(
            self.cpus.online()[0],
            Leaf.TDH_SYS_CONFIG,
            rcx=pa_array_pa,
            rdx=len(tdmrs),
            r8=self._tdx_keyid_start,
        )
        self.steps.detail(f"global KeyID {self._tdx_keyid_start}")
        if error:
            raise error

    def _config_global_keyid(self) -> None:
        self._wbinvd_on_all_cpus()
        if self.mm.kernel_allocation_fails():
            raise KernelErrno(Errno.ENOMEM, KernelAllocation("the package cpumask"))
        leaders = self._package_leaders()
        for cpu in leaders:
            error = self._seamcall(cpu, Leaf.TDH_SYS_KEY_CONFIG)
            if error:
                raise error
        self.steps.detail(counted(len(leaders), "package"))

    def _init_tdmrs(self) -> None:
        tdmrs = self._built_tdmrs()
        cpu = self.cpus.online()[0]
        for base, size in zip(tdmrs.bases.tolist(), tdmrs.sizes.tolist(), strict=True):
            # "repeat until RDX >= base+size; TDMRs in order, serial"
            out, _ = self.call_module_until(
                cpu, Leaf.TDH_SYS_TDMR_INIT, rcx=base, until=base + size
            )
            error = self._judge(cpu, Leaf.TDH_SYS_TDMR_INIT, out, tdmr_base=base)
            if error:
                raise error
        self.steps.detail(f"{counted(len(tdmrs), 'TDMR')}, {format_size(int(tdmrs.sizes.sum()))}")

    def _no_local_node(self) -> None:
        # A WARN_ON_ONCE().
        if not self._warned_of_node:
            self._warned_of_node = True
            self.pr(bring_up.NO_LOCAL_NODE)
