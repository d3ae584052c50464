# SPDX-License-Identifier: Apache-2.0
"""What the page allocator can give of the memory of many hosts [linux-host 5.3]."""

from __future__ import annotations

import numpy as np

from tdxctl.layout.hosts import Ranges, free_stretches, usable
from tdxctl.layout.pages import find_contig_pages

GIB, MIB, PAGE = 1 << 30, 1 << 20, 1 << 12
#: Zones of the first node, as a stretch has them: NORMAL, DMA32, DMA.
NORMAL, DMA32, DMA = 0, 1, 2
Pairs = list[tuple[int, int]]


def _free(memory: Pairs, reserved: Pairs) -> list[tuple[int, int, int]]:
    # Of one host with one node: zone, first page and the page behind the last.
    columns = []
    for pairs in (memory, reserved):
        flat = np.array(pairs, np.int64).reshape(-1, 2)
        columns.append(Ranges(np.array([0, len(pairs)]), flat[:, 0], flat[:, 1]))
    regions, nodes = usable(columns[0], np.zeros(len(memory), np.int64))
    found = free_stretches(regions, nodes, columns[1])
    zones, starts, ends = found.zone.tolist(), found.start.tolist(), found.end.tolist()
    return list(zip(zones, starts, ends, strict=True))


def test_a_stretch_is_cut_where_zones_meet() -> None:
    """
    page    256 (1 MiB)   4096 (16 MiB)          2^20 (4 GiB)
    memory  |-----------------------------------------|page|
    zone         DMA             DMA32                NORMAL

    Expect three stretches, the last of one page.
    """
    assert _free([(MIB, 4 * GIB + PAGE)], []) == [
        (DMA, 256, 4096),
        (DMA32, 4096, 1 << 20),
        (NORMAL, 1 << 20, (1 << 20) + 1),
    ]
    assert _free([(16 * MIB, 4 * GIB)], []) == [(DMA32, 4096, 1 << 20)]


def test_a_page_that_is_in_use_in_part_is_in_use() -> None:
    """
    byte of 4 GiB +  0     4096  4097        8192        16384
    memory           |----------------------------------------|
    in use           |---------|-|                        one byte before 16384
    free                                     [--- page ---)

    Expect pages 0 and 1 to be taken, for the byte in page 1, and page 3 for its last.
    """
    base = 1 << 20
    memory = [(4 * GIB, 4 * GIB + 4 * PAGE)]
    in_use = [(4 * GIB, 4 * GIB + 4097), (4 * GIB + 16383, 4 * GIB + 16384)]
    assert _free(memory, in_use) == [(NORMAL, base + 2, base + 3)]
    # One that ends with its page takes no other.
    assert _free(memory, [(4 * GIB, 4 * GIB + 4096)]) == [(NORMAL, base + 1, base + 4)]


def test_touching_memory_is_one_stretch_and_overlapping_use_one_gap() -> None:
    base = 1 << 20
    memory = [(4 * GIB, 4 * GIB + 4 * PAGE), (4 * GIB + 4 * PAGE, 4 * GIB + 9 * PAGE)]
    assert _free(memory, []) == [(NORMAL, base, base + 9)]
    in_use = [(4 * GIB + 3 * PAGE, 4 * GIB + 6 * PAGE), (4 * GIB + 2 * PAGE, 4 * GIB + 4 * PAGE)]
    assert _free(memory, in_use) == [(NORMAL, base, base + 2), (NORMAL, base + 6, base + 9)]


def test_a_range_without_a_whole_page_makes_no_node() -> None:
    """
    byte of 4 GiB +  0      4096      8190     8192            16384
    memory           |------|   |-----|        |-----------------|
    node             3          7              3

    Expect node 3 alone, and its two regions.
    """
    memory = np.array([[0, 4096], [4097, 8190], [8192, 16384]]) + 4 * GIB
    ranges = Ranges(np.array([0, 3]), memory[:, 0], memory[:, 1])
    regions, nodes = usable(ranges, np.array([3, 7, 3]))
    assert (regions.first - (1 << 20)).tolist() == [0, 2]
    assert (nodes.number.tolist(), nodes.offsets.tolist()) == ([3], [0, 1])
    assert (nodes.last - nodes.first).tolist() == [4]


def _find(last: int, pages: int) -> tuple[int, int] | None:
    # In pages [2^20, last) of node 0, none of them in use.
    first, end, node = (np.array([n], np.int64) for n in (1 << 20, last, 0))
    return find_contig_pages(first, end, node, np.zeros((0, 2), np.int64), nr_pages=pages, nid=0)


def test_pages_may_reach_to_the_end_of_their_zone_and_none_are_not_found() -> None:
    assert _find((1 << 20) + 1027, 1027) == (1 << 20, 0)
    assert _find((1 << 20) + 1026, 1027) is None
    assert _find((1 << 20) + 1027, 0) is None


def test_nodes_are_told_ascending_whatever_the_order_of_their_memory() -> None:
    """Expect node 0 first, although its memory is behind that of node 5."""
    memory = np.array([[0, 4096], [4096, 12288]]) + 4 * GIB
    ranges = Ranges(np.array([0, 2]), memory[:, 0], memory[:, 1])
    regions, nodes = usable(ranges, np.array([5, 0]))
    assert nodes.number.tolist() == [0, 5]
    assert (nodes.last - nodes.first).tolist() == [2, 1]
    assert regions.instance.tolist() == [1, 0]


def test_hosts_without_memory_have_no_stretches() -> None:
    assert _free([], []) == []
    assert _free([(0, MIB)], [(0, MIB)]) == []
