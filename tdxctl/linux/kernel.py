# SPDX-License-Identifier: Apache-2.0
"""What every kernel has: its hardware, its log, and the one place that makes SEAMCALLs.

Kernel is what the three engines are made of (v5, v6_8, v7_1), and through them a kernel of your
own. A method with the name of a function of tdx.c is that function, and overriding it replaces
that function alone; a function of one TDMR there takes all of them here. Python keeps names that
begin with two underscores for itself: what tdx.c calls `__tdx_init()` is `_tdx_init()` here.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import ClassVar

from msgspec import Struct

from tdxctl.causes import Cause, KernelAllocation, NotBuiltForTdx
from tdxctl.errnos import Errno
from tdxctl.events import (
    CallResult,
    Failure,
    Journal,
    LogLine,
    Seamcall,
    StatusEvent,
    StepResult,
    WbinvdOnAllCpus,
)
from tdxctl.linux import steps
from tdxctl.linux.changes import Change
from tdxctl.linux.mm import Mm
from tdxctl.linux.parts import ByHand, GuestKeyids, PamtRefcounts, RuntimeUpdate
from tdxctl.linux.protocols import CpuTopology, Msrs
from tdxctl.linux.releases import KernelId
from tdxctl.linux.steps import SIX_STEPS, SUBSTEPS, KernelErrno, Step, StepRecorder
from tdxctl.linux.tdmr import TdmrArray
from tdxctl.messages.message import Message, Source
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.port import PhysicalMemory, Registers, SeamcallPort
from tdxctl.seam.status import Status

#: Modules whose classes are tdxctl's own.
_OURS = __name__.rpartition(".")[0] + "."


class Hardware(Struct, frozen=True):
    """The machine a kernel is booted on, and how the kernel was built and started.

    tdx_host: CONFIG_INTEL_TDX_HOST. hibernation: it is possible (no `nohibernate`).
    notifier_errno: what registering the memory notifier returns, 0 or a positive errno.
    seamcall_raises: the exception of a SEAMCALL on a CPU, which the port answers too, for kernels
    that do not survive one.
    """

    cpus: CpuTopology
    msrs: Msrs
    memory: PhysicalMemory
    port: SeamcallPort
    mm: Mm
    seamcall_raises: Callable[[int], Status | None]
    hibernation: bool = False
    tdx_host: bool = True
    notifier_errno: int = 0


class Kernel(ABC):
    """A booted kernel's TDX host code.

    `boot`, `bring_up` and what comes after them return 0 or a negative errno, as functions of C do;
    a function inside a bring-up raises KernelErrno where its C returns one.

    RELEASE: of a kernel of your own, the id of the release that it is but for what it overrides.
    """

    RELEASE: ClassVar[str | None] = None
    #: The status before anything was tried.
    INITIAL_STATUS: ClassVar[str]
    #: Its steps, and the sub-steps of the fourth.
    SIX_STEPS: ClassVar[tuple[Step, ...]] = SIX_STEPS
    SUBSTEPS: ClassVar[tuple[tuple[str, str], ...]] = SUBSTEPS

    def __init__(self, hardware: Hardware, journal: Journal, kernel: KernelId) -> None:
        self.kernel = kernel
        self._changes = frozenset(change.id for change in kernel.changes)
        self._words_of = frozenset(c.words_of for c in kernel.changes if c.words_of is not None)
        self.cpus = hardware.cpus
        self.msrs = hardware.msrs
        self.memory = hardware.memory
        self.mm = hardware.mm
        self.hardware = hardware
        self.journal = journal
        self._port = hardware.port
        self.tdx_module_lock = threading.Lock()
        self.steps = StepRecorder(journal, self.SIX_STEPS, self.SUBSTEPS)
        #: The failure of the running call of tdx_init(), if it has one.
        self.failure: Failure | None = None
        #: What the boot found wrong, where TDX is off.
        self.not_at_boot: KernelErrno | None = None
        self._calls: list[CallResult] = []
        #: The TDMRs last built, kept where the kernel itself has freed its array.
        self.tdmrs: TdmrArray | None = None
        self._status = self.INITIAL_STATUS
        #: Whether the 4K part of the PAMTs is a bitmap.
        self.dynamic_pamt = False
        # What not every kernel can do: None where this one cannot.
        self.exported_tdx_enable: Callable[[], int] | None = None
        self.exported_tdx_cpu_enable: Callable[[int], int] | None = None
        self.by_hand: ByHand | None = None
        self.runtime_update: RuntimeUpdate | None = None
        self.guest_keyids: GuestKeyids | None = None
        self.pamt_refcounts: PamtRefcounts | None = None

    def has(self, change: Change) -> bool:
        """Whether this kernel has that change."""
        return change.id in self._changes

    @property
    def entry(self) -> str:
        """The function whose return value bring_up() gave last, as the kernel's source has it."""
        return "tdx_init()"

    @property
    def boot_failure(self) -> Failure | None:
        """Why the bring-up at boot failed, on a kernel that has one there."""
        return None

    @property
    def status(self) -> str:
        """The state of the TDX module as this kernel knows it."""
        return self._status

    def set_status(self, status: str) -> None:
        """The state of the TDX module becomes status."""
        self._status = status
        self.journal.record(StatusEvent(status))

    def boots(self) -> int:
        """What the kernel does for TDX while it boots: nothing, where it was not built for it."""
        if self.hardware.tdx_host:
            return self.boot()
        self.not_at_boot = KernelErrno(Errno.ENODEV, NotBuiltForTdx())
        return 0

    @abstractmethod
    def boot(self) -> int:
        """What a kernel that was built for TDX does for it while it boots."""

    @abstractmethod
    def bring_up(self) -> int:
        """What somebody who wants TDX calls."""

    @property
    @abstractmethod
    def keyids(self) -> tuple[int | None, int]:
        """The global KeyID, None while TDX is not enabled, and how many guests can use."""

    @abstractmethod
    def kexec(self) -> int:
        """Load a kexec image and leave: what the old kernel does to CPUs and module, or why not."""

    @abstractmethod
    def hotplug_refused(self, what: str, start: int = 0, end: int = 0) -> int:
        """What becomes of a hotplug: cpu-add, cpu-remove, memory-add, memory-remove (ACPI),
        add-memory (a driver's). 0 is not refused. Raises NotModelledError where it would BUG().
        """

    @abstractmethod
    def memory_online(self, start: int, end: int) -> int:
        """Online the memory [start, end), in bytes."""

    def cpu_online(self, cpu: int) -> int:
        """Bring logical CPU cpu up."""
        self.cpus.set_online(cpu, True)
        return 0

    def cpu_offline(self, cpu: int) -> int:
        """Take logical CPU cpu down; -EBUSY for the last one."""
        if self.cpus.online() == [cpu]:
            return -Errno.EBUSY
        self.cpus.set_online(cpu, False)
        return 0

    # Calls of a bring-up

    def take_calls(self) -> tuple[CallResult, ...]:
        """The calls of bring_up() since the last take, in the order of their turns."""
        calls, self._calls = tuple(self._calls), []
        return calls

    def in_turn(
        self, function: Callable[[], int], told: tuple[StepResult, ...] | None = None
    ) -> int:
        """Call function under the lock that callers wait for, and note what this one gets.

        told: the steps that are told of it, where they are not those that it takes itself.
        """
        with self.tdx_module_lock:
            self.steps.begin()
            self.failure = None
            returned = function()
            steps = self.steps.results() if told is None else told
            self._calls.append(CallResult(returned, steps, self.failure))
            return returned

    def failed(self, error: KernelErrno, returned: Errno | None = None) -> int:
        """Note why the running call fails; what it returns: error's errno, or another."""
        returned = error.errno if returned is None else returned
        self.failure = error.failure(self.steps.failed_step, returned)
        return -returned

    def refused(self, errno: Errno, cause: Cause) -> int:
        """The running call does nothing, and returns -errno."""
        self.failure = KernelErrno(errno, cause).failure(None, errno)
        return -errno

    def not_enabled(self) -> int:
        """-ENODEV: the boot found that TDX is off."""
        try:
            with self.steps.step(steps.PRECONDITION):
                self.steps.detail("TDX was not enabled at boot")
                raise self.why_not_enabled()
        except KernelErrno as error:
            return self.failed(error, Errno.ENODEV)

    def why_not_enabled(self) -> KernelErrno:
        """What the boot found wrong."""
        assert self.not_at_boot is not None, "TDX is off only where the boot found so"
        return self.not_at_boot

    # What tdx.c uses of the rest of the kernel

    def pr(self, message: Message, /, *, source: Source | None = None, **fields: int | str) -> None:
        """printk of message in this release's words. source: the file, where it has several."""
        line = message.printed(self.kernel.wording, source, fields, self._words_of)
        self.journal.record(LogLine(line.level, line.text, line.newline))

    def kmalloc(self, what: str) -> None:
        """Allocate for the kernel itself. Raises KernelErrno where it fails."""
        if not self.mm.kmalloc(what):
            raise KernelErrno(Errno.ENOMEM, KernelAllocation(what))

    def wbinvd_on_all_cpus(self) -> None:
        """WBINVD on every online CPU."""
        self.journal.record(WbinvdOnAllCpus())

    @property
    def this_cpu(self) -> int:
        """The CPU that calls are made on: the lowest that is online."""
        return self.cpus.online()[0]

    def packages(self) -> dict[int, int]:
        """The first online CPU of each package, ascending CPU order: by package."""
        leaders: dict[int, int] = {}
        for cpu in self.cpus.online():
            leaders.setdefault(self.cpus.package_ids[cpu], cpu)
        return leaders

    def the_tdmrs(self) -> TdmrArray:
        """The TDMR array, which was filled."""
        assert self.tdmrs is not None, "the TDMRs come first"
        return self.tdmrs

    # SEAMCALL

    def call_module(
        self, cpu: int, leaf: Leaf, *, rcx: int = 0, rdx: int = 0, r8: int = 0, r9: int = 0
    ) -> Registers:
        """One SEAMCALL on cpu, recorded; the registers after it."""
        registers = Registers(rax=leaf, rcx=rcx, rdx=rdx, r8=r8, r9=r9)
        out = self._port.seamcall(cpu, registers)
        self._record(cpu, registers, out.rax, 1)
        return out

    def call_module_until(
        self, cpu: int, leaf: Leaf, *, rcx: int, until: int
    ) -> tuple[Registers, int]:
        """The same SEAMCALL again while it succeeds and RDX < until, recorded: how many calls."""
        registers = Registers(rax=leaf, rcx=rcx)
        out, calls = self._port.seamcall_repeat(cpu, registers, until)
        if out.rax == 0:
            self._record(cpu, registers, 0, calls)
        else:
            self._record(cpu, registers, 0, calls - 1)
            self._record(cpu, registers, out.rax, 1)
        return out, calls

    def call_module_each(
        self, cpus: Sequence[int], leaf: Leaf, **registers: int
    ) -> tuple[Registers, int]:
        """The same SEAMCALL on each of cpus in turn while it succeeds, recorded: how many calls."""
        given = Registers(rax=leaf, **registers)
        out, calls = self._port.seamcall_each(cpus, given)
        passed = calls if out.rax == 0 else calls - 1
        self.steps.count_seamcalls(passed)
        self.journal.record_all(_passed_on(tuple(cpus[:passed]), given))
        if out.rax != 0:
            self._record(cpus[passed], given, out.rax, 1)
        return out, calls

    def overrides(self, *functions: str) -> bool:
        """Whether this is a kernel of somebody's own that overrides one of functions."""
        own = [base for base in type(self).__mro__ if not base.__module__.startswith(_OURS)]
        return any(name in vars(base) for base in own for name in functions)

    def _record(self, cpu: int, registers: Registers, ret: int, calls: int) -> None:
        if calls == 0:
            return
        self.steps.count_seamcalls(calls)
        self.journal.record(
            Seamcall(
                leaf=registers.rax,
                cpu=cpu,
                rcx=registers.rcx,
                rdx=registers.rdx,
                r8=registers.r8,
                r9=registers.r9,
                ret=ret,
                n=calls,
            )
        )


@lru_cache(maxsize=64)
def _passed_on(cpus: tuple[int, ...], given: Registers) -> tuple[Seamcall, ...]:
    # The same objects for every run: events are frozen, and a sweep makes the same ones hundreds of
    # times.
    _, rcx, rdx, r8, r9, *_ = given
    return tuple(Seamcall(given.rax, cpu, rcx, rdx, r8, r9, 0) for cpu in cpus)
