# SPDX-License-Identifier: Apache-2.0
"""Tables as lines of text."""

from __future__ import annotations

from collections.abc import Collection, Sequence

#: Between two columns.
GAP = "  "


def padded(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[list[str]]:
    """The cells of each row as wide as their column, to the right in the columns of right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """A line per row, cells below each other, to the right in the columns of right."""
    return [GAP.join(cells).rstrip() for cells in padded(rows, right)]
