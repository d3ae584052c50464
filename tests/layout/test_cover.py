# SPDX-License-Identifier: Apache-2.0
"""Which TDMRs cover which memory [linux-host 5.1]."""

from __future__ import annotations

import numpy as np

from tdxctl.layout.cover import cover, covering, first_region_above, usable_pages
from tdxctl.units import SZ_1G, SZ_1M


def _cover(*regions: tuple[int, int]) -> list[tuple[int, int]]:
    # (base, end) of the TDMRs, in GiB.
    array = np.array(regions, np.int64).reshape(-1, 2)
    bases, sizes = cover(array[:, 0], array[:, 1])
    return [
        (base // SZ_1G, (base + size) // SZ_1G)
        for base, size in zip(bases.tolist(), sizes.tolist(), strict=True)
    ]


def test_a_region_is_widened_to_whole_gibibytes() -> None:
    """
    GiB     0         1         2         3
    memory  .  [===================)      .
    TDMRs   [---------0-------------------)

    Expect one TDMR from the GiB the region starts in to the GiB it ends in.
    """
    assert _cover((SZ_1M, 2 * SZ_1G + SZ_1M)) == [(0, 3)]


def test_a_region_inside_the_last_tdmr_needs_none() -> None:
    """
    GiB     0         1
    memory  [==)  [==)
    TDMRs   [----0----)

    Expect the second region to be covered by the first one's TDMR.
    """
    assert _cover((0, 100 * SZ_1M), (200 * SZ_1M, 300 * SZ_1M)) == [(0, 1)]


def test_a_region_that_shares_its_first_gibibyte_starts_behind_the_tdmr() -> None:
    """
    GiB     0         1         2         3
    memory  [====)  [=================)
    TDMRs   [----0----)[--------1---------)

    Expect a second TDMR from where the first ends; a TDMR never grows.
    """
    assert _cover((0, 500 * SZ_1M), (700 * SZ_1M, 2 * SZ_1G + 500 * SZ_1M)) == [(0, 1), (1, 3)]


def test_touching_regions_are_not_merged() -> None:
    """
    GiB     4         5         6
    memory  [===node0=)[==node1=)
    TDMRs   [----0----)[----1---)

    Expect a TDMR for each, although they touch.
    """
    assert _cover((4 * SZ_1G, 5 * SZ_1G), (5 * SZ_1G, 6 * SZ_1G)) == [(4, 5), (5, 6)]


def test_no_memory_still_gives_one_empty_tdmr() -> None:
    """Expect one TDMR of size 0, as the kernel makes."""
    assert _cover() == [(0, 0)]


def test_usable_memory_is_whole_pages_above_one_mebibyte() -> None:
    """
    MiB      0           1
    memory   [0x1010==================0x203456)   [0x300001..0x300fff)
    usable               [0x100000====0x203000)

    Expect the part below 1 MiB and the broken page at the end cut off, and a region without a
    whole page dropped.
    """
    starts = np.array([0x1010, 0x300001], np.int64)
    ends = np.array([0x203456, 0x300FFF], np.int64)
    low, high, which = usable_pages(starts, ends)
    assert (low.tolist(), high.tolist(), which.tolist()) == ([0x100000], [0x203000], [0])


def test_a_tdmrs_node_is_that_of_the_first_region_ending_above_its_base() -> None:
    """
    GiB      4         5         6
    memory   [=0==)[=======1=====)
    TDMRs    [----a----)[----b---)

    Expect region 0 for TDMR a; region 1 for b, though it starts below b; none behind all.
    """
    ends = np.array([4 * SZ_1G + SZ_1M, 6 * SZ_1G], np.int64)
    bases = np.array([4 * SZ_1G, 5 * SZ_1G, 6 * SZ_1G], np.int64)
    assert first_region_above(ends, bases).tolist() == [0, 1, 2]


def test_a_page_more_than_a_gibibyte_takes_another_one() -> None:
    """In a unit of which four are a GiB: 0 .. 9 is covered by 0 .. 12, for the first region."""
    bases, sizes, made_for = covering(np.array([0]), np.array([9]), 4)
    assert (bases.tolist(), sizes.tolist(), made_for.tolist()) == ([0], [12], [0])
    bases, sizes, _ = covering(np.array([3]), np.array([8]), 4)
    assert (bases.tolist(), sizes.tolist()) == ([0], [8])
