# SPDX-License-Identifier: Apache-2.0
"""Typed events and result types: the language of everything above the kernel.

Events are frozen and hold ints, strings, and records of them. to_dict() gives the JSON form:
register values, statuses and addresses as `0x` strings; counts, CPUs, leaves and sizes as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from tdxctl import entries
from tdxctl.causes import Cause, SeamcallCause
from tdxctl.verdicts import HostVerdict, ReadyToRunTds

#: Statuses of the TDX module as kernels know them: v5's four, then what later ones have for them.
STATUSES = (
    *("UNKNOWN", "NONE", "INITIALIZED", "SHUTDOWN"),
    *("UNINITIALIZED", "ERROR", "NOT_INITIALIZED"),
)
#: Those that no call for a bring-up leads out of. NOT_INITIALIZED has no call that could try.
FINAL_STATUSES = frozenset({"NONE", "SHUTDOWN", "ERROR"})


class LogLine(Struct, frozen=True):
    """A line of the kernel's log, prefix included, without a timestamp.

    level is info, warn, err, or WARN for a WARN_ON backtrace (its text is the condition and
    the function). newline is False where the kernel's format string ends without one.
    """

    level: str
    text: str
    newline: bool = True

    def to_dict(self) -> dict[str, object]:
        """{ev: log, level, text} and newline where it is missing."""
        newline = UNSET if self.newline else False
        return entries.Log(self.level, self.text, newline).to_dict()


class Seamcall(Struct, frozen=True):
    """n equal SEAMCALLs in a row: leaf, logical CPU, input registers, RAX on return."""

    leaf: int
    cpu: int
    rcx: int
    rdx: int
    r8: int
    r9: int
    ret: int
    n: int = 1

    def to_dict(self) -> dict[str, object]:
        """{ev: seamcall, leaf, cpu, inputs, ret} and n where it is not 1."""
        leaf, inputs = self.leaf, self._inputs()
        if leaf >> 63:
            # P-SEAMLDR's leaves stand as 0x80000000 + n: a number every JSON reader keeps whole.
            leaf, inputs = leaf >> 32 | leaf & 0xFFFFFFFF, {"rcx": "PARAMS"}
        ret, n = hex(self.ret), _times(self.n)
        return entries.Seamcall(leaf=leaf, cpu=self.cpu, **inputs, ret=ret, n=n).to_dict()

    def _inputs(self) -> dict[str, Any]:
        # The address of a buffer is the kernel's own affair; its size and what it is are not.
        match self.leaf:
            case 32:
                return {"rcx": "SYSINFO", "rdx": self.rdx, "r8": "CMR_ARRAY", "r9": self.r9}
            case 45:
                return {"rcx": "TDMR_PA_ARRAY", "rdx": self.rdx, "r8": self.r8}
            case _:
                return {"rcx": hex(self.rcx), "rdx": hex(self.rdx), "r8": hex(self.r8)}


class DirectSeamcall(Struct, frozen=True):
    """n SEAMCALLs that no kernel made: registers RAX, RCX, RDX, R8 to R11 before and after.

    sys_state is the module's after them, None where no module answers.
    """

    cpu: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    sys_state: str | None
    n: int = 1

    def to_dict(self) -> dict[str, object]:
        """{ev: direct_seamcall, cpu, in, out, sys_state} and n where it is not 1."""
        before, after = [*map(hex, self.before)], [*map(hex, self.after)]
        n = _times(self.n)
        return entries.DirectSeamcall(self.cpu, before, after, self.sys_state, n).to_dict()


class MemoryData(Struct, frozen=True):
    """Physical memory at address at, written to or read: data."""

    at: int
    data: bytes
    written: bool
    n: int = 1

    def to_dict(self) -> dict[str, object]:
        """{ev: memory_write or memory_read, at, data} with data in hex."""
        entry = entries.MemoryWrite if self.written else entries.MemoryRead
        return entry(hex(self.at), self.data.hex(), _times(self.n)).to_dict()


class AllocContigPages(Struct, frozen=True):
    """alloc_contig_pages(nr_pages, nid): base in bytes, None and got_nid -1 where it failed."""

    nr_pages: int
    nid: int
    got_nid: int
    base: int | None
    n: int = 1

    def to_dict(self) -> dict[str, object]:
        """{ev: alloc_contig_pages, nr_pages, nid, got_nid, base}."""
        base, n = None if self.base is None else hex(self.base), _times(self.n)
        entry = entries.AllocContigPages(self.nr_pages, self.nid, self.got_nid, base, n)
        return entry.to_dict()


class FreeContigRange(Struct, frozen=True):
    """free_contig_range(base, nr_pages): base in bytes."""

    base: int
    nr_pages: int
    n: int = 1

    def to_dict(self) -> dict[str, object]:
        """{ev: free_contig_range, base, nr_pages}."""
        return entries.FreeContigRange(hex(self.base), self.nr_pages, _times(self.n)).to_dict()


class WbinvdOnAllCpus(Struct, frozen=True):
    """wbinvd_on_all_cpus()."""

    n: int = 1

    def to_dict(self) -> dict[str, object]:
        """{ev: wbinvd_on_all_cpus}."""
        return entries.WbinvdOnAllCpus(_times(self.n)).to_dict()


class NodeMemory(Struct, frozen=True):
    """The memory of a NUMA node in bytes: size as described, usable as the kernel counts it."""

    node: int
    size: int
    usable: int

    @property
    def lost(self) -> int:
        """What the kernel cannot use for TDX: below 1 MiB, and parts of pages."""
        return self.size - self.usable


class Holds(Enum):
    """What a reserved area keeps the module from.

    HOLE: memory that is not in the kernel's list of memory. CMR_GAP: memory outside every CMR, for
    a kernel that looks for holes there. PAMT: the module's own.
    """

    HOLE = "hole"
    CMR_GAP = "cmr-gap"
    PAMT = "pamt"


class ReservedArea(Struct, frozen=True):
    """[start, end) in bytes, for which the kernel wanted a reserved area of a TDMR.

    pamt_of: the TDMR whose PAMT it is a part of, None where it holds something else. reserved:
    False where the TDMR had no reserved area left for it.
    """

    start: int
    end: int
    holds: Holds
    pamt_of: int | None
    reserved: bool


class MemoryUse(Struct, frozen=True):
    """What construct_tdmrs() made of memory.

    areas: of each TDMR in turn, in the order the kernel met them; none where it did not come to
    them, and none of the TDMRs behind one that ran out of them.
    """

    nodes: tuple[NodeMemory, ...]
    areas: tuple[tuple[ReservedArea, ...], ...] = ()

    def entry(self) -> entries.Memory:
        """Bytes by node, and a flat list of areas with their TDMR."""
        return entries.Memory(
            usable={str(node.node): node.usable for node in self.nodes},
            lost={str(node.node): node.lost for node in self.nodes},
            areas=[
                entries.Area(
                    tdmr=tdmr,
                    start=hex(area.start),
                    end=hex(area.end),
                    holds=area.holds.value,
                    pamt_of=area.pamt_of,
                    reserved=area.reserved,
                )
                for tdmr, areas in enumerate(self.areas)
                for area in areas
            ],
        )


class StepEvent(Struct, frozen=True):
    """A step of the bring-up begins (outcome None) or ends (passed, failed).

    memory: at the end of the step that covers it with TDMRs, what became of it.
    """

    name: str
    outcome: str | None = None
    memory: MemoryUse | None = None

    def to_dict(self) -> dict[str, object]:
        """{ev: step, name, outcome} and memory where the step covered it."""
        memory = UNSET if self.memory is None else self.memory.entry()
        return entries.Step(self.name, self.outcome, memory).to_dict()


class StatusEvent(Struct, frozen=True):
    """The kernel's TDX status is set to status."""

    status: str

    def to_dict(self) -> dict[str, object]:
        """{ev: status, status}."""
        return entries.StatusChange(self.status).to_dict()


