# SPDX-License-Identifier: Apache-2.0
"""What every kernel has: its hardware, its log, and the one place that makes SEAMCALLs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from msgspec import Struct

from tdxctl.errnos import Errno
from tdxctl.errors import UsageError
from tdxctl.events import CallResult, Failure, Journal, LogLine, Seamcall, StatusEvent
from tdxctl.linux.mm import Mm
from tdxctl.linux.protocols import CpuTopology, Msrs
from tdxctl.linux.steps import SIX_STEPS, SUBSTEPS, Step, StepRecorder
from tdxctl.linux.tdmr import TdmrArray
from tdxctl.messages.message import Message, Release, Source
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.port import PhysicalMemory, Registers, SeamcallPort
from tdxctl.seam.status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.seamldr import UpdateImage


class Hardware(Struct, frozen=True):
    """The machine a kernel is booted on, and how the kernel was built and started.

    hibernation: it is possible (no `nohibernate`). notifier_errno: what registering the memory
    notifier returns, 0 or a positive errno. seamcall_raises: the exception of a SEAMCALL on a CPU,
    which the port answers too, for kernels that do not survive one.
    """

    cpus: CpuTopology
    msrs: Msrs
    memory: PhysicalMemory
    port: SeamcallPort
    mm: Mm
    seamcall_raises: Callable[[int], Status | None]
    hibernation: bool = False
    notifier_errno: int = 0


class Kernel(ABC):
    """A booted kernel's TDX host code. Functions return 0 or a negative errno, as in C."""

    #: Whose words and prefixes its log has.
    RELEASE: Release
    #: The status before anything was tried.
    INITIAL_STATUS: str
    #: Its steps, and the sub-steps of the fourth.
    SIX_STEPS: tuple[Step, ...] = SIX_STEPS
    SUBSTEPS: tuple[tuple[str, str], ...] = SUBSTEPS

    def __init__(self, hardware: Hardware, journal: Journal) -> None:
        self.cpus = hardware.cpus
        self.msrs = hardware.msrs
        self.memory = hardware.memory
        self.mm = hardware.mm
        self.hardware = hardware
        self._port = hardware.port
        self._journal = journal
        self.steps = StepRecorder(journal, self.SIX_STEPS, self.SUBSTEPS)
        #: The failure of the running call of tdx_init(), if it has one.
        self.failure: Failure | None = None
        self._calls: list[CallResult] = []
        #: The TDMRs last built, kept where the kernel itself has freed its array.
        self.tdmrs: TdmrArray | None = None
        self._status = self.INITIAL_STATUS
        #: Whether the 4K part of the PAMTs is a bitmap.
        self.dynamic_pamt = False

    @property
    def entry(self) -> str:
        """The function whose return value tdx_init() gave last, as the kernel's source has it."""
        return "tdx_init()"

    @property
    def boot_failure(self) -> Failure | None:
        """Why the bring-up at boot failed, on a kernel that has one there."""
        return None

    @property
    def status(self) -> str:
        """The state of the TDX module as this kernel knows it."""
        return self._status

    def _set_status(self, status: str) -> None:
        self._status = status
        self._journal.record(StatusEvent(status))

    @abstractmethod
    def boot(self) -> int:
        """What the kernel does for TDX while it boots."""

    @abstractmethod
    def tdx_init(self) -> int:
        """What KVM calls when it wants TDX."""

    @property
    @abstractmethod
    def keyids(self) -> tuple[int | None, int]:
        """The global KeyID, None while TDX is not enabled, and how many guests can use."""

    def take_calls(self) -> tuple[CallResult, ...]:
        """The calls of tdx_init() since the last take, in the order of their turns."""
        calls, self._calls = tuple(self._calls), []
        return calls

    def _answered(self, returned: int) -> int:
        # The end of a tdx_init() call, still in its turn: note what the caller gets.
        self._calls.append(CallResult(returned, self.steps.results(), self.failure))
        return returned

    def shut_down_module(self) -> int:
        """Shut the TDX module down, as the design's SHUTDOWN state has it.

        Raises UsageError on a kernel that never shuts a module down.
        """
        raise UsageError(
            "this kernel never shuts a module down by itself",
            hint="`tdxctl module unload` takes the module away",
        )

    def tdx_enable(self) -> int:
        """Enable TDX without its CPUs first. Raises UsageError where a kernel has no such thing."""
        raise UsageError("this kernel has no tdx_enable() that could be called")

    def update_module(self, image: UpdateImage, *, force: bool) -> int:  # noqa: ARG002
        """Update the module at run time. Raises UsageError on a kernel that cannot."""
        raise UsageError(
            "this kernel cannot update a TDX module at run time", hint="kernel 2026-06 can"
        )

    def guest_keyid_alloc(self) -> int:
        """tdx_guest_keyid_alloc(): the KeyID of a new TD, -ENOSPC where none is left.

        Raises UsageError on a kernel that has no such function.
        """
        raise UsageError("this kernel gives out no guest KeyIDs")

    def guest_keyid_free(self) -> int:
        """tdx_guest_keyid_free() of the KeyID allocated last, -EINVAL where there is none.

        Raises UsageError on a kernel that has no such function.
        """
        raise UsageError("this kernel gives out no guest KeyIDs")

    def pamt_get(self, pa: int) -> int:  # noqa: ARG002
        """A TD takes the page at pa: tdx_pamt_get(). Raises UsageError without Dynamic PAMT."""
        raise UsageError("this kernel has no Dynamic PAMT", hint="kernel 2026-06 has")

    def pamt_put(self, pa: int) -> int:
        """The TD gives it back: tdx_pamt_put(). Raises UsageError without Dynamic PAMT."""
        return self.pamt_get(pa)

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

    def pr(self, message: Message, /, *, source: Source | None = None, **fields: int | str) -> None:
        """printk of message in this release's words. source: the file, where it has several."""
        level, text, newline = message.printed(self.RELEASE, source, fields)
        self._journal.record(LogLine(level, text, newline))

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

    def _record(self, cpu: int, registers: Registers, ret: int, calls: int) -> None:
        if calls == 0:
            return
        self.steps.count_seamcalls(calls)
        self._journal.record(
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
