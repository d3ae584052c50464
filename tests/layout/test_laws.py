# SPDX-License-Identifier: Apache-2.0
"""The laws of the layout, on memory maps nobody thought of.

Each law is checked on what a booted machine built, so that the kernel's use of the layout is
held to them too. Page sets are intervals: a law about every page costs no loop over pages.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tdxctl import Machine, Platform
from tdxctl.events import TdmrRow
from tdxctl.units import SZ_1G, SZ_1M, SZ_4G, SZ_4K, round_down, round_up

Interval = tuple[int, int]


@st.composite
def memory_maps(draw: st.DrawFn) -> list[dict[str, int]]:
    """Ascending, disjoint ranges, ends on pages or not, on up to four nodes."""
    page = st.integers(0, 64).map(lambda n: n * SZ_4K)
    gap = st.one_of(st.just(0), page, st.integers(1, 3 * SZ_1G), st.integers(1, 1 << 20))
    size = st.one_of(
        st.integers(1, SZ_1M), st.integers(SZ_1M, 40 * SZ_1G), page.map(lambda n: n + 1)
    )
    ranges, at = [], draw(st.sampled_from([0, SZ_4K, SZ_1M, SZ_4G]))
    for _ in range(draw(st.integers(1, 10))):
        start = at + draw(gap)
        at = start + draw(size)
        ranges.append({"start": start, "end": at, "node": draw(st.integers(0, 3))})
    return ranges


def _initialize(ranges: list[dict[str, int]], reserved: list[dict[str, int]]) -> Machine:
    # A lax module and limits out of the way: the laws are about what the kernel builds.
    description: dict[str, Any] = {
        "cpus": {"madt": [{"apic_id": 0}]},
        "memory": {
            "ranges": ranges,
            "reserved": reserved,
            "cmrs": [{"base": 0, "size": 1 << 50}],
        },
        "module": {"checks": "lax", "max_reserved_per_tdmr": 64},
    }
    machine = Machine.boot(Platform.from_dict(description))
    machine.tdx_init()
    return machine


def _usable(ranges: list[dict[str, int]]) -> list[Interval]:
    pages = [(round_up(r["start"], SZ_4K), round_down(r["end"], SZ_4K)) for r in ranges]
    return [(max(start, SZ_1M), end) for start, end in pages if end > max(start, SZ_1M)]


def _covered(interval: Interval, by: list[Interval]) -> bool:
    at = interval[0]
    for start, end in sorted(by):
        if start <= at < end:
            at = end
    return at >= interval[1]


def _disjoint(intervals: list[Interval]) -> bool:
    ordered = sorted(intervals)
    return all(a[1] <= b[0] for a, b in pairwise(ordered))


def _tdmr(row: TdmrRow) -> Interval:
    return row.base, row.base + row.size


def _pamts(row: TdmrRow) -> list[Interval]:
    pamts = (row.pamt_4k, row.pamt_2m, row.pamt_1g)
    return [(pamt.base, pamt.base + pamt.size) for pamt in pamts if pamt.size]


@settings(max_examples=150, deadline=None)
@given(
    memory_maps(), st.lists(st.tuples(st.integers(0, 1 << 34), st.integers(1, 1 << 31)), max_size=4)
)
def test_the_laws_hold(ranges: list[dict[str, int]], taken: list[Interval]) -> None:
    reserved = [{"start": start, "end": start + size} for start, size in taken]
    machine = _initialize(ranges, reserved)
    usable, rows = _usable(ranges), machine.tdmrs
    tdmrs = [_tdmr(row) for row in rows]

    # TDMRs cover every usable page, are disjoint, ascending, 1 GiB aligned.
    assert all(_covered(region, tdmrs) for region in usable)
    assert all(a[1] <= b[0] for a, b in pairwise(tdmrs))
    assert all(base % SZ_1G == 0 and end % SZ_1G == 0 and end > base for base, end in tdmrs)

    # PAMTs lie in usable memory that is not taken, are disjoint, of the size law.
    pamts = [pamt for row in rows for pamt in _pamts(row)]
    assert all(_covered(pamt, usable) for pamt in pamts)
    held = [(round_down(r["start"], SZ_4K), round_up(r["end"], SZ_4K)) for r in reserved]
    assert all(_disjoint([pamt, hold]) for pamt in pamts for hold in held)
    assert _disjoint(pamts)
    for row in rows:
        for pamt, page in ((row.pamt_4k, SZ_4K), (row.pamt_2m, 1 << 21), (row.pamt_1g, SZ_1G)):
            assert pamt.size in (0, round_up(row.size // page * 16, SZ_4K))

    if machine.status != "INITIALIZED":
        return
    for row in rows:
        # Reserved areas are sorted, disjoint, inside.
        areas = [(row.base + offset, row.base + offset + size) for offset, size in row.reserved]
        assert all(a[1] <= b[0] for a, b in pairwise(areas))
        assert all(row.base <= start < end <= row.base + row.size for start, end in areas)
        # Every page of the TDMR is either usable memory or reserved: every hole is covered.
        assert _covered(_tdmr(row), areas + usable)
        # What is reserved and usable is a PAMT, and every PAMT inside is reserved.
        for start, end in areas:
            inside = [r for r in usable if r[0] < end and start < r[1]]
            for low, high in inside:
                assert _covered((max(low, start), min(high, end)), pamts)
        for low, high in pamts:
            clipped = (max(low, row.base), min(high, row.base + row.size))
            assert clipped[0] >= clipped[1] or _covered(clipped, areas)