class Wbinvd(Struct, frozen=True):
    """WBINVD on one logical CPU."""

    cpu: int
    n: int = 1

    def to_dict(self) -> dict[str, object]:
        """{ev: wbinvd, cpu}."""
        return entries.Wbinvd(self.cpu, _times(self.n)).to_dict()


class Movdir64b(Struct, frozen=True):
    """A page range reset with stores of 64 bytes each: how many stores."""

    stores: int
    n: int = 1

    def to_dict(self) -> dict[str, object]:
        """{ev: movdir64b, stores}."""
        return entries.Movdir64b(self.stores, _times(self.n)).to_dict()


TraceEvent = (
    Seamcall
    | DirectSeamcall
    | MemoryData
    | AllocContigPages
    | FreeContigRange
    | WbinvdOnAllCpus
    | Wbinvd
    | Movdir64b
)
Event = TraceEvent | LogLine | StepEvent | StatusEvent
_TRACE = TraceEvent.__args__


def _times(n: int) -> int | UnsetType:
    return UNSET if n == 1 else n


def trace_of(events: Iterable[Event]) -> tuple[TraceEvent, ...]:
    """The hardware events among events, runs of equal ones counted in n."""
    return tuple(_counted(event for event in events if isinstance(event, _TRACE)))


def log_of(events: Iterable[Event]) -> tuple[LogLine, ...]:
    """The log lines among events."""
    return tuple(event for event in events if isinstance(event, LogLine))


