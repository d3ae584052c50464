# SPDX-License-Identifier: Apache-2.0
"""Many hosts at once are laid out as each of them alone [linux-host 5]."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tdxctl.events import Journal
from tdxctl.layout import placement
from tdxctl.layout.batch import Ends, Layouts, Limits, Memory, lay_out
from tdxctl.layout.cover import cover, first_region_above
from tdxctl.layout.holes import holes, overlaps
from tdxctl.layout.hosts import KEY_SHIFT, MAX_HOSTS, Ranges
from tdxctl.layout.pamt import PAGE_SHIFTS, pamt_bitmap_size, pamt_size
from tdxctl.layout.placement import MANY_TDMRS
from tdxctl.linux.mm import Mm

GIB, MIB, PAGE = 1 << 30, 1 << 20, 1 << 12
Pairs = list[tuple[int, int]]
Host = tuple[list[tuple[int, int, int]], Pairs, Pairs]  # memory, reserved, CMRs
Module = tuple[int, int, tuple[int, int, int], int]  # TDMRs, areas, entry sizes, bits of a bitmap
MODULE: Module = (64, 16, (16, 16, 16), 0)


def _ranges(hosts: list[Pairs]) -> Ranges:
    flat = np.array([pair for host in hosts for pair in host], np.int64).reshape(-1, 2)
    return Ranges(np.cumsum([0, *map(len, hosts)]), flat[:, 0], flat[:, 1])


def _lay_out(hosts: list[Host], modules: list[Module], *, walk: bool = False) -> Layouts:
    memory = Memory(
        _ranges([[(low, high) for low, high, _ in ranges] for ranges, _, _ in hosts]),
        np.array([node for ranges, _, _ in hosts for _, _, node in ranges], np.int64),
        _ranges([reserved for _, reserved, _ in hosts]),
    )
    limits = Limits(
        np.array([m[0] for m in modules], np.int64),
        np.array([m[1] for m in modules], np.int64),
        np.array([m[2] for m in modules], np.int64).reshape(-1, 3),
        np.array([m[3] for m in modules], np.int64),
    )
    return lay_out(memory, limits, _ranges([cmrs for _, _, cmrs in hosts]) if walk else None)


def _of(layouts: Layouts, host: int) -> tuple[object, ...]:
    # What a host's layout is, in bytes where it says.
    rows = slice(*layouts.offsets[host : host + 2].tolist())
    names = layouts.nodes.number[slice(*layouts.nodes.offsets[host : host + 2].tolist())]
    pfn, node = layouts.placed.pfn[rows], layouts.placed.node[rows]
    end = Ends(layouts.ends[host])
    told = end in (Ends.DONE, Ends.RESERVED)
    full = int(layouts.full[host])
    return (
        end,
        (layouts.base[rows] << 12).tolist(),
        (layouts.end[rows] << 12).tolist(),
        layouts.pamt_pages[rows].tolist(),
        [
            (p << 12, int(names[n]))
            for p, n in zip(pfn.tolist(), node.tolist(), strict=True)
            if p >= 0
        ],
        full,
        layouts.holes[rows].tolist() if told else None,
        layouts.pamts[rows].tolist() if told else None,
    )


def _alone(host: Host, module: Module, *, walk: bool = False) -> tuple[object, ...]:
    # The same of one host, as a kernel does it.
    (ranges, reserved, cmrs), (max_tdmrs, max_reserved, entries, bits) = host, module
    starts, ends, nodes = (np.array(column, np.int64) for column in zip(*ranges, strict=True))
    mm = Mm(
        starts, ends, nodes,
        reserved=tuple(reserved), kernel_avoid=(0, 0), faults=(), journal=Journal(),
    )  # fmt: skip
    bases, sizes = cover(mm.starts, mm.ends)
    if not sizes.any():
        return (Ends.NO_MEMORY, [], [], [], [], -1, None, None)
    levels = [
        pamt_size(sizes, shift, entry) for shift, entry in zip(PAGE_SHIFTS, entries, strict=True)
    ]
    if bits:
        levels[0] = pamt_bitmap_size(sizes, bits)
    pages = (np.stack(levels).sum(axis=0).astype(np.int64) >> 12).tolist()
    head = (bases.tolist(), (bases + sizes).tolist(), pages)
    if len(bases) > max_tdmrs:
        return (Ends.TDMRS, *head, [], -1, None, None)
    chunks: list[tuple[int, int]] = []
    for region, wanted in zip(first_region_above(mm.ends, bases).tolist(), pages, strict=True):
        chunk = mm.alloc_contig_pages(wanted, int(mm.nodes[region]))
        if chunk is None:
            return (Ends.PAMT, *head, chunks, -1, None, None)
        chunks.append(chunk)
    walked = np.array(cmrs, np.int64).reshape(-1, 2)
    between = (walked[:, 0], walked[:, 1]) if walk else (mm.starts, mm.ends)
    gaps = holes(*between, bases, sizes).per_tdmr(len(bases))
    chunk_bases = np.array([base for base, _ in chunks], np.int64)
    pamts = overlaps(chunk_bases, np.array(pages) << 12, bases, sizes).per_tdmr(len(bases))
    over = np.flatnonzero(gaps + pamts > max_reserved).tolist()
    end = Ends.RESERVED if over else Ends.DONE
    return (end, *head, chunks, over[0] if over else -1, gaps.tolist(), pamts.tolist())


def random_memory(rng: random.Random) -> Host:
    """Anything that a description may say: holes, touching ranges, parts of pages, nodes out of
    order and with gaps, memory in use that overlaps.
    """
    unit = rng.choice([PAGE, MIB, 16 * MIB, 256 * MIB, GIB])
    at, ranges = rng.choice([0, PAGE, MIB, 15 * MIB, GIB]), []
    nodes = rng.sample(range(1024), 3) if rng.random() < 0.2 else [0, 1, 2]
    node = rng.choice(nodes)
    for _ in range(rng.choice([1, 2, 3, 5, 8, 30])):
        at += rng.choice([0, 0, 1, 1, 3, 700]) * rng.choice([unit, MIB, 1])
        size = max(1, int(rng.expovariate(1 / rng.choice([1, 8, 64])))) * unit
        size += rng.choice([0, 0, 0, 1, 4095])
        if at + size > 1 << 52:
            break
        node = rng.choice(nodes) if rng.random() < 0.4 else node
        ranges.append((at, at + size, node))
        at += size
    reserved = []
    for _ in range(rng.choice([0, 0, 1, 4, 12])):
        low, high, _ = rng.choice(ranges)
        start = rng.randrange(low, high)
        reserved.append((start, start + rng.choice([0, 1, PAGE, MIB, 64 * MIB, high - start])))
    cmrs: Pairs = []
    for start, end, _ in ranges:
        low, high = start & -PAGE, -(-end // PAGE) * PAGE
        if cmrs and low <= cmrs[-1][1]:
            cmrs[-1] = (cmrs[-1][0], max(high, cmrs[-1][1]))
        elif rng.random() < 0.9:
            cmrs.append((low, high))
    return ranges, reserved, cmrs


def _random_module(rng: random.Random) -> Module:
    entry = rng.choice([16, 16, 16, 8, 32, 64, 4096])
    return (
        rng.choice([64, 64, 64, 3, 1]),
        rng.choice([16, 16, 16, 3, 2]),
        (entry, entry, rng.choice([entry, 4096])),
        rng.choice([0, 0, 1, 2]),
    )


@pytest.mark.parametrize("walk", [False, True], ids=["regions", "cmrs"])
def test_random_memory_is_laid_out_as_that_of_each_host_alone(walk: bool) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    hosts = [random_memory(rng) for _ in range(250)]
    modules = [_random_module(rng) for _ in hosts]
    layouts = _lay_out(hosts, modules, walk=walk)
    for i, (host, module) in enumerate(zip(hosts, modules, strict=True)):
        assert _of(layouts, i) == _alone(host, module, walk=walk), (i, host, module)


@pytest.mark.parametrize("many", [0, 2])
def test_whether_hosts_go_one_by_one_or_together_makes_no_difference(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect random hosts with more than so many TDMRs, placed one by one, to be laid out alike."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    hosts = [random_memory(rng) for _ in range(120)]
    modules = [_random_module(rng) for _ in hosts]
    monkeypatch.setattr(placement, "MANY_TDMRS", many)
    layouts = _lay_out(hosts, modules)
    for i, (host, module) in enumerate(zip(hosts, modules, strict=True)):
        assert _of(layouts, i) == _alone(host, module), (i, host, module)


def test_how_layouts_end() -> None:
    """Expect 0 where all is well, then a number for each thing that there may be too little of."""
    well: Host = ([(4 * GIB, 8 * GIB, 0)], [], [])
    none: Host = ([(0, MIB, 0)], [], [])
    two_tdmrs: Host = ([(4 * GIB, 5 * GIB, 0), (6 * GIB, 7 * GIB, 0)], [], [])
    no_room: Host = ([(4 * GIB, 4 * GIB + PAGE, 0)], [], [])
    hole: Host = ([(4 * GIB + MIB, 8 * GIB, 0)], [], [])
    one = (1, 1, (16, 16, 16), 0)
    layouts = _lay_out([well, none, two_tdmrs, no_room, hole], [one] * 5)
    assert layouts.ends.tolist() == [0, 1, 2, 3, 4]
    # TDMRs 0; 1, 2; 3; 4: of those that were not placed there is neither page nor node.
    assert (layouts.placed.pfn < 0).tolist() == [False, True, True, True, False]
    assert layouts.placed.node.tolist() == [0, -1, -1, -1, 0]
    assert layouts.placed.failed.tolist() == [-1, -1, -1, 0, -1]
    assert [end.value for end in Ends] == [0, 1, 2, 3, 4]


def test_the_key_of_the_last_host_fits_in_63_bits() -> None:
    assert (MAX_HOSTS - 1 << KEY_SHIFT) + (1 << KEY_SHIFT) - 1 == (1 << 63) - 1


def test_hosts_with_many_tdmrs_go_one_by_one_to_the_same_end() -> None:
    """Expect a host with a TDMR more than those that are placed together to be laid out alike."""
    islands = [(4 * i * GIB, 4 * i * GIB + GIB, i % 2) for i in range(1, MANY_TDMRS + 2)]
    host: Host = (islands, [(4 * GIB, 4 * GIB + 17 * MIB)], [])
    few: Host = ([(4 * GIB, 8 * GIB, 0)], [], [])
    module: Module = (1000, 16, (16, 16, 16), 0)
    layouts = _lay_out([few, host, few], [module] * 3)
    assert layouts.needed.tolist() == [1, MANY_TDMRS + 1, 1]
    assert _of(layouts, 1) == _alone(host, module)
    assert _of(layouts, 2) == _of(layouts, 0)


def test_two_sockets() -> None:
    """
    node 0: 1 MiB .. 2 GiB, 4 .. 130 GiB; node 1: 130 .. 258 GiB

    Expect TDMRs of 2, 126 and 128 GiB, each with its PAMT in its own node, and holes below 1 MiB.
    """
    host: Host = ([(MIB, 2 * GIB, 0), (4 * GIB, 130 * GIB, 0), (130 * GIB, 258 * GIB, 1)], [], [])
    layouts = _lay_out([host], [MODULE])
    assert layouts.needed.tolist() == [3]
    assert (layouts.end - layouts.base).tolist() == [2 << 18, 126 << 18, 128 << 18]
    # 4 KiB pages: 2 GiB of memory have 524288 entries of 16 bytes, 1024 and 2 for larger pages
    assert layouts.pamt_pages.tolist() == [2048 + 4 + 1, 129024 + 252 + 1, 131072 + 256 + 1]
    assert layouts.holes.tolist() == [1, 0, 0]
    assert layouts.pamts.tolist() == [0, 2, 1]
    assert layouts.tightest().tolist() == [2]
    assert layouts.pamt_in_all().tolist() == [2053 + 129277 + 131329]
    offsets, nodes, pages = layouts.pamt_by_node()
    assert (offsets.tolist(), nodes.tolist()) == ([0, 2], [0, 1])
    assert pages.tolist() == [2053 + 129277, 131329]
    assert layouts.ends.tolist() == [Ends.DONE]


def test_no_hosts_and_hosts_of_no_memory() -> None:
    assert _lay_out([], []).ends.tolist() == []
    nothing: Host = ([(0, MIB, 0)], [], [])
    layouts = _lay_out([nothing, nothing], [MODULE] * 2)
    assert layouts.ends.tolist() == [Ends.NO_MEMORY, Ends.NO_MEMORY]
    assert layouts.tightest().tolist() == [0, 0]
    assert layouts.pamt_in_all().tolist() == [0, 0]
    assert [column.tolist() for column in layouts.pamt_by_node()] == [[0, 0, 0], [], []]


def test_keys_of_more_than_2048_hosts_do_not_wrap() -> None:
    """Expect the last of 3,000 hosts, with memory up to 2^52, to be what it is alone."""
    host: Host = ([((1 << 52) - 4 * GIB, 1 << 52, 0)], [], [])
    layouts = _lay_out([host] * 3000, [MODULE] * 3000)
    assert layouts.base[-1] == layouts.base[0] == (1 << KEY_SHIFT) - (4 << 18)
    assert _of(layouts, 2999) == _of(layouts, 0) == _alone(host, MODULE)


def test_a_host_without_a_pamt_takes_nothing_from_the_host_before() -> None:
    """
    host 0   memory up to 2^52, with its PAMT in it
    host 1   a page: no room for a PAMT

    Expect host 0 to have the one PAMT: what was not placed lies nowhere.
    """
    top: Host = ([((1 << 52) - 4 * GIB, 1 << 52, 0)], [], [])
    no_room: Host = ([(4 * GIB, 4 * GIB + PAGE, 0)], [], [])
    layouts = _lay_out([top, no_room], [MODULE] * 2)
    assert layouts.ends.tolist() == [Ends.DONE, Ends.PAMT]
    assert layouts.pamts.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("pages", "pfn"),
    [
        # 2^18 entries of 16 bytes, and a page and a half for larger pages: 1024 + 2 + 1
        (1027, 1 << 20),
        (1026, -1),
    ],
)
def test_a_pamt_may_fill_its_memory_to_the_last_page(pages: int, pfn: int) -> None:
    """
    memory  |-- 1027 pages from 4 GiB --|
    PAMT    [---------------------------)
    """
    host: Host = ([(4 * GIB, 4 * GIB + pages * PAGE, 0)], [], [])
    layouts = _lay_out([host], [MODULE])
    assert layouts.pamt_pages.tolist() == [1027]
    assert layouts.placed.pfn.tolist() == [pfn]


@pytest.mark.parametrize("many", [0, MANY_TDMRS], ids=["one by one", "together"])
def test_no_pamt_lies_below_one_mebibyte(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    page    0        256 (1 MiB)     1027            2054                 4096 (16 MiB)
    memory  |---------------------------------------------------------------|
    tried   [------------------------)[---- PAMT ----)

    Expect the second of the places that are 1027 pages apart.
    """
    monkeypatch.setattr(placement, "MANY_TDMRS", many)
    layouts = _lay_out([([(0, 16 * MIB, 0)], [], [])], [MODULE])
    assert layouts.placed.pfn.tolist() == [1027]


