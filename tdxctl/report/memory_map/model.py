# SPDX-License-Identifier: Apache-2.0
"""What a memory map shows, before it has a form: lanes of segments, and a line per TDMR."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tdxctl.events import Failure, Holds, MachineSummary, TdmrRow
from tdxctl.explain.failures import explain_failure
from tdxctl.explain.states import explain_state
from tdxctl.platform.description import Platform
from tdxctl.report.memory_map.areas import Area, Fate, areas_of
from tdxctl.report.reasons import Pairs, brief
from tdxctl.units import approximate_size, printable


class Kind(Enum):
    """What a segment is."""

    MEMORY = "memory"
    CMR = "CMR"
    TDMR = "TDMR"
    PAMT = "PAMT"
    HOLE = "reserved: a hole"
    CMR_GAP = "reserved: a hole between CMRs"
    PAMT_AREA = "reserved: a PAMT"
    LAST = "took the TDMR's last reserved area"
    LEFT_OUT = "found no reserved area left"


@dataclass(frozen=True, slots=True)
class Segment:
    """[start, end) in bytes. label: short, for inside it; title: everything there is to say.

    number is the NUMA node of memory, and else the index of the CMR or the TDMR.
    """

    start: int
    end: int
    kind: Kind
    number: int
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """Segments in ascending order, none over another; name is empty where it goes on."""

    name: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class TdmrLine:
    """A TDMR in words.

    needed: reserved areas, more than the limit where they ran out, None where the kernel failed
    before it looked for them.
    """

    number: int
    row: TdmrRow
    needed: int | None
    tightest: bool

    @property
    def pamt(self) -> tuple[int, int] | None:
        """(base, size) of its PAMT in bytes, None where it has none."""
        chunk = self.row.pamt
        return None if chunk is None else (chunk.base, chunk.size)


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """All that is drawn and written. Text from the description is printable.

    verdict: the status and what it means. problem: (label, text) pairs, empty where there is none;
    without_tdmrs says why there are no TDMRs. limit: reserved areas that a TDMR can have.
    areas: the reserved areas of all TDMRs by address; wanted: what the one that ran out of them
    needed, in the order the kernel met them.
    """

    name: str
    heading: tuple[str, ...]
    verdict: str
    problem: Pairs
    without_tdmrs: str | None
    lanes: tuple[Lane, ...]
    tdmrs: tuple[TdmrLine, ...]
    max_tdmrs: int
    limit: int
    areas: tuple[Area, ...]
    wanted: tuple[Area, ...]

    @property
    def extents(self) -> tuple[tuple[int, int], ...]:
        """[start, end) of every segment, to make a scale of."""
        return tuple((s.start, s.end) for lane in self.lanes for s in lane.segments)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of segments that there are, in the order of Kind."""
        shown = {segment.kind for lane in self.lanes for segment in lane.segments}
        return tuple(kind for kind in Kind if kind in shown)


def memory_map(platform: Platform, summary: MachineSummary) -> MemoryMap:
    """The map of a machine of that platform as its kernel left it."""
    failure = summary.last.failure if summary.last is not None else summary.boot_failure
    by_tdmr = [areas_of(i, row) for i, row in enumerate(summary.tdmrs)]
    areas = tuple(area for met in by_tdmr for area in sorted(met, key=lambda area: area.start))
    return MemoryMap(
        name=printable(summary.machine),
        heading=_heading(summary),
        verdict=_verdict(summary, failure),
        problem=_problem(failure),
        without_tdmrs=_without_tdmrs(summary, failure),
        lanes=tuple(_lanes(platform, summary.tdmrs, areas)),
        tdmrs=_tdmr_lines(summary),
        max_tdmrs=summary.max_tdmrs,
        limit=summary.max_reserved_per_tdmr,
        areas=areas,
        wanted=next((met for met in by_tdmr if any(a.fate is Fate.LEFT_OUT for a in met)), ()),
    )


def range_of(start: int, end: int) -> str:
    """`[0x0, 0x80000000)`, as the kernel prints it."""
    return f"[{start:#x}, {end:#x})"


def area_text(area: Area) -> str:
    """`hole`, `hole between CMRs` or `PAMT of TDMR 1`."""
    match area.holds:
        case Holds.HOLE:
            return "hole"
        case Holds.CMR_GAP:
            return "hole between CMRs"
        case Holds.PAMT:
            return f"PAMT of TDMR {area.pamt_of}"


def _heading(summary: MachineSummary) -> tuple[str, ...]:
    described = f": {printable(summary.description)}" if summary.description else ""
    return (
        f"{printable(summary.machine)}{described}",
        f"Kernel: {summary.kernel_title}",
    )


