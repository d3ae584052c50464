# SPDX-License-Identifier: Apache-2.0
"""KVM over a booted kernel: what the load of kvm_intel makes of the bring-up [kvm 2, 3].

arch/x86/kvm/vmx/{main,tdx}.c of 6.16 on. Until 7.0 the load brings the module up, from 7.1 on it
looks at what the boot left. Which of the two, and what the releases between them changed, are
changes of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tdxctl.causes import (
    Cause,
    KvmAttributes,
    KvmLacks,
    KvmLoadedWithoutTdx,
    KvmXfam,
    NoMovdir64b,
    NoSelfSnoop,
    NoTopologyEnum,
    TooManyCpusForTd,
    VmxOff,
)
from tdxctl.errnos import Errno
from tdxctl.errors import NotModelledError
from tdxctl.events import Failure
from tdxctl.linux import metadata, steps
from tdxctl.linux.changes import (
    CACHES_MARKED_INCOHERENT,
    INITIALIZED_AT_BOOT,
    KVM_REFUSALS_FAIL,
    WBINVD_IN_CALLBACKS,
)
from tdxctl.linux.protocols import KvmSetup
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.v6_8 import V6_8
from tdxctl.messages import boot, kvm, runtime
from tdxctl.messages.message import Message, Source
from tdxctl.seam.features import FEATURES0
from tdxctl.verdicts import (
    HostVerdict,
    KvmDoesNotLoad,
    ModuleLost,
    NoCapacity,
    ReadyToRunTds,
    TdxOff,
)

#: "KVM can serve SEPT_VE_DISABLE (bit 28) and nothing else."
_SEPT_VE_DISABLE = 1 << 28
_TOPOLOGY_ENUM = 1 << FEATURES0["TOPOLOGY_ENUM"]


class _Refusal(NamedTuple):
    """Why KVM does without TDX, and the line that it prints."""

    cause: Cause
    message: Message
    source: Source | None
    fields: dict[str, int | str]


class Kvm:
    """kvm_intel on a booted kernel.

    loaded: whether it is. tdx: its parameter, None while it is not loaded. capacity: the number in
    the line `tdx` of misc.capacity, None where there is no such line. failure: why the last load
    left TDX off, or failed. refused: the last load did not come to bring TDX up.
    """

    def __init__(self, kernel: V6_8, setup: KvmSetup) -> None:
        self._kernel = kernel
        self._setup = setup
        self.loaded = False
        self.tdx: bool | None = None
        self.capacity: int | None = None
        self.failure: Failure | None = None
        self.refused = False
        #: What the last load returned; None before the first.
        self._returned: int | None = None
        #: CPUs on which KVM holds VMX on.
        self._vmx_on: set[int] = set()
        self._dead = False

    @property
    def verdict(self) -> HostVerdict | None:
        """What the host is left with; None before the first load, and after an unload."""
        if not self.loaded:
            if self._returned is None or self._returned >= 0:
                return None
            return KvmDoesNotLoad(Errno(-self._returned))
        if not self.tdx:
            return TdxOff()
        if self.capacity is None:
            return NoCapacity()
        # A runtime update that failed: the load is over, and KVM does not look again.
        lost = self._kernel.status != "INITIALIZED"
        return ModuleLost() if lost else ReadyToRunTds(self.capacity)

    def load_for_tds(self) -> int:
        """Load kvm_intel for TDs as the description has it; one without TDX is removed first.

        What the load returned, 0 where it was there with TDX.
        """
        if self.loaded and self.tdx:
            self._kernel.in_turn(lambda: 0)
            return 0
        if self.loaded:
            self.unload()
        if self._kernel.has(INITIALIZED_AT_BOOT):
            self._kernel.bring_up()
        return self.load()

    # vt_init(), vt_exit()

    def load(self, tdx: bool | None = None) -> int:
        """Insert kvm_intel; tdx: its parameter, None as the description has it.

        0, or a negative errno where it does not load.
        """
        self._require_alive()
        if self.loaded:
            return -Errno.EEXIST
        self.failure, self.capacity, self.refused = None, None, False
        self.tdx = self._setup.tdx if tdx is None else tdx
        if not self._kernel.hardware.tdx_host:
            # CONFIG_KVM_INTEL_TDX needs it: there is no parameter that could be set.
            self.tdx = False
        self._returned = self._load()
        self.loaded = self._returned == 0
        if not self.loaded:
            self.tdx = None
        return self._returned

    def _load(self) -> int:
        if not self._kernel.cpus.features.vmx:
            return self._not_asked(KernelErrno(Errno.EOPNOTSUPP, VmxOff()))
        if not self.tdx:
            # "nothing is looked at, nothing printed, no SEAMCALL"
            self._not_asked(KernelErrno(Errno.ENODEV, KvmLoadedWithoutTdx()))
        elif (refusal := next(self._refusals(), None)) is not None:
            # "prints one line (only one, also when several fail)"
            self._kernel.pr(refusal.message, source=refusal.source, **refusal.fields)
            self.tdx = False
            self._not_asked(KernelErrno(Errno.ENODEV, refusal.cause))
        at_boot = self._kernel.has(INITIALIZED_AT_BOOT)
        if not at_boot:
            self._enable_virtualization()
        returned = self.tdx_bringup() if self.tdx else 0
        if returned:
            self._disable_virtualization()
        elif at_boot:
            self._enable_virtualization()
        if returned == -Errno.ENODEV:
            # "-ENODEV, from whichever SEAMCALL (VMfailInvalid), switches TDX off and kvm_intel
            # loads"
            self.tdx, returned = False, 0
        return returned

    def unload(self) -> int:
        """Remove kvm_intel; kvm stays.

        -EFAULT stands for no return at all: the thread that unloads it is dead, as the log's last
        line says.
        """
        self._require_alive()
        if not self.loaded:
            return -Errno.ENOENT
        if self.tdx and self.capacity is None:
            # "a WARN (no callback state) and then BUG in the CPU hotplug core"
            self._kernel.pr(kvm.KVM_CLEANUP_WARNING)
            self._kernel.pr(kvm.KVM_CLEANUP_BUG)
            self._dead = True
            return -Errno.EFAULT
        self.capacity = None
        self._remove_callback()
        self._disable_virtualization()
        self.loaded, self.tdx, self._returned = False, None, None
        return 0

    def _require_alive(self) -> None:
        if self._dead:
            raise NotModelledError(
                "the thread that unloaded kvm_intel died in the CPU hotplug core: what comes "
                "after waits for it for ever, which is not modelled",
                hint="boot the machine again",
            )

    # Before any SEAMCALL [kvm 2, 1 to 8]

    def _refusals(self) -> Iterator[_Refusal]:
        setup, features = self._setup, self._kernel.cpus.features
        of_kvm, of_tdx = Source.KVM, Source.KVM_TDX
        if not setup.ept:
            yield _lacks("EPT", of_kvm)
        if not (setup.tdp_mmu and setup.mmio_caching and setup.ept_ad):
            yield _lacks("TDP MMU and MMIO caching and EPT A/D bit", of_kvm)
        if not setup.apicv:
            yield _lacks("APICv", of_kvm)
        if not setup.osxsave:
            yield _lacks("OSXSAVE", of_tdx)
        at_boot = self._kernel.has(INITIALIZED_AT_BOOT)
        if not features.movdir64b and not at_boot:
            yield _lacks("MOVDIR64B", of_tdx, NoMovdir64b())
        if not features.self_snoop and not at_boot:
            yield _lacks("Self-snoop", of_kvm, NoSelfSnoop())
        if not self._kernel.host_platform:
            source = of_kvm if at_boot else of_tdx
            cause = self._kernel.why_not_enabled().cause
            yield _Refusal(cause, boot.NOT_SUPPORTED, source, {})
        if not setup.enable_virt_at_load and not at_boot:
            parameter = "kvm.enable_virt_at_load=1"
            fields: dict[str, int | str] = {"parameter": parameter}
            yield _Refusal(KvmLacks(parameter), kvm.KVM_PARAMETER_WRONG, None, fields)

    def _not_asked(self, error: KernelErrno) -> int:
        # Nobody brings TDX up, which counts as a call whose first check fails; where the boot did
        # it, only KVM goes without.
        kernel = self._kernel
        if kernel.has(INITIALIZED_AT_BOOT):
            return self._failed(error)

        def refused() -> int:
            try:
                with kernel.steps.step(steps.PRECONDITION):
                    raise error
            except KernelErrno:
                return kernel.failed(error)

        self.refused = True
        returned = kernel.in_turn(refused)
        self.failure = kernel.failure
        return returned

    # tdx_bringup()

    def tdx_bringup(self) -> int:
        """Bring the module up, or look at it; then see whether KVM can serve it.

        0 or a negative errno, which is that of the load but for -ENODEV.
        """
        kernel = self._kernel
        if kernel.has(INITIALIZED_AT_BOOT):
            if kernel.status != "INITIALIZED":
                self.failure = kernel.boot_failure
                return -Errno.ENODEV
        elif (returned := kernel.bring_up()) != 0:
            self.failure = kernel.failure
            return returned
        try:
            self.check_module()
        except KernelErrno as error:
            self._remove_callback()
            if isinstance(error.cause, TooManyCpusForTd) or kernel.has(KVM_REFUSALS_FAIL):
                return self._failed(error)
            # "**result 0**: kvm_intel loads, parameter **Y**"
            self._failed(error)
            return 0
        # "capacity of `tdx` := number of guest KeyIDs"
        self.capacity = kernel.keyids[1]
        return 0

    def check_module(self) -> None:
        """What KVM wants of an initialized module, in its order. Raises KernelErrno."""
        fields = self._kernel.sysinfo.fields
        fixed0, fixed1 = (fields[i] for i in metadata.ATTRIBUTES_FIXED)
        # "ATTRIBUTES_FIXED1 with any other bit, or FIXED0 without bit 28: silent"
        if fixed1 & ~_SEPT_VE_DISABLE or not fixed0 & _SEPT_VE_DISABLE:
            raise KernelErrno(Errno.EINVAL, KvmAttributes(fixed0, fixed1))
        fixed0, fixed1 = (fields[i] for i in metadata.XFAM_FIXED)
        supported = self._setup.xcr0 | self._setup.xss
        # "XFAM_FIXED1 with another bit, or FIXED0 with none of them: silent"
        if fixed1 & ~supported or not fixed0 & supported:
            raise KernelErrno(Errno.EINVAL, KvmXfam(fixed0, fixed1, supported))
        if not self._kernel.sysinfo.features0 & _TOPOLOGY_ENUM:
            raise KernelErrno(Errno.EINVAL, NoTopologyEnum())
        limit, cpus = fields[metadata.MAX_VCPUS_PER_TD], self._kernel.cpus.present
        # "offline ones count, MADT entries not enabled do not"
        if limit < cpus:
            self._kernel.pr(kvm.KVM_TOO_MANY_CPUS, limit=limit, cpus=cpus)
            raise KernelErrno(Errno.EINVAL, TooManyCpusForTd(limit, cpus))

    def _failed(self, error: KernelErrno) -> int:
        self.failure = error.failure(None, error.errno)
        return -error.errno

    def _remove_callback(self) -> None:
        # From 7.1 on it is the core's, and stays.
        if not self._kernel.has(INITIALIZED_AT_BOOT):
            self._kernel.online_callback = False

    # VMX, and CPUs that come and go [kvm 2.3, 3]

    def cpu_online(self, cpu: int) -> int:
        """Bring logical CPU cpu up: through KVM's step, and then through TDX's."""
        self._require_alive()
        was_online = self._kernel.cpus.is_online(cpu)
        returned = self._kernel.cpu_online(cpu)
        if returned == 0 and not was_online and self.loaded and self._setup.enable_virt_at_load:
            self._vmx_on.add(cpu)
        return returned

    def cpu_offline(self, cpu: int) -> int:
        """Take logical CPU cpu down; -EBUSY as in Kernel.cpu_offline, and for KVM's TDs."""
        self._require_alive()
        kernel = self._kernel
        if kernel.cpus.online() == [cpu]:
            # The CPU hotplug core refuses, before it asks anyone.
            return -Errno.EBUSY
        asked = kernel.online_callback and not kernel.has(INITIALIZED_AT_BOOT)
        if asked and kernel.is_last_with_tds(cpu):
            kernel.pr(runtime.LAST_CPU_OF_PACKAGE, source=Source.KVM)
            return -Errno.EBUSY
        returned = kernel.cpu_offline(cpu)
        if returned == 0 and cpu in self._vmx_on:
            self._vmx_off(cpu)
        return returned

    def _enable_virtualization(self) -> None:
        if self._setup.enable_virt_at_load:
            self._vmx_on = set(self._kernel.cpus.online())

    def _disable_virtualization(self) -> None:
        for cpu in sorted(self._vmx_on):
            self._vmx_off(cpu)

    def _vmx_off(self, cpu: int) -> None:
        self._vmx_on.discard(cpu)
        has = self._kernel.has
        # "7.2: by the core's callback at offline, never by KVM"
        if self.tdx and has(CACHES_MARKED_INCOHERENT) and not has(WBINVD_IN_CALLBACKS):
            self._kernel.flush_incoherent(cpu)


def _lacks(feature: str, source: Source, cause: Cause | None = None) -> _Refusal:
    cause = KvmLacks(feature) if cause is None else cause
    return _Refusal(cause, kvm.KVM_REFUSED, source, {"feature": feature})
