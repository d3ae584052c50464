# SPDX-License-Identifier: Apache-2.0
"""PAMT sizes [linux-host 5.2]."""

from __future__ import annotations

import numpy as np
import pytest

from tdxctl.layout.pamt import pamt_bitmap_size, pamt_size, pamt_size_32bit, place
from tdxctl.units import SZ_1G

_U64 = 1 << 64


@pytest.mark.parametrize(
    ("gib", "sizes"),
    [
        # 4 MiB + 8 KiB + 16 bytes per GiB, each rounded up to 4 KiB
        (1, [0x400000, 0x2000, 0x1000]),
        (2, [0x800000, 0x4000, 0x1000]),
        (256, [0x40000000, 0x200000, 0x1000]),
        (257, [0x40400000, 0x202000, 0x2000]),
        (8192, [0x800000000, 0x4000000, 0x20000]),
    ],
)
def test_a_pamt_entry_takes_16_bytes_per_page(gib: int, sizes: list[int]) -> None:
    tdmr = np.array(gib * SZ_1G)
    assert [int(pamt_size(tdmr, shift, 16)) for shift in (12, 21, 30)] == sizes


def test_sizes_are_elementwise_on_any_shape() -> None:
    """Expect the shape of the input, scalar or cube, and the same numbers in it."""
    tdmrs = np.array([[[1, 2], [3, 4]]]) * SZ_1G
    assert pamt_size(tdmrs, 12, 16).tolist() == [[[0x400000, 0x800000], [0xC00000, 0x1000000]]]
    assert pamt_size_32bit(tdmrs, 12, 16).tolist() == [
        [[0x400000, 0x800000], [0xC00000, 0x1000000]]
    ]
    assert pamt_size(np.array(SZ_1G), 30, 16).shape == ()


@pytest.mark.parametrize(
    ("gib", "size"),
    [
        (511, 511 * 0x400000),  # the last that fits an int
        (512, _U64 - 0x80000000),  # 2^31 is negative, and sign-extends
        (1023, _U64 - 0x400000),
        (1024, 0),  # 2^32 wraps to 0
        (1025, 0x400000),
        (1536, _U64 - 0x80000000),
        (2048, 0),
    ],
)
def test_the_posted_series_computes_in_int(gib: int, size: int) -> None:
    assert int(pamt_size_32bit(np.array(gib * SZ_1G), 12, 16)) == size


def test_the_three_pamts_follow_each_other_in_the_chunk() -> None:
    """Expect 4K at the chunk's base, then 2M, then 1G."""
    sizes = np.array([0x400000, 0x2000, 0x1000], np.uint64)
    assert place(0x100000000, sizes).tolist() == [0x100000000, 0x100400000, 0x100402000]


def test_a_bitmap_stands_for_the_4k_part_with_dynamic_pamt() -> None:
    """So many bits for each 4 KiB, in whole bytes and those in whole pages."""
    sizes = np.array([1, 2, 3], np.int64) << 30
    assert pamt_bitmap_size(sizes, 1).tolist() == [32768, 65536, 98304]
    assert pamt_bitmap_size(sizes, np.array([2, 2, 0])).tolist() == [65536, 131072, 0]
    # 32,768 and 32,769 entries of a bit are 4,096 and 4,097 bytes.
    assert pamt_bitmap_size(np.array([32768, 32769]) << 12, 1).tolist() == [4096, 8192]
    assert pamt_bitmap_size(np.array([1 << 12]), 1).tolist() == [4096]
