# SPDX-License-Identifier: Apache-2.0
"""alloc_contig_pages: where a PAMT lands [linux-host 5.3]."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxctl.events import Journal
from tdxctl.linux.mm import AllocationFault, Mm

PAGE = 4096
GIB4 = (4 << 30) // PAGE
MIB16 = (16 << 20) // PAGE
MIB1 = (1 << 20) // PAGE

Ranges = list[tuple[int, int, int]]


def _mm(ranges: Ranges, reserved: list[tuple[int, int]] | None = None, **more: object) -> Mm:
    # Ranges and reserved in pages, ends exclusive: (first, last, node).
    columns = np.array(ranges, np.int64).reshape(-1, 3)
    faults = more.get("faults", ())
    assert isinstance(faults, tuple)
    return Mm(
        columns[:, 0] * PAGE,
        columns[:, 1] * PAGE,
        columns[:, 2],
        reserved=tuple((a * PAGE, b * PAGE) for a, b in reserved or []),
        kernel_avoid=(0, 0),
        faults=faults,
        journal=Journal(),
    )


def test_touching_regions_of_a_node_are_one_stretch() -> None:
    """
    pages    +0             +768            +1536
    node 0   [======A=======)[======B=======)
    chunk    [==============1000=======)

    Expect a chunk over the seam: candidates are multiples of what the mask leaves.
    """
    seam = _mm([(GIB4, GIB4 + 768, 0), (GIB4 + 768, GIB4 + 1536, 0)])
    whole = _mm([(GIB4, GIB4 + 1536, 0)])
    assert seam.alloc_contig_pages(1000, 0) == whole.alloc_contig_pages(1000, 0)
    assert whole.alloc_contig_pages(1000, 0) is None  # the first one took its place


def test_the_first_candidate_is_masked_not_aligned() -> None:
    """Expect (start + nr - 1) & ~(nr - 1), although 3 is no power of two."""
    assert _mm([(GIB4 + 1, GIB4 + 99, 0)]).alloc_contig_pages(3, 0) == ((GIB4 + 1) * PAGE, 0)


def test_normal_memory_comes_before_dma32_and_other_nodes_after() -> None:
    """
    zones    DMA32 of node 0   NORMAL of node 0   NORMAL of node 1
    chunks         3rd               2nd                1st

    Expect node 1 first when asked for it, then node 0 from the top zone down.
    """
    mm = _mm([(MIB16, MIB16 + 8, 0), (GIB4, GIB4 + 8, 0), (GIB4 + 64, GIB4 + 72, 1)])
    assert [mm.alloc_contig_pages(8, 1) for _ in range(4)] == [
        ((GIB4 + 64) * PAGE, 1),
        (GIB4 * PAGE, 0),
        (MIB16 * PAGE, 0),
        None,
    ]


def test_below_one_mebibyte_everything_is_reserved() -> None:
    assert _mm([(1, MIB1, 0)]).alloc_contig_pages(1, 0) is None


def test_the_last_page_of_the_address_space_is_free_too() -> None:
    """Expect a chunk in memory that ends with 2^52, the first that a mask leaves."""
    end = (1 << 52) // PAGE
    assert _mm([(end - 64, end, 0)]).alloc_contig_pages(64, 0) == ((end - 64) * PAGE, 0)


def test_a_reserved_range_counts_outward() -> None:
    """Expect a byte of a page to keep the page."""
    mm = Mm(
        np.array([GIB4 * PAGE]),
        np.array([(GIB4 + 2) * PAGE]),
        np.array([0]),
        reserved=((GIB4 * PAGE + 100, GIB4 * PAGE + 101),),
        kernel_avoid=(0, 0),
        faults=(),
        journal=Journal(),
    )
    assert mm.alloc_contig_pages(1, 0) == ((GIB4 + 1) * PAGE, 0)


def test_scripted_faults_last_as_long_as_they_say() -> None:
    mm = _mm([(GIB4, GIB4 + 9, 0)], faults=(AllocationFault("pamt", call=2, times=2),))
    found = [mm.alloc_contig_pages(1, 0) is not None for _ in range(4)]
    assert found == [True, False, False, True]
    kernel = _mm([], faults=(AllocationFault("kernel", call=1, times=2),))
    assert [kernel.kmalloc("an array") for _ in range(3)] == [False, False, True]
    assert kernel.live == {"an array": 1}
    kernel.kfree("an array")
    assert not kernel.live


def test_the_kernel_keeps_its_arrays_out_of_seamrr() -> None:
    mm = Mm(
        np.array([], np.int64),
        np.array([], np.int64),
        np.array([], np.int64),
        reserved=(),
        kernel_avoid=(0x1000000, 0x1800),
        faults=(),
        journal=Journal(),
    )
    assert mm.kernel_alloc(100) == 0x1002000
    assert mm.kernel_alloc(5000) == 0x1003000
    assert mm.kernel_alloc(1) == 0x1005000


def _naive(ranges: Ranges, taken: set[int], nr: int, nid: int) -> tuple[int, int] | None:
    # The specification's sentences, page by page.
    nodes = sorted({node for _, _, node in ranges})
    for node in [n for n in nodes if n >= nid] + [n for n in nodes if n < nid]:
        own = [(a, b) for a, b, n in ranges if n == node]
        pages = {page for a, b in own for page in range(a, b)}
        for low, high in ((GIB4, 1 << 40), (MIB16, GIB4), (0, MIB16)):
            start, end = max(low, own[0][0]), min(high, own[-1][1])
            candidate = (start + nr - 1) & ~(nr - 1)
            while start < end and start <= candidate + nr - 1 < end:
                chunk = range(candidate, candidate + nr)
                good = all(
                    page in pages and low <= page < high and page not in taken for page in chunk
                )
                if good:
                    return candidate, node
                candidate += nr
    return None


@st.composite
def _maps(draw: st.DrawFn) -> Ranges:
    ranges: Ranges = []
    for zone in (MIB1 + 5, MIB16 - 20, GIB4 - 30, GIB4 + 40):
        at = max(zone, ranges[-1][1] if ranges else 0)
        for _ in range(draw(st.integers(0, 3))):
            at += draw(st.sampled_from([0, 0, 1, 7]))
            size = draw(st.integers(1, 40))
            ranges.append((at, at + size, draw(st.integers(0, 2))))
            at += size
    return ranges


@settings(max_examples=40, deadline=None)
@given(
    ranges=_maps(),
    reserved=st.lists(st.tuples(st.integers(0, 120), st.integers(1, 4)), max_size=3),
    asked=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), min_size=1, max_size=5),
)
def test_it_finds_what_looking_at_every_page_finds(
    ranges: Ranges, reserved: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    held = [(GIB4 + first, GIB4 + first + count) for first, count in reserved]
    taken = {page for a, b in held for page in range(a, b)} | set(range(MIB1))
    mm = _mm(ranges, held)
    for nr, nid in asked:
        expected = _naive(ranges, taken, nr, nid)
        found = mm.alloc_contig_pages(nr, nid)
        assert found == (None if expected is None else (expected[0] * PAGE, expected[1]))
        if expected is not None:
            taken |= set(range(expected[0], expected[0] + nr))


@pytest.mark.parametrize("nr_pages", [0, 1 << 52, (1 << 64) - 1])
def test_absurd_sizes_fail(nr_pages: int) -> None:
    assert _mm([(GIB4, GIB4 + 9, 0)]).alloc_contig_pages(nr_pages, 0) is None


def test_what_each_node_has_and_what_of_it_counts() -> None:
    """
    pages    0 .. 256 (1 MiB) .. 512     1024 .. 1280
    node     3: 0 .. 512                 5: 1024 .. 1280, 7: 100 .. 200

    Expect nothing of node 7 to count, which is below 1 MiB.
    """
    mm = _mm([(0, 100, 3), (100, 200, 7), (200, 512, 3), (1024, 1280, 5)])
    told = [(node.node, node.size // PAGE, node.usable // PAGE) for node in mm.memory_by_node()]
    assert told == [(3, 412, 256), (5, 256, 256), (7, 100, 0)]
