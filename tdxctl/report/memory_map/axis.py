# SPDX-License-Identifier: Apache-2.0
"""Which addresses are written along a band: the telling ones first, none over another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tdxctl.report.memory_map.model import Kind, MemoryMap
from tdxctl.report.memory_map.scale import Band

_TELLING = (Kind.TDMR, Kind.MEMORY, Kind.CMR, Kind.LEFT_OUT, Kind.LAST, Kind.PAMT)


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """text for the address that is drawn at position at; it begins at left. Canvas units."""

    at: int
    left: int
    text: str


def axis_labels(
    picture: MemoryMap, band: Band, measure: Callable[[str], int], *, centred: bool
) -> tuple[AxisLabel, ...]:
    """Labels by position. measure: units that a text takes, with what must stay free after it.

    A label begins at its address, or has it in the middle, as far as the band's width lets it.
    """
    width = band.stretches[-1].right
    placed: list[AxisLabel] = []
    for address in _candidates(picture, band):
        at, text = band.position(address), hex(address)
        wide = measure(text)
        left = max(min(at - wide // 2 if centred else at, width - wide), 0)
        if all(left + wide <= p.left or p.left + measure(p.text) <= left for p in placed):
            placed.append(AxisLabel(at, left, text))
    return tuple(sorted(placed, key=lambda label: label.at))


def _candidates(picture: MemoryMap, band: Band) -> Iterator[int]:
    yield band.start
    yield band.end
    edges: dict[Kind, set[int]] = {kind: set() for kind in _TELLING}
    for lane in picture.lanes:
        for segment in lane.segments:
            if segment.kind in edges:
                edges[segment.kind] |= {segment.start, segment.end}
    for kind in _TELLING:
        yield from sorted(e for e in edges[kind] if band.start < e < band.end)
