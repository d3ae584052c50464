# SPDX-License-Identifier: Apache-2.0
"""Linux 6.8 to 7.0: detection at boot, then KVM's tdx_cpu_enable() on each CPU and tdx_enable().

arch/x86/virt/vmx/tdx/tdx.c of those releases, with its names, in the order in which it happens:
6.8 as [linux-host 1, 2, 3, 4, 5, 6, 7, 7a] has it, and what changed from one release to the next
[linux-releases 0, 1, 2].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from tdxctl.causes import (
    EarlierError,
    HibernationPossible,
    KeyidMsrFaults,
    MemoryNotifier,
    ModuleNotLoaded,
    NoCaller,
    NoKeyids,
    OutsideCmrs,
    RbpClobbered,
    ReservedAreasExhausted,
    SeamcallFailed,
    TooFewKeyids,
    TooManyCpuidConfigs,
)
from tdxctl.errnos import Errno
from tdxctl.errors import NotModelledError
from tdxctl.events import Holds, Journal, Movdir64b, Wbinvd
from tdxctl.layout.holes import Areas, holes
from tdxctl.layout.pamt import PAGE_SHIFTS, pamt_size
from tdxctl.linux import metadata, steps
from tdxctl.linux.changes import (
    CACHES_MARKED_INCOHERENT,
    CMR_WALK,
    DYNAMIC_PAMT,
    KEXEC_BESIDE_TDX,
    KVM_ASKS_FOR_TDX,
    KVM_TELLS_OF_FAILURE,
    MODULE_LINE,
    NO_CALLER,
    NO_RBP_MOD_REQUIRED,
    PAMT_RESET_ONLY_WITH_ERRATUM,
    SYSINFO_BY_INFO,
)
from tdxctl.linux.construct import (
    fill_out_tdmrs,
    pamt_areas,
    populate_rsvd_areas_all,
    write_tdmr_infos,
)
from tdxctl.linux.guest_keyids import GuestKeyidPool
from tdxctl.linux.kernel import Hardware, Kernel
from tdxctl.linux.metadata import Group, TdxSysInfo
from tdxctl.linux.pamt import free_pamt_all, set_up_pamt_all
from tdxctl.linux.releases import KernelId
from tdxctl.linux.seamcall import cpuid_named
from tdxctl.linux.steps import SIX_STEPS_6_8, SUBSTEPS_6_8, KernelErrno
from tdxctl.linux.tdmr import CPUMASK, PA_ARRAY, TDMR_ARRAY, TDX_PA_ARRAY_ALIGNMENT
from tdxctl.linux.tdsysinfo import MAX_CMRS, TDSYSINFO_SIZE, TdSysInfo, cmr_array, trimmed
from tdxctl.messages import boot, bring_up, kvm, runtime
from tdxctl.messages.message import Message, Source
from tdxctl.seam.features import FEATURES0
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.msrs import MSR_IA32_MKTME_KEYID_PARTITIONING
from tdxctl.seam.port import Registers
from tdxctl.seam.status import Status
from tdxctl.units import PAGE_SHIFT, U32_MASK, counted, format_size

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]

_RDRAND_RETRY_LOOPS = 10
_TDMR_NR_WARN = 4
_MAX_CPUID_CONFIG = 128
_MOVDIR64B_SIZE = 64
_NO_RBP_MOD = 1 << FEATURES0["NO_RBP_MOD"]
_CONFIG_DYNAMIC_PAMT = 1 << 16
#: "model SAPPHIRERAPIDS_X (0x8F) or EMERALDRAPIDS_X (0xCF) -> X86_BUG_TDX_PW_MCE"
_PW_MCE_MODELS = frozenset({0x8F, 0xCF})

_MEMLIST = "the memory list"

_SILENT = {
    Status.VMFAILINVALID: Errno.ENODEV,
    Status.GP: Errno.EOPNOTSUPP,
    Status.UD: Errno.EACCES,
}
# Leaves whose failure prints the registers too.
_WITH_REGISTERS = frozenset({Leaf.TDH_SYS_RD, Leaf.TDH_SYS_TDMR_INIT})

#: Functions that bring a CPU online goes through.
_ON_EACH_CPU = (
    *("tdx_online_cpu", "tdx_cpu_enable", "try_init_module_global", "check_vmx"),
    *("sc_retry_prerr", "sc_retry", "call_module"),
)


class V6_8(Kernel):  # noqa: N801  # the release's own name
    """6.8 and later, with KVM as the in-kernel user of TDX."""

    INITIAL_STATUS = "UNINITIALIZED"
    SIX_STEPS = SIX_STEPS_6_8
    SUBSTEPS = SUBSTEPS_6_8

    def __init__(self, hardware: Hardware, journal: Journal, kernel: KernelId) -> None:
        super().__init__(hardware, journal, kernel)
        self.tdx_keyids = (0, 0)  # start, number
        self.host_platform = False
        self.pw_mce = False
        self.sysinit_done = False
        #: What TDH.SYS.INIT ended in, for ever; None is success.
        self.sysinit_ret: KernelErrno | None = None
        self.lp_initialized: set[int] = set()
        #: Whether CPUs that come online are made ready for TDX.
        self.online_callback = False
        #: tdx_memlist: starts, ends; empty while the module is not initialized.
        self.tdx_memlist = _no_memory()
        self.cmrs: list[tuple[int, int]] = []
        #: tdx_sysinfo: what was read of the module last.
        self.sysinfo = TdxSysInfo()
        #: CPUs that made a SEAMCALL since TDX last made them write back their caches.
        self.cache_state_incoherent: set[int] = set()
        self._kexec_told = False
        self._entry = "tdx_enable()"
        self.exported_tdx_enable = self._enable_alone
        self.exported_tdx_cpu_enable = self._cpu_enable_alone
        self.guest_keyids = GuestKeyidPool(self)

    @property
    def entry(self) -> str:
        """tdx_cpu_enable() where a CPU failed, or TDX is off; else tdx_enable()."""
        return self._entry

    # Boot [linux-host 1]

    def boot(self) -> int:
        """From boot-CPU identification: "no return value"."""
        self.tdx_init()
        return 0

    def tdx_init(self) -> None:
        """What BIOS left for TDX, and what the kernel is."""
        try:
            start, num = self.record_keyid_partitioning()
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
        except KernelErrno as error:
            self.not_at_boot = error
            return
        self.pr(boot.NO_S3)
        self.tdx_keyids = (start, num)
        self.host_platform = True
        self.check_tdx_erratum()

    def record_keyid_partitioning(self) -> tuple[int, int]:
        """The first private KeyID and how many: "fault or num == 0 -> silent return"."""
        part = self.msrs.rdmsr_safe(MSR_IA32_MKTME_KEYID_PARTITIONING)
        if part is None:
            raise KernelErrno(Errno.ENODEV, KeyidMsrFaults())
        num = part >> 32
        if num == 0:
            raise KernelErrno(Errno.ENODEV, NoKeyids())
        return (part + 1) & U32_MASK, num

    def check_tdx_erratum(self) -> None:
        """X86_BUG_TDX_PW_MCE: a partial write to TDX private memory is a machine check. Silent."""
        self.pw_mce = self.cpus.family == 6 and self.cpus.model in _PW_MCE_MODELS

    @property
    def keyids(self) -> tuple[int | None, int]:
        """Of the private KeyIDs: "global KeyID = start; guest KeyIDs = [start+1, start+num)"."""
        start, num = self.tdx_keyids
        return (start, num - 1) if self.host_platform else (None, 0)

    # The state machine [linux-host 2]

    def bring_up(self) -> int:
        """KVM, loaded with TDX: tdx_cpu_enable() on each CPU, then tdx_enable()."""
        return self.in_turn(self._kvm_wants_tdx)

    def _kvm_wants_tdx(self) -> int:
        self._entry = "tdx_cpu_enable()"
        if not self.host_platform:
            return self.not_enabled()
        if self.has(NO_CALLER):
            return self._nobody_calls()
        try:
            self._cpus_online()
        except KernelErrno as error:
            # "tdx_enable never called, state stays UNINITIALIZED"
            self._kvm_tells()
            return self.failed(error)
        self._entry = "tdx_enable()"
        returned = self.tdx_enable()
        if returned:
            self._kvm_tells()
        # "KVM removes its CPU callback after a failed tdx_enable"
        self.online_callback = returned == 0
        return returned

    def _nobody_calls(self) -> int:
        # "mainline has no caller of tdx_cpu_enable()/tdx_enable()"
        try:
            with self.steps.step(steps.PRECONDITION):
                raise KernelErrno(Errno.ENODEV, NoCaller())
        except KernelErrno as error:
            return self.failed(error)

    def _kvm_tells(self) -> None:
        if self.has(KVM_TELLS_OF_FAILURE):
            self.pr(kvm.KVM_FAILED)

    def _cpus_online(self) -> None:
        # "cpuhp state whose startup runs tdx_cpu_enable on each online CPU, ascending, stopping at
        # the first error"
        first, *_ = online = self.cpus.online()
        with self.steps.step(steps.GLOBAL_INIT):
            self.check_vmx()
            self.try_init_module_global(first)
        with self.steps.step(steps.CPU_INIT):
            self._each_online(online)
            packages = len(self.packages())
            self.steps.detail(f"{counted(len(online), 'CPU')} in {counted(packages, 'package')}")

    def _each_online(self, cpus: list[int]) -> None:
        # tdx_online_cpu() on each of cpus in turn: TDH.SYS.LP.INIT on all of them together.
        if self.overrides(*_ON_EACH_CPU) or not self.lp_initialized.isdisjoint(cpus):
            for cpu in cpus:
                self.tdx_online_cpu(cpu)
            return
        left, leaf = list(cpus), Leaf.TDH_SYS_LP_INIT

        def call() -> tuple[Registers, int]:
            out, calls = self.call_module_each(left, leaf)
            passed = calls if out.rax == 0 else calls - 1
            self._are_ready(left[:passed])
            del left[:passed]
            return out, calls

        out = self.sc_retry(call)
        if out.rax != 0:
            raise self.seamcall_err(left[0], leaf, out)

    def _are_ready(self, cpus: list[int]) -> None:
        # TDH.SYS.LP.INIT went well on each of cpus.
        self.lp_initialized.update(cpus)

    def check_vmx(self) -> None:
        """KVM needs VMX before it can want TDX. Raises NotModelledError without."""
        if not self.cpus.features.vmx:
            raise NotModelledError(
                "cpus.features.vmx is false: KVM does not come as far as TDX; not modelled",
                hint="leave vmx true",
            )

    def tdx_cpu_enable(self, cpu: int) -> None:
        """TDH.SYS.LP.INIT on cpu, after TDH.SYS.INIT; "Already done on this CPU -> 0"."""
        if not self.host_platform:
            raise self.why_not_enabled()
        if cpu in self.lp_initialized:
            return
        self.try_init_module_global(cpu)
        # "a failure is returned but NOT cached: the same CPU may retry"
        self.sc_retry_prerr(cpu, Leaf.TDH_SYS_LP_INIT)
        self.lp_initialized.add(cpu)

    def try_init_module_global(self, cpu: int) -> None:
        """TDH.SYS.INIT, once: "its result is cached for ever, success or failure"."""
        if not self.sysinit_done:
            leaf = Leaf.TDH_SYS_INIT
            try:
                self.sc_retry_prerr(cpu, leaf)
            except KernelErrno as error:
                self.sysinit_ret = error
                if error.errno is Errno.ENODEV:
                    # "-ENODEV there prints (err) `module not loaded` once."
                    self.pr(bring_up.MODULE_NOT_LOADED)
                    cause = ModuleNotLoaded(leaf, cpu, Status.VMFAILINVALID)
                    self.sysinit_ret = KernelErrno(error.errno, cause)
            self.sysinit_done = True
        if self.sysinit_ret is not None:
            raise KernelErrno(self.sysinit_ret.errno, self.sysinit_ret.cause)

    def _cpu_enable_alone(self, cpu: int) -> int:
        # What a caller gets who does by himself what KVM's callback does on each CPU.
        self._entry = "tdx_cpu_enable()"

        def enable() -> int:
            try:
                with self.steps.step(steps.CPU_INIT):
                    self.tdx_cpu_enable(cpu)
            except KernelErrno as error:
                return self.failed(error)
            return 0

        return self.in_turn(enable)

    def _enable_alone(self) -> int:
        # What a caller gets who calls tdx_enable() without tdx_cpu_enable(), as it must not.
        self._entry = "tdx_enable()"
        return self.in_turn(self.tdx_enable)

    def tdx_enable(self) -> int:
        """Initialize the module, once: a failure is final."""
        if not self.host_platform:
            return self.not_enabled()
        match self.status:
            case "INITIALIZED":
                return 0
            case "ERROR":
                # "-EINVAL, silent, final; no shutdown SEAMCALL is made"
                return self.refused(Errno.EINVAL, EarlierError())
            case _:
                return self._tdx_enable()

    def _tdx_enable(self) -> int:
        """__tdx_enable()"""
        try:
            self.init_tdx_module()
        except KernelErrno as error:
            self.set_status("ERROR")
            self.pr(bring_up.INITIALIZATION_FAILED, errno=-error.errno)
            return self.failed(error)
        self.set_status("INITIALIZED")
        self.pr(bring_up.MODULE_INITIALIZED)
        return 0

    # SEAMCALL [linux-host 3]

    def call_module(self, cpu: int, leaf: Leaf, **registers: int) -> Registers:
        """One SEAMCALL on cpu."""
        self._mark_incoherent(cpu)
        return super().call_module(cpu, leaf, **registers)

    def call_module_until(
        self, cpu: int, leaf: Leaf, *, rcx: int, until: int
    ) -> tuple[Registers, int]:
        """The same SEAMCALL again while it succeeds and RDX < until."""
        self._mark_incoherent(cpu)
        return super().call_module_until(cpu, leaf, rcx=rcx, until=until)

    def call_module_each(
        self, cpus: Sequence[int], leaf: Leaf, **registers: int
    ) -> tuple[Registers, int]:
        """The same SEAMCALL on each of cpus in turn while it succeeds."""
        out, calls = super().call_module_each(cpus, leaf, **registers)
        if self.has(CACHES_MARKED_INCOHERENT):
            self.cache_state_incoherent.update(cpus[:calls])
        return out, calls

    def _mark_incoherent(self, cpu: int) -> None:
        # "Each SEAMCALL marks its CPU's cache as incoherent, before the call is made."
        if self.has(CACHES_MARKED_INCOHERENT):
            self.cache_state_incoherent.add(cpu)

    def sc_retry_prerr(
        self, cpu: int, leaf: Leaf, *, source: Source | None = None, **registers: int
    ) -> Registers:
        """A SEAMCALL, made again where there was no entropy; a failure is printed and raised."""
        out = self.sc_retry(lambda: (self.call_module(cpu, leaf, **registers), 1))
        if out.rax != 0:
            raise self.seamcall_err(cpu, leaf, out, source=source)
        return out

    def sc_retry(self, call: Callable[[], tuple[Registers, int]]) -> Registers:
        """Call, and again while the answer is TDX_RND_NO_ENTROPY: "at most **10 calls in all**".

        call gives the registers, and how many calls it made; all but the last went well.
        """
        tries = 0
        while True:
            out, calls = call()
            # Calls that went well in between start the count anew.
            tries = tries + 1 if calls == 1 else 1
            if out.rax != Status.TDX_RND_NO_ENTROPY or tries == _RDRAND_RETRY_LOOPS:
                return out

    def seamcall_err(
        self,
        cpu: int,
        leaf: Leaf,
        out: Registers,
        *,
        tdmr_base: int | None = None,
        source: Source | None = None,
    ) -> KernelErrno:
        """What the kernel makes of a status that is not 0."""
        try:
            # "these three print nothing"
            errno = _SILENT[Status(out.rax)]
        except (KeyError, ValueError):
            errno = Errno.EIO
            self.pr(bring_up.SEAMCALL_FAILED, source=source, leaf=leaf, status=out.rax)
            if leaf in _WITH_REGISTERS:
                self.pr(bring_up.SEAMCALL_OUTPUT, rcx=out.rcx, rdx=out.rdx, r8=out.r8)
                self.pr(bring_up.SEAMCALL_OUTPUT_HIGH, r9=out.r9, r10=out.r10, r11=out.r11)
        cpuid = cpuid_named(out)
        return KernelErrno(
            errno, SeamcallFailed(leaf, cpu, out.rax, cpuid=cpuid, tdmr_base=tdmr_base)
        )

    # From metadata to initialized memory [linux-host 3], and what a failing step gives back
    # [linux-host 6]

    def init_tdx_module(self) -> None:
        """From the module's metadata to initialized memory."""
        with ExitStack() as undo:
            with self.steps.step(steps.ENUMERATE_METADATA):
                sysinfo = self.get_tdx_sys_info_and_memlist(undo)
            with self.steps.step(steps.CONFIGURE):
                self.construct_tdmrs(sysinfo, undo)
                with self.steps.substep("sys-config"):
                    self.config_tdx_module(sysinfo)
            # SYS.CONFIG is on the `free PAMTs` label, what follows "on the "reset PAMTs" label."
            undo.callback(self.tdmrs_reset_pamt_all)
            undo.callback(self.wbinvd_on_all_cpus)
            with self.steps.step(steps.KEY_CONFIG):
                self.config_global_keyid()
            with self.steps.step(steps.MEMORY_INIT):
                self.init_tdmrs()
            undo.pop_all()
        self.pr(bring_up.PAMT_ALLOCATED, kib=self.tdmrs_count_pamt_kb())

    def construct_tdmrs(self, sysinfo: TdxSysInfo, undo: ExitStack) -> None:
        """From the memory list to TDMRs with PAMTs and reserved areas."""
        with self.steps.substep("create-tdmrs"):
            self.alloc_tdmr_list()
            undo.callback(self.free_tdmr_list)
            self.fill_out_tdmrs(sysinfo)
        # PAMTs obtained so far are freed, also where the next one cannot be had.
        undo.callback(self.tdmrs_free_pamt_all)
        with self.steps.substep("allocate-pamts"):
            self.tdmrs_set_up_pamt_all(sysinfo)
        with self.steps.substep("reserved-areas"):
            self.tdmrs_populate_rsvd_areas_all(sysinfo)

    # Metadata [linux-releases 6]

    def get_tdx_sys_info_and_memlist(self, undo: ExitStack) -> TdxSysInfo:
        """The metadata and the memory list: 6.8 reads after it, later ones before.

        The memory list counts as a part of the step that enumerates the module.
        """
        reads = self.kernel.release.metadata
        before, after = reads.before_memlist, reads.after_memlist
        if self.has(NO_RBP_MOD_REQUIRED) and metadata.FEATURES not in reads.groups:
            before = (metadata.FEATURES, *before)
        if self.has(KVM_ASKS_FOR_TDX):
            # What KVM looks at came with it.
            asked = (metadata.TD_CTRL, metadata.TD_CONF)
            before = (*before, *(group for group in asked if group not in reads.groups))
        if self.has(CMR_WALK):
            # The memory list is checked against the CMRs.
            before, after = (*before, *after), ()
        if self.has(SYSINFO_BY_INFO):
            self.tdx_get_sysinfo()
        sysinfo = self.sysinfo = TdxSysInfo()
        if self.has(MODULE_LINE):
            self.print_module_line()
        self.get_tdx_sys_info(sysinfo, before)
        if not after:
            self.check_features(sysinfo)
        undo.callback(self.free_tdx_memlist)
        self.build_tdx_memlist()
        if after:
            self.get_tdx_sys_info(sysinfo, after)
            self.check_features(sysinfo)
        return sysinfo

    def get_tdx_sys_info(self, sysinfo: TdxSysInfo, groups: tuple[Group, ...]) -> None:
        """Read the groups' fields, in order."""
        for group in groups:
            if group == metadata.TDMR and self.has(CMR_WALK) and not self.has(SYSINFO_BY_INFO):
                # "before the TDMR fields"
                self.get_tdx_cmr_info()
            for field in group.fields:
                sysinfo.fields[field] = self.read_sys_metadata_field(field)
            if group == metadata.TD_CONF:
                self.get_tdx_sys_info_cpuid_config(sysinfo)

    def get_tdx_sys_info_cpuid_config(self, sysinfo: TdxSysInfo) -> None:
        """What CPUID a TD can be given: the end of get_tdx_sys_info_td_conf()."""
        num_cpuid_config = sysinfo.fields[metadata.NUM_CPUID_CONFIG]
        # "num_cpuid_config > 128 -> -EINVAL without a line of its own"
        if num_cpuid_config > _MAX_CPUID_CONFIG:
            cause = TooManyCpuidConfigs(num_cpuid_config, _MAX_CPUID_CONFIG)
            raise KernelErrno(Errno.EINVAL, cause)
        for i in range(num_cpuid_config):
            self.read_sys_metadata_field(metadata.CPUID_CONFIG_LEAVES + i)
        for i in range(2 * num_cpuid_config):
            self.read_sys_metadata_field(metadata.CPUID_CONFIG_VALUES + i)

    def read_sys_metadata_field(self, field_id: int) -> int:
        """TDH.SYS.RD: "RDX in, R8 out"."""
        return self.sc_retry_prerr(self.this_cpu, Leaf.TDH_SYS_RD, rdx=field_id).r8

    def check_features(self, sysinfo: TdxSysInfo) -> None:
        """A module that may clobber RBP is refused, "after ALL metadata has been read"."""
        if self.has(NO_RBP_MOD_REQUIRED) and not sysinfo.features0 & _NO_RBP_MOD:
            self.pr(bring_up.NO_RBP_MOD)
            raise KernelErrno(Errno.EINVAL, RbpClobbered())

    def tdx_get_sysinfo(self) -> None:
        """TDH.SYS.INFO: what the module is, and the CMRs but for trailing empty ones."""
        sysinfo_pa, cmrs_pa = (
            self.mm.kernel_alloc(TDSYSINFO_SIZE),
            self.mm.kernel_alloc(MAX_CMRS * 16),
        )
        self.sc_retry_prerr(
            self.this_cpu,
            Leaf.TDH_SYS_INFO,
            rcx=sysinfo_pa,
            rdx=TDSYSINFO_SIZE,
            r8=cmrs_pa,
            r9=MAX_CMRS,
        )
        info = TdSysInfo.from_bytes(self.memory.read(sysinfo_pa, TDSYSINFO_SIZE))
        self.pr(
            bring_up.VERSION,
            attributes=info.attributes,
            vendor_id=info.vendor_id,
            major=info.major_version,
            minor=info.minor_version,
            build_date=info.build_date,
            build_num=info.build_num,
        )
        self.cmrs = trimmed(cmr_array(self.memory.read(cmrs_pa, MAX_CMRS * 16)))
        for start, end in self.cmrs:
            self.pr(bring_up.CMR, start=start, end=end)

    def print_module_line(self) -> None:
        """Version, build number and build date, read in an order that is assumed."""
        read = self.read_sys_metadata_field
        minor, major = read(metadata.MINOR_VERSION), read(metadata.MAJOR_VERSION)
        update, internal = read(metadata.UPDATE_VERSION), read(metadata.INTERNAL_VERSION)
        version = f"{major}.{minor}.{update:02}.{internal:02}"
        build_num, build_date = read(metadata.BUILD_NUM), read(metadata.BUILD_DATE)
        self.pr(bring_up.VERSION, version=version, build_num=build_num, build_date=build_date)

    def get_tdx_cmr_info(self) -> None:
        """The CMRs: "trailing empty CMRs are dropped", and each of the others is told."""
        num_cmrs = self.read_sys_metadata_field(metadata.NUM_CMRS)
        cmrs = []
        for i in range(num_cmrs):
            base = self.read_sys_metadata_field(metadata.CMR_BASE + i)
            cmrs.append((base, base + self.read_sys_metadata_field(metadata.CMR_SIZE + i)))
        self.cmrs = trimmed(cmrs)
        for i, (start, end) in enumerate(self.cmrs):
            self.pr(bring_up.CMR, index=i, start=start, end=end)

    # Memory [linux-host 4]

    def build_tdx_memlist(self) -> None:
        """One entry for each region: "6.8: one memlist node per usable region"."""
        for start, end in zip(self.mm.starts.tolist(), self.mm.ends.tolist(), strict=True):
            if self.has(CMR_WALK) and not self.has(SYSINFO_BY_INFO):
                self.is_cmr_sub_region(start, end)
            self.kmalloc(_MEMLIST)
        self.tdx_memlist = (self.mm.starts, self.mm.ends)

    def is_cmr_sub_region(self, start: int, end: int) -> None:
        """Refuse a region that is not wholly inside one CMR, as v8.2 of the change does."""
        if not any(low <= start and end <= high for low, high in self.cmrs):
            # "it prints the page numbers of page numbers, a bug"
            shown_start, shown_end = start >> 2 * PAGE_SHIFT, end >> 2 * PAGE_SHIFT
            self.pr(bring_up.NOT_CONVERTIBLE, start=shown_start, end=shown_end)
            raise KernelErrno(Errno.EINVAL, OutsideCmrs(start, end))

    def free_tdx_memlist(self) -> None:
        """The list is empty again."""
        self.mm.kfree(_MEMLIST)
        self.tdx_memlist = _no_memory()

    # TDMRs [linux-host 5]

    def alloc_tdmr_list(self) -> None:
        """Room for as many TDMRs as the module takes."""
        self.kmalloc(TDMR_ARRAY)

    def free_tdmr_list(self) -> None:
        """Give it back."""
        self.mm.kfree(TDMR_ARRAY)

    def fill_out_tdmrs(self, sysinfo: TdxSysInfo) -> None:
        """Cover memory with TDMRs."""
        try:
            fill_out_tdmrs(self, sysinfo.max_tdmrs, Errno.ENOSPC)
        except KernelErrno:
            self.pr(bring_up.TDMRS_EXHAUSTED)
            raise
        used, limit = len(self.the_tdmrs()), sysinfo.max_tdmrs
        # "if max_tdmrs - used < 4 (TDMR_NR_WARN)"
        if limit - used < _TDMR_NR_WARN:
            self.pr(bring_up.TDMRS_NEAR_LIMIT, used=used, limit=limit)

    def tdmr_get_pamt_sz(self, tdmr_sizes: Int64s, sysinfo: TdxSysInfo) -> Uint64s:
        """Bytes of the PAMTs of TDMRs of that size, shape (tdmrs, 3): 4K, 2M, 1G."""
        levels = zip(PAGE_SHIFTS, sysinfo.pamt_entry_sizes, strict=True)
        return np.stack([pamt_size(tdmr_sizes, shift, size) for shift, size in levels], axis=1)

    def tdmrs_set_up_pamt_all(self, sysinfo: TdxSysInfo) -> None:
        """A PAMT for each TDMR."""

        def no_local_node(i: int) -> None:
            self._pr_of_tdmr(bring_up.NO_LOCAL_NODE, i)

        sizes = self.tdmr_get_pamt_sz(self.the_tdmrs().sizes, sysinfo)
        sizes_first = self.has(DYNAMIC_PAMT)
        set_up_pamt_all(self, sizes, no_local_node=no_local_node, sizes_first=sizes_first)

    def _pr_of_tdmr(self, message: Message, i: int) -> None:
        tdmrs = self.the_tdmrs()
        base = int(tdmrs.bases[i])
        self.pr(message, start=base, end=base + int(tdmrs.sizes[i]))

    def tdmrs_free_pamt_all(self) -> None:
        """Free every PAMT."""
        free_pamt_all(self)

    def tdmrs_reset_pamt_all(self) -> None:
        """MOVDIR64B over all PAMTs: "always" until 6.17, then "only with the erratum"."""
        if self.has(PAMT_RESET_ONLY_WITH_ERRATUM) and not self.pw_mce:
            return
        nr_pages = self.the_tdmrs().pamt_pages
        self.journal.record(Movdir64b((nr_pages << PAGE_SHIFT) // _MOVDIR64B_SIZE))

    def tdmrs_count_pamt_kb(self) -> int:
        """KiB of all PAMTs."""
        return self.the_tdmrs().pamt_bytes >> 10

    def tdmr_populate_rsvd_holes(self) -> Areas:
        """Holes between the memory list's regions, or between CMRs, of all TDMRs."""
        tdmrs = self.the_tdmrs()
        starts, ends = self.tdx_memlist
        if self.has(CMR_WALK):
            # "walks the CMRs instead of the memory regions"
            starts = np.array([start for start, _ in self.cmrs], np.int64)
            ends = np.array([end for _, end in self.cmrs], np.int64)
        return holes(starts, ends, tdmrs.bases, tdmrs.sizes)

    def tdmr_populate_rsvd_pamts(self) -> Areas:
        """PAMTs that lie in TDMRs, of all TDMRs."""
        return pamt_areas(self.the_tdmrs())

    def tdmrs_populate_rsvd_areas_all(self, sysinfo: TdxSysInfo) -> None:
        """Reserved areas of all TDMRs."""
        gaps, pamts = self.tdmr_populate_rsvd_holes(), self.tdmr_populate_rsvd_pamts()
        limit = sysinfo.max_reserved_per_tdmr
        holds = Holds.CMR_GAP if self.has(CMR_WALK) else Holds.HOLE
        try:
            populate_rsvd_areas_all(
                self, gaps, pamts, limit=limit, exhausted=Errno.ENOSPC, holds=holds
            )
        except KernelErrno as error:
            if isinstance(error.cause, ReservedAreasExhausted):
                self._pr_of_tdmr(bring_up.RESERVED_AREAS_EXHAUSTED, error.cause.tdmr)
            raise

    # To the module [linux-host 6]

    def config_tdx_module(self, sysinfo: TdxSysInfo) -> None:
        """TDH.SYS.CONFIG: the TDMRs and the global KeyID."""
        self.kmalloc(PA_ARRAY)
        with ExitStack() as at_end:
            at_end.callback(self.mm.kfree, PA_ARRAY)
            tdmrs = self.the_tdmrs()
            # "mainline to a power of two >= 512"
            array_size = max(TDX_PA_ARRAY_ALIGNMENT, 1 << (8 * len(tdmrs) - 1).bit_length())
            pa_array = write_tdmr_infos(
                self, sysinfo.max_tdmrs, sysinfo.max_reserved_per_tdmr, array_size
            )
            self.steps.detail(f"global KeyID {self.tdx_keyids[0]}")
            r8 = self.tdx_keyids[0]
            if self.dynamic_pamt:
                self.pr(bring_up.DYNAMIC_PAMT)
                r8 |= _CONFIG_DYNAMIC_PAMT
            self.sc_retry_prerr(
                self.this_cpu, Leaf.TDH_SYS_CONFIG, rcx=pa_array, rdx=len(tdmrs), r8=r8
            )

    def config_global_keyid(self) -> None:
        """WBINVD, then TDH.SYS.KEY.CONFIG on the first online CPU of each package."""
        # "6.8+ allocate the cpumask first"
        self.kmalloc(CPUMASK)
        self.wbinvd_on_all_cpus()
        leaders = self.packages().values()
        try:
            for cpu in leaders:
                self.sc_retry_prerr(cpu, Leaf.TDH_SYS_KEY_CONFIG)
        finally:
            self.mm.kfree(CPUMASK)
        self.steps.detail(counted(len(leaders), "package"))

    def init_tdmrs(self) -> None:
        """Every TDMR in order, serial."""
        tdmrs = self.the_tdmrs()
        for base, size in zip(tdmrs.bases.tolist(), tdmrs.sizes.tolist(), strict=True):
            self.init_tdmr(base, size)
        self.steps.detail(f"{counted(len(tdmrs), 'TDMR')}, {format_size(int(tdmrs.sizes.sum()))}")

    def init_tdmr(self, base: int, size: int) -> None:
        """TDH.SYS.TDMR.INIT: "repeat until RDX >= base+size"; each call has its own tries."""
        cpu, leaf = self.this_cpu, Leaf.TDH_SYS_TDMR_INIT
        out = self.sc_retry(lambda: self.call_module_until(cpu, leaf, rcx=base, until=base + size))
        if out.rax != 0:
            raise self.seamcall_err(cpu, leaf, out, tdmr_base=base)

    # Afterwards [linux-host 7]

    def cpu_online(self, cpu: int) -> int:
        """Bring logical CPU cpu up; the callback makes it ready for TDX, or refuses."""
        if self.cpus.is_online(cpu):
            return 0
        self.cpus.set_online(cpu, True)
        if not self.online_callback:
            return 0
        try:
            self.tdx_online_cpu(cpu)
        except KernelErrno as error:
            self.cpus.set_online(cpu, False)
            return -error.errno
        return 0

    def is_last_with_tds(self, cpu: int) -> bool:
        """Whether cpu is the last online one of its package, while TDs have KeyIDs."""
        package = self.cpus.package_ids[cpu]
        others = [c for c in self.cpus.online() if self.cpus.package_ids[c] == package]
        return others == [cpu] and self.guest_keyids is not None and self.guest_keyids.in_use > 0

    def tdx_online_cpu(self, cpu: int) -> None:
        """The callback of CPUs that come online: "only LP.INIT if first time"."""
        self.tdx_cpu_enable(cpu)

    def kexec(self) -> int:
        """No such thing before 6.18: "INTEL_TDX_HOST excludes KEXEC_CORE"; then refused, or not."""
        if not self.has(KEXEC_BESIDE_TDX):
            return -Errno.ENOSYS
        if self.pw_mce:
            # "info, **once per boot**"
            if not self._kexec_told:
                self.pr(runtime.KEXEC_REFUSED)
            self._kexec_told = True
            return -Errno.EOPNOTSUPP
        for cpu in self.cpus.online():
            self.flush_incoherent(cpu)
        return 0

    def flush_incoherent(self, cpu: int) -> None:
        """WBINVD on cpu, if it made a SEAMCALL since it last was flushed."""
        if cpu in self.cache_state_incoherent:
            self.cache_state_incoherent.remove(cpu)
            self.journal.record(Wbinvd(cpu))

    def hotplug_refused(self, what: str, start: int = 0, end: int = 0) -> int:  # noqa: ARG002
        """Nothing: what may not be used is refused when it is onlined."""
        return 0

    def memory_online(self, start: int, end: int) -> int:
        """tdx_memory_notifier(): -EPERM unless the range lies in one entry of the memory list."""
        # "with an empty list (not initialised, or init failed) everything is allowed"
        starts, ends = self.tdx_memlist
        inside = (starts <= start) & (end <= ends)
        return 0 if not len(starts) or inside.any() else -Errno.EPERM


def _no_memory() -> tuple[Int64s, Int64s]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)
