# SPDX-License-Identifier: Apache-2.0
"""What the kernel wanted reserved areas of a TDMR for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tdxctl.events import Holds, TdmrRow


class Fate(Enum):
    """Whether an area got a reserved area of its TDMR, the last there was, or none."""

    RESERVED = "reserved"
    LAST = "the last one"
    LEFT_OUT = "none left"


@dataclass(frozen=True, slots=True)
class Area:
    """[start, end) in bytes in TDMR number tdmr; pamt_of is the TDMR whose PAMT it is, or None."""

    start: int
    end: int
    tdmr: int
    holds: Holds
    pamt_of: int | None
    fate: Fate


def areas_of(tdmr: int, row: TdmrRow) -> tuple[Area, ...]:
    """The areas of TDMR number tdmr in the order the kernel met them.

    Where it ran out of them, those behind the last one are LEFT_OUT.
    """
    met = row.areas or ()
    kept = sum(area.reserved for area in met)
    last = kept - 1 if kept < len(met) else None
    areas = []
    for i, area in enumerate(met):
        fate = Fate.RESERVED if area.reserved else Fate.LEFT_OUT
        if i == last:
            fate = Fate.LAST
        areas.append(Area(area.start, area.end, tdmr, area.holds, area.pamt_of, fate))
    return tuple(areas)
