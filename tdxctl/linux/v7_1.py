# SPDX-License-Identifier: Apache-2.0
"""Linux 7.1 on: initialization is a boot step of the core, tried once.

arch/x86/virt/vmx/tdx/tdx.c of those releases, as far as it differs from 6.8 to 7.0
[linux-releases 3, 4, 5, 8] [linux-host 1, 3, 5, 7, 7a]. What is not here is as in v6_8.
"""

from __future__ import annotations

from tdxctl.causes import NoMovdir64b, NoSelfSnoop, NoXsave, VmxOff
from tdxctl.errnos import Errno
from tdxctl.errors import NotModelledError
from tdxctl.events import Failure, Journal, StepResult
from tdxctl.layout.pamt import pamt_bitmap_size
from tdxctl.linux import metadata, steps
from tdxctl.linux.changes import (
    DYNAMIC_PAMT,
    RUNTIME_UPDATE,
    SYS_DISABLE_AT_SHUTDOWN,
    WBINVD_IN_CALLBACKS,
)
from tdxctl.linux.dynamic_pamt import RefcountedPamt
from tdxctl.linux.kernel import Hardware
from tdxctl.linux.metadata import Group, TdxSysInfo
from tdxctl.linux.releases import KernelId
from tdxctl.linux.seamldr import Seamldr
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.v6_8 import V6_8, Int64s, Uint64s
from tdxctl.messages import boot, bring_up, runtime
from tdxctl.seam.features import FEATURES0
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Status

_DYNAMIC_PAMT = 1 << FEATURES0["DYNAMIC_PAMT"]
_REFCOUNTS = "the PAMT refcounts"
#: Of calls that the kernel would make for ever: more than any machine has made.
_MANY_CALLS = 100_000
_PRINT_NOTHING = frozenset({Status.VMFAILINVALID, Status.GP, Status.UD})


