# SPDX-License-Identifier: Apache-2.0
"""The layout of many hosts at once: TDMRs, PAMTs with their places, reserved areas [linux-host 5].

Which memory is usable, covering, PAMT sizes and holes between CMRs are the functions that kernels
call for one host (`cover`, `pamt`, `holes`), on pages with a host key. A kernel does not call this
for its one host: a batch of one makes a bring-up 11 to 12 % dearer than the functions one by one
(1.05 ms against 0.43 of 5.4, measured in one run), and a kernel needs the areas themselves, where
here it is enough to count them. So two stand of where chunks are placed and of how many areas there
are; tests hold them equal.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from tdxctl.layout.cover import covering
from tdxctl.layout.holes import holes
from tdxctl.layout.hosts import KEY_SHIFT, Nodes, Ranges, Regions, free_stretches, usable
from tdxctl.layout.pamt import PAGE_SHIFTS, pamt_bitmap_size, pamt_size
from tdxctl.layout.placement import Asked, OneByOne, Placed, place
from tdxctl.layout.ragged import offsets_of
from tdxctl.units import PAGE_SHIFT, SZ_1G

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_GIB = SZ_1G >> PAGE_SHIFT


class Ends(IntEnum):
    """How a layout ends: the first thing that a kernel finds too little of."""

    DONE = 0
    #: No usable memory: the one TDMR has no size.
    NO_MEMORY = 1
    #: More TDMRs are needed than the module has.
    TDMRS = 2
    #: No contiguous pages for the PAMT of a TDMR.
    PAMT = 3
    #: A TDMR needs more reserved areas than it can have.
    RESERVED = 4


class Memory(Struct, frozen=True):
    """What many hosts have, in bytes.

    ranges: memblock.memory, ascending and disjoint in each host. nodes: of each range, 0 .. 1023.
    reserved: pages in use, in any order.
    """

    ranges: Ranges
    nodes: Int64s
    reserved: Ranges


class Limits(Struct, frozen=True):
    """What the module of each host says, shape (hosts,) each; entry_sizes (hosts, 3).

    entry_sizes: bytes of a PAMT entry for 4K, 2M and 1G pages. bitmap_bits: bits for a 4K page
    where that part of the PAMT is a bitmap, 0 where it is not.
    """

    max_tdmrs: Int64s
    max_reserved: Int64s
    entry_sizes: Int64s
    bitmap_bits: Int64s


class Layouts(Struct, frozen=True):
    """The layouts of many hosts. Pages have no key here.

    offsets: shape (hosts + 1,), where each host's TDMRs begin. base, end, pamt_pages, holes, pamts:
    shape (tdmrs,): pages of a TDMR, 4 KiB pages of its PAMT, reserved areas that it needs for holes
    and for PAMTs. placed: where its PAMT is. ends: shape (hosts,), of Ends. full: which TDMR of a
    host has not room for its areas, -1 for none. Holes and PAMTs count as if there were room.
    """

    offsets: Int64s
    base: Int64s
    end: Int64s
    pamt_pages: Int64s
    holes: Int64s
    pamts: Int64s
    placed: Placed
    ends: npt.NDArray[np.int8]
    full: Int64s
    regions: Regions
    nodes: Nodes

    @property
    def needed(self) -> Int64s:
        """TDMRs that each host needs, shape (hosts,)."""
        return np.diff(self.offsets)

    def tightest(self) -> Int64s:
        """Reserved areas of the TDMR that needs the most, of those a kernel comes to.

        Shape (hosts,); 0 where it comes to none.
        """
        return self._per_host(self.holes + self.pamts, np.maximum)

    def pamt_in_all(self) -> Int64s:
        """4 KiB pages of the PAMTs that were had, shape (hosts,)."""
        return self._per_host(np.where(self.placed.pfn >= 0, self.pamt_pages, 0), np.add)

    def pamt_by_node(self) -> tuple[Int64s, Int64s, Int64s]:
        """The same by the node that they came from, ascending: offsets, node, pages."""
        had = self.placed.pfn >= 0
        host = np.repeat(np.arange(len(self.ends)), self.needed)[had]
        row = self.nodes.offsets[host] + self.placed.node[had]
        # As floats they are exact: a host has less than 2^40 pages.
        pages = np.bincount(row, self.pamt_pages[had], minlength=len(self.nodes.number))
        given = pages > 0
        of = np.repeat(np.arange(len(self.ends)), np.diff(self.nodes.offsets))[given]
        offsets = offsets_of(np.bincount(of, minlength=len(self.ends)))
        return offsets, self.nodes.number[given], pages[given].astype(np.int64)

    def _per_host(self, of_tdmrs: Int64s, ufunc: np.ufunc) -> Int64s:
        result = np.zeros(len(self.ends), np.int64)
        some = np.flatnonzero(self.needed)
        if len(some):
            result[some] = ufunc.reduceat(of_tdmrs, self.offsets[some])
        return result


def lay_out(memory: Memory, limits: Limits, walked: Ranges | None = None) -> Layouts:
    """Lay out up to hosts.MAX_HOSTS hosts.

    walked: the CMRs of each host, ascending, disjoint, of whole pages, on a kernel that makes
    reserved areas of what lies between those and not between memory regions.
    """
    hosts = len(memory.ranges)
    regions, nodes = usable(memory.ranges, memory.nodes)
    key = regions.key
    low, high = regions.first + key, regions.last + key
    base, size, made_for = covering(low, high, _GIB)
    end = base + size
    host = regions.host[made_for]
    needed = np.bincount(host, minlength=hosts)
    offsets = offsets_of(needed)
    pages = _pamt_pages(size << PAGE_SHIFT, host, limits)
    home = regions.instance[made_for] - nodes.offsets[host]
    fits = needed <= limits.max_tdmrs
    placed = place(
        Asked(offsets, pages, home),
        np.flatnonzero(fits & (needed > 0)),
        nodes,
        free_stretches(regions, nodes, memory.reserved),
        OneByOne(memory.ranges, memory.nodes, memory.reserved),
    )
    if walked is None:
        gaps = _count_holes(low, high, base, end, made_for)
    else:
        walked_key = np.repeat(np.arange(hosts), np.diff(walked.offsets)) << KEY_SHIFT
        between = (
            (walked.starts >> PAGE_SHIFT) + walked_key,
            (walked.ends >> PAGE_SHIFT) + walked_key,
        )
        gaps = holes(*between, base, size).per_tdmr(len(base))
    pamts = _count_pamts(base, end, placed.pfn + (host << KEY_SHIFT), pages, placed.pfn >= 0)
    over = gaps + pamts > limits.max_reserved[host]
    over &= (fits & (placed.failed < 0))[host]
    full = np.full(hosts, -1, np.int64)
    which = np.flatnonzero(over)[::-1]  # so that the first of a host is written last
    full[host[which]] = which - offsets[host[which]]
    ends = np.select(
        [needed == 0, ~fits, placed.failed >= 0, full >= 0],
        [Ends.NO_MEMORY, Ends.TDMRS, Ends.PAMT, Ends.RESERVED],
        Ends.DONE,
    ).astype(np.int8)
    key = host << KEY_SHIFT
    return Layouts(
        offsets, base - key, end - key, pages, gaps, pamts, placed, ends, full, regions, nodes
    )


def _pamt_pages(size: Int64s, host: Int64s, limits: Limits) -> Int64s:
    # Of TDMRs of that size in bytes: 4 KiB pages of their PAMTs.
    levels = []
    for level, shift in enumerate(PAGE_SHIFTS):
        entries = limits.entry_sizes[:, level]
        alike = len(entries) and bool((entries == entries[0]).all())
        entry: int | Int64s = int(entries[0]) if alike else entries[host]
        levels.append(pamt_size(size, shift, entry).astype(np.int64))
    if limits.bitmap_bits.any():
        bits = limits.bitmap_bits[host]
        levels[0] = np.where(bits > 0, pamt_bitmap_size(size, bits).astype(np.int64), levels[0])
    return (levels[0] + levels[1] + levels[2]) >> PAGE_SHIFT


def _count_holes(low: Int64s, high: Int64s, base: Int64s, end: Int64s, made_for: Int64s) -> Int64s:
    # How many holes() finds in each TDMR, where regions are the ones that TDMRs were made for: one
    # in front of the first, one where two do not touch, one behind the last.
    apart = np.zeros(len(low), np.int64)
    apart[:-1] = low[1:] > high[:-1]
    before = np.cumsum(apart) - apart
    # The region of the next TDMR may begin in this one.
    following = np.append(made_for[1:], len(low))
    begins = np.append(low, np.iinfo(np.int64).max)[following] < end
    last = np.where(begins, following, following - 1)
    counts: Int64s = before[last] - before[made_for]
    counts += low[made_for] > base
    counts += high[last] < end
    return counts


def _count_pamts(base: Int64s, end: Int64s, chunk: Int64s, pages: Int64s, had: Bools) -> Int64s:
    # How many chunks lie in each TDMR at least in part. Most lie whole in their own TDMR or one of
    # the next two.
    tdmrs = len(base)
    counts = np.zeros(tdmrs, np.int64)
    own = np.flatnonzero(had)
    low = chunk[own]
    high = low + pages[own]
    for ahead in (0, 1, 2):
        at = np.minimum(own + ahead, tdmrs - 1)
        whole = (base[at] <= low) & (high <= end[at])
        counts += np.bincount(at[whole], minlength=tdmrs)
        own, low, high = own[~whole], low[~whole], high[~whole]
        if not len(own):
            return counts
    first = np.searchsorted(end, low, "right")
    stop = np.maximum(np.searchsorted(base, high, "left"), first)
    steps = np.bincount(first, minlength=tdmrs + 1) - np.bincount(stop, minlength=tdmrs + 1)
    return counts + np.cumsum(steps)[:tdmrs]
