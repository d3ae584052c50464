# SPDX-License-Identifier: Apache-2.0
"""Contiguous pages of one host: alloc_contig_pages() by zones [linux-host 5.3].

Everything is page frame numbers, `pfn`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tdxctl.units import PAGE_SHIFT, SZ_4G, SZ_16M

Int64s = npt.NDArray[np.int64]

#: "in each node zones NORMAL (>= 4 GB), DMA32 (16 MB..4 GB), DMA (< 16 MB)": [low, high) of each.
ZONES = (
    (SZ_4G >> PAGE_SHIFT, 1 << 40),
    (SZ_16M >> PAGE_SHIFT, SZ_4G >> PAGE_SHIFT),
    (0, SZ_16M >> PAGE_SHIFT),
)


def find_contig_pages(
    first: Int64s, last: Int64s, nodes: Int64s, taken: Int64s, *, nr_pages: int, nid: int
) -> tuple[int, int] | None:
    """Where nr_pages free pages in a row are, from node nid if it has them: (pfn, node).

    first, last, nodes: regions of whole pages [first, last), shape (n,), ascending. taken: shape
    (k, 2), ranges that are in use, in any order. None where no zone has them, or none are asked.
    """
    # "zonelist of nid = nodes nid, nid+1 .. highest, 0 .. nid-1"
    if nr_pages == 0:
        return None
    online = sorted(set(nodes.tolist()))
    for node in [n for n in online if n >= nid] + [n for n in online if n < nid]:
        own = nodes == node
        for zone in ZONES:
            pfn = _find_in_zone(first[own], last[own], taken, nr_pages, zone)
            if pfn is not None:
                return pfn, node
    return None


def _find_in_zone(
    first: Int64s, last: Int64s, taken: Int64s, nr_pages: int, zone: tuple[int, int]
) -> int | None:
    # first, last: of the regions of one node.
    # "Zone span = [max(zone low, node first pfn), min(zone high, node last pfn))"
    zone_start = max(zone[0], int(first[0]))
    zone_end = min(zone[1], int(last[-1]))
    if zone_start >= zone_end:
        return None
    # "First candidate pfn = (zone_start + nr - 1) & ~(nr - 1) - a bit mask although nr is
    # rarely a power of two ...; then steps of nr"
    candidate = (zone_start + nr_pages - 1) & ~(nr_pages - 1)
    if candidate + nr_pages > zone_end:  # which also keeps the arithmetic in 64 bits
        return None
    # "A candidate is good if every page belongs to that node and zone, is not reserved
    # and not in use." Instead of every candidate: the first one in each free stretch.
    free_start, free_end = _free(np.maximum(first, zone_start), np.minimum(last, zone_end), taken)
    # (None begins nr or more before the first candidate, which the mask moves by nr - 1 at most.)
    pfns = candidate - (candidate - free_start) // nr_pages * nr_pages
    good = pfns + nr_pages <= free_end
    return int(pfns[good][0]) if good.any() else None


def _free(first: Int64s, last: Int64s, taken: Int64s) -> tuple[Int64s, Int64s]:
    # The stretches of free pages in the ascending regions [first, last), touching regions
    # being one stretch: between consecutive taken or missing ranges.
    present = last > first
    first, last = first[present], last[present]
    blocked_start = np.concatenate((taken[:, 0], np.zeros(1, np.int64), last))
    # Behind the last region nothing is, also where that ends with the address space.
    blocked_end = np.concatenate((taken[:, 1], first[:1], first[1:], [(1 << 40) + 1]))
    # Where regions touch nothing is missing: a block of no length would still cut.
    blocked = blocked_end > blocked_start
    blocked_start, blocked_end = blocked_start[blocked], blocked_end[blocked]
    order = np.argsort(blocked_start, kind="stable")
    ends = np.maximum.accumulate(blocked_end[order])
    starts = blocked_start[order]
    gap = starts[1:] > ends[:-1]
    return ends[:-1][gap], starts[1:][gap]
