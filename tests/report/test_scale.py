# SPDX-License-Identifier: Apache-2.0
"""The scale of a memory map: linear, but for long empty stretches and for what is too small."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tdxctl.report.memory_map.scale import Canvas, Drawn, bands
from tdxctl.units import SZ_1G, SZ_1M, SZ_4G, SZ_4K

TIB = 1 << 40


def _gap(size: int) -> int:
    return 6


@st.composite
def _extents(draw: st.DrawFn) -> list[tuple[int, int]]:
    # Any [start, end) below 2^52, lanes over each other included; sizes of every magnitude.
    pages = draw(
        st.lists(
            st.tuples(st.integers(0, 1 << 39), st.integers(0, 38).map(lambda bits: 1 << bits)),
            min_size=1,
            max_size=60,
        )
    )
    return [(first * SZ_4K, (first + count) * SZ_4K) for first, count in pages]


canvases = st.builds(
    Canvas, width=st.integers(31, 900), minimum=st.integers(1, 6), gap=st.just(_gap)
)


@given(_extents(), canvases)
def test_bands_are_whole_and_ascend(extents: list[tuple[int, int]], canvas: Canvas) -> None:
    """Expect stretches that touch, from 0 to the width, each with something at both its ends."""
    drawn = bands(extents, canvas)
    for before, after in pairwise(drawn):
        assert before.end <= after.start
    for band in drawn:
        assert band.stretches[0].left == 0
        assert band.stretches[-1].right == canvas.width
        assert Drawn.ELIDED not in (band.stretches[0].drawn, band.stretches[-1].drawn)
        for a, b in pairwise(band.stretches):
            assert (a.end, a.right) == (b.start, b.left)


@given(_extents(), canvases)
def test_everything_is_drawn_and_nothing_is_too_small(
    extents: list[tuple[int, int]], canvas: Canvas
) -> None:
    """Expect each extent in the bands without a byte lost, at least the minimum wide in each."""
    drawn = bands(extents, canvas)
    for start, end in extents:
        parts = [
            (max(start, band.start), min(end, band.end), band)
            for band in drawn
            if start < band.end and band.start < end
        ]
        assert sum(high - low for low, high, _ in parts) == end - start
        for low, high, band in parts:
            assert band.position(high) - band.position(low) >= canvas.minimum


@given(_extents(), canvases, st.data())
def test_a_greater_address_is_never_drawn_before_a_lesser(
    extents: list[tuple[int, int]], canvas: Canvas, data: st.DataObject
) -> None:
    band = data.draw(st.sampled_from(bands(extents, canvas)))
    addresses = data.draw(st.lists(st.integers(band.start, band.end), min_size=2))
    positions = [band.position(address) for address in sorted(addresses)]
    assert positions == sorted(positions)
    assert (band.position(band.start), band.position(band.end)) == (0, canvas.width)


@given(_extents(), canvases)
def test_what_is_to_scale_has_one_scale(extents: list[tuple[int, int]], canvas: Canvas) -> None:
    """Expect every stretch drawn to scale to be as wide as its bytes say, to the unit."""
    for band in bands(extents, canvas):
        size, units = band.bytes_per_unit
        for stretch in band.stretches:
            exact = (stretch.end - stretch.start) * units / size
            width = stretch.right - stretch.left
            if stretch.drawn is Drawn.TO_SCALE:
                assert abs(width - exact) <= 1
            elif stretch.drawn is Drawn.WIDENED:
                assert exact < width == canvas.minimum


def test_a_long_empty_stretch_is_a_break() -> None:
    """Two sockets, terabytes apart.

    0    20   26   46
    [ 8G )~~~~[ 8G )

    Expect both to share what the break leaves.
    """
    (band,) = bands([(8 * SZ_1G, 16 * SZ_1G), (TIB, TIB + 8 * SZ_1G)], Canvas(46, 1, _gap))
    assert [(s.left, s.right, s.drawn) for s in band.stretches] == [
        (0, 20, Drawn.TO_SCALE),
        (20, 26, Drawn.ELIDED),
        (26, 46, Drawn.TO_SCALE),
    ]


def test_a_hole_of_a_page_can_be_seen() -> None:
    """A 4 KiB hole in 64 GiB.

    0              20 21             41
    [     32G      )  [     32G      )

    Expect it to have one unit.
    """
    low, high = SZ_4G + 32 * SZ_1G, SZ_4G + 64 * SZ_1G
    (band,) = bands([(SZ_4G, low), (low + SZ_4K, high + SZ_4K)], Canvas(41, 1, _gap))
    assert [(s.left, s.right, s.drawn) for s in band.stretches] == [
        (0, 20, Drawn.TO_SCALE),
        (20, 21, Drawn.WIDENED),
        (21, 41, Drawn.TO_SCALE),
    ]


def test_memory_below_4_gib_has_a_scale_of_its_own() -> None:
    """1 GiB below 4 GiB, 64 TiB above.

    [1M .. 1G)   [4G ............ 64T)

    Expect two bands, and nothing drawn between them.
    """
    low, high = bands([(SZ_1M, SZ_1G), (SZ_4G, 64 * TIB)], Canvas(71, 1, _gap))
    assert (low.start, low.end, high.start, high.end) == (SZ_1M, SZ_1G, SZ_4G, 64 * TIB)


def test_what_does_not_fit_goes_on_in_another_band() -> None:
    """Eight pages with a page between any two, on ten units.

    [0 2 4 )   [6 8 10 )   [12 14 )

    Expect no band to be filled beyond two thirds with what has its least width.
    """
    extents = [(2 * i * SZ_4K, (2 * i + 1) * SZ_4K) for i in range(8)]
    drawn = bands(extents, Canvas(10, 1, _gap))
    assert [(band.start // SZ_4K, band.end // SZ_4K) for band in drawn] == [
        (0, 5),
        (6, 11),
        (12, 15),
    ]


def test_the_cost_is_that_of_the_ranges_not_of_the_memory() -> None:
    """Expect 4,096 ranges over 2^52 bytes to give two stretches each, whatever they hold."""
    size = (1 << 52) // 4096
    extents = [(i * size, i * size + SZ_4K) for i in range(4096)]
    drawn = bands(extents, Canvas(71, 1, _gap))
    assert sum(len(band.stretches) for band in drawn) <= 2 * 4096
    assert sum(s.drawn is not Drawn.ELIDED for band in drawn for s in band.stretches) == 4096
