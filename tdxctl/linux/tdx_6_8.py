# SPDX-License-Identifier: Apache-2.0
"""Linux 6.8: detection at boot, then KVM's tdx_cpu_enable() on each CPU and tdx_enable().

arch/x86/virt/vmx/tdx/tdx.c of the v6.8 tag, function by function; specification linux-host,
profile 6.8. A function that returns a negative errno in C raises KernelErrno here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tdxctl.causes import (
    EarlierError,
    HibernationPossible,
    KernelAllocation,
    KeyidMsrFaults,
    MemoryNotifier,
    ModuleNotLoaded,
    NoKeyids,
    ReservedAreasExhausted,
    SeamcallFailed,
    TooFewKeyids,
)
from tdxctl.errnos import Errno
from tdxctl.errors import NotModelledError
from tdxctl.events import Journal, Movdir64b
from tdxctl.layout.pamt import PAGE_SHIFTS, pamt_size
from tdxctl.linux import steps
from tdxctl.linux.construct import TdmrConstruction
from tdxctl.linux.kernel import Hardware
from tdxctl.linux.steps import SIX_STEPS_6_8, SUBSTEPS_6_8, KernelErrno
from tdxctl.linux.sysinfo import TdmrSysInfo
from tdxctl.messages import boot, bring_up
from tdxctl.messages.message import Message
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.port import Registers
from tdxctl.seam.status import Status, base_status
from tdxctl.units import PAGE_SHIFT, U32_MASK, counted, format_size

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]

_MSR_IA32_MKTME_KEYID_PARTITIONING = 0x87
_RDRAND_RETRY_LOOPS = 10
_TDMR_NR_WARN = 4
_TDX_PA_ARRAY_ALIGNMENT = 512
_MOVDIR64B_SIZE = 64
#: Sapphire and Emerald Rapids: a partial write to TDX private memory is a machine check.
_PW_MCE_MODELS = frozenset({0x8F, 0xCF})
_SILENT = {
    Status.VMFAILINVALID: Errno.ENODEV,
    Status.GP: Errno.EOPNOTSUPP,
    Status.UD: Errno.EACCES,
}
# Leaves whose failure prints the registers too.
_WITH_REGISTERS = frozenset({Leaf.TDH_SYS_RD, Leaf.TDH_SYS_TDMR_INIT})
_WITH_CPUID_IN_RCX = frozenset(
    {Status.TDX_INCORRECT_CPUID_VALUE, Status.TDX_INCONSISTENT_CPUID_FIELD}
)

_BEFORE_TDX_ENABLE = frozenset(
    {steps.PRECONDITION.name, steps.GLOBAL_INIT.name, steps.CPU_INIT.name}
)


class Kernel68(TdmrConstruction):
    """Linux 6.8 with KVM as the in-kernel user of TDX."""

    RELEASE = (6, 8)
    INITIAL_STATUS = "UNINITIALIZED"
    SIX_STEPS = SIX_STEPS_6_8
    SUBSTEPS = SUBSTEPS_6_8

    def __init__(self, hardware: Hardware, journal: Journal) -> None:
        super().__init__(hardware, journal)
        self._tdx_module_lock = threading.Lock()
        self._tdx_keyids = (0, 0)  # start, number
        #: None until TDH.SYS.INIT was tried; then its result for ever.
        self._sysinit: KernelErrno | bool | None = None
        self._lp_initialized: set[int] = set()
        self._callback_registered = False
        #: tdx_memlist: starts, ends; empty while the module is not initialized.
        self._memlist = _no_memory()
        self.host_platform = False
        self.pw_mce = False
        self.guest_keyids_in_use = 0

    @property
    def entry(self) -> str:
        """Where KVM got no further."""
        before = self.failure is not None and self.failure.step in _BEFORE_TDX_ENABLE
        return "tdx_cpu_enable()" if before else "tdx_enable()"

    # Boot

    def boot(self) -> int:
        """tdx_init(), from boot-CPU identification: no return value."""
        try:
            self._tdx_detect()
        except KernelErrno as error:
            self._boot_failure = error
        return 0

    def _tdx_detect(self) -> None:
        part = self.msrs.rdmsr_safe(_MSR_IA32_MKTME_KEYID_PARTITIONING)
        num = 0 if part is None else part >> 32
        if part is None or num == 0:
            raise KernelErrno(Errno.ENODEV, KeyidMsrFaults() if part is None else NoKeyids())
        start = (part + 1) & U32_MASK
        self.pr(boot.KEYIDS, start=start, end=(start + num) & U32_MASK)
        if num < 2:
            self.pr(boot.ONE_KEYID)
            raise KernelErrno(Errno.ENODEV, TooFewKeyids(num))
        if self.hardware.hibernation:
            self.pr(boot.HIBERNATION_ENABLED)
            raise KernelErrno(Errno.ENODEV, HibernationPossible())
        if self.hardware.notifier_errno:
            errno = self.hardware.notifier_errno
            self.pr(boot.NOTIFIER_FAILED, errno=-errno)
            raise KernelErrno(Errno.ENODEV, MemoryNotifier(Errno(errno)))
        self.pr(boot.NO_S3)
        self._tdx_keyids = (start, num)
        self.host_platform = True
        self.pw_mce = self.cpus.family == 6 and self.cpus.model in _PW_MCE_MODELS

    @property
    def keyids(self) -> tuple[int | None, int]:
        """The first private KeyID is the global one, the others are for guests."""
        start, num = self._tdx_keyids
        return (start, num - 1) if self.host_platform else (None, 0)

    # KVM's order of calls

    def tdx_init(self) -> int:
        """What KVM does when it is loaded with TDX: tdx_cpu_enable() on each CPU, tdx_enable()."""
        with self._tdx_module_lock:
            self.steps.begin()
            self.failure = None
            if not self.host_platform:
                return self._answered(self._not_enabled())
            try:
                self._enable_cpus()
            except KernelErrno as error:
                # KVM goes on without TDX.
                self.failure = error.failure(self.steps.failed_step, error.errno)
                return self._answered(-error.errno)
            # "the callback stays registered after a failed tdx_enable"
            self._callback_registered = True
            return self._answered(self._enable())

    def tdx_enable(self) -> int:
        """Enable TDX without tdx_cpu_enable() first, which its callers must not do."""
        with self._tdx_module_lock:
            self.steps.begin()
            self.failure = None
            if not self.host_platform:
                return self._answered(self._not_enabled())
            return self._answered(self._enable())

    def _enable_cpus(self) -> None:
        # "each online CPU, ascending, stopping at the first error"
        if not self.cpus.features.vmx:
            raise NotModelledError(
                "cpus.features.vmx is false: KVM does not come as far as TDX; not modelled",
                hint="leave vmx true",
            )
        first, *_ = online = self.cpus.online()
        with self.steps.step(steps.GLOBAL_INIT):
            self._try_init_module_global(first)
        with self.steps.step(steps.CPU_INIT):
            for cpu in online:
                self._tdx_cpu_enable(cpu)
            self.steps.detail(
                f"{counted(len(online), 'CPU')} in {counted(self._packages(), 'package')}"
            )

    def _tdx_cpu_enable(self, cpu: int) -> None:
        # "Already done on this CPU -> 0"; "a failure is returned but NOT cached"
        if cpu in self._lp_initialized:
            return
        self._try_init_module_global(cpu)
        self._seamcall(cpu, Leaf.TDH_SYS_LP_INIT)
        self._lp_initialized.add(cpu)

    def _try_init_module_global(self, cpu: int) -> None:
        # "its result is cached for ever, success or failure (sysinit_done)"
        if self._sysinit is None:
            self._sysinit = True
            try:
                self._seamcall(cpu, Leaf.TDH_SYS_INIT)
            except KernelErrno as error:
                self._sysinit = error
                if error.errno is Errno.ENODEV:
                    self.pr(bring_up.MODULE_NOT_LOADED)
                    not_through = Status.VMFAILINVALID
                    error.cause = ModuleNotLoaded(Leaf.TDH_SYS_INIT, cpu, not_through)
                raise
        if isinstance(self._sysinit, KernelErrno):
            raise self._sysinit

    # The state machine

    def _enable(self) -> int:
        match self.status:
            case "INITIALIZED":
                return 0
            case "ERROR":
                error = KernelErrno(Errno.EINVAL, EarlierError())
                self.failure = error.failure(None, error.errno)
                return -Errno.EINVAL
            case _:
                return self._tdx_enable()

    def _tdx_enable(self) -> int:
        # __tdx_enable()
        try:
            self._init_tdx_module()
        except KernelErrno as error:
            self._set_status("ERROR")
            self.pr(bring_up.INITIALIZATION_FAILED, errno=-error.errno)
            self.failure = error.failure(self.steps.failed_step, error.errno)
            return -error.errno
        self._set_status("INITIALIZED")
        self.pr(bring_up.MODULE_INITIALIZED)
        return 0

    # SEAMCALL

    def _seamcall(self, cpu: int, leaf: Leaf, **registers: int) -> Registers:
        # seamcall_prerr(): up to 10 tries without entropy; raises what it makes of a failure.
        return self._sc_retry(cpu, leaf, lambda: (self.call_module(cpu, leaf, **registers), 1))

    def _seamcall_until(self, cpu: int, leaf: Leaf, *, rcx: int, until: int) -> Registers:
        # The loop of init_tdmr(): each call of it has its own tries.
        return self._sc_retry(
            cpu,
            leaf,
            lambda: self.call_module_until(cpu, leaf, rcx=rcx, until=until),
            tdmr_base=rcx,
        )

    def _sc_retry(
        self,
        cpu: int,
        leaf: Leaf,
        call: Callable[[], tuple[Registers, int]],
        tdmr_base: int | None = None,
    ) -> Registers:
        tries = 0
        while True:
            out, calls = call()
            # Calls that went well in between start the count anew.
            tries = tries + 1 if calls == 1 else 1
            if out.rax != Status.TDX_RND_NO_ENTROPY or tries == _RDRAND_RETRY_LOOPS:
                break
        if out.rax != 0:
            raise self._seamcall_error(cpu, leaf, out, tdmr_base)
        return out

    def _seamcall_error(
        self, cpu: int, leaf: Leaf, out: Registers, tdmr_base: int | None
    ) -> KernelErrno:
        try:
            errno = _SILENT[Status(out.rax)]
        except (KeyError, ValueError):
            errno = Errno.EIO
            self.pr(bring_up.SEAMCALL_FAILED, leaf=leaf, status=out.rax)
            if leaf in _WITH_REGISTERS:
                self.pr(bring_up.SEAMCALL_OUTPUT, rcx=out.rcx, rdx=out.rdx, r8=out.r8)
                self.pr(bring_up.SEAMCALL_OUTPUT_HIGH, r9=out.r9, r10=out.r10, r11=out.r11)
        names_cpuid = base_status(out.rax) in _WITH_CPUID_IN_RCX
        cpuid = (out.rcx or None) if names_cpuid else None
        return KernelErrno(
            errno, SeamcallFailed(leaf, cpu, out.rax, cpuid=cpuid, tdmr_base=tdmr_base)
        )

    # The six steps

    def _init_tdx_module(self) -> None:
        # "free memlist" is the last label of the clean-up.
        try:
            with self.steps.step(steps.ENUMERATE_METADATA):
                sysinfo = self._enumerate()
            self._configure(sysinfo)
        except KernelErrno:
            self._memlist = _no_memory()
            raise

    def _enumerate(self) -> TdmrSysInfo:
        self._build_tdx_memlist()
        return self._get_tdx_sysinfo()

    def _configure(self, sysinfo: TdmrSysInfo) -> None:
        # From the TDMR list to initialised memory, with the labels of the clean-up.
        reset = False
        try:
            with self.steps.step(steps.CONFIGURE):
                with self.steps.substep("create-tdmrs"):
                    self._fill_out_tdmrs(sysinfo)
                with self.steps.substep("allocate-pamts"):
                    self._tdmrs_set_up_pamt_all(sysinfo)
                with self.steps.substep("reserved-areas"):
                    self._tdmrs_populate_rsvd_areas_all(sysinfo)
                with self.steps.substep("sys-config"):
                    self._config_tdx_module(sysinfo)
            reset = True
            with self.steps.step(steps.KEY_CONFIG):
                self._config_global_keyid()
            with self.steps.step(steps.MEMORY_INIT):
                self._init_tdmrs()
        except KernelErrno:
            if reset:
                # The module may have written to the PAMTs with its own KeyID.
                self._wbinvd_on_all_cpus()
                self._tdmrs_reset_pamt_all()
            self._tdmrs_free_pamt_all()
            raise
        self.pr(bring_up.PAMT_ALLOCATED, kib=self._built_tdmrs().pamt_bytes >> 10)

    def _build_tdx_memlist(self) -> None:
        for _ in range(len(self.mm.starts)):
            if self.mm.kernel_allocation_fails():
                raise KernelErrno(Errno.ENOMEM, KernelAllocation("the memory list"))
        self._memlist = (self.mm.starts, self.mm.ends)

    def _get_tdx_sysinfo(self) -> TdmrSysInfo:
        return TdmrSysInfo(
            max_tdmrs=self._read_sys_metadata_field(0x9100000100000008),
            max_reserved_per_tdmr=self._read_sys_metadata_field(0x9100000100000009),
            pamt_4k_entry_size=self._read_sys_metadata_field(0x9100000100000010),
            pamt_2m_entry_size=self._read_sys_metadata_field(0x9100000100000011),
            pamt_1g_entry_size=self._read_sys_metadata_field(0x9100000100000012),
        )

    def _read_sys_metadata_field(self, field_id: int) -> int:
        # "RDX in, R8 out"
        out = self._seamcall(self.cpus.online()[0], Leaf.TDH_SYS_RD, rdx=field_id)
        return out.r8

    def _fill_out_tdmrs(self, sysinfo: TdmrSysInfo) -> None:
        if self.mm.kernel_allocation_fails():
            raise KernelErrno(Errno.ENOMEM, KernelAllocation("the TDMR array"))
        try:
            self._cover_memory(sysinfo.max_tdmrs, Errno.ENOSPC)
        except KernelErrno:
            self.pr(bring_up.TDMRS_EXHAUSTED)
            raise
        used, limit = len(self._built_tdmrs()), sysinfo.max_tdmrs
        if limit - used < _TDMR_NR_WARN:
            self.pr(bring_up.TDMRS_NEAR_LIMIT, used=used, limit=limit)

    def _pr_of_tdmr(self, message: Message, i: int) -> None:
        tdmrs = self._built_tdmrs()
        base = int(tdmrs.bases[i])
        self.pr(message, start=base, end=base + int(tdmrs.sizes[i]))

    def _tdmrs_set_up_pamt_all(self, sysinfo: TdmrSysInfo) -> None:
        def no_local_node(i: int) -> None:
            self._pr_of_tdmr(bring_up.NO_LOCAL_NODE, i)

        sizes = self._pamt_sizes(self._built_tdmrs().sizes, sysinfo)
        self._allocate_pamts(sizes, no_local_node=no_local_node)

    def _pamt_sizes(self, tdmr_sizes: Int64s, sysinfo: TdmrSysInfo) -> Uint64s:
        # Shape (tdmrs, 3).
        entry_sizes = sysinfo.pamt_entry_sizes
        return np.stack(
            [
                pamt_size(tdmr_sizes, shift, size)
                for shift, size in zip(PAGE_SHIFTS, entry_sizes, strict=True)
            ],
            axis=1,
        )

    def _tdmrs_reset_pamt_all(self) -> None:
        # "MOVDIR64B over all PAMTs (always)"
        nr_pages = self._built_tdmrs().pamt_pages
        self._journal.record(Movdir64b((nr_pages << PAGE_SHIFT) // _MOVDIR64B_SIZE))

    def _tdmrs_populate_rsvd_areas_all(self, sysinfo: TdmrSysInfo) -> None:
        starts, ends = self._hole_regions()
        try:
            self._reserve_areas(starts, ends, sysinfo.max_reserved_per_tdmr, Errno.ENOSPC)
        except KernelErrno as error:
            if isinstance(error.cause, ReservedAreasExhausted):
                self._pr_of_tdmr(bring_up.RESERVED_AREAS_EXHAUSTED, error.cause.tdmr)
            raise

    def _hole_regions(self) -> tuple[Int64s, Int64s]:
        # The regions between which memory holes are: tdx_memlist.
        return self._memlist

    def _config_tdx_module(self, sysinfo: TdmrSysInfo) -> None:
        if self.mm.kernel_allocation_fails():
            raise KernelErrno(Errno.ENOMEM, KernelAllocation("the TDMR pointer array"))
        tdmrs = self._built_tdmrs()
        # "a power of two >= 512"
        array_size = max(_TDX_PA_ARRAY_ALIGNMENT, 1 << (8 * len(tdmrs) - 1).bit_length())
        pa_array = self._write_tdmr_infos(
            sysinfo.max_tdmrs, sysinfo.max_reserved_per_tdmr, array_size
        )
        self.steps.detail(f"global KeyID {self._tdx_keyids[0]}")
        self._seamcall(
            self.cpus.online()[0],
            Leaf.TDH_SYS_CONFIG,
            rcx=pa_array,
            rdx=len(tdmrs),
            r8=self._tdx_keyids[0] | self._config_flags(),
        )

    def _config_flags(self) -> int:
        return 0

    def _config_global_keyid(self) -> None:
        if self.mm.kernel_allocation_fails():
            raise KernelErrno(Errno.ENOMEM, KernelAllocation("the package cpumask"))
        self._wbinvd_on_all_cpus()
        leaders = self._package_leaders()
        for cpu in leaders:
            self._seamcall(cpu, Leaf.TDH_SYS_KEY_CONFIG)
        self.steps.detail(counted(len(leaders), "package"))

    def _init_tdmrs(self) -> None:
        tdmrs = self._built_tdmrs()
        cpu = self.cpus.online()[0]
        for base, size in zip(tdmrs.bases.tolist(), tdmrs.sizes.tolist(), strict=True):
            self._seamcall_until(cpu, Leaf.TDH_SYS_TDMR_INIT, rcx=base, until=base + size)
        self.steps.detail(f"{counted(len(tdmrs), 'TDMR')}, {format_size(int(tdmrs.sizes.sum()))}")

    # Afterwards

    def cpu_online(self, cpu: int) -> int:
        """Bring logical CPU cpu up; KVM's callback initialises it for TDX, or refuses."""
        if self.cpus.is_online(cpu):
            return 0
        self.cpus.set_online(cpu, True)
        if not self._callback_registered:
            return 0
        try:
            self._tdx_cpu_enable(cpu)
        except KernelErrno as error:
            self.cpus.set_online(cpu, False)
            return -error.errno
        return 0

    def guest_keyid_alloc(self) -> int:
        """The KeyID of a new TD, -ENOSPC where none is left."""
        start, guests = self.keyids
        if start is None or self.guest_keyids_in_use >= guests:
            return -Errno.ENOSPC
        self.guest_keyids_in_use += 1
        return start + self.guest_keyids_in_use

    def guest_keyid_free(self) -> int:
        """The KeyID allocated last is free again."""
        if not self.guest_keyids_in_use:
            return -Errno.EINVAL
        self.guest_keyids_in_use -= 1
        return 0

    def kexec(self) -> int:
        """There is no such system call: its Kconfig needs !KEXEC_CORE."""
        return -Errno.ENOSYS

    def hotplug_refused(self, what: str, start: int = 0, end: int = 0) -> int:  # noqa: ARG002
        """Nothing: what may not be used is refused when it is onlined."""
        return 0

    def memory_online(self, start: int, end: int) -> int:
        """-EPERM unless [start, end) lies inside one entry of the memory list, if there is one."""
        starts, ends = self._memlist
        inside = (starts <= start) & (end <= ends)
        return 0 if not len(starts) or inside.any() else -Errno.EPERM


def _no_memory() -> tuple[Int64s, Int64s]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)
