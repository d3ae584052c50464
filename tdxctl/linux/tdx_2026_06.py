# SPDX-License-Identifier: Apache-2.0
"""The mid-2026 tree: one attempt at boot, runtime update of the module, Dynamic PAMT.

arch/x86/virt/vmx/tdx/tdx.c and seamldr.c of that tree, as far as they differ from 6.17;
specification linux-host, profile 2026-06.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from msgspec.structs import replace

from tdxctl.causes import (
    Cause,
    KernelAllocation,
    NoMovdir64b,
    NoSelfSnoop,
    NoXsave,
    UpdateNotInitialized,
    UpdateNotPreserving,
    UpdateSeamretErratum,
    VmxOff,
)
from tdxctl.errnos import Errno
from tdxctl.events import Failure, Journal, StepEvent, Wbinvd
from tdxctl.layout.pamt import pamt_bitmap_size
from tdxctl.linux import steps
from tdxctl.linux.kernel import Hardware, Kernel
from tdxctl.linux.seamldr import UpdateImage, image_pages, seamldr_params
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.sysinfo import TdmrSysInfo
from tdxctl.linux.tdx_6_8 import Int64s, Uint64s
from tdxctl.linux.tdx_6_17 import Kernel617
from tdxctl.messages import boot, bring_up, runtime
from tdxctl.seam.features import FEATURES0
from tdxctl.seam.leaves import Leaf
from tdxctl.units import SZ_4K, round_down

_MINOR_VERSION, _MAJOR_VERSION, _UPDATE_VERSION = (
    *(0x0800000100000003, 0x0800000100000004),
    0x0800000100000005,
)
_PAMT_PAGE_BITMAP_ENTRY_BITS = 0x9100000100000013
_MODULE_HV = 0x8900000100000000
_TD_PRESERVING = 1 << FEATURES0["TD_PRESERVING"]
_DYNAMIC_PAMT = 1 << FEATURES0["DYNAMIC_PAMT"]
_CONFIG_DYNAMIC_PAMT = 1 << 16
_SZ_2M = 1 << 21
_LEVEL_2M = 1
#: "pairs = pamt_4k_entry_size*512/4096 pages"
_PAMT_PAGES = 2


class Kernel202606(Kernel617):
    """The mid-2026 tree, which KVM finds initialised or not."""

    INITIAL_STATUS = "NOT_INITIALIZED"
    RELEASE = (7, 4)
    PAMT_SIZES_FIRST = True

    def __init__(self, hardware: Hardware, journal: Journal) -> None:
        super().__init__(hardware, journal)
        self._version = (0, 0, 0)
        self._features0 = 0
        self._warned_update = False
        #: Pages in use by TDs, by 2 MiB range.
        self._pamt_refcounts: Counter[int] = Counter()
        #: What the one attempt returned, and why.
        self._boot_outcome: tuple[int, Failure | None] = (0, None)
        #: CPUs that the callback prepared: they hold a VMX reference and made SEAMCALLs.
        self._prepared: list[int] = []

    @property
    def entry(self) -> str:
        """A subsys_initcall."""
        return "tdx_enable(), at boot,"

    @property
    def boot_failure(self) -> Failure | None:
        """Why the one attempt failed."""
        return self._boot_outcome[1]

    # Boot: detection, then tdx_enable(), a subsys_initcall

    def boot(self) -> int:
        """Detection and the one attempt; the errno of the initcall."""
        super().boot()
        self.steps.begin()
        try:
            self._check_platform()
            self._bring_up()
        except KernelErrno as error:
            failure = error.failure(self.steps.failed_step, error.errno)
            self._boot_outcome = (-error.errno, failure)
        return self._boot_outcome[0]

    def tdx_init(self) -> int:
        """Nothing more: what the boot's attempt returned."""
        with self._tdx_module_lock:
            returned, self.failure = self._boot_outcome
            answer = self._answered(returned)
            # The steps are told once: a later call made none.
            self.steps.begin()
            return answer

    def tdx_enable(self) -> int:
        """It is an initcall. Raises UsageError."""
        return Kernel.tdx_enable(self)

    def _check_platform(self) -> None:
        with self.steps.step(steps.PRECONDITION):
            if not self.host_platform:
                self.pr(boot.NOT_SUPPORTED)
                self.steps.detail("TDX was not enabled at boot")
                assert self._boot_failure is not None, "TDX is off only where the boot found so"
                raise self._boot_failure
            features = self.cpus.features
            for present, cause, text, errno in (
                (features.xsave, NoXsave(), "XSAVE", Errno.EINVAL),
                (features.movdir64b, NoMovdir64b(), "MOVDIR64B", Errno.EINVAL),
                # "note: -ENODEV, not -EINVAL"
                (features.self_snoop, NoSelfSnoop(), "Self-snoop", Errno.ENODEV),
            ):
                if not present:
                    self.pr(boot.FEATURE_MISSING, feature=text)
                    raise KernelErrno(errno, cause)

    def _bring_up(self) -> None:
        try:
            self._enable_cpus()
        except KernelErrno:
            self._release_cpus()
            raise
        self._callback_registered = True
        try:
            self._init_tdx_module()
        except KernelErrno as error:
            self.pr(bring_up.INITIALIZATION_FAILED, errno=-error.errno)
            # "cpuhp state removed"
            self._callback_registered = False
            self._release_cpus()
            raise
        self._set_status("INITIALIZED")
        self.pr(bring_up.MODULE_INITIALIZED)

    def _enable_cpus(self) -> None:
        # cpuhp_setup_state("virt/tdx:online"): tdx_online_cpu() on each online CPU
        first, *_ = online = self.cpus.online()
        with self.steps.step(steps.GLOBAL_INIT):
            self._get_vmx_reference()
            self._try_init_module_global(first)
        with self.steps.step(steps.CPU_INIT):
            for cpu in online:
                self._tdx_cpu_enable(cpu)
                self._prepared.append(cpu)

    def _get_vmx_reference(self) -> None:
        if not self.cpus.features.vmx:
            raise KernelErrno(Errno.EOPNOTSUPP, VmxOff())

    def _release_cpus(self) -> None:
        # "wbinvd per CPU in ascending order; the CPU whose LP.INIT failed gets none"
        for cpu in self._prepared:
            self._journal.record(Wbinvd(cpu))
        self._prepared.clear()

    # Metadata

    def _get_tdx_sysinfo(self) -> TdmrSysInfo:
        try:
            self._read_version()
        finally:
            # "printed even when a version read failed"
            major, minor, update = self._version
            self.pr(bring_up.VERSION, major=major, minor=minor, update=update)
        sysinfo = super()._get_tdx_sysinfo()
        self._features0 = sysinfo.features0
        self.dynamic_pamt = bool(sysinfo.features0 & _DYNAMIC_PAMT)
        if self.dynamic_pamt:
            bits = self._read_sys_metadata_field(_PAMT_PAGE_BITMAP_ENTRY_BITS)
            sysinfo = replace(sysinfo, pamt_page_bitmap_entry_bits=bits)
        return sysinfo

    def _read_version(self) -> None:
        # "minor, major, update; they stop at the first failure, what was read is kept"
        minor = self._read_sys_metadata_field(_MINOR_VERSION)
        self._version = (0, minor, 0)
        major = self._read_sys_metadata_field(_MAJOR_VERSION)
        self._version = (major, minor, 0)
        self._version = (major, minor, self._read_sys_metadata_field(_UPDATE_VERSION))

    # Dynamic PAMT

    def _build_tdx_memlist(self) -> None:
        super()._build_tdx_memlist()
        # Before or after the memory list is not known.
        if self.dynamic_pamt and self.mm.kernel_allocation_fails():
            raise KernelErrno(Errno.ENOMEM, KernelAllocation("the PAMT refcounts"))

    def _pamt_sizes(self, tdmr_sizes: Int64s, sysinfo: TdmrSysInfo) -> Uint64s:
        sizes = super()._pamt_sizes(tdmr_sizes, sysinfo)
        if self.dynamic_pamt:
            # "the 4K part becomes a bitmap"
            sizes[:, 0] = pamt_bitmap_size(tdmr_sizes, sysinfo.pamt_page_bitmap_entry_bits)
        return sizes

    def _config_flags(self) -> int:
        if not self.dynamic_pamt:
            return 0
        self.pr(bring_up.DYNAMIC_PAMT)
        return _CONFIG_DYNAMIC_PAMT

    def pamt_get(self, pa: int) -> int:
        """The first page of a 2 MiB range that a TD takes needs a page pair for the range."""
        if not self.dynamic_pamt or self.status != "INITIALIZED":
            return 0
        node = self.mm.node_of(pa)
        if node is None:
            return -Errno.EINVAL
        start = round_down(pa, _SZ_2M)
        if self._pamt_refcounts[start] == 0:
            pair = [self.mm.alloc_page(node) for _ in range(_PAMT_PAGES)]
            if None in pair:
                self._free_pages(pair)
                return -Errno.ENOMEM
            first, second = (page or 0 for page in pair)
            try:
                self._seamcall(
                    self.cpus.online()[0],
                    Leaf.TDH_PHYMEM_PAMT_ADD,
                    rcx=start | _LEVEL_2M,
                    rdx=first,
                    r8=second,
                )
            except KernelErrno as error:
                self._free_pages(pair)
                return -error.errno
        self._pamt_refcounts[start] += 1
        return 0

    def pamt_put(self, pa: int) -> int:
        """The last page of a 2 MiB range that a TD gives back frees the pair."""
        start = round_down(pa, _SZ_2M)
        if self._pamt_refcounts[start] == 0:
            return 0 if not self.dynamic_pamt else -Errno.EINVAL
        if self._pamt_refcounts[start] == 1:
            cpu = self.cpus.online()[0]
            try:
                out = self._seamcall(cpu, Leaf.TDH_PHYMEM_PAMT_REMOVE, rcx=start | _LEVEL_2M)
            except KernelErrno as error:
                return -error.errno
            self._free_pages([out.rdx, out.r8])
        self._pamt_refcounts[start] -= 1
        return 0

    def _free_pages(self, pages: list[int | None]) -> None:
        for page in pages:
            if page is not None:
                self.mm.free_page(page)

    # Afterwards

    def cpu_online(self, cpu: int) -> int:
        """Bring logical CPU cpu up; tdx_online_cpu() prepares it, or refuses."""
        was_online = self.cpus.is_online(cpu)
        returned = super().cpu_online(cpu)
        if returned == 0 and not was_online and self._callback_registered:
            self._prepared = sorted([*self._prepared, cpu])
        return returned

    def cpu_offline(self, cpu: int) -> int:
        """-EBUSY for the last CPU of a package while a guest KeyID is in use."""
        if self._callback_registered and self.cpus.is_online(cpu):
            package = self.cpus.package_ids[cpu]
            others = [c for c in self.cpus.online() if self.cpus.package_ids[c] == package]
            if others == [cpu] and self.guest_keyids_in_use:
                self.pr(runtime.LAST_CPU_OF_PACKAGE)
                return -Errno.EBUSY
        returned = super().cpu_offline(cpu)
        if returned == 0 and cpu in self._prepared:
            self._prepared.remove(cpu)
            self._journal.record(Wbinvd(cpu))
        return returned

    def kexec(self) -> int:
        """Syscore shutdown: TDH.SYS.DISABLE, then WBINVD on each CPU that holds VMX."""
        if self.status == "INITIALIZED":
            # A failure is printed, and the shutdown goes on.
            with suppress(KernelErrno):
                self._seamcall(self.cpus.online()[0], Leaf.TDH_SYS_DISABLE)
        self._release_cpus()
        return 0

    # Runtime update

    @property
    def offers_update(self) -> bool:
        """Whether there is an upload device."""
        return (
            self.status == "INITIALIZED"
            and bool(self._features0 & _TD_PRESERVING)
            and self.cpus.features.no_seamret_invd_vmcs
        )

    def update_module(self, image: UpdateImage, *, force: bool) -> int:
        """What writing image to the upload device does; force: even where there is none."""
        self.failure = None
        if not force and not self.offers_update:
            error = KernelErrno(Errno.ENODEV, self._why_no_update())
            self.failure = error.failure(None, Errno.ENODEV)
            return -Errno.ENODEV
        stage = "update-image"
        try:
            params = self._init_seamldr_params(image)
            # "stop_machine over online CPUs, each state acknowledged by all before the next"
            for stage, run in (
                ("update-shutdown", self._module_shutdown),
                ("update-install", lambda: self._module_install(params)),
                ("update-cpu-init", self._module_cpu_init),
                ("update-run", self._module_run_update),
            ):
                self._journal.record(StepEvent(stage))
                run()
                self._journal.record(StepEvent(stage, "passed"))
        except KernelErrno as error:
            self._journal.record(StepEvent(stage, "failed"))
            self.failure = error.failure(stage, error.errno)
            return -error.errno
        return 0

    def _why_no_update(self) -> Cause:
        if self.status != "INITIALIZED":
            return UpdateNotInitialized()
        if not self._features0 & _TD_PRESERVING:
            return UpdateNotPreserving()
        return UpdateSeamretErratum()

    def _init_seamldr_params(self, image: UpdateImage) -> int:
        _, module_pages = image_pages(image)
        pages = [self.mm.kernel_alloc(SZ_4K) for _ in range(1 + module_pages)]
        params_pa = self.mm.kernel_alloc(SZ_4K)
        self.memory.write(params_pa, seamldr_params(pages[0], pages[1:]))
        return params_pa

    def _module_shutdown(self) -> None:
        cpu = self.cpus.online()[0]
        handoff_version = self._read_sys_metadata_field(_MODULE_HV)
        self._seamcall(cpu, Leaf.TDH_SYS_SHUTDOWN, rcx=handoff_version)
        # "clears initialized, sysinit and all per-CPU flags"
        self._set_status(self.INITIAL_STATUS)
        self._sysinit = None
        self._lp_initialized.clear()

    def _module_install(self, params_pa: int) -> None:
        # "serialised by a raw spinlock"
        for cpu in self.cpus.online():
            self._seamcall(cpu, Leaf.SEAMLDR_INSTALL, rcx=params_pa)

    def _module_cpu_init(self) -> None:
        for cpu in self.cpus.online():
            self._tdx_cpu_enable(cpu)

    def _module_run_update(self) -> None:
        self._seamcall(self.cpus.online()[0], Leaf.TDH_SYS_UPDATE)
        try:
            self._read_version()
        except KernelErrno:
            # "a failed re-read is only a WARN"
            if not self._warned_update:
                self._warned_update = True
                self.pr(runtime.VERSION_NOT_REREAD)
        self._set_status("INITIALIZED")
