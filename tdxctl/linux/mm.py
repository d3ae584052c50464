# SPDX-License-Identifier: Apache-2.0
"""Linux mm as far as the bring-up needs it: memblock, zones, alloc_contig_pages.

[linux-host 4, 5.3]. Page frame numbers are `pfn`; all other
addresses and sizes are bytes.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from tdxctl.events import AllocContigPages, FreeContigRange, Journal, NodeMemory
from tdxctl.layout.cover import usable_pages
from tdxctl.layout.pages import find_contig_pages
from tdxctl.units import PAGE_SHIFT, SZ_1M, SZ_4K, SZ_16M, round_up

Int64s = npt.NDArray[np.int64]

# Where the kernel's own arrays lie. Their addresses show in no log and no trace; 16 MiB is
# where x86-64 Linux is loaded by default.
_KERNEL_AREA = SZ_16M


class AllocationFault(Struct, frozen=True):
    """Allocations call .. call+times-1 of one kind (`pamt`, `kernel`) fail."""

    allocation: str
    call: int
    times: int


class Mm:
    """memblock.memory, and the page allocator's view of it.

    starts, ends, nodes: the described ranges, shape (n,), bytes, ascending, not yet cut to
    pages. reserved: (start, end) pairs in bytes. kernel_avoid: a (base, size) range in which
    the kernel keeps nothing (SEAMRR).
    """

    def __init__(
        self,
        starts: Int64s,
        ends: Int64s,
        nodes: Int64s,
        *,
        reserved: tuple[tuple[int, int], ...],
        kernel_avoid: tuple[int, int],
        faults: tuple[AllocationFault, ...],
        journal: Journal,
    ) -> None:
        self._described = (nodes, ends - starts)
        self._memory_by_node: tuple[NodeMemory, ...] = ()
        # for_each_mem_pfn_range(): whole pages, empty regions dropped
        first, last = (starts + (SZ_4K - 1)) >> PAGE_SHIFT, ends >> PAGE_SHIFT
        keep = last > first
        self._first, self._last, self._nodes = first[keep], last[keep], nodes[keep]
        self.starts, self.ends, which = usable_pages(starts, ends)
        self.nodes: Int64s = nodes[which]
        self.faults = faults
        self._journal = journal
        self._attempts: Counter[str] = Counter()
        #: What the kernel asked for itself, in order, whether it got it or not.
        self.asked_for: list[str] = []
        #: What the kernel has allocated and not freed: how many, by what it is.
        self.live: Counter[str] = Counter()
        #: Bytes of PAMTs that are not freed.
        self.live_pamt_bytes = 0
        # "< 1 MB is always reserved"; "A `reserved` range that is not page aligned counts outward"
        # [linux-host 5.3, 7a].
        self._taken = [(0, SZ_1M >> PAGE_SHIFT)] + [
            (start >> PAGE_SHIFT, round_up(end, SZ_4K) >> PAGE_SHIFT) for start, end in reserved
        ]
        self._kernel_avoid = kernel_avoid
        self._kernel_next = _KERNEL_AREA

    def kernel_alloc(self, size: int) -> int:
        """The physical address of size zeroed bytes for the kernel itself, page aligned.

        Not counted as an allocation that can fail; see kmalloc.
        """
        avoid_base, avoid_size = self._kernel_avoid
        pa = self._kernel_next
        if pa < avoid_base + avoid_size and avoid_base < pa + size:
            pa = round_up(avoid_base + avoid_size, SZ_4K)
        self._kernel_next = round_up(pa + size, SZ_4K)
        return pa

    def kmalloc(self, what: str) -> bool:
        """One of the kernel's other allocations; False where a scripted fault makes it fail."""
        self.asked_for.append(what)
        if self._fails("kernel"):
            return False
        self.live[what] += 1
        return True

    def kfree(self, what: str) -> None:
        """Free all that was allocated as what."""
        self.live.pop(what, None)

    def alloc_contig_pages(self, nr_pages: int, nid: int) -> tuple[int, int] | None:
        """nr_pages physically contiguous pages, from node nid if it has them.

        Returns (base in bytes, the node they are of), None where no zone has them.
        """
        found = None if self._fails("pamt") else self._find_contig_pages(nr_pages, nid)
        if found is None:
            self._journal.record(AllocContigPages(nr_pages, nid, -1, None))
            return None
        pfn, got_nid = found
        self._taken.append((pfn, pfn + nr_pages))
        self.live_pamt_bytes += nr_pages << PAGE_SHIFT
        self._journal.record(AllocContigPages(nr_pages, nid, got_nid, pfn << PAGE_SHIFT))
        return pfn << PAGE_SHIFT, got_nid

    def free_contig_range(self, base: int, nr_pages: int) -> None:
        """Give back what alloc_contig_pages returned."""
        pfn = base >> PAGE_SHIFT
        # What is freed twice is in the journal twice: that a kernel does so is for others to find.
        if (pfn, pfn + nr_pages) in self._taken:
            self._taken.remove((pfn, pfn + nr_pages))
            self.live_pamt_bytes -= nr_pages << PAGE_SHIFT
        self._journal.record(FreeContigRange(base, nr_pages))

    def alloc_page(self, nid: int) -> int | None:
        """The physical address of a page, from node nid if it has one; None if none has."""
        found = self._find_contig_pages(1, nid)
        if found is None:
            return None
        self._taken.append((found[0], found[0] + 1))
        return found[0] << PAGE_SHIFT

    def free_page(self, pa: int) -> None:
        """Give back what alloc_page returned."""
        self._taken.remove((pa >> PAGE_SHIFT, (pa >> PAGE_SHIFT) + 1))

    def node_of(self, pa: int) -> int | None:
        """The node whose usable memory holds pa, None where none does."""
        inside = np.flatnonzero((self.starts <= pa) & (pa < self.ends))
        return int(self.nodes[inside[0]]) if len(inside) else None

    def memory_by_node(self) -> tuple[NodeMemory, ...]:
        """What each node has and what of it counts for TDX, by ascending node."""
        if not self._memory_by_node:
            sizes = _by_node(*self._described)
            usable = _by_node(self.nodes, self.ends - self.starts)
            self._memory_by_node = tuple(
                NodeMemory(node, sizes[node], usable.get(node, 0)) for node in sorted(sizes)
            )
        return self._memory_by_node

    def _fails(self, allocation: str) -> bool:
        self._attempts[allocation] += 1
        attempt = self._attempts[allocation]
        return any(
            fault.allocation == allocation and fault.call <= attempt < fault.call + fault.times
            for fault in self.faults
        )

    def _find_contig_pages(self, nr_pages: int, nid: int) -> tuple[int, int] | None:
        taken = np.array(self._taken, np.int64)
        return find_contig_pages(
            self._first, self._last, self._nodes, taken, nr_pages=nr_pages, nid=nid
        )


def _by_node(nodes: Int64s, sizes: Int64s) -> dict[int, int]:
    totals: dict[int, int] = {}
    for node, size in zip(nodes.tolist(), sizes.tolist(), strict=True):
        totals[node] = totals.get(node, 0) + size
    return totals
