# SPDX-License-Identifier: Apache-2.0
"""A memory map as SVG: needs nothing but itself, for light and dark, grey and colour.

Everything drawn has a <title>. A label that does not fit, measured as wide letters would be, is
left out; nothing lies over text.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise
from textwrap import wrap

from tdxctl.report.memory_map.axis import axis_labels
from tdxctl.report.memory_map.model import Kind, MemoryMap, Segment
from tdxctl.report.memory_map.scale import Band, Canvas, Drawn, Stretch, bands
from tdxctl.report.memory_map.svg_style import NODE_LOOKS, PATTERNED, patterns, style
from tdxctl.units import approximate_size

WIDTH = 960
_LEFT, _RIGHT = 84, 16
_LANE, _LANE_STEP = 24, 30
_LINE = 18
_LOOKS = {
    Kind.CMR: "cmr",
    Kind.TDMR: "tdmr",
    Kind.PAMT: "pamt",
    Kind.HOLE: "hole",
    Kind.CMR_GAP: "hole",
    Kind.PAMT_AREA: "pamt-area",
    Kind.LAST: "last",
    Kind.LEFT_OUT: "left-out",
}
_MARKED = {Kind.LAST: "last one", Kind.LEFT_OUT: "none left"}


def render(picture: MemoryMap, *, prefix: str = "tdx-", heading: bool = True) -> str:
    """The document, without a newline at the end.

    prefix: what all ids begin with, for several maps in one page. heading: whether the name and
    the verdict are drawn too.
    """
    drawing = _Drawing(picture, prefix)
    if heading:
        drawing.heading()
    drawing.all_bands()
    drawing.legend()
    height = drawing.y + 8
    name = escape(f"Memory map of {picture.name}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tdxctl-map" role="img" '
            f'aria-labelledby="{prefix}title {prefix}desc" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}">',
            f'<title id="{prefix}title">{name}</title>',
            f'<desc id="{prefix}desc">{escape(_described(picture))}</desc>',
            f"<style>\n{style()}</style>",
            f"<defs>\n{patterns(prefix)}\n</defs>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"><title>{name}</title></rect>',
            *drawing.parts,
            "</svg>",
        ]
    )


def _described(picture: MemoryMap) -> str:
    lanes = ", ".join(f"{len(lane.segments)} {lane.name}" for lane in picture.lanes if lane.name)
    return f"{' '.join(picture.heading)} {picture.verdict}. Drawn: {lanes}."


def _measure(text: str) -> int:
    # At 12 px; digits and letters of common fonts are narrower than this on average.
    return len(text) * 8


def _gap_width(size: int) -> int:
    return _measure(approximate_size(size)) + 12


def _canvas() -> Canvas:
    return Canvas(WIDTH - _LEFT - _RIGHT, 4, _gap_width)


class _Drawing:
    """Parts of the document from top to bottom; y is where the next one goes."""

    def __init__(self, picture: MemoryMap, prefix: str) -> None:
        self.parts: list[str] = []
        self.y = 4
        self._picture = picture
        self._prefix = prefix
        self._bands = bands(picture.extents, _canvas())
        nodes = sorted(
            {s.number for lane in picture.lanes for s in lane.segments if s.kind is Kind.MEMORY}
        )
        self._looks = {node: f"n{i % NODE_LOOKS}" for i, node in enumerate(nodes)}

    def heading(self) -> None:
        """Name, description, kernel, verdict and its reason, as many lines as they take."""
        self.y += 8
        why = [f"{label}: {text}" for label, text in self._picture.problem[:1]]
        for i, text in enumerate((*self._picture.heading, self._picture.verdict, *why)):
            # Letters of some scripts are twice as wide.
            columns = (WIDTH - 32) // (11 if i == 0 else 8) // (1 if text.isascii() else 2)
            for line in wrap(text, columns):
                self.y += 22 if i == 0 else _LINE
                look = ' class="title"' if i == 0 else ' class="quiet"'
                self._text(line, 16, self.y, look)
        self.y += 6

    def all_bands(self) -> None:
        """Every band, and what lies between two of them."""
        for before, band in pairwise((None, *self._bands)):
            assert band is not None
            if before is not None and before.end < band.start:
                nothing = approximate_size(band.start - before.end)
                self.y += _LINE + 4
                self._text(f"\u22ee  {nothing} of nothing", _LEFT, self.y, ' class="quiet"')
                self.y += 8
            self._band(band)
        if not self._bands:
            self.y += _LINE
            self._text("no memory at all", _LEFT, self.y, "")

    def _band(self, band: Band) -> None:
        self.y += 16
        self._axis(band)
        top = self.y
        for lane in self._picture.lanes:
            self._text(lane.name, 8, self.y + 16, "")
            for segment in lane.segments:
                if segment.start < band.end and band.start < segment.end:
                    self._segment(segment, band)
            self.y += _LANE_STEP
        for stretch in band.stretches:
            if stretch.drawn is Drawn.ELIDED:
                self._break(stretch, top)
        self._marks(band)
        self._scale_bar(band)

    def _axis(self, band: Band) -> None:
        right = WIDTH - _RIGHT
        taken = [s for s in band.stretches if s.drawn is Drawn.ELIDED]
        for label in axis_labels(
            self._picture, band, lambda text: _measure(text) + 10, centred=True
        ):
            middle = _LEFT + label.left + (_measure(label.text) + 10) // 2
            self._text(label.text, middle, self.y, ' class="quiet mid"')
            x = _LEFT + label.at
            self.parts.append(f'<path class="axis" d="M{x} {self.y + 4}v6"/>')
        self.y += 10
        self.parts.append(f'<path class="axis" d="M{_LEFT} {self.y}H{right}"/>')
        if taken:
            self.y += 14
        for stretch in taken:
            middle = _LEFT + (stretch.left + stretch.right) // 2
            size = approximate_size(stretch.end - stretch.start)
            self._text(size, middle, self.y, ' class="mid"')
        self.y += 6

    def _segment(self, segment: Segment, band: Band) -> None:
        left = _LEFT + band.position(max(segment.start, band.start))
        right = _LEFT + band.position(min(segment.end, band.end))
        look = self._look(segment)
        width = right - left
        self.parts.append(
            f'<g><title>{escape(segment.title)}</title><rect class="{look}"{self._fill(look)} '
            f'x="{left}.5" y="{self.y}.5" width="{width - 1}" height="{_LANE - 1}"/>'
            + (
                f'<text class="in {look}" x="{left + width // 2}" y="{self.y + 16}">'
                f"{escape(segment.label)}</text>"
                if _measure(segment.label) + 8 <= width
                else ""
            )
            + "</g>"
        )

    def _look(self, segment: Segment) -> str:
        if segment.kind is Kind.MEMORY:
            return self._looks[segment.number]
        return _LOOKS[segment.kind]

    def _fill(self, look: str) -> str:
        return f' fill="url(#{self._prefix}{look})"' if look in PATTERNED else ""

    def _break(self, stretch: Stretch, top: int) -> None:
        # A ragged edge on both sides of what is left out.
        bottom = self.y - (_LANE_STEP - _LANE)
        size = approximate_size(stretch.end - stretch.start)
        teeth = "".join("l4 6l-4 6" for _ in range((bottom - top) // 12))
        edges = f"M{_LEFT + stretch.left + 1} {top}{teeth}M{_LEFT + stretch.right - 5} {top}{teeth}"
        self.parts.append(
            f'<g><title>{size} of nothing, not to scale</title><path class="gap" d="{edges}"/></g>'
        )

    def _marks(self, band: Band) -> None:
        # Below the reserved areas: which one was the last, and which ones there was none for.
        free = 0
        marked = [
            segment
            for lane in self._picture.lanes
            for segment in lane.segments
            if segment.kind in _MARKED and segment.start < band.end and band.start < segment.end
        ]
        for segment in sorted(marked, key=lambda s: s.start):
            start, end = max(segment.start, band.start), min(segment.end, band.end)
            x = _LEFT + (band.position(start) + band.position(end)) // 2
            look, said = _LOOKS[segment.kind], _MARKED[segment.kind]
            self.parts.append(
                f'<g><title>{escape(segment.title)}</title><path class="mark-{look}" '
                f'd="M{x} {self.y - 3}l5 8h-10z"/></g>'
            )
            half = _measure(said) // 2
            middle = min(max(x, free + half), WIDTH - _RIGHT - half)
            if middle - half >= free and abs(middle - x) <= half:
                self._text(said, middle, self.y + 18, ' class="mid"')
                free = middle + half + 2
        if marked:
            self.y += 24

    def _scale_bar(self, band: Band) -> None:
        size, units = band.bytes_per_unit
        shown = 1 << (120 * size // units).bit_length() - 1
        length = shown * units // size
        self.y += 12
        y = self.y - 4
        self.parts.append(
            f"<g><title>the scale: {length} units are {approximate_size(shown)}</title>"
            f'<path class="gap" d="M{_LEFT} {y - 4}v8m0-4h{length}m0-4v8"/></g>'
        )
        said = f"{approximate_size(shown)}"
        if any(stretch.drawn is Drawn.WIDENED for stretch in band.stretches):
            said += "; not to scale: what would be too small to be seen"
        self._text(said, _LEFT + length + 10, self.y, ' class="quiet"')
        self.y += 6

    def legend(self) -> None:
        """What the patterns and colours stand for, in rows."""
        self.y += 24
        x = _LEFT
        for look, said in self._legend():
            width = 36 + _measure(said)
            if x + width > WIDTH - _RIGHT and x > _LEFT:
                x, self.y = _LEFT, self.y + 22
            self.parts.append(
                f'<g><title>{escape(said)}</title><rect class="{look}"{self._fill(look)} '
                f'x="{x}.5" y="{self.y - 11}.5" width="19" height="13"/></g>'
            )
            self._text(said, x + 26, self.y, "")
            x += width
        self.y += 6

    def _legend(self) -> Iterator[tuple[str, str]]:
        by_look: dict[str, list[int]] = {}
        for node, look in self._looks.items():
            by_look.setdefault(look, []).append(node)
        for look, nodes in by_look.items():
            yield look, f"memory of node {', '.join(map(str, nodes))}"
        for kind in self._picture.kinds:
            if kind is not Kind.MEMORY:
                yield _LOOKS[kind], kind.value

    def _text(self, text: str, x: int, y: int, look: str) -> None:
        if text:
            self.parts.append(f'<text{look} x="{x}" y="{y}">{escape(text)}</text>')
