# SPDX-License-Identifier: Apache-2.0
"""Reserved areas of TDMRs as absolute ranges, and those that a TDMR had no room for.

A kernel that runs out keeps the areas it had found until then: the facts of its failure and its
list of memory say which ones were still to come.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tdxctl.events import Failure, TdmrRow
from tdxctl.platform.description import Platform
from tdxctl.units import SZ_1M, SZ_4K, U64_MASK, round_down, round_up

#: [start, end) in bytes.
Range = tuple[int, int]


class Fate(Enum):
    """Whether an area got a reserved area of its TDMR, the last there was, or none."""

    RESERVED = "reserved"
    LAST = "the last one"
    LEFT_OUT = "none left"


@dataclass(frozen=True, slots=True)
class Area:
    """[start, end) in bytes in TDMR number tdmr; pamt_of is the TDMR whose PAMT it is, or None.

    pamt_of None is a hole: memory that the kernel's page allocator does not own.
    """

    start: int
    end: int
    tdmr: int
    pamt_of: int | None
    fate: Fate = Fate.RESERVED


def pamt_chunk(row: TdmrRow) -> Range | None:
    """[start, end) of the one chunk that a TDMR's PAMTs lie in; None where it has none.

    Sizes are modulo 2^64, as the kernel adds them up.
    """
    size = (row.pamt_4k.size + row.pamt_2m.size + row.pamt_1g.size) & U64_MASK
    return (row.pamt_4k.base, row.pamt_4k.base + size) if size and row.pamt_4k.base else None


def reserved_areas(rows: Sequence[TdmrRow]) -> tuple[Area, ...]:
    """What the TDMRs' reserved areas are, in the order of the TDMRs and of their areas."""
    chunks = _Chunks(rows)
    return tuple(
        chunks.area(row.base + offset, row.base + offset + size, tdmr)
        for tdmr, row in enumerate(rows)
        for offset, size in row.reserved
    )


def areas_wanted(
    platform: Platform, rows: Sequence[TdmrRow], failure: Failure | None
) -> tuple[Area, ...]:
    """All areas of the TDMR that ran out of reserved areas, in the order the kernel met them.

    Empty where the failure is another one. Those after the limit are LEFT_OUT.
    """
    if failure is None or failure.cause != "reserved-areas-exhausted":
        return ()
    facts = dict(failure.facts)
    tdmr, limit = int(facts["tdmr"]), int(facts["limit"])
    row = rows[tdmr]
    kept = [(row.base + offset, row.base + offset + size) for offset, size in row.reserved]
    # This kernel finds holes between its memory regions, or, walking CMRs, between those.
    found = next(
        (
            [*gaps, *_chunks_inside(rows, row)]
            for regions in (_usable(platform), _cmrs(platform))
            if len(gaps := _gaps(row, regions)) == facts["holes"]
        ),
        kept,
    )
    chunks = _Chunks(rows)
    return tuple(
        chunks.area(start, end, tdmr, _fate(i, limit)) for i, (start, end) in enumerate(found)
    )


def _fate(index: int, limit: int) -> Fate:
    if index == limit - 1:
        return Fate.LAST
    return Fate.RESERVED if index < limit else Fate.LEFT_OUT


class _Chunks:
    # PAMTs by where they begin; they are disjoint.
    def __init__(self, rows: Sequence[TdmrRow]) -> None:
        found = [(pamt_chunk(row), i) for i, row in enumerate(rows)]
        self._chunks = sorted((*chunk, i) for chunk, i in found if chunk is not None)

    def area(self, start: int, end: int, tdmr: int, fate: Fate = Fate.RESERVED) -> Area:
        # An area is a hole unless a PAMT begins at or before it and reaches to its end.
        index = bisect_right(self._chunks, start, key=lambda chunk: chunk[0]) - 1
        inside = index >= 0 and end <= self._chunks[index][1]
        return Area(start, end, tdmr, self._chunks[index][2] if inside else None, fate)


def _usable(platform: Platform) -> list[Range]:
    # "a region counts from PFN_UP(start) to PFN_DOWN(end), dropped if empty; below 1 MB is cut off"
    cut = (
        (max(round_up(r.start, SZ_4K), SZ_1M), round_down(r.end, SZ_4K))
        for r in platform.memory.ranges
    )
    return [(start, end) for start, end in cut if start < end]


def _cmrs(platform: Platform) -> list[Range]:
    return [(base, base + size) for base, size in platform.memory.cmrs if size]


def _gaps(row: TdmrRow, regions: list[Range]) -> list[Range]:
    # The parts of the TDMR that no region covers.
    gaps = []
    at, tdmr_end = row.base, row.base + row.size
    for start, end in regions:
        if start >= tdmr_end:
            break
        if start > at:
            gaps.append((at, start))
        at = max(at, end)
    return [*gaps, (at, tdmr_end)] if at < tdmr_end else gaps


def _chunks_inside(rows: Sequence[TdmrRow], row: TdmrRow) -> list[Range]:
    clipped = (
        (max(chunk[0], row.base), min(chunk[1], row.base + row.size))
        for other in rows
        if (chunk := pamt_chunk(other)) is not None
    )
    return [(start, end) for start, end in clipped if start < end]
