# SPDX-License-Identifier: Apache-2.0
"""The edges of the layout's arithmetic: one page, one byte [linux-host 5]."""

from __future__ import annotations

import numpy as np
import pytest

from tdxctl.layout.cover import cover, usable_pages
from tdxctl.layout.holes import Areas, holes, overlaps
from tdxctl.layout.pamt import pamt_size, pamt_size_32bit, place

GIB, MIB = 0x40000000, 0x100000
Pairs = list[tuple[int, int]]


def _columns(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    array = np.array(pairs, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _cover(*regions: tuple[int, int]) -> Pairs:
    bases, sizes = cover(*_columns(list(regions)))
    return list(zip(bases.tolist(), sizes.tolist(), strict=True))


def _all(areas: Areas, tdmrs: int) -> list[Pairs]:
    return [areas.of(i) for i in range(tdmrs)]


@pytest.mark.parametrize(
    ("start", "end", "usable"),
    [
        (0x101000, 0x103000, [(0x101000, 0x103000)]),  # whole pages stay
        (0x101001, 0x103FFF, [(0x102000, 0x103000)]),  # a byte less is a page less
        (0x101FFF, 0x103001, [(0x102000, 0x103000)]),
        (0x101001, 0x102FFF, []),  # no whole page
        (0x101000, 0x101FFF, []),
        (0x101000, 0x102000, [(0x101000, 0x102000)]),  # one page
        (0x1000, 0x100000, []),  # up to 1 MiB
        (0x1000, 0x101000, [(0x100000, 0x101000)]),  # and a page more
    ],
)
def test_only_whole_pages_above_1_mib_count(start: int, end: int, usable: Pairs) -> None:
    low, high, which = usable_pages(np.array([start]), np.array([end]))
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == usable
    assert which.tolist() == [0] * len(usable)


@pytest.mark.parametrize(
    ("regions", "tdmrs"),
    [
        # from the first page of a GiB, from the last
        ([(GIB, 2 * GIB)], [(GIB, GIB)]),
        ([(2 * GIB - 0x1000, 2 * GIB)], [(GIB, GIB)]),
        # a page over the GiB takes the whole next one
        ([(GIB, 2 * GIB + 0x1000)], [(GIB, 2 * GIB)]),
        # an end at the TDMR's end needs none, a page more does
        ([(0, MIB), (2 * MIB, GIB)], [(0, GIB)]),
        ([(0, MIB), (2 * MIB, GIB + 0x1000)], [(0, GIB), (GIB, GIB)]),
    ],
)
def test_a_tdmr_begins_and_ends_on_a_gibibyte(regions: Pairs, tdmrs: Pairs) -> None:
    assert _cover(*regions) == tdmrs


@pytest.mark.parametrize(
    ("regions", "areas"),
    [
        # one page before, between, behind
        ([(GIB + 0x1000, 2 * GIB)], [(0, 0x1000)]),
        ([(GIB, GIB + MIB), (GIB + MIB + 0x1000, 2 * GIB)], [(MIB, 0x1000)]),
        ([(GIB, 2 * GIB - 0x1000)], [(0x3FFFF000, 0x1000)]),
        # "stop when region start >= TDMR end"
        ([(GIB, 2 * GIB - 0x1000), (2 * GIB, 3 * GIB)], [(0x3FFFF000, 0x1000)]),
        ([(GIB, 2 * GIB - 0x2000), (2 * GIB - 0x1000, 3 * GIB)], [(0x3FFFE000, 0x1000)]),
        # "skip when region end < TDMR base"
        ([(0, GIB), (GIB + MIB, 2 * GIB)], [(0, MIB)]),
        ([(0, GIB - 0x1000), (GIB + MIB, 2 * GIB)], [(0, MIB)]),
        ([(0, GIB + 0x1000), (GIB + MIB, 2 * GIB)], [(0x1000, MIB - 0x1000)]),
        # no region at all
        ([], [(0, GIB)]),
    ],
)
def test_a_hole_of_a_page_is_a_hole(regions: Pairs, areas: Pairs) -> None:
    """Expect these areas in a TDMR from 1 GiB to 2 GiB."""
    starts, ends = _columns(regions)
    assert _all(holes(starts, ends, np.array([GIB]), np.array([GIB])), 1) == [areas]


@pytest.mark.parametrize(
    ("base", "size", "areas"),
    [
        (GIB, GIB, [[(0, GIB)], []]),  # all of the first, none of the second
        (GIB - 0x1000, 0x1000, [[], []]),  # touching from below
        (GIB - 0x1000, 0x2000, [[(0, 0x1000)], []]),
        (2 * GIB - 0x1000, 0x1000, [[(0x3FFFF000, 0x1000)], []]),
        (2 * GIB - 0x1000, 0x2000, [[(0x3FFFF000, 0x1000)], [(0, 0x1000)]]),
        (3 * GIB, 0x1000, [[], []]),  # touching from above
        (0, 4 * GIB, [[(0, GIB)], [(0, GIB)]]),
        (GIB + 0x1000, 0, [[], []]),  # a chunk of nothing reserves nothing
    ],
)
def test_a_chunk_is_clipped_to_the_page(base: int, size: int, areas: list[Pairs]) -> None:
    """Expect these areas in TDMRs from 1 to 2 GiB and from 2 to 3 GiB."""
    found = overlaps(
        np.array([base]), np.array([size]), np.array([GIB, 2 * GIB]), np.array([GIB, GIB])
    )
    assert _all(found, 2) == areas


@pytest.mark.parametrize(
    ("entry_size", "size"),
    [(1, 0x1000), (0xFFF, 0x1000), (0x1000, 0x1000), (0x1001, 0x2000), (0x2000, 0x2000)],
)
def test_a_pamt_is_rounded_up_to_a_page(entry_size: int, size: int) -> None:
    """Expect a byte more than a page to take two, whatever a module says of its entries."""
    assert int(pamt_size(np.array(GIB), 30, entry_size)) == size
    assert int(pamt_size_32bit(np.array(GIB), 30, entry_size)) == size


def test_a_tdmr_of_size_0_has_pamts_of_size_0() -> None:
    assert int(pamt_size(np.array(0), 12, 16)) == 0
    assert int(pamt_size_32bit(np.array(0), 12, 16)) == 0


def test_pamts_of_a_negative_size_are_placed_modulo_2_64() -> None:
    """
    v5-posted, 512 GiB: the 4K PAMT is -2^31 bytes, 2M and 1G are 4 MiB and 8 KiB

    Expect the 2M PAMT 2 GiB below the 4K one.
    """
    sizes = np.array([2**64 - 0x80000000, 0x400000, 0x2000], np.uint64)
    assert place(0x100000000, sizes).tolist() == [0x100000000, 0x80000000, 0x80400000]
