# SPDX-License-Identifier: Apache-2.0
"""From addresses to positions: linear, but for long empty stretches and for what is too small.

Everything between two neighbouring edges is a stretch. A band is a run of stretches on one scale
across the whole width: memory below 4 GiB and memory above it differ a thousandfold and more, and
never share one. All arithmetic is in integers: a position is the same on every machine. The cost
is that of sorting the edges, whatever they are apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

from tdxctl.units import SZ_4G

# An empty stretch is drawn as a break where the scale of what is covered would make it more than
# so many times as wide as the break.
_LONG = 2
# Parts of a band that the least widths of all in it may take: the rest is for the scale.
_LEAST = (2, 3)


class Drawn(Enum):
    """How a stretch is drawn: to scale, at the minimum width, or as a break mark."""

    TO_SCALE = "to scale"
    WIDENED = "widened"
    ELIDED = "elided"


@dataclass(frozen=True, slots=True)
class Canvas:
    """What is drawn on, in the renderer's own units (columns, pixels).

    width: of a band. minimum: of a stretch with something in it. gap: what the break mark of an
    empty stretch of so many bytes takes. width is at least minimum + the widest gap.
    """

    width: int
    minimum: int
    gap: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """[start, end) in bytes, drawn at [left, right) in units of the canvas."""

    start: int
    end: int
    left: int
    right: int
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class Band:
    """Touching stretches, the first at 0, the last up to the width.

    bytes_per_unit: (numerator, denominator) of the scale of those that are drawn to it.
    """

    stretches: tuple[Stretch, ...]
    bytes_per_unit: tuple[int, int]

    @property
    def start(self) -> int:
        """The first address drawn."""
        return self.stretches[0].start

    @property
    def end(self) -> int:
        """The address after the last one drawn."""
        return self.stretches[-1].end

    def position(self, address: int) -> int:
        """Where address, between start and end, is drawn; never less for a greater one."""
        index = bisect_right(self.stretches, address, key=lambda stretch: stretch.start) - 1
        at = self.stretches[index]
        width = at.right - at.left
        return at.left + (address - at.start) * width // (at.end - at.start)


def bands(extents: Iterable[tuple[int, int]], canvas: Canvas) -> tuple[Band, ...]:
    """Bands that show all extents ([start, end) in bytes, not empty), in ascending order.

    Each extent has at least the minimum width in every band it reaches into; what lies between
    two bands is in no extent.
    """
    groups = _groups(list(_cells(extents)), canvas)
    return tuple(_band(cells, canvas) for group in groups for cells in _packed(group, canvas))


@dataclass(frozen=True, slots=True)
class _Cell:
    # What lies between two neighbouring edges.
    start: int
    end: int
    covered: bool
    elided: bool = False

    @property
    def size(self) -> int:
        return self.end - self.start


def _cells(extents: Iterable[tuple[int, int]]) -> Iterator[_Cell]:
    # How many extents begin less end at each edge: a sum above 0 is something drawn.
    change: dict[int, int] = {}
    for start, end in extents:
        change[start] = change.get(start, 0) + 1
        change[end] = change.get(end, 0) - 1
    depth = 0
    for start, end in pairwise(sorted(change)):
        depth += change[start]
        yield _Cell(start, end, covered=depth > 0)


def _groups(cells: list[_Cell], canvas: Canvas) -> Iterator[list[_Cell]]:
    # Below 4 GiB and above it; what reaches across 4 GiB counts as above.
    for low in (True, False):
        group = [cell for cell in cells if (cell.end <= SZ_4G) == low]
        covered = sum(cell.size for cell in group if cell.covered)
        for i, cell in enumerate(group):
            long = cell.size * canvas.width > _LONG * canvas.gap(cell.size) * covered
            if long and not cell.covered:
                group[i] = replace(cell, elided=True)
        yield group


def _packed(group: list[_Cell], canvas: Canvas) -> Iterator[list[_Cell]]:
    # As many cells as there is room for, at their least width; none begins or ends with nothing.
    band: list[_Cell] = []
    most = canvas.width * _LEAST[0] // _LEAST[1]
    room = most
    for cell in group:
        least = canvas.gap(cell.size) if cell.elided else canvas.minimum
        if band and least > room:
            yield from _trimmed(band)
            band, room = [], most
        if band or cell.covered:
            band.append(cell)
            room -= least
    yield from _trimmed(band)


def _trimmed(band: list[_Cell]) -> Iterator[list[_Cell]]:
    while band and not band[-1].covered:
        band.pop()
    if band:
        yield band


def _band(cells: list[_Cell], canvas: Canvas) -> Band:
    widened, size, room = _widened(cells, canvas)
    stretches = []
    fixed = scaled = left = 0
    for cell in cells:
        drawn = Drawn.TO_SCALE
        if cell.elided:
            drawn = Drawn.ELIDED
            fixed += canvas.gap(cell.size)
        elif cell.start in widened:
            drawn = Drawn.WIDENED
            fixed += canvas.minimum
        else:
            scaled += cell.size
        right = fixed + scaled * room // size
        stretches.append(Stretch(cell.start, cell.end, left, right, drawn))
        left = right
    return Band(tuple(stretches), (size, room))


def _widened(cells: list[_Cell], canvas: Canvas) -> tuple[set[int], int, int]:
    # The starts of cells that the scale would draw too small; bytes and units of all others.
    room = canvas.width - sum(canvas.gap(cell.size) for cell in cells if cell.elided)
    by_size = sorted((cell for cell in cells if not cell.elided), key=lambda cell: cell.size)
    size = sum(cell.size for cell in by_size)
    widened = set()
    for cell in by_size:
        if cell.size * room >= canvas.minimum * size:
            break
        widened.add(cell.start)
        size -= cell.size
        room -= canvas.minimum
    return widened, size, room
