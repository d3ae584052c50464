# SPDX-License-Identifier: Apache-2.0
"""A kernel's state machine as SVG: needs nothing but itself, for light and dark.

The status after the boot stands left, the others in a column to its right, in the order in which
they are reached. Arrows between the left and the right run in lanes of their own, so that no label
lies over another; those between two of the column run to the right of it.
"""

from __future__ import annotations

from html import escape

from tdxctl.advice.states import STATES
from tdxctl.report.states import Arrow, arrows
from tdxctl.sweep.states import States
from tdxctl.units import counted

WIDTH = 1080
_BOX_WIDTH, _BOX_HEIGHT = 190, 52
_LEFT, _COLUMN = 24, 620
_TOP, _LINE, _GAP = 64, 17, 28
_STYLE = """
.tdxctl-states { --ink: #1b1f24; --quiet: #57606a; --paper: #ffffff; --box: #eaf2fb;
  --edge: #3b6ea5; --good: #dcf1e0; font: 13px/1.3 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .tdxctl-states { --ink: #e6edf3; --quiet: #9aa4af;
  --paper: #0d1117; --box: #18293d; --edge: #7db0e8; --good: #16351f; } }
.tdxctl-states .paper { fill: var(--paper); }
.tdxctl-states text { fill: var(--ink); }
.tdxctl-states .quiet { fill: var(--quiet); }
.tdxctl-states .name { font-weight: 600; font-size: 14px; }
.tdxctl-states .box { fill: var(--box); stroke: var(--edge); stroke-width: 1.5; }
.tdxctl-states .good { fill: var(--good); }
.tdxctl-states .arrow { fill: none; stroke: var(--edge); stroke-width: 1.5; }
.tdxctl-states .head { fill: var(--edge); }
"""


def render(found: States, *, prefix: str = "tdx-states-") -> str:
    """The document, without a newline at the end. prefix: what all ids begin with."""
    drawing = _Drawing(found, prefix)
    name = escape(f"States of {found.kernel.id}")
    said = ", ".join(
        f"{arrow.before} to {arrow.after}: {'; '.join(arrow.labels)}" for arrow in arrows(found)
    )
    height = drawing.height
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tdxctl-states" role="img" '
            f'aria-labelledby="{prefix}title {prefix}desc" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}">',
            f'<title id="{prefix}title">{name}</title>',
            f'<desc id="{prefix}desc">{escape(said)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<defs><marker id="{prefix}head" viewBox="0 0 8 8" refX="7" refY="4" '
            'markerWidth="8" markerHeight="8" orient="auto-start-reverse">'
            '<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>',
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            *drawing.parts,
            "</svg>",
        ]
    )


