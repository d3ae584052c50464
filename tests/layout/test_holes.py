# SPDX-License-Identifier: Apache-2.0
"""Reserved areas [linux-host 5.4]."""

from __future__ import annotations

import numpy as np

from tdxctl.layout.holes import Areas, holes, merged, overlaps
from tdxctl.units import SZ_1G, SZ_1M

Pairs = list[tuple[int, int]]


def _columns(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    array = np.array(pairs, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _holes(regions_mib: Pairs, tdmrs_gib: Pairs) -> list[Pairs]:
    # Regions as [start, end) in MiB, TDMRs as (base, size) in GiB; areas in MiB.
    starts, ends = _columns([(a * SZ_1M, b * SZ_1M) for a, b in regions_mib])
    bases, sizes = _columns([(a * SZ_1G, b * SZ_1G) for a, b in tdmrs_gib])
    return _in_mib(holes(starts, ends, bases, sizes), len(tdmrs_gib))


def _in_mib(areas: Areas, tdmrs: int) -> list[Pairs]:
    return [
        [(offset // SZ_1M, size // SZ_1M) for offset, size in areas.of(i)] for i in range(tdmrs)
    ]


def test_holes_lie_before_between_and_behind_regions() -> None:
    """
    MiB       0   100    300  400        1000  1024
    memory        [=======)    [===========)
    TDMR      [------------------------------------)
    areas     [---)       [----)           [-------)

    Expect three areas, relative to the TDMR.
    """
    assert _holes([(100, 300), (400, 1000)], [(0, 1)]) == [[(0, 100), (300, 100), (1000, 24)]]


def test_a_region_may_reach_over_its_tdmrs_on_both_sides() -> None:
    """
    MiB       0         1024       2048       3072
    memory       [====================================)
    TDMRs     [----0----)[----1----)[----2----)
    areas     [--)

    Expect no hole where memory runs through.
    """
    assert _holes([(300, 4000)], [(0, 1), (1, 1), (2, 1)]) == [[(0, 300)], [], []]


def test_a_region_that_ends_at_the_base_leaves_the_tdmr_open() -> None:
    """
    MiB       0         1024    1500   2048
    memory    [==========)       [======)
    TDMR                 [--------------)
    areas                [-------)

    Expect the hole to start at the TDMR's base.
    """
    assert _holes([(0, 1024), (1500, 2048)], [(1, 1)]) == [[(0, 476)]]


def test_touching_regions_leave_no_hole() -> None:
    assert _holes([(0, 500), (500, 1024)], [(0, 1)]) == [[]]


def test_a_tdmr_without_memory_is_one_hole() -> None:
    assert _holes([(0, 100), (3000, 3072)], [(1, 1)]) == [[(0, 1024)]]


def test_pamts_are_reserved_where_they_lie_clipped_to_the_tdmr() -> None:
    """
    GiB       4            5            6
    chunk             [=========)
    TDMRs     [-----0------)[-----1-----)
    areas             [----)[---)

    Expect the chunk's part of each TDMR, relative to it.
    """
    base = 5 * SZ_1G - 16 * SZ_1M
    areas = overlaps(
        np.array([base]),
        np.array([48 * SZ_1M]),
        np.array([4 * SZ_1G, 5 * SZ_1G]),
        np.array([SZ_1G, SZ_1G]),
    )
    assert _in_mib(areas, 2) == [[(1008, 16)], [(0, 32)]]


def test_each_part_of_a_pamt_is_known_by_its_chunk() -> None:
    """
    GiB       4            5            6
    chunks       [=1=)   [=====0=====)
    TDMRs     [-----0------)[-----1-----)

    Expect the chunk of each part: TDMR 0 meets the first chunk before the second, as the kernel
    walks them.
    """
    areas = overlaps(
        np.array([5 * SZ_1G - 16 * SZ_1M, 4 * SZ_1G + 16 * SZ_1M]),
        np.array([48 * SZ_1M, SZ_1M]),
        np.array([4 * SZ_1G, 5 * SZ_1G]),
        np.array([SZ_1G, SZ_1G]),
    )
    assert areas.chunk is not None
    assert areas.tdmr.tolist() == [0, 0, 1]
    assert areas.chunk.tolist() == [0, 1, 0]


def test_a_pamt_outside_every_tdmr_reserves_nothing() -> None:
    areas = overlaps(
        np.array([8 * SZ_1G]), np.array([SZ_1M]), np.array([4 * SZ_1G]), np.array([SZ_1G])
    )
    assert _in_mib(areas, 1) == [[]]


def test_merged_areas_are_sorted_within_each_tdmr() -> None:
    """Expect holes and PAMTs by offset, each with its TDMR; touching areas stay two."""
    gaps = Areas(np.array([0, 1]), np.array([300, 0]), np.array([10, 5]))
    pamts = Areas(np.array([0, 0, 1]), np.array([310, 100, 5]), np.array([20, 50, 1]))
    both = merged(gaps, pamts)
    assert both.of(0) == [(100, 50), (300, 10), (310, 20)]
    assert both.of(1) == [(0, 5), (5, 1)]
    assert both.per_tdmr(3).tolist() == [3, 2, 0]
