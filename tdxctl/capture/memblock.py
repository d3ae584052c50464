# SPDX-License-Identifier: Apache-2.0
"""From firmware's memory map to memblock.memory, as a kernel of today cuts it.

Source: arch/x86/kernel/e820.c (e820__memblock_setup, trim_bios_range), mm/numa_memblks.c and
arch/x86/mm/numa.c (v6.12), read; checked against the node ranges that real kernels printed
beside their e820 maps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tdxctl.capture.findings import Block
from tdxctl.units import SZ_1M, SZ_4K, round_down, round_up

_BIOS_START = 0xA0000


def whole_pages(start: int, end: int) -> tuple[int, int] | None:
    """[start, end) without parts of pages; None where nothing is left."""
    start, end = round_up(start, SZ_4K), round_down(end, SZ_4K)
    return (start, end) if start < end else None


def as_memblock(
    usable: Iterable[tuple[int, int]], removed: Iterable[tuple[int, int]] = ()
) -> list[tuple[int, int]]:
    """The regions of memblock.memory for RAM [start, end), less what the kernel removed.

    Touching ones are one region; page 0 and [640 KiB, 1 MiB) are never RAM; parts of pages are
    cut off each region.
    """
    # `the BIOS area` and page 0, which BIOSes write to whatever they say
    holes = sorted([(0, SZ_4K), (_BIOS_START, SZ_1M), *removed])
    regions: list[tuple[int, int]] = []
    for start, end in sorted(usable):
        if regions and start <= regions[-1][1]:
            regions[-1] = (regions[-1][0], max(end, regions[-1][1]))
        else:
            regions.append((start, end))
    cut = _without(regions, holes)
    return [pages for region in cut if (pages := whole_pages(*region)) is not None]


def _without(regions: list[tuple[int, int]], holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    # Both ascending; regions disjoint. One walk over both.
    left: list[tuple[int, int]] = []
    merged = _merged(holes)
    first = 0
    for region_start, end in regions:
        start = region_start
        while first < len(merged) and merged[first][1] <= start:
            first += 1
        for hole_start, hole_end in _until(merged, first, end):
            if start < hole_start:
                left.append((start, hole_start))
            start = max(start, hole_end)
        if start < end:
            left.append((start, end))
    return left


def _until(ranges: list[tuple[int, int]], first: int, end: int) -> Iterator[tuple[int, int]]:
    # The ranges from index first on that begin below end.
    while first < len(ranges) and ranges[first][0] < end:
        yield ranges[first]
        first += 1


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def with_nodes(
    regions: Iterable[tuple[int, int]], affinity: Iterable[Block]
) -> tuple[list[Block], str | None]:
    """The regions cut at the borders of nodes, and what is odd about that, if anything is.

    As the kernel does it: an SRAT that contradicts itself, or that leaves 1 MiB of RAM or more
    without a node, is not used at all, and all memory is of node 0.
    """
    regions = list(regions)
    nodes = sorted(affinity, key=lambda block: (block.start, block.end))
    everything = [Block(start, end, 0) for start, end in regions]
    if not nodes:
        return everything, "no memory of an SRAT is shown: all memory is of node 0"
    if _contradict(nodes):
        return everything, "the SRAT gives memory to two nodes: all memory is of node 0"
    blocks: list[Block] = []
    uncovered = 0
    first = 0
    for start, end in regions:
        while first < len(nodes) and nodes[first].end <= start:
            first += 1
        for piece_start, piece_end, node in _pieces(start, end, nodes, first):
            if node is None:
                uncovered += piece_end - piece_start
            last = blocks[-1] if blocks else Block(0, 0, nodes[0].node)
            owner = last.node if node is None else node
            if last.end == piece_start and last.node == owner:
                blocks[-1:] = [Block(last.start, piece_end, owner)]
            else:
                blocks.append(Block(piece_start, piece_end, owner))
    if uncovered >= SZ_1M:
        return everything, (
            f"the SRAT leaves {uncovered >> 20} MiB of RAM without a node: all memory is of node 0"
        )
    return blocks, None


def _contradict(nodes: list[Block]) -> bool:
    # Whether memory is of two nodes; ascending, each entry is compared with the one that reaches
    # furthest of each other node before it.
    ends: dict[int, int] = {}
    for block in nodes:
        if any(end > block.start for node, end in ends.items() if node != block.node):
            return True
        ends[block.node] = max(block.end, ends.get(block.node, 0))
    return False


def _pieces(
    start: int, end: int, nodes: list[Block], index: int
) -> Iterator[tuple[int, int, int | None]]:
    # [start, end) cut at the borders of nodes, whose index-th is the first to end behind start;
    # a node of None is that of what no entry covers.
    while start < end:
        while index < len(nodes) and nodes[index].end <= start:
            index += 1
        if index == len(nodes) or nodes[index].start >= end:
            yield start, end, None
            return
        block = nodes[index]
        covered = block.start <= start
        stop = min(block.end if covered else block.start, end)
        yield start, stop, block.node if covered else None
        start = stop