class _Drawing:
    """Parts of the document: a row per status of the column, as high as its labels."""

    def __init__(self, found: States, prefix: str) -> None:
        self.parts: list[str] = []
        self._prefix = prefix
        self._initial = found.initial
        self._arrows = {(each.before, each.after): each for each in arrows(found)}
        self._column = [status for status in found.statuses if status != found.initial]
        self._places: dict[str, tuple[int, int]] = {}
        self._text(16, 28, f"{found.kernel.title}: states of the TDX module", "name")
        tried = counted(found.transitions, "operation")
        self._text(16, 48, f"{found.depth} operations deep: {tried} tried", "quiet")
        self.height = self._place()
        for row, status in enumerate(self._column):
            self._to_and_fro(status, row)
        self._beside_the_column()
        for status, place in self._places.items():
            self._box(status, *place)
            self._stays(status, *place)

    def _place(self) -> int:
        # Where each box stands, y being its middle: a row has room for the labels over and under
        # its lines.
        y = _TOP
        for status in self._column:
            above = self._lines(self._initial, status) * _LINE
            below = self._lines(status, self._initial) * _LINE
            stays = self._lines(status, status) * _LINE
            middle = y + max(above + 12, 12 + _BOX_HEIGHT // 2)
            self._places[status] = (_COLUMN, middle)
            y = middle + max(below + 12, _BOX_HEIGHT // 2 + stays + 8) + _GAP
        loops = self._lines(self._initial, self._initial) * _LINE
        middle = max((_TOP + y - _GAP) // 2, _TOP + 12 + _BOX_HEIGHT // 2)
        self._places[self._initial] = (_LEFT, middle)
        return max(y, middle + _BOX_HEIGHT // 2 + loops + 20)

    def _lines(self, before: str, after: str) -> int:
        arrow = self._arrows.get((before, after))
        return len(arrow.labels) if arrow else 0

    def _to_and_fro(self, status: str, row: int) -> None:
        # Out over the middle of the row, back under it; both bend near the left box.
        _, left_y = self._places[self._initial]
        _, y = self._places[status]
        start = _LEFT + _BOX_WIDTH
        spread = (2 * row + 1 - len(self._column)) * 9
        out = self._arrows.get((self._initial, status))
        back = self._arrows.get((status, self._initial))
        if out:
            self._path(
                f"M{start} {left_y + spread - 4}C{start + 70} {left_y + spread - 4} "
                f"{start + 40} {y - 8} {start + 110} {y - 8}L{_COLUMN} {y - 8}"
            )
            for i, said in enumerate(reversed(out.labels)):
                self._text(start + 112, y - 14 - i * _LINE, said)
        if back:
            self._path(
                f"M{_COLUMN} {y + 8}L{start + 110} {y + 8}C{start + 40} {y + 8} "
                f"{start + 70} {left_y + spread + 4} {start} {left_y + spread + 4}"
            )
            for i, said in enumerate(back.labels):
                self._text(start + 112, y + 24 + i * _LINE, said)

    def _beside_the_column(self) -> None:
        # From one of the column to another: a lane each, right of the boxes.
        edge = _COLUMN + _BOX_WIDTH
        lane = 0
        for arrow in self._arrows.values():
            if self._initial in (arrow.before, arrow.after) or arrow.before == arrow.after:
                continue
            start, end = (self._places[each][1] for each in (arrow.before, arrow.after))
            down = 10 if end > start else -10
            x = edge + 36 + 26 * lane
            self._path(
                f"M{edge} {start + down}C{x} {start + down} {x} {start + 3 * down} "
                f"{x} {(start + end) // 2}S{x} {end - down} {edge} {end - down}"
            )
            self._labels(arrow, x + 8, (start + end) // 2 + lane * _LINE)
            lane += 1

    def _labels(self, arrow: Arrow, x: int, y: int) -> None:
        for i, said in enumerate(arrow.labels):
            self._text(x, y + i * _LINE, said)

    def _stays(self, status: str, x: int, y: int) -> None:
        arrow = self._arrows.get((status, status))
        if arrow is None:
            return
        bottom = y + _BOX_HEIGHT // 2
        for i, said in enumerate(arrow.labels):
            self._text(x + 4, bottom + 16 + i * _LINE, f"\u21ba {said}", "quiet")

    def _box(self, status: str, x: int, y: int) -> None:
        top = y - _BOX_HEIGHT // 2
        look = "box good" if status == "INITIALIZED" else "box"
        self.parts.append(
            f'<g><title>{escape(STATES[status])}</title><rect class="{look}" x="{x}" y="{top}" '
            f'width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="10"/></g>'
        )
        first = status == self._initial
        self._text(x + _BOX_WIDTH // 2, y + (-2 if first else 5), status, "name", middle=True)
        if first:
            self._text(x + _BOX_WIDTH // 2, y + 16, "after the boot", "quiet", middle=True)

    def _path(self, drawn: str) -> None:
        self.parts.append(
            f'<path class="arrow" marker-end="url(#{self._prefix}head)" d="{drawn}"/>'
        )

    def _text(self, x: int, y: int, said: str, look: str = "", *, middle: bool = False) -> None:
        anchor = ' text-anchor="middle"' if middle else ""
        look = f' class="{look}"' if look else ""
        self.parts.append(f'<text x="{x}" y="{y}"{look}{anchor}>{escape(said)}</text>')
