# SPDX-License-Identifier: Apache-2.0
"""What a person is shown of a tdx_init() call, in blocks."""

from __future__ import annotations

from msgspec import Struct

from tdxctl.errnos import errno_name
from tdxctl.events import InitReport, MachineSummary, StepResult, TdmrRow, log_of
from tdxctl.explain.states import explain_state
from tdxctl.linux.changes import EXECUTED
from tdxctl.report import evidence
from tdxctl.report.blocks import Block, Facts, Heading, Log, Step, Steps, Table, Verdict
from tdxctl.units import approximate_size, counted, format_size, printable


class InitView(Struct, frozen=True):
    """Everything shown of it; what there is nothing to be said of is None."""

    heading: Heading
    steps: Steps | None
    tables: tuple[Table, ...]
    log: Log | None
    verdict: Verdict
    problem: Facts | None

    @property
    def blocks(self) -> list[Block]:
        """All of it, in order."""
        parts = (self.heading, self.steps, *self.tables, self.log, self.verdict, self.problem)
        return [part for part in parts if part is not None]


def init_view(report: InitReport) -> InitView:
    """The view of an init report; all text from the description made printable."""
    result = report.result
    steps = tuple(line for step in result.steps for line in _step_lines(step))
    log = tuple((line.level, printable(line.text)) for line in log_of(report.events))
    return InitView(
        heading=Heading(_heading(report)),
        steps=Steps(steps) if steps else None,
        tables=_tables(report) if result.steps and report.summary.tdmrs else (),
        log=Log(log) if log else None,
        verdict=Verdict(_verdict(report), good=result.returned == 0 and report.is_ready),
        problem=_problem(report),
    )


def _heading(report: InitReport) -> tuple[str, ...]:
    summary = report.summary
    module = f"TDX module {printable(summary.module.version)}"
    if not summary.module_loaded:
        module = "no TDX module loaded"
    nodes = len(summary.memory_by_node)
    described = f": {printable(summary.description)}" if summary.description else ""
    return (
        f"{printable(summary.machine)}{described}",
        f"{counted(summary.cpus_present, 'CPU')} in {counted(summary.packages, 'package')}, "
        f"{approximate_size(summary.memory)} in {counted(nodes, 'NUMA node')}, {module}",
        f"Kernel: {summary.kernel_title}{_unless_executed(summary.kernel_evidence)}",
        *evidence.lines(evidence.module_of(summary.module, loaded=summary.module_loaded)),
    )


def _unless_executed(evidence: str) -> str:
    return "" if evidence == EXECUTED.word else f" ({evidence})"


def _step_lines(step: StepResult) -> list[Step]:
    said = []
    if step.seamcalls and step.leaf:
        said.append(f"{step.leaf} x {step.seamcalls}" if step.seamcalls > 1 else step.leaf)
    if step.detail:
        said.append(step.detail)
    number = "" if step.number is None else str(step.number)
    lines = [Step(number, step.title, step.outcome, ", ".join(said))]
    lines += [
        Step("", sub.title, sub.outcome, sub.detail or "", indent=1)
        for sub in step.substeps
        if step.outcome != "skipped"
    ]
    return lines


def _tables(report: InitReport) -> tuple[Table, ...]:
    summary = report.summary
    limit = summary.max_reserved_per_tdmr
    freed = ", freed after the failure" if report.result.returned else ""
    tdmrs = Table(
        title=f"TDMRs ({len(summary.tdmrs)} of {summary.max_tdmrs}{freed})",
        columns=("#", "base", "size", "node", "PAMT at", "PAMT", "reserved"),
        rows=tuple(_tdmr_row(i, row, limit) for i, row in enumerate(summary.tdmrs)),
        right=range(7),
    )
    return tdmrs, pamt_table(summary, freed)


def pamt_table(summary: MachineSummary, freed: str) -> Table:
    """What the PAMTs cost each node; freed is said of all of them, empty where they are in use."""
    by_node = dict(summary.pamt.by_node)
    memory = dict(summary.memory_by_node)
    rows = [
        _pamt_row(f"node {node}", memory.get(node, 0), by_node.get(node, 0))
        for node in sorted({*memory, *by_node})
    ]
    if len(rows) > 1:
        rows.append(_pamt_row("total", summary.memory, summary.pamt.total))
    return Table(
        title=f"PAMT ({approximate_size(summary.pamt.total)}{freed})",
        columns=("", "memory", "PAMT", "KiB", "of memory"),
        rows=tuple(rows),
        right=range(1, 5),
    )


def _tdmr_row(number: int, row: TdmrRow, limit: int) -> tuple[str, ...]:
    return (
        str(number),
        hex(row.base),
        format_size(row.size),
        str(row.node),
        hex(row.pamt.base) if row.pamt else "-",
        approximate_size(row.pamt.size) if row.pamt else "-",
        f"{len(row.reserved)}/{limit}" if row.reserved else "-",
    )


def _pamt_row(label: str, memory: int, pamt: int) -> tuple[str, ...]:
    share = f"{100 * pamt / memory:.3f} %" if memory else "-"
    return label, approximate_size(memory), approximate_size(pamt), str(pamt >> 10), share


def _problem(report: InitReport) -> Facts | None:
    if report.result.failure is None:
        return None
    # What is said of failures is not imported where there is none.
    from tdxctl.report.failed import why_it_failed

    return Facts(why_it_failed(report, report.result.failure))


def _verdict(report: InitReport) -> str:
    result = report.result
    errno = errno_name(result.returned)
    returned = f"{result.returned} ({errno})" if errno else "0"
    text = f"{report.summary.entry} returned {returned}; status {result.status}"
    if not result.steps:
        text = f"call {report.call}: already {result.status}, no SEAMCALL made"
        text += f", returned {returned}" if errno else ""
    if len(result.callers) > 1:
        answers = ", ".join(map(str, result.callers))
        text = f"{len(result.callers)} callers, in the order of the lock: {answers}\n{text}"
    text += f": {explain_state(result.status, result.failure)}"
    if result.host is None:
        return text
    from tdxctl.report.hosts import host_line

    return f"{text}\n{host_line(result.host)}"
