# SPDX-License-Identifier: Apache-2.0
"""What is written below a memory map: a line per TDMR, and the areas that one had no room for."""

from __future__ import annotations

from textwrap import wrap

from tdxctl.report.aligned import aligned
from tdxctl.report.memory_map.areas import Fate
from tdxctl.report.memory_map.model import MemoryMap, TdmrLine, area_text, pamt_size, range_of
from tdxctl.units import approximate_size, format_size

#: What stands behind an area that took the last place, and behind one that found none.
THE_LAST, NONE_LEFT = "  <- the last reserved area", "  <- none left"
_COLUMNS = ("TDMR", "start", "end", "size", "node", "areas", "PAMT", "PAMT at")


def tdmr_lines(picture: MemoryMap, columns: int) -> list[str]:
    """A row per TDMR, or a paragraph each where the table would be wider than columns."""
    if picture.without_tdmrs is not None:
        return [picture.without_tdmrs]
    rows = [_COLUMNS, *(tdmr_cells(line, picture.limit) for line in picture.tdmrs)]
    table = aligned(rows, range(len(_COLUMNS)))
    if len(table[0]) > columns:
        table = [text for line in picture.tdmrs for text in _paragraph(line, picture, columns)]
    used = f"{len(picture.tdmrs)} of {picture.max_tdmrs} TDMRs"
    said = f"{used}; areas: reserved areas used, of those it can have"
    return [*wrap(said, columns), *table, *_tightest(picture)]


def areas_used(line: TdmrLine, limit: int) -> str:
    """`3/16` reserved areas; `-` where the kernel did not come to them."""
    return "-" if line.needed is None else f"{line.needed}/{limit}"


def tdmr_cells(line: TdmrLine, limit: int) -> tuple[str, ...]:
    """A row of the table of TDMRs."""
    row, pamt = line.row, line.pamt
    return (
        f"{'*' if line.tightest else ''}{line.number}",
        hex(row.base),
        hex(row.base + row.size),
        format_size(row.size),
        str(row.node),
        areas_used(line, limit),
        pamt_size(line),
        "-" if pamt is None else hex(pamt[0]),
    )


def _paragraph(line: TdmrLine, picture: MemoryMap, columns: int) -> list[str]:
    row, pamt = line.row, line.pamt
    mark = "*" if line.tightest else " "
    said = (
        f"{format_size(row.size)}, node {row.node}, areas {areas_used(line, picture.limit)}, "
        + ("no PAMT" if pamt is None else f"PAMT {pamt_size(line)} at {pamt[0]:#x}")
    )
    head = f"{mark} {line.number} {range_of(row.base, row.base + row.size)}"
    return [head, *wrap(said, columns, initial_indent="    ", subsequent_indent="    ")]


def _tightest(picture: MemoryMap) -> list[str]:
    tightest = next((line for line in picture.tdmrs if line.tightest), None)
    if tightest is None or tightest.needed is None:
        return []
    left = max(picture.limit - tightest.needed, 0)
    more = "no further hole" if left == 0 else f"{left} further hole{'' if left == 1 else 's'}"
    return [f"* the tightest TDMR: room for {more}"]


def wanted_lines(picture: MemoryMap) -> list[str]:
    """What took the reserved areas of the TDMR that ran out of them; empty where none did."""
    if not picture.wanted:
        return []
    tdmr = picture.wanted[0].tdmr
    lines = [
        f"TDMR {tdmr} needs {len(picture.wanted)} reserved areas and has {picture.limit}; "
        "in the order the kernel met them:"
    ]
    for number, area in enumerate(picture.wanted, 1):
        said = f"{number:>4}  {range_of(area.start, area.end)} {area_text(area)}"
        said += f", {approximate_size(area.end - area.start)}"
        if area.fate is Fate.LAST:
            said += THE_LAST
        elif area.fate is Fate.LEFT_OUT:
            said += NONE_LEFT
        lines.append(said)
    return lines
