# SPDX-License-Identifier: Apache-2.0
"""Firmware's map cut as the kernel cuts it: memblock.memory with its nodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tdxctl.capture.findings import Block
from tdxctl.capture.memblock import as_memblock, with_nodes

MIB, GIB = 1 << 20, 1 << 30


def test_page_0_the_bios_area_and_parts_of_pages_are_no_memory() -> None:
    """
    e820    |----usable----|..|---------------usable------------------|
            0            0x9f800 0xf0000                          0x200800
    memblock   |---------|               |------------------------|
             0x1000   0x9f000         0x100000                 0x200000

    Expect the pages that lie wholly in RAM, without page 0 and [640 KiB, 1 MiB).
    """
    assert as_memblock([(0, 0x9F800), (0xF0000, 0x200800)]) == [
        (0x1000, 0x9F000),
        (0x100000, 0x200000),
    ]


def test_touching_ranges_are_one_region_even_where_they_meet_inside_a_page() -> None:
    """
    e820      |---usable---|---usable---|
             1MiB      1MiB+0x18       2MiB
    memblock  |-------------------------|

    Expect one region: regions are merged before parts of pages are cut off.
    """
    assert as_memblock([(MIB, MIB + 0x18), (MIB + 0x18, 2 * MIB)]) == [(MIB, 2 * MIB)]


def test_what_the_kernel_removed_is_a_hole() -> None:
    """
    usable    |-------------------------|
    removed          |---|
    memblock  |------|   |--------------|

    Expect the region in two.
    """
    assert as_memblock([(MIB, 8 * MIB)], [(2 * MIB, 3 * MIB)]) == [
        (MIB, 2 * MIB),
        (3 * MIB, 8 * MIB),
    ]


def test_regions_are_cut_at_the_borders_of_nodes() -> None:
    """
    regions  |--------|   |-------------------------|
            1GiB     2GiB 4GiB                     8GiB
    SRAT     |---- node 0 ---|----- node 1 ---------|
            0               6GiB                   8GiB

    Expect three blocks: the region across the border is cut there.
    """
    blocks, odd = with_nodes(
        [(GIB, 2 * GIB), (4 * GIB, 8 * GIB)],
        [Block(0, 6 * GIB, 0), Block(6 * GIB, 8 * GIB, 1)],
    )
    assert blocks == [
        Block(GIB, 2 * GIB, 0),
        Block(4 * GIB, 6 * GIB, 0),
        Block(6 * GIB, 8 * GIB, 1),
    ]
    assert odd is None


def test_entries_of_a_node_that_touch_do_not_cut() -> None:
    """Expect one block: the border lies between two entries of the same node."""
    blocks, _ = with_nodes([(GIB, 4 * GIB)], [Block(0, 2 * GIB, 0), Block(2 * GIB, 4 * GIB, 0)])
    assert blocks == [Block(GIB, 4 * GIB, 0)]


def test_an_srat_that_leaves_a_mebibyte_uncovered_is_not_used() -> None:
    blocks, odd = with_nodes([(GIB, 2 * GIB)], [Block(0, 2 * GIB - MIB, 1)])
    assert blocks == [Block(GIB, 2 * GIB, 0)]
    assert odd == "the SRAT leaves 1 MiB of RAM without a node: all memory is of node 0"


def test_less_than_a_mebibyte_uncovered_goes_with_its_neighbour() -> None:
    blocks, odd = with_nodes([(GIB, 2 * GIB)], [Block(0, 2 * GIB - 0x1000, 1)])
    assert (blocks, odd) == ([Block(GIB, 2 * GIB, 1)], None)


def test_an_srat_that_gives_memory_to_two_nodes_is_not_used() -> None:
    blocks, odd = with_nodes([(GIB, 2 * GIB)], [Block(0, 2 * GIB, 0), Block(GIB, 3 * GIB, 1)])
    assert blocks == [Block(GIB, 2 * GIB, 0)]
    assert odd == "the SRAT gives memory to two nodes: all memory is of node 0"


def test_a_node_inside_another_is_seen_behind_a_smaller_entry() -> None:
    """
    SRAT  |------------ node 0 -------------|
             |- node 0 -|    |-- node 1 ----|

    Expect the contradiction to be seen, although the entries beside each other are of one node.
    """
    srat = [Block(0, 2 * GIB, 0), Block(MIB, 2 * MIB, 0), Block(GIB, 2 * GIB, 1)]
    blocks, odd = with_nodes([(MIB, 2 * GIB)], srat)
    assert blocks == [Block(MIB, 2 * GIB, 0)]
    assert odd == "the SRAT gives memory to two nodes: all memory is of node 0"


def test_without_an_srat_all_memory_is_of_node_0() -> None:
    blocks, odd = with_nodes([(GIB, 2 * GIB)], [])
    assert blocks == [Block(GIB, 2 * GIB, 0)]
    assert odd == "no memory of an SRAT is shown: all memory is of node 0"


_RANGES = st.lists(
    st.tuples(st.integers(0, 1 << 24), st.integers(1, 1 << 20)).map(lambda r: (r[0], sum(r))),
    max_size=12,
)


@given(_RANGES, _RANGES)
def test_a_page_is_memory_if_all_of_it_is_usable_and_none_of_it_removed(
    usable: list[tuple[int, int]], removed: list[tuple[int, int]]
) -> None:
    regions = as_memblock(usable, removed)
    assert regions == sorted(regions)
    holes = [(0, 0x1000), (0xA0000, MIB), *removed]
    for start, end in regions:
        assert start % 0x1000 == end % 0x1000 == 0
        assert not any(low < end and start < high for low, high in holes)
        # Both ends of every page lie in RAM.
        for address in (start, end - 1):
            assert any(low <= address < high for low, high in usable)


@given(_RANGES, _RANGES)
def test_cutting_at_nodes_loses_no_memory(
    usable: list[tuple[int, int]], affinity: list[tuple[int, int]]
) -> None:
    regions = as_memblock(usable)
    blocks, _ = with_nodes(regions, [Block(*r, node=i % 3) for i, r in enumerate(affinity)])
    joined: list[tuple[int, int]] = []
    for block in blocks:
        if joined and joined[-1][1] == block.start:
            joined[-1] = (joined[-1][0], block.end)
        else:
            joined.append((block.start, block.end))
    assert joined == regions
