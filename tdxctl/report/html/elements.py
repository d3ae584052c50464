# SPDX-License-Identifier: Apache-2.0
"""The pieces a page is made of. All text that comes in is escaped here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from html import escape

from tdxctl.report.blocks import Table
from tdxctl.units import printable

# Rows that a table shows at once; a longer one is folded away.
_LONG = 24


def text(said: str) -> str:
    """Text as text: nothing in it is markup, and every control character can be seen."""
    return escape(printable(said))


def paragraph(said: str, look: str = "") -> str:
    """A paragraph of text."""
    return f"<p{_class(look)}>{text(said)}</p>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of (name, value)."""
    items = "\n".join(f"<dt>{text(a)}</dt><dd>{text(b)}</dd>" for a, b in pairs)
    return f"<dl>\n{items}\n</dl>"


def table(shown: Table) -> str:
    """A table in a region of its own that scrolls.

    The first column heads its row. A long table is folded away behind its title.
    """
    head = "".join(
        f'<th scope="col"{_class("number" if i in shown.right else "")}>{text(column)}</th>'
        for i, column in enumerate(shown.columns)
    )
    body = "\n".join(
        f"<tr{_class('bad' if i in shown.bad else '')}>{_cells(row, shown.right)}</tr>"
        for i, row in enumerate(shown.rows)
    )
    grid = (
        f"<table>\n<caption><span>{text(shown.title)}</span></caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )
    region = scrolling(grid, shown.title)
    rows = len(shown.rows)
    return folded(f"{shown.title}: {rows} rows", region) if rows > _LONG else region


def _cells(row: tuple[str, ...], right: Collection[int]) -> str:
    cells = []
    for i, cell in enumerate(row):
        look = _class("number" if i in right else "")
        named = f'<th scope="row"{look}>' if i == 0 else f"<td{look}>"
        cells.append(f"{named}{text(cell)}{'</th>' if i == 0 else '</td>'}")
    return "".join(cells)


def lines(title: str, shown: Iterable[tuple[str, str]]) -> str:
    """Preformatted (look, line) pairs, folded away where there are many."""
    shown = list(shown)
    said = "\n".join(f"<span{_class(look)}>{text(line)}</span>" for look, line in shown)
    region = scrolling(f"<pre>{said}</pre>", title)
    return folded(f"{title}: {len(shown)} lines", region) if len(shown) > _LONG else region


def folded(summary: str, content: str, look: str = "") -> str:
    """Markup behind a line of text that opens it."""
    return f"<details{_class(look)}>\n<summary>{text(summary)}</summary>\n{content}\n</details>"


def scrolling(content: str, label: str) -> str:
    """Markup that may be wider than the page: a region that a keyboard can scroll."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(label)}">'
        f"\n{content}\n</div>"
    )


def section(level: int, anchor: str, title: str, parts: Iterable[str]) -> str:
    """A section with a heading of that level, and an id to link to."""
    heading = f'<h{level} id="{anchor}">{text(title)}</h{level}>'
    content = "\n".join(part for part in parts if part)
    return f'<section aria-labelledby="{anchor}">\n{heading}\n{content}\n</section>'


def _class(look: str) -> str:
    return f' class="{look}"' if look else ""