def _counted(events: Iterator[TraceEvent]) -> Iterator[TraceEvent]:
    last: TraceEvent | None = None
    for event in events:
        if last is not None and _equal(last, event):
            last = replace(last, n=last.n + event.n)
            continue
        if last is not None:
            yield last
        last = event
    if last is not None:
        yield last


def _equal(a: TraceEvent, b: TraceEvent) -> bool:
    return type(a) is type(b) and a == replace(b, n=a.n)


class SubStep(Struct, frozen=True):
    """A part of a step: outcome is passed, failed or skipped."""

    name: str
    title: str
    outcome: str
    detail: str | None = None


class StepResult(Struct, frozen=True):
    """A step of tdx_init: number 1 to 6, None for what stands before and after the six.

    leaf is the name of the step's SEAMCALL, seamcalls how many calls were made in it.
    """

    number: int | None
    name: str
    title: str
    outcome: str
    leaf: str | None = None
    seamcalls: int = 0
    detail: str | None = None
    substeps: tuple[SubStep, ...] = ()


class Failure(Struct, frozen=True):
    """Why tdx_init returned an error: the step and the cause.

    errno is the name of the errno the caller gets, inner_errno the one it began as.
    """

    step: str | None
    cause: Cause
    errno: str
    inner_errno: str

    @property
    def leaf(self) -> int | None:
        """The leaf of the SEAMCALL that failed, None where none did."""
        return self.cause.leaf if isinstance(self.cause, SeamcallCause) else None

    @property
    def cpu(self) -> int | None:
        """The logical CPU that made it."""
        return self.cause.cpu if isinstance(self.cause, SeamcallCause) else None

    @property
    def status(self) -> int | None:
        """The status that it returned."""
        return self.cause.status if isinstance(self.cause, SeamcallCause) else None


class PamtRow(Struct, frozen=True):
    """The PAMT of one page size of one TDMR: physical base and size in bytes."""

    base: int
    size: int


class TdmrRow(Struct, frozen=True):
    """A TDMR as the kernel last built it; base and size in bytes.

    node is the NUMA node its PAMT was asked from. reserved holds (offset, size) pairs,
    offsets relative to base. pamt is the one chunk that the three PAMTs lie in, None where none
    was obtained. areas: what the kernel wanted reserved areas for, in the order it met them, more
    than reserved has where they ran out; None where it did not come to them.
    """

    base: int
    size: int
    node: int
    pamt_4k: PamtRow
    pamt_2m: PamtRow
    pamt_1g: PamtRow
    reserved: tuple[tuple[int, int], ...]
    pamt: PamtRow | None
    areas: tuple[ReservedArea, ...] | None


class PamtSummary(Struct, frozen=True):
    """What the PAMTs cost: bytes in all, and (node, bytes) by the node they were got from."""

    total: int
    by_node: tuple[tuple[int, int], ...]

    @property
    def pages(self) -> int:
        """4 KiB pages."""
        return self.total >> 12

    @property
    def kib(self) -> int:
        """KiB, as later kernels print it."""
        return self.total >> 10


class OpResult(Struct, frozen=True):
    """What an operation did: returned is 0 or a negative errno, status the state after it.

    Of init: callers is what each caller was returned, in the order in which they got the
    lock, returned the last one's; steps and failure are those of the last caller that made
    SEAMCALLs or checks, if one did. host: of an operation that loads kvm_intel.
    """

    operation: str
    returned: int
    status: str
    events: tuple[Event, ...]
    steps: tuple[StepResult, ...] = ()
    failure: Failure | None = None
    callers: tuple[int, ...] = ()
    host: HostVerdict | None = None

    @property
    def log(self) -> tuple[LogLine, ...]:
        """The lines this operation printed."""
        return log_of(self.events)

    @property
    def trace(self) -> tuple[TraceEvent, ...]:
        """Its hardware events, runs of equal events counted."""
        return trace_of(self.events)