class V7_1(V6_8):  # noqa: N801  # the release's own name
    """7.1 and later, whose KVM finds the module initialized or not."""

    INITIAL_STATUS = "NOT_INITIALIZED"

    def __init__(self, hardware: Hardware, journal: Journal, kernel: KernelId) -> None:
        super().__init__(hardware, journal, kernel)
        self._warned_update = False
        #: What the one attempt returned, and why.
        self._boot_outcome: tuple[int, Failure | None] = (0, None)
        #: Its steps, until they were told.
        self._boot_steps: tuple[StepResult, ...] = ()
        #: CPUs on which the core holds VMX on for TDX.
        self.vmx_references: set[int] = set()
        #: Whether shutdown calls tdx_shutdown(): once there was a success, for good.
        self._shutdown_registered = False
        self.exported_tdx_enable = None
        self.exported_tdx_cpu_enable = None
        if self.has(RUNTIME_UPDATE):
            self.runtime_update = Seamldr(self)
        if self.has(DYNAMIC_PAMT):
            self.pamt_refcounts = RefcountedPamt(self)

    @property
    def entry(self) -> str:
        """It is called at boot, never by KVM."""
        return "tdx_enable(), at boot,"

    @property
    def boot_failure(self) -> Failure | None:
        """Why the one attempt failed."""
        return self._boot_outcome[1]

    # Boot [linux-releases 3]

    def boot(self) -> int:
        """Detection "as 6.8", then the one attempt; its errno is the result."""
        self.tdx_init()
        self.steps.begin()
        returned = self.tdx_enable()
        self._boot_outcome, self._boot_steps = (returned, self.failure), self.steps.results()
        self.failure = None
        self.steps.begin()
        return returned

    def bring_up(self) -> int:
        """Nothing more: what the boot's attempt returned."""

        def found() -> int:
            if not self.hardware.tdx_host:
                return self.not_enabled()
            returned, self.failure = self._boot_outcome
            return returned

        # The steps are told with the first call alone: a later one made none.
        told, self._boot_steps = self._boot_steps, ()
        return self.in_turn(found, told if self.hardware.tdx_host else None)

    def tdx_enable(self) -> int:
        """A subsys_initcall."""
        try:
            with self.steps.step(steps.PRECONDITION):
                self.check_platform()
            self.cpuhp_setup_state()
        except KernelErrno as error:
            return self.failed(error)
        try:
            self.init_tdx_module()
        except KernelErrno as error:
            self.pr(bring_up.INITIALIZATION_FAILED, errno=-error.errno)
            self.cpuhp_remove_state()
            return self.failed(error)
        self._shutdown_registered = True
        self.set_status("INITIALIZED")
        self.pr(bring_up.MODULE_INITIALIZED)
        return 0

    def check_platform(self) -> None:
        """What tdx_enable() looks at first, in its order."""
        if not self.host_platform:
            self.pr(boot.NOT_SUPPORTED)
            self.steps.detail("TDX was not enabled at boot")
            raise self.why_not_enabled()
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

    # CPUs: the callbacks of cpuhp state virt/tdx:online

    def cpuhp_setup_state(self) -> None:
        """tdx_online_cpu() on each online CPU; "the CPUs already done are rolled back"."""
        try:
            self._cpus_online()
        except KernelErrno:
            self.cpuhp_remove_state()
            raise
        self.online_callback = True

    def cpuhp_remove_state(self) -> None:
        """Tear down every CPU that was made ready, ascending; there is no callback any more."""
        self.online_callback = False
        for cpu in sorted(self.vmx_references):
            self.tdx_offline_cpu(cpu)

    def tdx_online_cpu(self, cpu: int) -> None:
        """VMX is held on for cpu ("-EOPNOTSUPP without VMX"), and it is made ready."""
        self.check_vmx()
        self.tdx_cpu_enable(cpu)
        self.vmx_references.add(cpu)

    def _are_ready(self, cpus: list[int]) -> None:
        # VMX stays on for each of them.
        super()._are_ready(cpus)
        self.vmx_references.update(cpus)

    def check_vmx(self) -> None:
        """Refuse a CPU without VMX."""
        if not self.cpus.features.vmx:
            raise KernelErrno(Errno.EOPNOTSUPP, VmxOff())

    def tdx_offline_cpu(self, cpu: int) -> None:
        """VMX is off again on cpu, its cache written back (7.2)."""
        if self.has(WBINVD_IN_CALLBACKS):
            self.flush_incoherent(cpu)
        self.vmx_references.discard(cpu)

    def cpu_offline(self, cpu: int) -> int:
        """-EBUSY for the last CPU of a package while a guest KeyID is in use."""
        if self.cpus.online() == [cpu]:
            # The CPU hotplug core refuses, before it asks anyone.
            return -Errno.EBUSY
        if self.online_callback and self.is_last_with_tds(cpu):
            self.pr(runtime.LAST_CPU_OF_PACKAGE)
            return -Errno.EBUSY
        was_online = self.cpus.is_online(cpu)
        returned = super().cpu_offline(cpu)
        if returned == 0 and was_online and cpu in self.vmx_references:
            self.tdx_offline_cpu(cpu)
        return returned

    # Metadata

    def get_tdx_sys_info(self, sysinfo: TdxSysInfo, groups: tuple[Group, ...]) -> None:
        """The version with its line; with Dynamic PAMT the bits of its bitmap last."""
        if metadata.VERSION in groups:
            self.get_tdx_sys_info_version(sysinfo)
        others = tuple(group for group in groups if group is not metadata.VERSION)
        super().get_tdx_sys_info(sysinfo, others)
        # Where nothing but the version was read there are no features to go by.
        if self.has(DYNAMIC_PAMT) and others and sysinfo.features0 & _DYNAMIC_PAMT:
            self.dynamic_pamt = True
            field = metadata.PAMT_PAGE_BITMAP_ENTRY_BITS
            sysinfo.fields[field] = self.read_sys_metadata_field(field)

    def get_tdx_sys_info_version(self, sysinfo: TdxSysInfo) -> None:
        """The version, and its line: "also after a failed version read"."""
        try:
            # "they stop at the first failure, what was read is kept"
            super().get_tdx_sys_info(sysinfo, (metadata.VERSION,))
        finally:
            major, minor, update = sysinfo.version
            self.pr(bring_up.VERSION, major=major, minor=minor, update=update)

    # Dynamic PAMT [linux-releases 8]

    def build_tdx_memlist(self) -> None:
        """The refcounts of Dynamic PAMT are allocated "**before** the memlist and freed last"."""
        if self.dynamic_pamt:
            self.kmalloc(_REFCOUNTS)
        super().build_tdx_memlist()

    def free_tdx_memlist(self) -> None:
        """The memory list, and then the refcounts."""
        super().free_tdx_memlist()
        self.mm.kfree(_REFCOUNTS)

    def tdmr_get_pamt_sz(self, tdmr_sizes: Int64s, sysinfo: TdxSysInfo) -> Uint64s:
        """With Dynamic PAMT "the 4K part becomes a bitmap"."""
        sizes = super().tdmr_get_pamt_sz(tdmr_sizes, sysinfo)
        if self.dynamic_pamt:
            sizes[:, 0] = pamt_bitmap_size(tdmr_sizes, sysinfo.pamt_page_bitmap_entry_bits)
        return sizes

    # Shutdown [linux-releases 5]

    def kexec(self) -> int:
        """From 7.2 on as "registered by a **successful** initialisation and never removed"."""
        if not self.has(SYS_DISABLE_AT_SHUTDOWN):
            if self.pw_mce:
                return super().kexec()
            # "which in 7.1 only drops the VMX references: no SEAMCALL, no WBINVD"
            self.vmx_references.clear()
            return 0
        if self._shutdown_registered:
            self.tdx_sys_disable()
            for cpu in self.cpus.online():
                self.tdx_offline_cpu(cpu)
        return 0

    def tdx_sys_disable(self) -> None:
        """TDH.SYS.DISABLE; "The shutdown goes on in every case."."""
        cpu, leaf = self.this_cpu, Leaf.TDH_SYS_DISABLE
        for _ in range(_MANY_CALLS):
            out = self.sc_retry(lambda: (self.call_module(cpu, leaf), 1))
            # "again, without limit"
            if out.rax not in {Status.TDX_INTERRUPTED_RESUMABLE, Status.TDX_SYS_BUSY}:
                break
        else:
            raise NotModelledError(
                f"TDH.SYS.DISABLE is interrupted for ever: this kernel never ends its shutdown, "
                f"and {_MANY_CALLS} calls are enough",
                hint="a fault with fewer times",
            )
        if out.rax != 0 and out.rax not in _PRINT_NOTHING:
            self.pr(runtime.SYS_DISABLE_FAILED, status=out.rax)

    # Runtime update [linux-host 7]: what seamldr.c asks of tdx.c

    def tdx_module_shutdown(self) -> None:
        """The module hands over: "clears initialized, sysinit and all per-CPU flags"."""
        handoff_version = self.read_sys_metadata_field(metadata.MODULE_HV)
        self.sc_retry_prerr(self.this_cpu, Leaf.TDH_SYS_SHUTDOWN, rcx=handoff_version)
        self.set_status(self.INITIAL_STATUS)
        self.sysinit_done, self.sysinit_ret = False, None
        self.lp_initialized.clear()

    def tdx_module_run_update(self) -> None:
        """The new module takes over, and its version is read."""
        self.sc_retry_prerr(self.this_cpu, Leaf.TDH_SYS_UPDATE)
        try:
            super().get_tdx_sys_info(self.sysinfo, (metadata.VERSION,))
        except KernelErrno:
            # "a failed re-read is only a WARN"; a WARN_ON_ONCE().
            if not self._warned_update:
                self._warned_update = True
                self.pr(runtime.VERSION_NOT_REREAD)
        self.set_status("INITIALIZED")
