# SPDX-License-Identifier: Apache-2.0
"""Reserved areas of TDMRs: memory holes and PAMTs [linux-host 5.4]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from tdxctl.layout.ragged import ragged

Int64s = npt.NDArray[np.int64]
Intps = npt.NDArray[np.intp]


class Areas(Struct, frozen=True):
    """Areas of many TDMRs, ordered by TDMR.

    tdmr: which TDMR each belongs to, shape (k,), ascending. offset: relative to that TDMR's
    base, bytes. size: bytes. chunk: the PAMT chunk that each is a part of, None where they are
    not parts of chunks alone.
    """

    tdmr: Intps
    offset: Int64s
    size: Int64s
    chunk: Intps | None = None

    def per_tdmr(self, tdmrs: int) -> Intps:
        """How many areas each of tdmrs TDMRs has, shape (tdmrs,)."""
        return np.bincount(self.tdmr, minlength=tdmrs)

    def of(self, tdmr: int) -> list[tuple[int, int]]:
        """The (offset, size) pairs of one TDMR, in order."""
        low, high = np.searchsorted(self.tdmr, [tdmr, tdmr + 1])
        return list(zip(self.offset[low:high].tolist(), self.size[low:high].tolist(), strict=True))


def holes(starts: Int64s, ends: Int64s, tdmr_bases: Int64s, tdmr_sizes: Int64s) -> Areas:
    """The parts of each TDMR that no region covers, ascending within a TDMR.

    starts, ends: the usable regions, shape (n,), bytes, ascending, disjoint. tdmr_bases,
    tdmr_sizes: shape (t,), bytes.
    """
    # "prev = TDMR base; for each usable region (stop when region start >= TDMR end; skip when
    # region end < TDMR base): start <= prev -> prev = end; else area [prev, start), prev =
    # end. After the loop prev < TDMR end -> area [prev, TDMR end)."
    tdmr_ends = tdmr_bases + tdmr_sizes
    first = np.searchsorted(ends, tdmr_bases, side="left")
    stop = np.searchsorted(starts, tdmr_ends, side="left")
    # Each TDMR has one gap more than regions: before each of them, and after the last.
    tdmr, region = ragged(first, stop + 1)
    before_first = region == first[tdmr]
    after_last = region >= stop[tdmr]
    previous_end = np.append(ends, 0)[np.where(before_first, len(ends), region - 1)]
    low = np.where(before_first, tdmr_bases[tdmr], np.maximum(tdmr_bases[tdmr], previous_end))
    next_start = np.append(starts, 0)[np.where(after_last, len(starts), region)]
    high = np.where(after_last, tdmr_ends[tdmr], next_start)
    gap = high > low
    return Areas(tdmr[gap], (low - tdmr_bases[tdmr])[gap], (high - low)[gap])


def overlaps(
    chunk_bases: Int64s, chunk_sizes: Int64s, tdmr_bases: Int64s, tdmr_sizes: Int64s
) -> Areas:
    """The parts of each TDMR that lie in a PAMT chunk, clipped, in chunk order within a TDMR.

    chunk_bases, chunk_sizes: shape (c,), bytes. tdmr_bases, tdmr_sizes: shape (t,), bytes,
    ascending, disjoint.
    """
    tdmr_ends = tdmr_bases + tdmr_sizes
    chunk_ends = chunk_bases + chunk_sizes
    first = np.searchsorted(tdmr_ends, chunk_bases, side="right")
    stop = np.searchsorted(tdmr_bases, chunk_ends, side="left")
    chunk, tdmr = ragged(first, np.maximum(stop, first))
    order = np.argsort(tdmr, kind="stable")
    chunk, tdmr = chunk[order], tdmr[order]
    low = np.maximum(chunk_bases[chunk], tdmr_bases[tdmr])
    high = np.minimum(chunk_ends[chunk], tdmr_ends[tdmr])
    inside = high > low
    offset = low - tdmr_bases[tdmr]
    return Areas(tdmr[inside], offset[inside], (high - low)[inside], chunk[inside])


def merged(first: Areas, second: Areas) -> Areas:
    """The areas of both, sorted by TDMR and offset."""
    tdmr = np.concatenate((first.tdmr, second.tdmr))
    offset = np.concatenate((first.offset, second.offset))
    size = np.concatenate((first.size, second.size))
    order = np.lexsort((offset, tdmr))
    return Areas(tdmr[order], offset[order], size[order])