def _verdict(summary: MachineSummary, failure: Failure | None) -> str:
    if not summary.calls and summary.boot_failure is None and not summary.tdmrs:
        return f"Status {summary.status}: {summary.entry} has not been called"
    what = "TDMRs and PAMTs" if summary.pamt.total else "TDMRs"
    freed = f"; its {what} were freed" if summary.tdmrs and failure is not None else ""
    return f"Status {summary.status}: {explain_state(summary.status, failure)}{freed}"


def _problem(failure: Failure | None) -> Pairs:
    return () if failure is None else brief(explain_failure(failure))


def _without_tdmrs(summary: MachineSummary, failure: Failure | None) -> str | None:
    if summary.tdmrs:
        return None
    if failure is not None:
        return "no TDMRs: the bring-up failed before there were any"
    return f"no TDMRs: {summary.entry} has not been called"


def _lanes(platform: Platform, rows: Sequence[TdmrRow], areas: Sequence[Area]) -> Iterable[Lane]:
    yield from _stacked("memory", _memory(platform))
    yield from _stacked("CMRs", _cmrs(platform))
    yield from _stacked("TDMRs", _tdmrs(rows))
    yield from _stacked("PAMTs", _pamts(rows))
    yield from _stacked("reserved", map(_area, areas))


def _stacked(name: str, segments: Iterable[Segment]) -> Iterable[Lane]:
    # What lies over another segment goes into a lane of its own below: CMRs may overlap.
    lanes: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: (s.start, s.end, s.number)):
        free = next((lane for lane in lanes if lane[-1].end <= segment.start), None)
        if free is None:
            lanes.append([segment])
        else:
            free.append(segment)
    for i, lane in enumerate(lanes):
        yield Lane("" if i else name, tuple(lane))


def _segment(
    extent: tuple[int, int], kind: Kind, number: int, label: str, said: str = ""
) -> Segment:
    start, end = extent
    title = f"{said or label} {range_of(start, end)}, {approximate_size(end - start)}"
    return Segment(start, end, kind, number, label, title)


def _memory(platform: Platform) -> Iterable[Segment]:
    for r in platform.memory.ranges:
        if r.start < r.end:
            said = f"memory of node {r.node}"
            yield _segment((r.start, r.end), Kind.MEMORY, r.node, f"node {r.node}", said)


def _cmrs(platform: Platform) -> Iterable[Segment]:
    for i, cmr in enumerate(platform.memory.cmrs):
        if cmr.size:
            yield _segment((cmr.base, cmr.base + cmr.size), Kind.CMR, i, f"CMR {i}")


def _tdmrs(rows: Sequence[TdmrRow]) -> Iterable[Segment]:
    for i, row in enumerate(rows):
        said = f"TDMR {i} of node {row.node}"
        yield _segment((row.base, row.base + row.size), Kind.TDMR, i, f"TDMR {i}", said)


def _pamts(rows: Sequence[TdmrRow]) -> Iterable[Segment]:
    for i, row in enumerate(rows):
        if row.pamt is not None:
            chunk = row.pamt.base, row.pamt.base + row.pamt.size
            yield _segment(chunk, Kind.PAMT, i, f"PAMT {i}", f"PAMT of TDMR {i}")


_RESERVED = {
    Holds.HOLE: Kind.HOLE,
    Holds.CMR_GAP: Kind.CMR_GAP,
    Holds.PAMT: Kind.PAMT_AREA,
}


def _area(area: Area) -> Segment:
    kind = _RESERVED[area.holds]
    label = "hole" if area.pamt_of is None else area_text(area)
    said = f"reserved area of TDMR {area.tdmr}: {area_text(area)}"
    if area.fate is Fate.LAST:
        kind, said = Kind.LAST, f"last {said}"
    elif area.fate is Fate.LEFT_OUT:
        kind, said = Kind.LEFT_OUT, f"no {said}"
    return _segment((area.start, area.end), kind, area.tdmr, label, said)


def _tdmr_lines(summary: MachineSummary) -> tuple[TdmrLine, ...]:
    most = summary.tightest
    return tuple(
        TdmrLine(
            number=i,
            row=row,
            needed=None if row.areas is None else len(row.areas),
            tightest=most is not None and most[0] == i,
        )
        for i, row in enumerate(summary.tdmrs)
    )


def pamt_size(line: TdmrLine) -> str:
    """The size of a TDMR's PAMT for reading, `-` where it has none."""
    return "-" if line.pamt is None else approximate_size(line.pamt[1])
