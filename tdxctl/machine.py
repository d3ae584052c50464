# SPDX-License-Identifier: Apache-2.0
"""Composition root: a described platform becomes a machine with a booted kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

# First, where the stack is shallow: deeper down CPython's is mapped and unmapped at every call of
# what numpy makes of its types, which is a twentieth of a start.
import numpy  # noqa: F401
from msgspec.structs import astuple, replace

from tdxctl.assembly import (
    allocation_fault,
    build_hardware,
    build_mm,
    build_module,
    evidence_of,
    module_evidence,
    module_info,
    of_version,
    seamcall_exceptions,
    seamcall_fault,
    version_of,
)
from tdxctl.errnos import Errno
from tdxctl.errors import NotModelledError, UsageError
from tdxctl.events import (
    DirectSeamcall,
    Event,
    InitReport,
    Journal,
    KvmState,
    LogLine,
    MachineSummary,
    MemoryData,
    ModuleEvidence,
    OpResult,
    PamtSummary,
    TdmrRow,
    TraceEvent,
    log_of,
    trace_of,
)
from tdxctl.hardware.cpus import CpuSet
from tdxctl.hardware.firmware import MsrFault
from tdxctl.linux import updates
from tdxctl.linux.changes import DYNAMIC_PAMT, KVM_ASKS_FOR_TDX, RUNTIME_UPDATE, Change
from tdxctl.linux.engines import kernel_class
from tdxctl.linux.kernel import Kernel
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.releases import DEFAULT_KERNEL, KERNELS, KernelId
from tdxctl.memory import SparseMemory
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import (
    AllocationFault,
    BusyCpu,
    GlobalLock,
    HaltedModule,
    ModuleFault,
    PconfigFault,
    RdrandFault,
    RuntimeFault,
    SeamcallFault,
    TdmrLock,
    cpus_of,
)
from tdxctl.seam import conditions as seam
from tdxctl.seam.faults import FaultScript
from tdxctl.seam.module import ModuleInfo, TdxModule
from tdxctl.seam.port import Registers
from tdxctl.seam.seamcall import SeamcallInstruction
from tdxctl.seam.seamldr import SeamldrVersion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.kvm import Kvm
    from tdxctl.linux.parts import UpdateImage


class SeamldrState(NamedTuple):
    """P-SEAMLDR: its version, and how many updates of the module it takes before a reboot."""

    version: str
    remaining_updates: int


#: Who refused, where KVM did not come to call anything.
KVM_ITSELF = "KVM's own checks"
_NOT_EXPORTED = "this kernel has no {}() that could be called"
_TDX_INIT = "tdx_init() is what brings TDX up on it"


class Machine:
    """A fake machine, booted. Every operation returns an OpResult.

    All of it may be used from several threads: operations take effect one after the other, and
    what is read is what lies between two of them.
    """

    def __init__(
        self,
        platform: Platform,
        kernel: str | KernelId = DEFAULT_KERNEL,
        *,
        name: str | None = None,
    ) -> None:
        self.platform = platform
        self.name = platform.name if name is None else name
        self.kernel_id = find_kernel(kernel) if isinstance(kernel, str) else kernel
        self._lock = threading.RLock()
        self._events: list[Event] = []
        self._calls = 0
        self._last: OpResult | None = None
        self._journal = Journal()
        self._cpus = CpuSet(platform.cpus)
        self._memory = SparseMemory()
        self._conditions = seam.Conditions()
        self._seamcall = SeamcallInstruction(
            self._fresh_module() if platform.module.loaded else None,
            FaultScript(
                tuple(seamcall_fault(f) for f in platform.faults if isinstance(f, SeamcallFault))
            ),
            seamcall_exceptions(platform),
        )
        self._mm = build_mm(platform, self._journal)
        for fault in platform.faults:
            if isinstance(fault, ModuleFault):
                self._script(fault)
        self._kernel = self._new_kernel()
        self._kvm = self._new_kvm()
        self.boot_result = self._operate("boot", self._boot)

    @classmethod
    def boot(
        cls,
        platform: Platform,
        kernel: str | KernelId = DEFAULT_KERNEL,
        *,
        name: str | None = None,
    ) -> Machine:
        """Boot platform with that kernel; name is the machine's own, if it has one.

        Raises UsageError for a kernel that does not exist, NotModelledError where the real
        kernel would crash.
        """
        return cls(platform, kernel, name=name)

    # What there is to see

    @property
    def status(self) -> str:
        """The status of the TDX module as the kernel knows it."""
        with self._lock:
            return self._kernel.status

    @property
    def dmesg(self) -> tuple[LogLine, ...]:
        """The kernel's log since boot."""
        return log_of(self.events)

    @property
    def trace(self) -> tuple[TraceEvent, ...]:
        """Hardware events since boot, runs of equal events counted."""
        return trace_of(self.events)

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything since boot, in order."""
        with self._lock:
            return tuple(self._events)

    @property
    def tdmrs(self) -> tuple[TdmrRow, ...]:
        """The TDMRs last built, kept even where the kernel has freed its array."""
        with self._lock:
            return self._kernel.tdmrs.rows() if self._kernel.tdmrs else ()

    @property
    def pamt_bytes(self) -> int:
        """Bytes of the PAMTs that the last bring-up obtained, modulo 2^64: what tdmrs tells of.

        After a failure too, where the kernel has given them back: pamt_held_bytes says what it has.
        """
        with self._lock:
            return self._kernel.tdmrs.pamt_bytes if self._kernel.tdmrs else 0

    @property
    def pamt_held_bytes(self) -> int:
        """Bytes of the PAMTs that the kernel has allocated and not freed; 0 after a failure."""
        with self._lock:
            return self._mm.live_pamt_bytes

    @property
    def allocations(self) -> tuple[str, ...]:
        """What the kernel asked for beside PAMTs, by name, in order, since boot."""
        with self._lock:
            return tuple(self._mm.asked_for)

    @property
    def still_allocated(self) -> dict[str, int]:
        """What the kernel has allocated for TDX beside PAMTs and not freed: how many, by name."""
        with self._lock:
            return dict(self._mm.live)

    @property
    def seamldr(self) -> SeamldrState | None:
        """P-SEAMLDR as its INFO tells of it; None where the machine has none."""
        seamldr = self._seamcall.seamldr
        if seamldr is None:
            return None
        version = SeamldrVersion()
        text = f"{version.major}.{version.minor}.{version.update:02}"
        return SeamldrState(text, seamldr.remaining_updates)

    @property
    def kvm(self) -> KvmState | None:
        """kvm_intel as user space sees it; None for a kernel whose KVM knows nothing of TDX."""
        with self._lock:
            kvm = self._kvm
            return None if kvm is None else KvmState(kvm.loaded, kvm.tdx, kvm.capacity, kvm.verdict)

    # Operations

    def tdx_init(self, callers: int = 1) -> OpResult:
        """What KVM does when it wants TDX on this kernel; callers: so many threads at once.

        From 6.8 to 7.0 that is tdx_cpu_enable() on each CPU that is online, then tdx_enable(); from
        7.1 on the boot has done it, and returned is what it made of it.
        """
        with self._lock:
            if callers == 1:
                result = self._operate("init", self._kernel.bring_up)
            else:
                result = self._operate("init", lambda: self._contend(callers))
            return self._told(result)

    def init_host(self, callers: int = 1) -> OpResult:
        """Make the host ready for TDs: tdx_init(), or the load of kvm_intel where KVM asks for it.

        returned: of the bring-up. failure: of the bring-up, else of KVM's own tests. host: what the
        host is left with. kvm_intel is loaded as the description has it, and removed before where
        it was loaded without TDX. The last of callers is KVM.
        """
        kvm = self._kvm
        if kvm is None:
            return self.tdx_init(callers)

        def bring_up() -> int:
            if callers > 1:
                self._contend(callers - 1)
            return kvm.load_for_tds()

        with self._lock:
            called = self._told(self._operate("init", bring_up))
            failure = called.failure or kvm.failure
            self._last = replace(called, failure=failure, host=kvm.verdict)
            return self._last

    def _told(self, result: OpResult) -> OpResult:
        # result, as of the calls of a bring-up since the last time.
        calls = self._kernel.take_calls()
        self._calls += len(calls)
        told = next((call for call in reversed(calls) if call.steps), calls[-1])
        self._last = replace(
            result,
            returned=calls[-1].returned,
            steps=told.steps,
            failure=told.failure if calls[-1].returned else None,
            callers=tuple(call.returned for call in calls),
        )
        return self._last

    def tdx_cpu_enable(self, cpu: int) -> OpResult:
        """The kernel's function of that name on a CPU, and nothing else.

        Raises UsageError where the kernel has no such function, and for a CPU that the machine does
        not have or that is offline.
        """
        enable = self._kernel.exported_tdx_cpu_enable
        if enable is None:
            raise UsageError(_NOT_EXPORTED.format("tdx_cpu_enable"), hint=_TDX_INIT)
        self._require_online(cpu, "tdx_cpu_enable() runs on the CPU itself")
        with self._lock:
            result = self._operate("cpu_enable", lambda: enable(cpu))
            [call] = self._kernel.take_calls()
            return replace(result, steps=call.steps, failure=call.failure)

    def tdx_enable(self) -> OpResult:
        """The kernel's function of that name, and nothing else.

        Its caller has called tdx_cpu_enable() on each CPU before, and gets what tdx_init() and
        `tdxctl init` say; without, the module refuses, as it does a kernel that forgot. Raises
        UsageError where the kernel has no such function.
        """
        enable = self._kernel.exported_tdx_enable
        if enable is None:
            raise UsageError(_NOT_EXPORTED.format("tdx_enable"), hint=_TDX_INIT)
        with self._lock:
            return self._told(self._operate("enable", enable))

    def kvm_load(self, tdx: bool | None = None) -> OpResult:
        """Insert kvm_intel with that parameter, by default the description's kvm.tdx.

        returned: what the insertion returns. failure: why TDX is off then, or the load failed; the
        steps are those of the bring-up, where the load makes one. Raises UsageError for a kernel
        whose KVM knows nothing of TDX.
        """
        kvm = self._require_kvm()
        with self._lock:
            self._kernel.take_calls()
            result = self._operate("kvm_load", lambda: kvm.load(tdx))
            steps = next((call.steps for call in self._kernel.take_calls()), ())
            failure = None if result.returned == -Errno.EEXIST else kvm.failure
            return replace(result, steps=steps, failure=failure, host=kvm.verdict)

    def kvm_unload(self) -> OpResult:
        """Remove kvm_intel; -EFAULT stands for no return at all, where the kernel hits BUG.

        Raises UsageError as kvm_load, NotModelledError for what comes after a BUG.
        """
        return self._locked("kvm_unload", self._require_kvm().unload)

    def cpu_online(self, cpu: int) -> OpResult:
        """Bring a logical CPU up. Raises UsageError if the machine has no such CPU."""
        self._require_cpu(cpu)
        return self._locked("cpu_online", lambda: (self._kvm or self._kernel).cpu_online(cpu))

    def cpu_offline(self, cpu: int) -> OpResult:
        """Take a logical CPU down; -EBUSY for the last one online."""
        self._require_cpu(cpu)
        return self._locked("cpu_offline", lambda: (self._kvm or self._kernel).cpu_offline(cpu))

    def memory_online(self, start: int, end: int) -> OpResult:
        """Online the memory [start, end), bytes: 0, or -EPERM where a notifier refuses it."""
        return self._locked("memory_online", lambda: self._kernel.memory_online(start, end))

    def update_module(
        self,
        version: str | None = None,
        *,
        image: UpdateImage | None = None,
        force: bool = False,
    ) -> OpResult:
        """Update the TDX module at run time.

        version: that of the new module, by default the same again. image: header and size of the
        file that is uploaded, by default a good one. force: even where the kernel offers no
        update, which is -ENODEV otherwise. On v5 the module is replaced by hand, and must be
        initialised again. Raises UsageError for a kernel that cannot, ValueError for a version
        that is not modelled.
        """
        info = self._image_of(version)
        with self._lock:
            running = self._image_of(None).of_release
            result = self._operate("module_update", lambda: self._update_module(info, image, force))
            if not result.returned:
                return result
            model = astuple(self.platform.cpus.model)
            why = updates.explained(self._kernel.failure, running, info.of_release, model)
            return replace(result, failure=why)

    def guest_keyid(self, action: str) -> OpResult:
        """alloc or free: a TD's KeyID, as KVM's calls do; TDs themselves are not modelled."""
        keyids = self._kernel.guest_keyids
        if keyids is None:
            raise UsageError("this kernel gives out no guest KeyIDs")
        call = {"alloc": keyids.alloc, "free": keyids.free}
        return self._locked(f"keyid_{action}", lambda: min(call[action](), 0))

    def pamt(self, action: str, pa: int) -> OpResult:
        """get or put: a TD takes or gives back the page at pa (Dynamic PAMT's refcounts)."""
        refcounts = self._kernel.pamt_refcounts
        if refcounts is None:
            raise UsageError("this kernel has no Dynamic PAMT", hint=_which_have(DYNAMIC_PAMT))
        call = {"get": refcounts.get, "put": refcounts.put}
        return self._locked(f"pamt_{action}", lambda: call[action](pa))

    def hotplug(self, what: str, start: int = 0, end: int = 0) -> OpResult:
        """A hotplug that the kernel refuses, or not: what as in Kernel.hotplug_refused.

        Raises NotModelledError where it is not refused: the machine's parts are fixed.
        """
        return self._locked("hotplug", lambda: self._hotplug(what, start, end))

    def kexec(self) -> OpResult:
        """Leave for the same kernel by kexec; the module stays as it is."""
        return self._locked("kexec", self._kexec)

    def load_module(self) -> OpResult:
        """Firmware loads the TDX module: a fresh image, whatever was there before."""
        return self._locked("module_load", self._load_module)

    def unload_module(self) -> OpResult:
        """The TDX module is gone: every SEAMCALL is VMfailInvalid."""
        return self._locked("module_unload", self._unload_module)

    def shut_down_module(self) -> OpResult:
        """Shut the module down by hand, to reach the state that the design names.

        Raises UsageError on a kernel that never shuts a module down.
        """
        by_hand = self._kernel.by_hand
        if by_hand is None:
            raise UsageError(
                "this kernel never shuts a module down by itself",
                hint="unloading the module takes it away",
            )
        return self._locked("module_shutdown", by_hand.shut_down_module)

    def set_fault(self, fault: RuntimeFault) -> OpResult:
        """Script one more fault; calls are counted since boot.

        Raises UsageError for a CPU that the machine does not have.
        """
        for cpu in cpus_of(fault):
            self._require_cpu(cpu)
        return self._locked("fault_set", lambda: self._set_fault(fault))

    def clear_faults(self) -> OpResult:
        """Forget every scripted fault; a module that halted stays so until one is loaded."""
        return self._locked("fault_clear", self._clear_faults)

    def seamcall(self, cpu: int, registers: Registers, until: int | None = None) -> OpResult:
        """A SEAMCALL that the kernel knows nothing of; until as in SeamcallPort.seamcall_repeat.

        The result's one event is a DirectSeamcall. Raises UsageError for a CPU that the machine
        does not have or that is offline, NotModelledError for a leaf that is not modelled.
        """
        self._require_online(cpu, "it makes no SEAMCALL")
        return self._locked("seamcall", lambda: self._direct_seamcall(cpu, registers, until))

    def write_memory(self, pa: int, data: bytes) -> OpResult:
        """Store data at physical address pa, behind the kernel's back."""
        return self._locked("memory_write", lambda: self._touch(pa, data))

    def read_memory(self, pa: int, length: int) -> OpResult:
        """The result's one event is a MemoryData with length bytes at physical address pa."""
        return self._locked("memory_read", lambda: self._touch(pa, length))

    def is_online(self, cpu: int) -> bool:
        """Whether the machine has that logical CPU, and it is online."""
        with self._lock:
            return self._cpus.is_online(cpu)

    @property
    def sys_state(self) -> str | None:
        """SYS_STATE of the module in place; None where there is none, or it answers no more."""
        with self._lock:
            return self._seamcall.sys_state

    @property
    def parts(self) -> tuple[object, ...]:
        """What keeps its state, for who compares machines: kernel, KVM, CPUs, memory, module."""
        module = self._seamcall.module
        state = None if module is None else module.state
        faults = self._seamcall.faults
        scripted = self._conditions
        return self._kernel, self._kvm, self._cpus, self._mm, module, state, faults, scripted

    # Reports

    def summary(self) -> MachineSummary:
        """What reports say about the machine."""
        with self._lock:
            return self._summary()

    def _summary(self) -> MachineSummary:
        platform, tdmrs = self.platform, self._kernel.tdmrs
        return MachineSummary(
            machine=self.name,
            description=platform.description,
            kernel=self.kernel_id.id,
            kernel_title=self.kernel_id.title,
            kernel_release=self.kernel_id.asked or self.kernel_id.id,
            kernel_behaves_as=self.kernel_id.release.id,
            kernel_evidence=self.kernel_id.evidence.word,
            entry=KVM_ITSELF if self._kvm and self._kvm.refused else self._kernel.entry,
            status=self.status,
            calls=self._calls,
            last=self._last,
            global_keyid=self._kernel.keyids[0],
            guest_keyids=self._kernel.keyids[1],
            cpus_present=self._cpus.present,
            cpus_online=len(self._cpus.online()),
            cpus_disabled=self._cpus.disabled,
            packages=self._cpus.packages,
            nodes=self._mm.memory_by_node(),
            module_loaded=self._seamcall.module is not None,
            module=self._module_evidence(),
            max_tdmrs=platform.module.max_tdmrs,
            max_reserved_per_tdmr=platform.module.max_reserved_per_tdmr,
            tdmrs=self.tdmrs,
            pamt=PamtSummary(self.pamt_bytes, tdmrs.pamt_by_node() if tdmrs else ()),
            dynamic_pamt=self._kernel.dynamic_pamt,
            boot_failure=self._kernel.boot_failure,
            kvm=self.kvm,
        )

    def init_report(self, result: OpResult, *, with_boot: bool) -> InitReport:
        """What `tdxctl init` shows of a tdx_init() call; with_boot: the boot's events too."""
        events = (self.boot_result.events if with_boot else ()) + result.events
        return InitReport(
            summary=self.summary(),
            call=self._calls,
            result=result,
            events=events,
        )

    # Inside

    def _locked(self, operation: str, function: Callable[[], int]) -> OpResult:
        with self._lock:
            return self._operate(operation, function)

    def _operate(self, operation: str, function: Callable[[], int]) -> OpResult:
        try:
            returned = function()
        finally:
            events = self._journal.take()
            self._events.extend(events)
        return OpResult(operation, returned, self._kernel.status, events)

    def _contend(self, callers: int) -> int:
        # All wait at the barrier, then for the kernel's own lock.
        barrier = threading.Barrier(callers)
        errors: list[BaseException] = []

        def call() -> None:
            barrier.wait()
            try:
                self._kernel.bring_up()
            except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
                errors.append(error)

        threads = [threading.Thread(target=call) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return 0

    def _boot(self) -> int:
        try:
            return self._kernel.boots()
        except MsrFault as fault:
            raise NotModelledError(
                f"{fault} raises #GP while kernel {self.kernel_id.id} boots: it would oops, which "
                "is not modelled",
                hint="remove the msr fault",
            ) from fault

    def _module_evidence(self) -> ModuleEvidence:
        # As described, or what an update put in place.
        described = module_evidence(self.platform)
        module = self._seamcall.module
        if module is None or module.state.info.version == version_of(self.platform.module):
            return described
        version = module.state.info.version
        text = f"{version.major}.{version.minor}.{version.update:02}"
        return evidence_of(text, version, self.platform.cpus.model)

    def _image_of(self, version: str | None) -> ModuleInfo:
        module = self._seamcall.module
        now = module.state.info if module is not None else module_info(self.platform.module)
        return now if version is None else of_version(now, version)

    def _update_module(self, info: ModuleInfo, image: UpdateImage | None, force: bool) -> int:
        from tdxctl.linux.seamldr import SAMPLE_IMAGE
        from tdxctl.seam.seamldr import ModuleImage

        by_hand, runtime_update = self._kernel.by_hand, self._kernel.runtime_update
        if by_hand is not None:
            returned = by_hand.replace_module()
            self._seamcall.load(self._fresh_module(info))
            return returned
        if runtime_update is None:
            raise UsageError(
                "this kernel cannot update a TDX module at run time",
                hint=_which_have(RUNTIME_UPDATE),
            )
        if not force and runtime_update.why_not_offered() is None:
            why = updates.not_on_offer(self._image_of(None).of_release, info.of_release)
            if why is not None:
                self._kernel.failure = why
                return -Errno.ENODEV
        seamldr = self._seamcall.seamldr
        if seamldr is not None:
            seamldr.image = ModuleImage.of(info, astuple(self.platform.cpus.model))
        return runtime_update.update(image or SAMPLE_IMAGE, force=force)

    def _hotplug(self, what: str, start: int, end: int) -> int:
        returned = self._kernel.hotplug_refused(what, start, end)
        if returned == 0 and what != "add-memory":
            raise NotModelledError(
                f"kernel {self.kernel_id.id} does not refuse this, and a machine's CPUs and "
                "memory are as described",
                hint="describe the machine with them",
            )
        return returned

    def _kexec(self) -> int:
        returned = self._kernel.kexec()
        if returned == 0:
            # "kernel state, CPUs and memory as at power-on, the module as it was left"
            # [linux-releases 9]
            self._cpus.as_at_power_on()
            self._mm = build_mm(self.platform, self._journal)
            self._kernel = self._new_kernel()
            self._kvm = self._new_kvm()
            self._calls, self._last = 0, None
            self._boot()
        return returned

    def _new_kernel(self) -> Kernel:
        hardware = build_hardware(
            self.platform,
            cpus=self._cpus,
            memory=self._memory,
            port=self._seamcall,
            mm=self._mm,
        )
        return kernel_class(self.kernel_id)(hardware, self._journal, self.kernel_id)

    def _new_kvm(self) -> Kvm | None:
        if not self._kernel.has(KVM_ASKS_FOR_TDX):
            return None
        from tdxctl.linux.kvm import Kvm
        from tdxctl.linux.v6_8 import V6_8

        assert isinstance(self._kernel, V6_8), "the change is of that engine"
        return Kvm(self._kernel, self.platform.kvm)

    def _require_kvm(self) -> Kvm:
        if self._kvm is None:
            raise UsageError(
                f"kernel {self.kernel_id.id} has no KVM that asks for TDX",
                hint=_which_have(KVM_ASKS_FOR_TDX),
            )
        return self._kvm

    def _fresh_module(self, info: ModuleInfo | None = None) -> TdxModule:
        return build_module(
            self.platform,
            info if info is not None else module_info(self.platform.module),
            cpus=self._cpus,
            memory=self._memory,
            conditions=self._conditions,
        )

    def _load_module(self) -> int:
        self._seamcall.load(self._fresh_module())
        return 0

    def _unload_module(self) -> int:
        self._seamcall.load(None)
        return 0

    def _set_fault(self, fault: RuntimeFault) -> int:
        if isinstance(fault, SeamcallFault):
            self._seamcall.faults.set((*self._seamcall.faults.faults, seamcall_fault(fault)))
        elif isinstance(fault, AllocationFault):
            self._mm.faults += (allocation_fault(fault),)
        else:
            self._script(fault)
        return 0

    def _script(self, fault: ModuleFault) -> None:
        conditions = self._conditions
        match fault:
            case PconfigFault():
                conditions.pconfig_faults.append((fault.pconfig, fault.call, fault.times))
            case RdrandFault():
                conditions.rdrand_faults.append((fault.call, fault.times))
            case GlobalLock():
                conditions.global_lock = seam.GlobalLock(fault.global_lock)
            case TdmrLock():
                conditions.locked_tdmrs.add(fault.tdmr_lock)
            case BusyCpu():
                conditions.busy_lps.add(fault.busy_cpu)
            case HaltedModule():
                if self._seamcall.module is not None:
                    self._seamcall.module.halt()

    def _clear_faults(self) -> int:
        self._seamcall.faults.set(())
        self._mm.faults = ()
        self._conditions.clear()
        return 0

    def _direct_seamcall(self, cpu: int, registers: Registers, until: int | None) -> int:
        out, calls = self._seamcall.seamcall(cpu, registers), 1
        if until is not None and out.rax == 0 and out.rdx < until:
            out, more = self._seamcall.seamcall_repeat(cpu, registers, until)
            calls += more
        state = self._seamcall.sys_state
        self._journal.record(DirectSeamcall(cpu, tuple(registers), tuple(out), state, calls))
        return 0

    def _touch(self, pa: int, data: bytes | int) -> int:
        if isinstance(data, bytes):
            self._memory.write(pa, data)
            self._journal.record(MemoryData(pa, data, written=True))
        else:
            self._journal.record(MemoryData(pa, self._memory.read(pa, data), written=False))
        return 0

    def _require_online(self, cpu: int, why_not: str) -> None:
        self._require_cpu(cpu)
        if not self._cpus.is_online(cpu):
            raise UsageError(f"CPU {cpu} is offline: {why_not}")

    def _require_cpu(self, cpu: int) -> None:
        if not 0 <= cpu < self._cpus.present:
            raise UsageError(
                f"no such CPU: {cpu}", hint=f"the machine has CPUs 0-{self._cpus.present - 1}"
            )


def _which_have(change: Change) -> str:
    # Of the kernels that can be booted.
    having = [kernel.id for kernel in KERNELS if change in kernel.changes]
    return f"{' and '.join(having)} {'have' if len(having) > 1 else 'has'} it"
