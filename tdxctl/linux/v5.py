# SPDX-License-Identifier: Apache-2.0
"""Series `TDX host kernel support` v5 of 22 June 2022: initialization on demand.

arch/x86/virt/vmx/tdx/tdx.c of that series, with its names, in the order in which it happens; what
each part does is in [linux-host 1, 2, 3, 4, 5, 6, 7, 7a]. Its review: NONE_WHEN_NOT_LOADED,
PAMT_SIZE_64BIT.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from tdxctl.causes import (
    Cause,
    CmrsEmptyFirst,
    CmrsNone,
    CmrsNotAscending,
    CpuDisabled,
    CpuOffline,
    CpuOfflineAndDisabled,
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
from tdxctl.events import Holds, Journal, Wbinvd
from tdxctl.layout.holes import Areas, holes
from tdxctl.layout.pamt import PAGE_SHIFTS, pamt_size, pamt_size_32bit
from tdxctl.linux import steps
from tdxctl.linux.changes import NONE_WHEN_NOT_LOADED, PAMT_SIZE_64BIT
from tdxctl.linux.construct import (
    fill_out_tdmrs,
    pamt_areas,
    populate_rsvd_areas_all,
    write_tdmr_infos,
)
from tdxctl.linux.kernel import Hardware, Kernel
from tdxctl.linux.pamt import free_pamt_all, set_up_pamt_all
from tdxctl.linux.releases import KernelId
from tdxctl.linux.seamcall import cpuid_named
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.tdmr import CPUMASK, PA_ARRAY, TDMR_ARRAY, TDX_PA_ARRAY_ALIGNMENT
from tdxctl.linux.tdsysinfo import MAX_CMRS, TDSYSINFO_SIZE, TdSysInfo, cmr_array
from tdxctl.messages import boot, bring_up
from tdxctl.messages.message import Message
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.msrs import (
    MSR_IA32_MKTME_KEYID_PARTITIONING,
    MSR_IA32_SEAMRR_PHYS_MASK,
    MSR_MTRRCAP,
    MTRRCAP_SEAMRR,
    SEAMRR_PHYS_MASK_ENABLED,
    SEAMRR_PHYS_MASK_LOCKED,
)
from tdxctl.seam.port import Registers
from tdxctl.seam.status import Status
from tdxctl.units import U32_MASK, counted, format_size, round_up

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]
Cmrs = list[tuple[int, int]]

_SEAMRR_LOCKED_ENABLED = SEAMRR_PHYS_MASK_LOCKED | SEAMRR_PHYS_MASK_ENABLED

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


class V5(Kernel):
    """The on-demand series; a kernel of your own on it overrides what it wants."""

    INITIAL_STATUS = "UNKNOWN"

    def __init__(self, hardware: Hardware, journal: Journal, kernel: KernelId) -> None:
        super().__init__(hardware, journal, kernel)
        self.tdx_keyid_start = 0
        self.tdx_keyid_num = 0
        self._warned_of_node = False
        self._cmr_num = 0
        self._tdsysinfo_pa = self.mm.kernel_alloc(TDSYSINFO_SIZE)
        self._cmr_array_pa = self.mm.kernel_alloc(MAX_CMRS * 16)
        self.by_hand = V5ByHand(self)

    # Boot [linux-host 1]

    def boot(self) -> int:
        """An early_initcall."""
        return self.tdx_early_detect()

    def tdx_early_detect(self) -> int:
        """In order: "the first failure ends it and TDX stays off"."""
        try:
            self.detect_seam()
            self.detect_tdx_keyids()
        except KernelErrno as error:
            self.not_at_boot = error
            return -error.errno
        self.pr(boot.ENABLED_BY_BIOS)
        return 0

    def detect_seam(self) -> None:
        """MTRRs, SEAMRR, and that locked and enabled; of the boot CPU only [linux-host 1.1]."""
        if not self.cpus.features.mtrr:
            raise KernelErrno(Errno.ENODEV, NoMtrr())
        if not self.msrs.rdmsr(MSR_MTRRCAP) & MTRRCAP_SEAMRR:
            raise KernelErrno(Errno.ENODEV, SeamrrAbsent())
        mask = self.msrs.rdmsr(MSR_IA32_SEAMRR_PHYS_MASK)
        if mask & _SEAMRR_LOCKED_ENABLED != _SEAMRR_LOCKED_ENABLED:
            raise KernelErrno(Errno.ENODEV, SeamrrDisabled())
        self.pr(boot.SEAMRR_ENABLED)

    def detect_tdx_keyids(self) -> None:
        """The range of KeyIDs, which is printed "BEFORE the check, also for bad values"."""
        keyid_part = self.msrs.rdmsr(MSR_IA32_MKTME_KEYID_PARTITIONING)
        self.tdx_keyid_num = keyid_part >> 32
        # "start = bits 31:0 + 1 in 32-bit arithmetic"
        self.tdx_keyid_start = (keyid_part + 1) & U32_MASK
        end = (self.tdx_keyid_start + self.tdx_keyid_num) & U32_MASK
        self.pr(boot.KEYIDS, start=self.tdx_keyid_start, end=end)
        if self.tdx_keyid_start == 0 or self.tdx_keyid_num < 2:
            self.pr(boot.KEYIDS_UNUSABLE)
            start, keyids = self.tdx_keyid_start, self.tdx_keyid_num
            self.tdx_keyid_start = self.tdx_keyid_num = 0
            if start == 0:
                raise KernelErrno(Errno.EINVAL, KeyidStartWraps())
            raise KernelErrno(Errno.EINVAL, TooFewKeyids(keyids))

    def platform_tdx_enabled(self) -> bool:
        """Whether BIOS enabled TDX: at least two private KeyIDs were found."""
        return self.tdx_keyid_num >= 2

    @property
    def keyids(self) -> tuple[int | None, int]:
        """The first private KeyID is the global one, the others are for guests."""
        if not self.platform_tdx_enabled():
            return None, 0
        return self.tdx_keyid_start, self.tdx_keyid_num - 1

    # The state machine [linux-host 2]

    def bring_up(self) -> int:
        """tdx_init(), where "callers run one after the other"."""
        # The kernel does not take it where TDX is off; there nobody can tell.
        return self.in_turn(self.tdx_init)

    def tdx_init(self) -> int:
        """Initialize the module on demand; whoever comes second gets the first one's result."""
        if not self.platform_tdx_enabled():
            return self.not_enabled()
        match self.status:
            case "UNKNOWN":
                return self._tdx_init()
            case "NONE":
                return self.refused(Errno.ENODEV, ModuleWasNotLoaded())
            case "INITIALIZED":
                return 0
            case _:
                return self.refused(Errno.EFAULT, ModuleWasShutDown())

    def _tdx_init(self) -> int:
        """__tdx_init(), under cpus_read_lock(): no CPU goes on- or offline until the end."""
        try:
            with self.steps.step(steps.PRECONDITION):
                self.check_cpus()
        except KernelErrno as error:
            # "state stays UNKNOWN, retry allowed"
            return self.failed(error)
        try:
            self.init_tdx_module()
        except KernelErrno as error:
            if error.errno is Errno.ENODEV:
                self.pr(bring_up.MODULE_NOT_LOADED)
                if self.has(NONE_WHEN_NOT_LOADED):
                    self.set_status("NONE")
                # else "Plain v5 leaves UNKNOWN": every later call tries again.
                return self.failed(error)
            self.pr(bring_up.MODULE_SHUT_DOWN)
            self.shutdown_tdx_module()
            # "every errno becomes -EFAULT"
            return self.failed(error, Errno.EFAULT)
        self.pr(bring_up.MODULE_INITIALIZED)
        return 0

    def check_cpus(self) -> None:
        """No slot of the MADT is not enabled, and every CPU is online."""
        # "`disabled_cpus` != 0, or number of online CPUs != `num_processors`"
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

    def shutdown_tdx_module(self) -> None:
        """TDH.SYS.LP.SHUTDOWN on every online CPU; "its failures are printed and ignored"."""
        with self.steps.step(steps.SHUTDOWN):
            self.seamcall_on_each_cpu(Leaf.TDH_SYS_LP_SHUTDOWN)
        self.set_status("SHUTDOWN")

    # SEAMCALL [linux-host 3]

    def call_module(self, cpu: int, leaf: Leaf, **registers: int) -> Registers:
        """One SEAMCALL on cpu. Raises NotModelledError where it raises an exception."""
        self.survives(cpu)
        return super().call_module(cpu, leaf, **registers)

    def survives(self, cpu: int) -> None:
        """Raise NotModelledError where a SEAMCALL on cpu raises an exception."""
        # "v5 has no exception fixup"; an exception that a fault scripts is answered all the same.
        raised = self.hardware.seamcall_raises(cpu)
        if raised is not None:
            raise NotModelledError(
                f"SEAMCALL raises #{raised.name} on CPU {cpu}: a v5 kernel, which has no fixup, "
                "oopses; that is not modelled",
                hint=_WHY_RAISED[raised],
            )

    def seamcall(self, cpu: int, leaf: Leaf, **registers: int) -> KernelErrno | None:
        """Print a failure "unless VMfailInvalid", and return it; None on success."""
        return self._judge(cpu, leaf, self.call_module(cpu, leaf, **registers))

    def seamcall_on_each_cpu(self, leaf: Leaf) -> list[KernelErrno]:
        """seamcall() on every online CPU, ascending: what failed."""
        cpus = self.cpus.online()
        raised = any(self.hardware.seamcall_raises(cpu) is not None for cpu in cpus)
        if raised or self.overrides("call_module", "seamcall", "survives"):
            return [error for cpu in cpus if (error := self.seamcall(cpu, leaf))]
        errors = []
        while cpus:
            out, calls = self.call_module_each(cpus, leaf)
            error = self._judge(cpus[calls - 1], leaf, out)
            if error is not None:
                errors.append(error)
            cpus = cpus[calls:]
        return errors

    def _judge(
        self, cpu: int, leaf: Leaf, out: Registers, tdmr_base: int | None = None
    ) -> KernelErrno | None:
        # "0 is success; EVERY other value is failure, informational codes included."
        if out.rax == 0:
            return None
        not_loaded = out.rax == Status.VMFAILINVALID
        if not not_loaded:
            self.pr(bring_up.SEAMCALL_FAILED, leaf=leaf, status=out.rax)
            if leaf in _WITH_OUTPUT:
                # "for leaf 32 the buffer addresses print as 0x0"
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
        # "SYS.INIT VMfailInvalid -> -ENODEV; any other failure of any leaf -> -EFAULT."
        if not_loaded and leaf is Leaf.TDH_SYS_INIT:
            return KernelErrno(Errno.ENODEV, ModuleNotLoaded(leaf, cpu, out.rax))
        cause = SeamcallFailed(leaf, cpu, out.rax, cpuid=cpuid_named(out), tdmr_base=tdmr_base)
        return KernelErrno(Errno.EFAULT, cause)

    # The six steps [linux-host 3]

    def init_tdx_module(self) -> None:
        """The six steps, and what is given back where one fails [linux-host 6]."""
        with self.steps.step(steps.GLOBAL_INIT):
            self.tdx_module_init_global()
        with self.steps.step(steps.CPU_INIT):
            self.tdx_module_init_cpus()
        with self.steps.step(steps.ENUMERATE):
            sysinfo = self.tdx_get_sysinfo()
            cmrs = self.check_cmrs()
        constructed = False
        try:
            with self.steps.step(steps.CONFIGURE):
                self.construct_tdmrs(sysinfo, cmrs)
                constructed = True
                with self.steps.substep("sys-config"):
                    self.config_tdx_module(sysinfo)
            with self.steps.step(steps.KEY_CONFIG):
                self.config_global_keyid()
            with self.steps.step(steps.MEMORY_INIT):
                self.init_tdmrs()
        except KernelErrno:
            # "A failing PA array: v5 cleans up as for SYS.CONFIG (WBINVD on all)"
            if constructed:
                self.wbinvd_on_all_cpus()
            self.tdmrs_free_pamt_all()
            raise
        finally:
            # "v5 frees the TDMR array also on success."
            self.mm.kfree(TDMR_ARRAY)
        self.set_status("INITIALIZED")
        self.pr(bring_up.PAMT_ALLOCATED, pages=self.the_tdmrs().pamt_pages)

    def tdx_module_init_global(self) -> None:
        """TDH.SYS.INIT on the caller's CPU."""
        if not self.cpus.features.vmx:
            raise NotModelledError(
                "cpus.features.vmx is false: a v5 kernel oopses at its first SEAMCALL (#UD), which "
                "is not modelled",
                hint="leave vmx true",
            )
        error = self.seamcall(self.this_cpu, Leaf.TDH_SYS_INIT)
        if error:
            raise error

    def tdx_module_init_cpus(self) -> None:
        """TDH.SYS.LP.INIT "concurrently by IPI, all run even if one fails"."""
        errors = self.seamcall_on_each_cpu(Leaf.TDH_SYS_LP_INIT)
        online, packages = len(self.cpus.online()), len(self.packages())
        self.steps.detail(f"{counted(online, 'CPU')} in {counted(packages, 'package')}")
        if errors:
            cause = errors[0].cause
            assert isinstance(cause, SeamcallFailed), "only TDH.SYS.INIT tells of no module"
            raise KernelErrno(errors[0].errno, replace(cause, failed_cpus=len(errors)))

    def tdx_get_sysinfo(self) -> TdSysInfo:
        """TDH.SYS.INFO: what the module is, and the CMRs."""
        cpu = self.this_cpu
        out = self.call_module(
            cpu,
            Leaf.TDH_SYS_INFO,
            rcx=self._tdsysinfo_pa,
            rdx=TDSYSINFO_SIZE,
            r8=self._cmr_array_pa,
            r9=MAX_CMRS,
        )
        error = self._judge(cpu, Leaf.TDH_SYS_INFO, out)
        if error:
            raise error
        self._cmr_num = out.r9
        info = TdSysInfo.from_bytes(self.memory.read(self._tdsysinfo_pa, TDSYSINFO_SIZE))
        self.pr(
            bring_up.VERSION,
            vendor_id=info.vendor_id,
            major=info.major_version,
            minor=info.minor_version,
            build_date=info.build_date,
            build_num=info.build_num,
        )
        return info

    def check_cmrs(self) -> Cmrs:
        """The CMRs before the first empty one, as [start, end); the others must be empty."""
        cmrs = cmr_array(self.memory.read(self._cmr_array_pa, MAX_CMRS * 16))[: self._cmr_num]
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

    def _bad_cmrs(self, cmrs: Cmrs, message: Message, cause: Cause) -> None:
        for start, end in cmrs:
            self.pr(bring_up.BIOS_CMR, start=start, end=end)
        self.pr(message)
        raise KernelErrno(Errno.EINVAL, cause)

    # Memory [linux-host 4, 5]

    def construct_tdmrs(self, sysinfo: TdSysInfo, cmrs: Cmrs) -> None:
        """From memory to TDMRs with PAMTs and reserved areas."""
        with self.steps.substep("convertible-memory"):
            self.check_memory_convertible(cmrs)
        with self.steps.substep("create-tdmrs"):
            self.create_tdmrs(sysinfo)
        with self.steps.substep("allocate-pamts"):
            self.tdmrs_set_up_pamt_all(sysinfo)
        with self.steps.substep("reserved-areas"):
            self.tdmrs_set_up_rsvd_areas_all(sysinfo)

    def check_memory_convertible(self, cmrs: Cmrs) -> None:
        """Each region lies "wholly inside ONE CMR": two touching CMRs do not help."""
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

    def create_tdmrs(self, sysinfo: TdSysInfo) -> None:
        """Cover memory with TDMRs; too few are "-E2BIG silent"."""
        self.kmalloc(TDMR_ARRAY)
        fill_out_tdmrs(self, sysinfo.max_tdmrs, Errno.E2BIG)

    def tdmr_get_pamt_sz(self, tdmr_sizes: Int64s, entry_size: int) -> Uint64s:
        """Bytes of the PAMTs of TDMRs of that size, shape (tdmrs, 3): 4K, 2M, 1G."""
        # "entry count is `int` and the product is `int x int`"
        size = pamt_size if self.has(PAMT_SIZE_64BIT) else pamt_size_32bit
        return np.stack([size(tdmr_sizes, shift, entry_size) for shift in PAGE_SHIFTS], axis=1)

    def tdmrs_set_up_pamt_all(self, sysinfo: TdSysInfo) -> None:
        """A PAMT for each TDMR; "v5 takes one pamt_entry_size" for all three page sizes."""
        sizes = self.tdmr_get_pamt_sz(self.the_tdmrs().sizes, sysinfo.pamt_entry_size)
        set_up_pamt_all(self, sizes, no_local_node=lambda _: self._warn_no_local_node())

    def _warn_no_local_node(self) -> None:
        # A WARN_ON_ONCE().
        if not self._warned_of_node:
            self._warned_of_node = True
            self.pr(bring_up.NO_LOCAL_NODE)

    def tdmrs_free_pamt_all(self) -> None:
        """Free every PAMT."""
        free_pamt_all(self)

    def tdmr_set_up_memory_hole_rsvd_areas(self) -> Areas:
        """Holes between memory regions, of all TDMRs."""
        tdmrs = self.the_tdmrs()
        return holes(self.mm.starts, self.mm.ends, tdmrs.bases, tdmrs.sizes)

    def tdmr_set_up_pamt_rsvd_areas(self) -> Areas:
        """PAMTs that lie in TDMRs, of all TDMRs."""
        return pamt_areas(self.the_tdmrs())

    def tdmrs_set_up_rsvd_areas_all(self, sysinfo: TdSysInfo) -> None:
        """Reserved areas of all TDMRs; too few are "-E2BIG silent"."""
        gaps, pamts = self.tdmr_set_up_memory_hole_rsvd_areas(), self.tdmr_set_up_pamt_rsvd_areas()
        limit = sysinfo.max_reserved_per_tdmr
        populate_rsvd_areas_all(
            self, gaps, pamts, limit=limit, exhausted=Errno.E2BIG, holds=Holds.HOLE
        )

    # To the module [linux-host 6]

    def config_tdx_module(self, sysinfo: TdSysInfo) -> None:
        """TDH.SYS.CONFIG: the TDMRs and the global KeyID."""
        self.kmalloc(PA_ARRAY)
        tdmrs = self.the_tdmrs()
        # "v5 rounds its size up to 512 bytes"
        pa_array_size = round_up(8 * len(tdmrs), TDX_PA_ARRAY_ALIGNMENT)
        pa_array_pa = write_tdmr_infos(
            self, sysinfo.max_tdmrs, sysinfo.max_reserved_per_tdmr, pa_array_size
        )
        error = self.seamcall(
            self.this_cpu,
            Leaf.TDH_SYS_CONFIG,
            rcx=pa_array_pa,
            rdx=len(tdmrs),
            r8=self.tdx_keyid_start,
        )
        self.mm.kfree(PA_ARRAY)
        self.steps.detail(f"global KeyID {self.tdx_keyid_start}")
        if error:
            raise error

    def config_global_keyid(self) -> None:
        """WBINVD, then TDH.SYS.KEY.CONFIG on the first online CPU of each package."""
        # "v5 does WBINVD first and then allocates the cpumask"
        self.wbinvd_on_all_cpus()
        self.kmalloc(CPUMASK)
        leaders = self.packages().values()
        error = None
        for cpu in leaders:
            error = self.seamcall(cpu, Leaf.TDH_SYS_KEY_CONFIG)
            if error:
                break
        self.mm.kfree(CPUMASK)
        if error:
            raise error
        self.steps.detail(counted(len(leaders), "package"))

    def init_tdmrs(self) -> None:
        """Every TDMR in order, serial."""
        tdmrs = self.the_tdmrs()
        for base, size in zip(tdmrs.bases.tolist(), tdmrs.sizes.tolist(), strict=True):
            self.init_tdmr(base, size)
        self.steps.detail(f"{counted(len(tdmrs), 'TDMR')}, {format_size(int(tdmrs.sizes.sum()))}")

    def init_tdmr(self, base: int, size: int) -> None:
        """TDH.SYS.TDMR.INIT: "repeat until RDX >= base+size"."""
        cpu = self.this_cpu
        out, _ = self.call_module_until(cpu, Leaf.TDH_SYS_TDMR_INIT, rcx=base, until=base + size)
        error = self._judge(cpu, Leaf.TDH_SYS_TDMR_INIT, out, tdmr_base=base)
        if error:
            raise error

    # Afterwards [linux-host 7]

    def kexec(self) -> int:
        """WBINVD in stop_this_cpu() wherever BIOS enabled TDX; the module is left as it is."""
        if self.platform_tdx_enabled():
            for cpu in self.cpus.online():
                self.journal.record(Wbinvd(cpu))
        return 0

    def hotplug_refused(self, what: str, start: int = 0, end: int = 0) -> int:
        """Everything, where BIOS enabled TDX [linux-host 1]."""
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
            said = removed.printed(self.kernel.wording, None, {}).text
            raise NotModelledError(f"this kernel says '{said}' and dies")
        self.pr(added)
        return -Errno.EINVAL

    def memory_online(self, start: int, end: int) -> int:  # noqa: ARG002
        """Nothing: "v5 has no notifier: onlining memory that is present is not refused"."""
        return 0


class V5ByHand:
    """No v5 function does this: ways to states that its design names."""

    def __init__(self, kernel: V5) -> None:
        self._kernel = kernel

    def shut_down_module(self) -> int:
        """SHUTDOWN outside a failed initialization."""
        kernel = self._kernel
        with kernel.tdx_module_lock:
            kernel.steps.begin()
            kernel.shutdown_tdx_module()
        return 0

    def replace_module(self) -> int:
        """What the design of the series says of an update, for the series has none.

        After updating the TDX module, it needs to be initialized again: whatever the status was,
        SHUTDOWN and NONE included, it is UNKNOWN; PAMTs that the old module still had are given
        back. The one way on from a final status but a reboot. Raises NotModelledError where
        P-SEAMLDR's SEAMCALL raises an exception.
        """
        kernel = self._kernel
        with kernel.tdx_module_lock:
            for cpu in kernel.cpus.online():
                kernel.survives(cpu)
            if kernel.mm.live_pamt_bytes:
                kernel.wbinvd_on_all_cpus()
                kernel.tdmrs_free_pamt_all()
            kernel.set_status("UNKNOWN")
        return 0