class CallResult(Struct, frozen=True):
    """What one caller of tdx_init() got; steps are empty where it made no check and no call."""

    returned: int
    steps: tuple[StepResult, ...]
    failure: Failure | None


class ModuleEvidence(Struct, frozen=True):
    """Which release a module of a version is taken to be, and how it is known what that does.

    signed_for_cpu: whether P-SEAMLDR takes it on the machine's CPUs, None where that is not known.
    """

    version: str
    release: str
    evidence: str
    signed_for_cpu: bool | None


class KvmState(Struct, frozen=True):
    """kvm_intel as user space sees it, and what it leaves the host with.

    tdx: its parameter, None where it is not loaded. capacity: the number in the line `tdx` of
    misc.capacity, None where there is none. verdict: None before it was loaded.
    """

    loaded: bool
    tdx: bool | None
    capacity: int | None
    verdict: HostVerdict | None


class MachineSummary(Struct, frozen=True):
    """What reports say about the machine itself. Memory in bytes.

    calls is the number of tdx_init() calls since boot, last the result of the last init;
    kernel_release is what was asked for, kernel_behaves_as the release that it is, kernel_evidence
    on what that rests. global_keyid is None while TDX is not enabled. entry is the kernel function
    that was called. boot_failure: of the bring-up at boot, where a kernel has one there. kvm: None
    on a kernel whose KVM knows nothing of TDX.
    """

    machine: str
    description: str
    kernel: str
    kernel_title: str
    kernel_release: str
    kernel_behaves_as: str
    kernel_evidence: str
    entry: str
    status: str
    calls: int
    last: OpResult | None
    global_keyid: int | None
    guest_keyids: int
    cpus_present: int
    cpus_online: int
    cpus_disabled: int
    packages: int
    nodes: tuple[NodeMemory, ...]
    module_loaded: bool
    module: ModuleEvidence
    max_tdmrs: int
    max_reserved_per_tdmr: int
    tdmrs: tuple[TdmrRow, ...]
    pamt: PamtSummary
    dynamic_pamt: bool = False
    boot_failure: Failure | None = None
    kvm: KvmState | None = None

    @property
    def memory(self) -> int:
        """Bytes the page allocator owns."""
        return sum(node.size for node in self.nodes)

    @property
    def memory_by_node(self) -> tuple[tuple[int, int], ...]:
        """(node, bytes) the page allocator owns."""
        return tuple((node.node, node.size) for node in self.nodes)

    @property
    def tightest(self) -> tuple[int, int] | None:
        """(index, areas) of the TDMR that wants most reserved areas; None where none wants any."""
        wanted = [len(row.areas or ()) for row in self.tdmrs]
        return (wanted.index(max(wanted)), max(wanted)) if any(wanted) else None


class InitReport(Struct, frozen=True):
    """One `tdxctl init`: the call's result on the machine, and everything a renderer shows.

    call is the number of the (last) call since boot. events are those of the command: the
    boot's too where the command booted the machine.
    """

    summary: MachineSummary
    call: int
    result: OpResult
    events: tuple[Event, ...]

    @property
    def is_ready(self) -> bool:
        """Whether TDs can run: the module is initialized, and KVM, where it is asked, agrees."""
        if self.result.status != "INITIALIZED":
            return False
        return self.result.host is None or isinstance(self.result.host, ReadyToRunTds)


class Journal:
    """Where the kernel's events are written, in order."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def record(self, event: Event) -> None:
        """Append event; a hardware event equal to the one just before it raises that one's n."""
        last = self._events[-1] if self._events else None
        # Most events are not of the kind of the one before: that is asked first.
        if type(last) is not type(event):
            self._events.append(event)
        elif isinstance(last, _TRACE) and isinstance(event, _TRACE) and _equal(last, event):
            self._events[-1] = replace(event, n=last.n + event.n)
        else:
            self._events.append(event)

    def record_all(self, events: Sequence[Event]) -> None:
        """Append events, of which no two in a row are equal."""
        if events:
            self.record(events[0])
            self._events.extend(events[1:])

    def take(self) -> tuple[Event, ...]:
        """What was recorded since the last take."""
        events, self._events = tuple(self._events), []
        return events
