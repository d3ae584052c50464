# SPDX-License-Identifier: Apache-2.0
"""Covering usable memory with TDMRs (create_tdmrs) [linux-host 5.1]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tdxctl.units import PAGE_SHIFT, SZ_1G, SZ_1M, SZ_4K

Int64s = npt.NDArray[np.int64]


def usable_pages(starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s, npt.NDArray[np.intp]]:
    """What the kernel counts of memory ranges: whole pages, and nothing below 1 MiB.

    starts, ends: shape (n,), bytes, ascending, half-open. Returns starts and ends of the
    usable part, shape (m,), bytes, and which of the n ranges each is a part of.
    """
    # "a region counts from PFN_UP(start) to PFN_DOWN(end), dropped if empty ...; below 1 MB
    # is cut off, a region wholly below is skipped" [linux-host 4]
    low = np.maximum((starts + (SZ_4K - 1)) >> PAGE_SHIFT << PAGE_SHIFT, SZ_1M)
    high = ends >> PAGE_SHIFT << PAGE_SHIFT
    which = np.flatnonzero(high > low)
    return low[which], high[which], which


def cover(starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s]:
    """Bases and sizes in bytes, shape (t,), of the TDMRs that cover usable regions.

    starts, ends: shape (n,), bytes, page aligned, ascending, disjoint. No region at all
    still gives one TDMR of size 0, as in the kernel.
    """
    if not len(starts):
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    bases, sizes, _ = covering(starts, ends, SZ_1G)
    return bases, sizes


def covering(
    starts: Int64s, ends: Int64s, granule: int
) -> tuple[Int64s, Int64s, npt.NDArray[np.intp]]:
    """Bases and sizes of the TDMRs that cover regions, and for which region each was made.

    starts, ends: shape (n,), ascending, disjoint, in a unit of which granule are a GiB; those of
    many hosts where each has keys of its own. A TDMR's region is the first that ends above its
    base.
    """
    # "a = start rounded down to 1 GB, b = end rounded up to 1 GB. If a TDMR exists already:
    # b <= its end -> nothing; else a = max(a, its end) and a NEW TDMR is made"
    low = starts & -granule
    high = (ends + (granule - 1)) & -granule
    covered = np.maximum.accumulate(high)
    previous_end = np.concatenate((np.zeros(1, np.int64), covered[:-1]))[: len(covered)]
    made_for = np.flatnonzero(high > previous_end)
    bases = np.maximum(low, previous_end)[made_for]
    return bases, high[made_for] - bases, made_for


def first_region_above(region_ends: Int64s, tdmr_bases: Int64s) -> npt.NDArray[np.intp]:
    """For each TDMR the first region whose end is above its base (tdmr_get_nid).

    region_ends: shape (n,), ascending; tdmr_bases: shape (t,). Returns shape (t,); n where
    there is no such region.
    """
    return np.searchsorted(region_ends, tdmr_bases, side="right")