def test_a_node_that_gives_no_pamt_is_not_among_those_that_do() -> None:
    """
    memory  |----- 2 GiB, node 0 -----|2 MiB, node 1|
    PAMTs   of 2053 and 1027 pages: node 1 has no room for its own
    """
    memory = [(4 * GIB, 6 * GIB, 0), (6 * GIB, 6 * GIB + 2 * MIB, 1)]
    layouts = _lay_out([(memory, [], [])], [MODULE])
    offsets, nodes, pages = layouts.pamt_by_node()
    assert (offsets.tolist(), nodes.tolist(), pages.tolist()) == ([0, 1], [0], [2053 + 1027])


@pytest.mark.parametrize("many", [0, MANY_TDMRS], ids=["one by one", "together"])
def test_a_pamt_may_begin_where_what_is_in_use_ends(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    page    2^20           + 1027         + 2054
    memory  |-----------------------------|
    in use  |--------------|
    PAMT                   [--------------)
    """
    monkeypatch.setattr(placement, "MANY_TDMRS", many)
    middle, end = 4 * GIB + 1027 * PAGE, 4 * GIB + 2054 * PAGE
    layouts = _lay_out([([(4 * GIB, end, 0)], [(4 * GIB, middle)], [])], [MODULE])
    assert layouts.placed.pfn.tolist() == [(1 << 20) + 1027]
    more = _lay_out([([(4 * GIB, end, 0)], [(4 * GIB, middle + 1)], [])], [MODULE])
    assert more.placed.pfn.tolist() == [-1]


def test_a_host_whose_memory_is_all_in_use_fails_at_its_first_tdmr() -> None:
    """
    GiB      4   5   6   7   8  ...
    memory   |---|   |---|   |---|       nine ranges, a TDMR each
    in use   |---------------------|

    Expect no chunk for the first TDMR, alone and beside a host that has room.
    """
    memory = [((4 + 2 * i) * GIB, (5 + 2 * i) * GIB, 0) for i in range(9)]
    full: Host = (memory, [(0, 64 * GIB)], [])
    free: Host = ([(4 * GIB, 40 * GIB, 0)], [], [])
    layouts = _lay_out([full, free], [MODULE, MODULE])
    assert Ends(layouts.ends[0]) is Ends.PAMT
    assert layouts.placed.failed.tolist() == [0, -1]
    assert _of(layouts, 0) == _alone(full, MODULE)
    assert _of(layouts, 1) == _alone(free, MODULE)
