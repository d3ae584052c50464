# SPDX-License-Identifier: Apache-2.0
"""The memory of many hosts as the kernel counts it, in page frame numbers with a host key.

An address of host h is `h << KEY_SHIFT | pfn`: sorted arrays of one host's addresses stay sorted
when those of all hosts stand one behind the other, so that one search answers for all. Physical
addresses have 52 bits, a pfn 40: a call takes MAX_HOSTS hosts. (A key above a byte address would
leave room for 2,048, and wrap in silence behind them.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from tdxctl.layout.pages import ZONES
from tdxctl.layout.ragged import offsets_of, ragged, rows_of
from tdxctl.units import PAGE_SHIFT, SZ_1M, SZ_4K

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Where the host stands in a key; a pfn has fewer bits than that.
KEY_SHIFT = 40
#: How many hosts one call takes: their keys fit into a signed 64-bit number.
MAX_HOSTS = 1 << 23
#: Nodes have numbers below that.
_NODES = 1 << 10

_FIRST_MIB = SZ_1M >> PAGE_SHIFT
_PARTS = len(ZONES)
_LOW = np.array([low for low, _ in ZONES], np.int64)
_HIGH = np.array([high for _, high in ZONES], np.int64)


class Ranges(Struct, frozen=True):
    """Ranges of many hosts, half-open, bytes, host behind host.

    offsets: shape (hosts + 1,), where each host's begin. starts, ends: shape (ranges,).
    """

    offsets: Int64s
    starts: Int64s
    ends: Int64s

    def __len__(self) -> int:
        return len(self.offsets) - 1


class Regions(Struct, frozen=True):
    """Whole pages of memory regions, in the order of hosts and addresses.

    host, first, last, node: shape (regions,); pages [first, last), without key. instance: the row
    of a region's node in Nodes.
    """

    host: Int64s
    first: Int64s
    last: Int64s
    node: Int64s
    instance: Int64s

    @property
    def key(self) -> Int64s:
        """What makes pages of a region keys, shape (regions,)."""
        return self.host << KEY_SHIFT


class Nodes(Struct, frozen=True):
    """The online nodes of each host, ascending.

    offsets: shape (hosts + 1,). number, first, last: shape (nodes,), the node's id and the pages
    that it spans.
    """

    offsets: Int64s
    number: Int64s
    first: Int64s
    last: Int64s


class Stretches(Struct, frozen=True):
    """Free pages in a row, cut at the borders of zones, in the order of hosts and addresses.

    offsets: shape (hosts + 1,). zone: which node's of the host, times three, plus the zone's place
    in ZONES. start, end: pages [start, end), without key. All shape (stretches,).
    """

    offsets: Int64s
    zone: Int64s
    start: Int64s
    end: Int64s


def usable(memory: Ranges, nodes: Int64s) -> tuple[Regions, Nodes]:
    """The usable regions of hosts, and their online nodes.

    memory: memblock.memory, ascending and disjoint in each host; nodes: of each range. Whole pages
    count; a node spans those below 1 MiB too, which are in no usable region.
    """
    host = rows_of(memory.offsets)
    first, last = (memory.starts + (SZ_4K - 1)) >> PAGE_SHIFT, memory.ends >> PAGE_SHIFT
    whole = last > first
    if not whole.all():
        host, first, last, nodes = host[whole], first[whole], last[whole], nodes[whole]
    table, instance = _node_table(len(memory), host, first, last, nodes)
    above = np.maximum(first, _FIRST_MIB)
    counts = last > above
    if not counts.all():
        host, above, last, nodes, instance = (
            column[counts] for column in (host, above, last, nodes, instance)
        )
    return Regions(host, above, last, nodes, instance), table


def _node_table(
    hosts: int, host: Int64s, first: Int64s, last: Int64s, node: Int64s
) -> tuple[Nodes, Int64s]:
    # And of each region the row of its node.
    if not len(host):
        empty = np.zeros(0, np.int64)
        return Nodes(np.zeros(hosts + 1, np.int64), empty, empty, empty), empty
    key = host * _NODES + node
    order = None
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        key, first, last = key[order], first[order], last[order]
    new = np.concatenate((np.ones(1, bool), key[1:] != key[:-1]))
    begins = np.flatnonzero(new)
    ends = np.append(begins[1:], len(key)) - 1
    instance = np.cumsum(new) - 1
    if order is not None:
        sorted_instance, instance = instance, np.empty_like(instance)
        instance[order] = sorted_instance
    known = key[begins]
    offsets = offsets_of(np.bincount(known // _NODES, minlength=hosts))
    return Nodes(offsets, known % _NODES, first[begins], last[ends]), instance


def free_stretches(regions: Regions, nodes: Nodes, reserved: Ranges) -> Stretches:
    """What the page allocator can give of regions.

    reserved: pages in use, in any order, overlapping or not; one that is not page aligned counts
    outward.
    """
    hosts = len(reserved)
    key = regions.key
    start, end, of = regions.first + key, regions.last + key, regions.instance
    # Touching regions of a node are one stretch.
    new = np.concatenate((np.ones(1, bool), (start[1:] != end[:-1]) | (of[1:] != of[:-1])))
    if not new.all():
        begins = np.flatnonzero(new)
        start, end = start[begins], end[np.append(begins[1:], len(end)) - 1]
        of = of[begins]
    if len(reserved.starts):
        start, end, of = _without(start, end, of, *_merged(reserved))
    host = start >> KEY_SHIFT
    start, end = start - (host << KEY_SHIFT), end - (host << KEY_SHIFT)
    which, zone, start, end = _by_zone(start, end)
    host, of = host[which], of[which]
    local = (of - nodes.offsets[host]) * _PARTS + zone
    return Stretches(offsets_of(np.bincount(host, minlength=hosts)), local, start, end)


def _merged(reserved: Ranges) -> tuple[Int64s, Int64s]:
    # Whole pages with their keys, ascending, disjoint, none empty.
    key = rows_of(reserved.offsets) << KEY_SHIFT
    start = (reserved.starts >> PAGE_SHIFT) + key
    end = ((reserved.ends + (SZ_4K - 1)) >> PAGE_SHIFT) + key
    real = end > start
    start, end = start[real], end[real]
    order = np.argsort(start, kind="stable")
    start, end = start[order], np.maximum.accumulate(end[order])
    apart = np.flatnonzero(np.append(True, start[1:] > end[:-1])[: len(start)])
    return start[apart], end[np.append(apart[1:], len(end)) - 1]


def _without(
    start: Int64s, end: Int64s, of: Int64s, taken_start: Int64s, taken_end: Int64s
) -> tuple[Int64s, Int64s, Int64s]:
    # What is left of ranges: before each taken range in it, and after the last.
    begins = np.searchsorted(taken_end, start, "right")
    stops = np.maximum(np.searchsorted(taken_start, end, "left"), begins)
    row, taken = ragged(begins, stops + 1)
    before = np.append(taken_end, 0)[taken - 1]
    after = np.append(taken_start, 0)[taken]
    low = np.where(taken == begins[row], start[row], np.maximum(before, start[row]))
    high = np.where(taken == stops[row], end[row], np.minimum(after, end[row]))
    left = high > low
    return low[left], high[left], of[row[left]]


def _by_zone(start: Int64s, end: Int64s) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    # The parts of ranges in each zone, ascending: which range, zone, start, end.
    lowest = np.searchsorted(-_LOW, -start)  # the zones go down as addresses go up
    highest = np.searchsorted(-_LOW, -(end - 1))
    if (lowest == highest).all():
        return np.arange(len(start)), lowest, start, end
    which, up = ragged(np.zeros_like(lowest), lowest - highest + 1)
    zone = lowest[which] - up
    return which, zone, np.maximum(start[which], _LOW[zone]), np.minimum(end[which], _HIGH[zone])
