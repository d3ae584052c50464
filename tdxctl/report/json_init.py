# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.init/1`: a tdx_init() call as JSON, the same bytes for the same input."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Struct, UnsetType, field

from tdxctl import events
from tdxctl.document import ByNode, Count, Document, Hex, one_of
from tdxctl.entries import Level
from tdxctl.errnos import errno_name
from tdxctl.report.evidence import Module, module_of
from tdxctl.report.hosts import Host, host_of
from tdxctl.seam.leaves import leaf_title
from tdxctl.seam.status import status_name

Outcome = Annotated[str, one_of("passed", "failed", "skipped")]


class Failure(Struct, frozen=True):
    """Why it failed, what that means and what to do; the SEAMCALL, where it was one."""

    step: str | None
    cause: str
    leaf: str | None
    cpu: int | None
    status: Hex | None
    status_name: str | None
    errno: str
    reason: str
    hint: str
    explain: str


class SubStep(Struct, frozen=True):
    """A part of a step."""

    name: str
    title: str
    outcome: Outcome
    detail: str | None


class Step(Struct, frozen=True):
    """A step of the bring-up; its number is null before and after the architecture's six."""

    number: int | None
    name: str
    title: str
    outcome: Outcome
    leaf: str | None
    seamcalls: Count
    detail: str | None
    steps: tuple[SubStep, ...] | UnsetType = UNSET


class Chunk(Struct, frozen=True):
    """Physical memory: base, and size in bytes."""

    base: Hex
    size: Count


class Pamts(Struct, frozen=True):
    """The PAMTs of a TDMR by page size."""

    of_4k: Chunk = field(name="4k")
    of_2m: Chunk = field(name="2m")
    of_1g: Chunk = field(name="1g")


class Reserved(Struct, frozen=True):
    """A reserved area in bytes, its offset from the TDMR's base."""

    offset: Count
    size: Count


class Tdmr(Struct, frozen=True):
    """A TDMR as the kernel last built it; node is the one that its PAMT was asked from."""

    base: Hex
    size: Count
    node: Count
    pamt: Pamts
    reserved: tuple[Reserved, ...]


class Pamt(Struct, frozen=True):
    """What the PAMTs cost: pages are of 4 KiB."""

    bytes: Count
    pages: Count
    kib: Count
    by_node: ByNode


class LogLine(Struct, frozen=True):
    """A line of the kernel's log; newline is there, and false, where the kernel printed none."""

    level: Level
    text: str
    newline: bool | UnsetType = UNSET


class Caller(Struct, frozen=True):
    """What a caller of tdx_init() got."""

    returned: int


#: On what it rests that a kernel does what is said of it.
Evidence = Annotated[str, one_of("executed", "read", "seen in logs", "assumed")]


class Init(Document, frozen=True, tag="tdxctl.init/1"):
    """A tdx_init() call: its steps, what it built and printed, and the status after it."""

    machine: str
    kernel: str
    kernel_release: str
    behaves_as: str
    evidence: Evidence
    call: Count
    returned: int
    errno: str | None
    status: str
    callers: tuple[Caller, ...]
    failure: Failure | None
    steps: tuple[Step, ...]
    tdmrs: tuple[Tdmr, ...]
    pamt: Pamt
    module: Module
    host: Host | None
    log: tuple[LogLine, ...]


def document(report: events.InitReport) -> Init:
    """The report as tdxctl.init/1 has it."""
    summary, result = report.summary, report.result
    return Init(
        machine=summary.machine,
        kernel=summary.kernel,
        kernel_release=summary.kernel_release,
        behaves_as=summary.kernel_behaves_as,
        evidence=summary.kernel_evidence,
        call=report.call,
        returned=result.returned,
        errno=errno_name(result.returned),
        status=result.status,
        callers=tuple(map(Caller, result.callers)),
        failure=failure_of(result.failure),
        steps=tuple(map(_step, result.steps)),
        tdmrs=tuple(map(_tdmr, summary.tdmrs)),
        pamt=pamt_of(summary.pamt),
        module=module_of(summary.module, loaded=summary.module_loaded),
        host=host_of(result.host),
        log=tuple(map(log_line, events.log_of(report.events))),
    )


def failure_of(failure: events.Failure | None) -> Failure | None:
    """A failure with its words."""
    if failure is None:
        return None
    # Only then: most bring-ups succeed, and are not to wait for it.
    from tdxctl.explain.failures import explain_failure

    status, words = failure.status, explain_failure(failure)
    return Failure(
        step=failure.step,
        cause=failure.cause.id,
        leaf=None if failure.leaf is None else leaf_title(failure.leaf),
        cpu=failure.cpu,
        status=None if status is None else hex(status),
        status_name=None if status is None else status_name(status),
        errno=failure.errno,
        reason=words.why,
        hint=words.to_do,
        explain=words.means,
    )


def by_node(sizes: tuple[tuple[int, int], ...]) -> ByNode:
    """(node, bytes) pairs as an object, whose keys are text."""
    return {str(node): size for node, size in sizes}


def pamt_of(pamt: events.PamtSummary) -> Pamt:
    """What the PAMTs cost."""
    return Pamt(pamt.total, pamt.pages, pamt.kib, by_node(pamt.by_node))


def log_line(line: events.LogLine) -> LogLine:
    """A line of the log."""
    return LogLine(line.level, line.text, UNSET if line.newline else False)


def _step(step: events.StepResult) -> Step:
    parts = tuple(
        SubStep(part.name, part.title, part.outcome, part.detail) for part in step.substeps
    )
    return Step(
        number=step.number,
        name=step.name,
        title=step.title,
        outcome=step.outcome,
        leaf=step.leaf,
        seamcalls=step.seamcalls,
        detail=step.detail,
        steps=parts or UNSET,
    )


def _tdmr(row: events.TdmrRow) -> Tdmr:
    return Tdmr(
        base=hex(row.base),
        size=row.size,
        node=row.node,
        pamt=Pamts(_chunk(row.pamt_4k), _chunk(row.pamt_2m), _chunk(row.pamt_1g)),
        reserved=tuple(Reserved(offset, size) for offset, size in row.reserved),
    )


def _chunk(pamt: events.PamtRow) -> Chunk:
    return Chunk(hex(pamt.base), pamt.size)
