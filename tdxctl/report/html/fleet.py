# SPDX-License-Identifier: Apache-2.0
"""A page about a fleet: what each kernel makes of it, and histograms of what it costs and has."""

from __future__ import annotations

from msgspec import UNSET

from tdxctl.report.blocks import Table
from tdxctl.report.fleets import FleetDocument, Hosts, KernelSummary
from tdxctl.report.html.elements import facts, paragraph, table, text
from tdxctl.report.html.style import STYLE
from tdxctl.units import approximate_size

#: Of a histogram: bars at most, so many of which have words of their own; its size in SVG's units,
#: and the widest bar's.
_BARS, _FEW = 40, 7
_WIDTH, _HEIGHT, _FOOT, _WIDEST = 640, 140, 18, 90


def page(fleet: FleetDocument) -> str:
    """The page, without a newline at the end. It needs nothing but a browser."""
    sections = [_kernel_section(fleet, kernel) for kernel in fleet.kernels]
    if fleet.changed is not UNSET and fleet.against is not UNSET:
        title = f"Hosts that change their verdict against {fleet.against}"
        sections.append(_section(title, _kinds(title, fleet.changed)))
    if fleet.errors:
        sections.append(
            _section("Rows that are wrong", _kinds("Rows that are wrong", fleet.errors))
        )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<title>A fleet: Intel TDX bring-up</title>",
            f"<style>\n{STYLE}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<h1>{fleet.hosts:,} hosts</h1>",
            paragraph(f"{fleet.wrong:,} of their rows are wrong.") if fleet.wrong else "",
            "</header>",
            '<main id="main">',
            *sections,
            "</main>",
            "<footer>",
            paragraph("Made by tdxctl from descriptions: fake machines, not real ones."),
            "</footer>",
            "</body>",
            "</html>",
        ]
    )


def _section(title: str, *parts: str) -> str:
    return "\n".join(["<section>", f"<h2>{text(title)}</h2>", *parts, "</section>"])


def _kernel_section(fleet: FleetDocument, kernel: KernelSummary) -> str:
    good = fleet.hosts - fleet.wrong
    share = f" ({kernel.ready / good:.1%})" if good else ""
    said = [
        ("Ready for TDs", f"{kernel.ready:,} of {good:,}{share}"),
        ("Module initialized", f"{kernel.initialized:,}"),
        ("PAMTs in all", approximate_size(kernel.pamt_bytes)),
        ("Memory lost in all", approximate_size(kernel.memory_lost)),
        ("KeyIDs for TDs in all", f"{kernel.guests:,}"),
    ]
    parts = [facts(said)]
    if kernel.not_ready:
        parts.append(_kinds("Not ready", kernel.not_ready))
    if kernel.initialized:
        nodes = [(f"node {node}", size) for node, size in kernel.pamt_by_node.items()]
        left = [(f"{each.left} left", each.hosts) for each in kernel.reserved_left]
        tdmrs = [(f"{each.left} left", each.hosts) for each in kernel.tdmrs_left]
        pamt = [(f"from {approximate_size(each.at_least)}", each.hosts) for each in kernel.pamt]
        parts += [
            histogram("Hosts by size of their PAMTs", pamt),
            histogram("Hosts by reserved areas left in the fullest TDMR", left),
            histogram("Hosts by TDMRs left", tdmrs),
            histogram("Bytes of PAMTs by node", nodes, sizes=True),
        ]
    return _section(f"Kernel {kernel.kernel}", *parts)


def _kinds(title: str, kinds: tuple[Hosts, ...]) -> str:
    rows = tuple((kind.what, f"{kind.hosts:,}", ", ".join(kind.examples)) for kind in kinds)
    return table(Table(title, ("What", "Hosts", "The first"), rows, right=frozenset({1})))


def histogram(title: str, bars: list[tuple[str, int]], *, sizes: bool = False) -> str:
    """Bars as SVG, each with its words and number when it is pointed at; many are put together.

    sizes: the numbers are bytes.
    """
    bars = _fewer(bars)
    most = max((count for _, count in bars), default=0) or 1
    width = min(_WIDTH / max(len(bars), 1), _WIDEST)
    shown = []
    for i, (label, count) in enumerate(bars):
        said = approximate_size(count) if sizes else f"{count:,}"
        height = max((_HEIGHT - _FOOT) * count / most, 1 if count else 0)
        shown.append(
            f'<rect x="{i * width + 1:.1f}" y="{_HEIGHT - height:.1f}" '
            f'width="{width - 2:.1f}" height="{height:.1f}" fill="currentColor" '
            f'fill-opacity="0.6"><title>{text(label)}: {text(said)}</title></rect>'
        )
        middle = (i + 0.5) * width
        if len(bars) <= _FEW:
            shown.append(_words(middle, _HEIGHT - height - 4, said, "middle"))
            shown.append(_words(middle, _HEIGHT + _FOOT - 4, label, "middle"))
    if len(bars) > _FEW:
        shown.append(_words(0, _HEIGHT + _FOOT - 4, bars[0][0], "start"))
        shown.append(_words(len(bars) * width, _HEIGHT + _FOOT - 4, bars[-1][0], "end"))
    highest = approximate_size(most) if sizes else f"{most:,}"
    return "\n".join(
        [
            "<figure>",
            f"<figcaption>{text(title)}; the highest bar is {text(highest)}</figcaption>",
            f'<svg role="img" aria-label="{text(title)}" viewBox="0 0 {_WIDTH} {_HEIGHT + _FOOT}" '
            f'width="100%" style="max-width:{_WIDTH}px">',
            *shown,
            "</svg>",
            "</figure>",
        ]
    )


def _words(x: float, y: float, said: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" text-anchor="{anchor}" '
        f'fill="currentColor">{text(said)}</text>'
    )


def _fewer(bars: list[tuple[str, int]]) -> list[tuple[str, int]]:
    # Neighbours together, so that no more than _BARS are left.
    each = -(-len(bars) // _BARS) or 1
    groups = [bars[at : at + each] for at in range(0, len(bars), each)]
    return [
        (
            group[0][0] if len(group) == 1 else f"{group[0][0]} to {group[-1][0]}",
            sum(count for _, count in group),
        )
        for group in groups
    ]
