# SPDX-License-Identifier: Apache-2.0
"""A memory map as text: lanes of characters as wide as a terminal, and what they show in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap

from tdxctl.report import prose
from tdxctl.report.memory_map.axis import axis_labels
from tdxctl.report.memory_map.model import Kind, Lane, MemoryMap, Segment
from tdxctl.report.memory_map.scale import Band, Canvas, Drawn, bands
from tdxctl.report.memory_map.table import NONE_LEFT, THE_LAST, tdmr_lines, wanted_lines
from tdxctl.report.prose import BAD, DIM, GOOD, HEAD, WARN, Line
from tdxctl.units import approximate_size

#: Widths that a drawing can have, names of lanes included.
NARROWEST, WIDEST = 40, 300
_NAMES = 9


@dataclass(frozen=True, slots=True)
class _Charset:
    # memory: the patterns of nodes, in turn. cmr, tdmr: start, line and end, and what stands for
    # one of a single column. axis: start, tick, end, line. gap: an end of a break.
    memory: str
    cmr: tuple[str, str, str, str]
    tdmr: tuple[str, str, str, str]
    axis: tuple[str, str, str, str]
    gap: str


_UNICODE = _Charset(
    memory="█▓▒░",
    cmr=("├", "─", "┤", "│"),
    tdmr=("┣", "━", "┫", "┃"),
    axis=("├", "┬", "┤", "─"),
    gap="╱",  # noqa: RUF001  # a box drawing character is what is meant
)
_ASCII = _Charset(
    memory="=#%+",
    cmr=("[", "-", "]", "|"),
    tdmr=("[", "=", "]", "|"),
    axis=("|", "+", "|", "-"),
    gap="/",
)
_LETTERS = {
    Kind.PAMT: "P",
    Kind.PAMT_AREA: "P",
    Kind.HOLE: "h",
    Kind.CMR_GAP: "h",
    Kind.LAST: "L",
    Kind.LEFT_OUT: "!",
}


def render(picture: MemoryMap, columns: int, *, unicode: bool) -> str:
    """The lines of the map as they are piped: words are as long as they are."""
    return prose.plain(to_lines(picture, columns, unicode=unicode))


def to_lines(picture: MemoryMap, columns: int, *, unicode: bool) -> list[Line]:
    """The map, drawing and tables in at most columns (cut to NARROWEST..WIDEST)."""
    columns = min(max(columns, NARROWEST), WIDEST)
    chars = _UNICODE if unicode else _ASCII
    drawn = bands(picture.extents, Canvas(columns - _NAMES, 1, _gap_width))
    first, *heading = picture.heading
    role = BAD if picture.problem else GOOD if picture.tdmrs else ""
    blocks = [[Line(first, HEAD), *map(Line, heading), Line(picture.verdict, role)]]
    drawing = list(_drawing(picture, drawn, chars)) or ["no memory at all"]
    blocks += [[Line(line) for line in part.split("\n")] for part in drawing]
    blocks.append([Line(line, DIM) for line in _legend(picture, drawn, chars, columns)])
    blocks.append([Line(line) for line in tdmr_lines(picture, columns)])
    blocks.append([Line(line, _role(line)) for line in wanted_lines(picture)])
    blocks.append(prose.labelled(picture.problem, width=7, indent=0))
    shown = [block for block in blocks if block]
    return [line for n, block in enumerate(shown) for line in ([Line("")] if n else []) + block]


def _role(line: str) -> str:
    # Of what took the reserved areas.
    return BAD if line.endswith(NONE_LEFT) else WARN if line.endswith(THE_LAST) else ""


def _gap_width(size: int) -> int:
    return len(approximate_size(size)) + 2


def _drawing(picture: MemoryMap, drawn: tuple[Band, ...], chars: _Charset) -> Iterator[str]:
    nodes = _patterns(picture, chars)
    for before, band in pairwise((None, *drawn)):
        assert band is not None
        lines = []
        if before is not None and before.end < band.start:
            nothing = f"{approximate_size(band.start - before.end)} of nothing"
            lines += [f"{'':{_NAMES}}{chars.gap * 2} {nothing} {chars.gap * 2}", ""]
        lines += _axis(picture, band, chars)
        lines += [_lane(lane, band, chars, nodes) for lane in picture.lanes]
        yield "\n".join(line.rstrip() for line in lines)


def _patterns(picture: MemoryMap, chars: _Charset) -> dict[int, str]:
    nodes = sorted(
        {s.number for lane in picture.lanes for s in lane.segments if s.kind is Kind.MEMORY}
    )
    return {node: chars.memory[i % len(chars.memory)] for i, node in enumerate(nodes)}


def _axis(picture: MemoryMap, band: Band, chars: _Charset) -> list[str]:
    width = band.stretches[-1].right
    first, tick, last, line = chars.axis
    labels, ticks = [" "] * width, [line] * width
    # One column stays free after each label.
    for label in axis_labels(picture, band, lambda text: len(text) + 1, centred=False):
        # At the right end the free column is not needed.
        left = label.left + 1 if label.left + len(label.text) + 1 == width else label.left
        labels[left : left + len(label.text)] = label.text
        ticks[min(label.at, width - 1)] = tick
    ticks[0], ticks[-1] = first, last
    for stretch in band.stretches:
        if stretch.drawn is Drawn.ELIDED:
            size = approximate_size(stretch.end - stretch.start)
            ticks[stretch.left : stretch.right] = f"{chars.gap}{size}{chars.gap}"
    return [f"{'':{_NAMES}}{''.join(labels)}", f"{'':{_NAMES}}{''.join(ticks)}"]


def _lane(lane: Lane, band: Band, chars: _Charset, nodes: dict[int, str]) -> str:
    cells = [" "] * band.stretches[-1].right
    for stretch in band.stretches:
        if stretch.drawn is Drawn.ELIDED:
            cells[stretch.left] = cells[stretch.right - 1] = chars.gap
    for segment in lane.segments:
        if segment.start < band.end and band.start < segment.end:
            left = band.position(max(segment.start, band.start))
            right = band.position(min(segment.end, band.end))
            goes_on = segment.start < band.start, segment.end > band.end
            cells[left:right] = _labelled(segment, right - left, chars, nodes, goes_on)
    return f"{lane.name:<{_NAMES}}{''.join(cells)}"


def _labelled(
    segment: Segment,
    width: int,
    chars: _Charset,
    nodes: dict[int, str],
    goes_on: tuple[bool, bool],
) -> str:
    # goes_on: whether it does, in the band before and in the one behind: it has no end there then.
    label = f" {segment.label} " if len(segment.label) + 4 <= width else ""
    match segment.kind:
        case Kind.CMR | Kind.TDMR:
            first, line, last, alone = chars.cmr if segment.kind is Kind.CMR else chars.tdmr
            first, last = (
                line if on else end for on, end in zip(goes_on, (first, last), strict=True)
            )
            return alone if width == 1 else first + f"{label:{line}^{width - 2}}" + last
        case Kind.MEMORY:
            return f"{label:{nodes[segment.number]}^{width}}"
        case _:
            return f"{label:{_LETTERS[segment.kind]}^{width}}"


def _legend(
    picture: MemoryMap, drawn: tuple[Band, ...], chars: _Charset, columns: int
) -> Iterator[str]:
    how = {stretch.drawn for band in drawn for stretch in band.stretches}
    scale = ""
    for band in drawn:
        size, units = band.bytes_per_unit
        if scale != (scale := approximate_size(size // units)):
            yield f"from {band.start:#x}: 1 column is {scale}"
    if Drawn.WIDENED in how:
        yield from wrap("not to scale: what is smaller than that has 1 column", columns)
    if Drawn.ELIDED in how:
        mark = chars.gap
        said = f"not to scale: {mark} {mark} is an empty stretch, of the size written on the axis"
        yield from wrap(said, columns)
    by_pattern: dict[str, list[int]] = {}
    for node, pattern in _patterns(picture, chars).items():
        by_pattern.setdefault(pattern, []).append(node)
    said = "; ".join(f"{p} node {', '.join(map(str, n))}" for p, n in by_pattern.items())
    yield from wrap(f"memory: {said}" if said else "", columns)
    words = {
        Kind.PAMT_AREA: "a PAMT",
        Kind.HOLE: "a hole",
        Kind.CMR_GAP: "a hole between CMRs",
        Kind.LAST: "took the TDMR's last reserved area",
        Kind.LEFT_OUT: "found none left",
    }
    said = ", ".join(f"{_LETTERS[k]} {words[k]}" for k in picture.kinds if k in words)
    yield from wrap(f"reserved: {said}" if said else "", columns)
