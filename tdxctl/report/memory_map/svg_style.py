# SPDX-License-Identifier: Apache-2.0
"""How the SVG of a memory map looks: colours for light and dark, and a pattern with each."""

from __future__ import annotations

#: How many looks there are for NUMA nodes; a further node has that of an earlier one again.
NODE_LOOKS = 4

_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "quiet": "#4d5660",
    "line": "#6e7781",
    "n0": "#cfe3ff",
    "n0-line": "#0a52b0",
    "n1": "#ffe2c2",
    "n1-line": "#8f4300",
    "n2": "#cdefd9",
    "n2-line": "#0f5f33",
    "n3": "#e8dcff",
    "n3-line": "#5f35a8",
    "cmr": "#e9ecef",
    "pamt": "#a31768",
    "on-pamt": "#ffffff",
    "hole": "#f3f4f6",
    "last": "#ffd33d",
    "last-line": "#6a4d00",
    "bad": "#ffd7d5",
    "bad-line": "#b3131b",
}
_DARK = {
    "paper": "#0f1318",
    "ink": "#e8ecf0",
    "quiet": "#aab4bf",
    "line": "#8b96a3",
    "n0": "#12365f",
    "n0-line": "#86c0ff",
    "n1": "#533007",
    "n1-line": "#ffb872",
    "n2": "#12452a",
    "n2-line": "#7fdca5",
    "n3": "#3b2766",
    "n3-line": "#cbb0ff",
    "cmr": "#262d36",
    "pamt": "#ff8cc8",
    "on-pamt": "#2b0019",
    "hole": "#1c222a",
    "last": "#7a5c00",
    "last-line": "#ffdf70",
    "bad": "#5c1416",
    "bad-line": "#ff9b96",
}

_RULES = """\
.tdxctl-map text{font:12px system-ui,sans-serif;fill:var(--m-ink)}
.tdxctl-map .title{font-size:17px;font-weight:600}
.tdxctl-map .quiet{fill:var(--m-quiet)}
.tdxctl-map .in{paint-order:stroke;stroke-width:4px;stroke-linejoin:round;text-anchor:middle}
.tdxctl-map .mid{text-anchor:middle}
.tdxctl-map .end{text-anchor:end}
.tdxctl-map rect{stroke-width:1px}
.tdxctl-map .paper{fill:var(--m-paper)}
.tdxctl-map .axis{stroke:var(--m-line);fill:none}
.tdxctl-map .gap{stroke:var(--m-line);stroke-width:1.5px;fill:none}
.tdxctl-map .cmr{fill:var(--m-cmr);stroke:var(--m-line)}
.tdxctl-map .tdmr{fill:var(--m-paper);stroke:var(--m-ink);stroke-width:2px}
.tdxctl-map .pamt{fill:var(--m-pamt);stroke:var(--m-pamt)}
.tdxctl-map .hole{stroke:var(--m-line)}
.tdxctl-map .pamt-area{stroke:var(--m-pamt)}
.tdxctl-map .last{fill:var(--m-last);stroke:var(--m-last-line);stroke-width:2px}
.tdxctl-map .left-out{stroke:var(--m-bad-line);stroke-width:2px}
.tdxctl-map text.cmr{fill:var(--m-ink);stroke:var(--m-cmr)}
.tdxctl-map text.tdmr{fill:var(--m-ink);stroke:var(--m-paper);stroke-width:4px}
.tdxctl-map text.pamt{fill:var(--m-on-pamt);stroke:var(--m-pamt)}
.tdxctl-map text.hole,.tdxctl-map text.pamt-area{fill:var(--m-ink);stroke:var(--m-hole)}
.tdxctl-map text.last{fill:var(--m-ink);stroke:var(--m-last);stroke-width:4px}
.tdxctl-map text.left-out{fill:var(--m-ink);stroke:var(--m-bad);stroke-width:4px}
.tdxctl-map .mark-last{fill:var(--m-last-line);stroke:none}
.tdxctl-map .mark-left-out{fill:var(--m-bad-line);stroke:none}
@media print{.tdxctl-map{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def style() -> str:
    """The style sheet; it touches nothing outside an element of class tdxctl-map."""
    nodes = "".join(
        f".tdxctl-map .n{i}{{stroke:var(--m-n{i}-line)}}\n"
        f".tdxctl-map text.n{i}{{fill:var(--m-ink);stroke:var(--m-n{i})}}\n"
        for i in range(NODE_LOOKS)
    )
    light, dark = _variables(_LIGHT), _variables(_DARK)
    # Paper is white: what is printed has the light colours, whatever the screen has.
    screen = f"@media screen and (prefers-color-scheme:dark){{.tdxctl-map{{{dark}}}}}\n"
    return f".tdxctl-map{{{light}}}\n{screen}{_RULES}{nodes}"


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--m-{name}:{colour}" for name, colour in colours.items())


# Name -> size of the tile, its ground, its strokes and what they are drawn with.
_PATTERNS = {
    "n0": (8, "n0", "", "n0-line"),
    "n1": (8, "n1", "M-2 2l4-4M0 8l8-8M6 10l4-4", "n1-line"),
    "n2": (8, "n2", "M2 2h1M6 6h1", "n2-line"),
    "n3": (8, "n3", "M-2 6l4 4M0 0l8 8M6-2l4 4", "n3-line"),
    "hole": (6, "hole", "M0 0l6 6M0 6l6-6", "line"),
    "pamt-area": (4, "hole", "M2 0v4", "pamt"),
    "left-out": (6, "bad", "M0 3h6M3 0v6", "bad-line"),
}
PATTERNED = frozenset(_PATTERNS)


def patterns(prefix: str) -> str:
    """The patterns, with ids that begin with prefix."""
    tiles = []
    for name, (size, ground, strokes, colour) in _PATTERNS.items():
        lines = (
            f'<path d="{strokes}" style="stroke:var(--m-{colour});stroke-opacity:.55" fill="none"/>'
            if strokes
            else ""
        )
        tiles.append(
            f'<pattern id="{prefix}{name}" width="{size}" height="{size}" '
            'patternUnits="userSpaceOnUse">'
            f'<rect width="{size}" height="{size}" style="fill:var(--m-{ground});stroke:none"/>'
            f"{lines}</pattern>"
        )
    return "\n".join(tiles)
