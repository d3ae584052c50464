# SPDX-License-Identifier: Apache-2.0
"""The parts of a page about kernels: what each would do, and what one did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tdxctl.advice.words import TO_DO, WHY
from tdxctl.events import InitReport, LogLine, MachineSummary
from tdxctl.plan import KernelPlan, PlatformPlan
from tdxctl.platform.description import Platform
from tdxctl.report import plans, states_svg
from tdxctl.report.blocks import Step, Table
from tdxctl.report.html.elements import facts, lines, paragraph, scrolling, section, table
from tdxctl.report.memory_map import svg
from tdxctl.report.memory_map.areas import Area, Fate
from tdxctl.report.memory_map.model import MemoryMap, area_text, memory_map
from tdxctl.report.memory_map.table import tdmr_cells
from tdxctl.report.reasons import Pairs
from tdxctl.report.view import InitView, init_view, pamt_table
from tdxctl.sweep.states import States
from tdxctl.units import approximate_size, counted, printable

_LOOKS = {"err": "err", "warn": "warn", "WARN": "warn"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A machine as a kernel left it; report is None where tdx_init() was never called.

    log: of its kernel, since boot. states: that its kernel can have the module in, where they were
    explored.
    """

    summary: MachineSummary
    report: InitReport | None
    log: Sequence[LogLine]
    states: States | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is initialized."""
        return self.summary.status == "INITIALIZED"


def ending(platform: Platform, shown: Shown) -> tuple[str, Pairs]:
    """How it ended, in a line or more, and why it failed and what to do, where it did."""
    if shown.report is None:
        picture = memory_map(platform, shown.summary)
        return picture.verdict, picture.problem
    view = init_view(shown.report)
    return view.verdict.text, view.problem.pairs if view.problem else ()


def verdicts_section(plan: PlatformPlan) -> str:
    """What each kernel would do on the platform as described, why not, and what to do then.

    Kernels with the same outcome are one block.
    """
    reasons = {name: (why, hint) for names, why, hint in plans.reasons(plan) for name in names}
    groups: dict[tuple[str, str, tuple[str, str]], list[KernelPlan]] = {}
    for kernel in plan.kernels:
        why = reasons.get(kernel.kernel.id, ("", ""))
        outcome = (plans.verdict_of(kernel), kernel.status or "", why)
        groups.setdefault(outcome, []).append(kernel)
    blocks = [
        part
        for (verdict, status, why), kernels in groups.items()
        for part in _outcome(verdict, status, why, kernels)
    ]
    notes = "reserved: areas used in the tightest TDMR. seconds: an estimate, from real hosts."
    said = paragraph("What each kernel does on this platform, booted afresh.")
    return section(2, "kernels", "Verdict per kernel", [said, *blocks, paragraph(notes, "quiet")])


def _outcome(
    verdict: str, status: str, why: tuple[str, str], kernels: list[KernelPlan]
) -> Iterator[str]:
    names = ", ".join(kernel.kernel.id for kernel in kernels)
    good = all(kernel.is_ready for kernel in kernels)
    after = f", status {status}" if status else ""
    yield paragraph(f"{names}: {verdict}{after}", f"verdict {'good' if good else 'bad'}")
    pairs = [(label, said) for label, said in zip((WHY, TO_DO), why, strict=True) if said]
    if pairs:
        yield facts(pairs)
    columns = [(name, cell) for name, cell in plans.COLUMNS if name not in ("verdict", "status")]
    yield table(
        Table(
            title=f"What it takes: {counted(len(kernels), 'kernel')}",
            columns=tuple(name for name, _ in columns),
            rows=tuple(tuple(cell(kernel) for _, cell in columns) for kernel in kernels),
            right=range(1, len(columns)),
        )
    )


def kernel_section(number: int, platform: Platform, shown: Shown) -> str:
    """What one kernel did: steps, failure, memory, TDMRs, PAMTs, log."""
    summary = shown.summary
    picture = memory_map(platform, summary)
    anchor = f"kernel-{number}"
    view = init_view(shown.report) if shown.report is not None else None
    verdict, problem = ending(platform, shown)
    return section(
        2,
        anchor,
        f"Kernel {summary.kernel}: {summary.kernel_title}",
        [
            *(
                paragraph(line, f"verdict {'good' if shown.is_good else 'bad'}")
                for line in verdict.splitlines()
            ),
            facts(problem) if problem else "",
            _steps(anchor, view),
            section(3, f"{anchor}-map", "Memory map", [_figure(anchor, picture)]),
            section(3, f"{anchor}-tdmrs", "TDMRs and PAMTs", _tdmr_parts(summary, picture)),
            _log(anchor, shown.log),
            _states(anchor, shown.states),
        ],
    )


def _steps(anchor: str, view: InitView | None) -> str:
    if view is None or view.steps is None:
        return ""
    steps = view.steps.steps
    shown = Table(
        title="Steps and their outcomes",
        columns=("step", "#", "outcome", "detail"),
        rows=tuple(_step_row(step) for step in steps),
        bad=[i for i, step in enumerate(steps) if step.outcome == "failed"],
    )
    return section(3, f"{anchor}-steps", "Steps", [table(shown)])


def _step_row(step: Step) -> tuple[str, ...]:
    return "\u2013 " * step.indent + step.title, step.number, step.outcome, step.detail


def _figure(anchor: str, picture: MemoryMap) -> str:
    drawn = svg.render(picture, prefix=f"{anchor}-", heading=False)
    return scrolling(f"<figure>\n{drawn}\n</figure>", "Memory map")


def _tdmr_parts(summary: MachineSummary, picture: MemoryMap) -> Iterable[str]:
    if picture.without_tdmrs is not None:
        yield paragraph(picture.without_tdmrs)
        return
    freed = ", freed after the failure" if picture.problem else ""
    yield table(
        Table(
            title=f"{len(picture.tdmrs)} of {picture.max_tdmrs} TDMRs{freed}; the tightest: *",
            columns=("TDMR", "start", "end", "size", "node", "reserved areas", "PAMT", "PAMT at"),
            rows=tuple(tdmr_cells(line, picture.limit) for line in picture.tdmrs),
            right=range(8),
            bad=[i for i, line in enumerate(picture.tdmrs) if (line.needed or 0) > picture.limit],
        )
    )
    yield table(pamt_table(summary, freed))
    if picture.areas:
        yield table(
            Table(
                title=counted(len(picture.areas), "reserved area"),
                columns=("TDMR", "start", "end", "size", "what it is"),
                rows=tuple(_area_row(area) for area in picture.areas),
                right=range(4),
                bad=[i for i, area in enumerate(picture.areas) if area.fate is Fate.LEFT_OUT],
            )
        )


def _area_row(area: Area) -> tuple[str, ...]:
    fates = {Fate.LAST: ": took the last reserved area", Fate.LEFT_OUT: ": found none left"}
    return (
        str(area.tdmr),
        hex(area.start),
        hex(area.end),
        approximate_size(area.end - area.start),
        area_text(area) + fates.get(area.fate, ""),
    )


def _states(anchor: str, states: States | None) -> str:
    if states is None:
        return ""
    drawn = states_svg.render(states, prefix=f"{anchor}-states-")
    said = (
        "Of a host with two CPUs: what else this kernel would have made of other turns of events."
    )
    return section(
        3,
        f"{anchor}-states",
        "States of this kernel",
        [paragraph(said, "quiet"), scrolling(f"<figure>\n{drawn}\n</figure>", "States")],
    )


def _log(anchor: str, log: Sequence[LogLine]) -> str:
    if not log:
        return section(3, f"{anchor}-log", "Kernel log", [paragraph("The kernel said nothing.")])
    shown = [(_LOOKS.get(line.level, ""), printable(line.text)) for line in log]
    return section(3, f"{anchor}-log", "Kernel log", [lines("Kernel log", shown)])
