# SPDX-License-Identifier: Apache-2.0
"""PAMT sizes [linux-host 5.2, 7a], [tdx-module 3.1]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tdxctl.units import SZ_4K

#: log2 of the page sizes a PAMT exists for, in TDX_PS order: 4K, 2M, 1G.
PAGE_SHIFTS = (12, 21, 30)

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]


def pamt_size(tdmr_size: Int64s, page_shift: int, entry_size: int | Int64s) -> Uint64s:
    """Bytes of the PAMT for one page size: entries x entry size, rounded up to 4 KiB.

    Elementwise on any shape of tdmr_size (bytes), and of entry_size.
    """
    entries = np.asarray(tdmr_size, np.uint64) >> np.uint64(page_shift)
    return _round_up_to_page(entries * np.asarray(entry_size, np.uint64))


def pamt_size_32bit(tdmr_size: Int64s, page_shift: int, entry_size: int) -> Uint64s:
    """pamt_size as the posted v5 series computes it: int x int, then widened.

    "each size is the signed 32-bit product of a signed 32-bit entry count and the entry
    size, sign-extended, rounded up to 4 KB in 64 bits". Elementwise on any shape.
    """
    entries = (np.asarray(tdmr_size, np.int64) >> page_shift).astype(np.int32)
    product = entries.astype(np.int64) * np.int64(entry_size)
    wrapped = product.astype(np.int32)  # keeps the low 32 bits
    return _round_up_to_page(wrapped.astype(np.int64).astype(np.uint64))


def _round_up_to_page(size: Uint64s) -> Uint64s:
    page = np.uint64(SZ_4K)
    return (size + (page - np.uint64(1))) & ~(page - np.uint64(1))


def place(chunk_base: int, sizes: Uint64s) -> Uint64s:
    """Where the three PAMTs lie in a TDMR's contiguous chunk: 4K, then 2M, then 1G.

    sizes: shape (3,), bytes. Returns their bases, shape (3,), modulo 2^64.
    """
    before = np.concatenate((np.zeros(1, np.uint64), np.cumsum(sizes, dtype=np.uint64)[:-1]))
    return np.uint64(chunk_base) + before


def pamt_bitmap_size(tdmr_size: Int64s, entry_bits: int | Int64s) -> Uint64s:
    """Bytes of the bitmap that stands for the 4K part with Dynamic PAMT.

    "ceil(entries x bits / 8) rounded up to 4 KB". Elementwise on any shape of tdmr_size (bytes),
    and of entry_bits.
    """
    bits = (np.asarray(tdmr_size, np.uint64) >> np.uint64(12)) * np.asarray(entry_bits, np.uint64)
    return _round_up_to_page((bits + np.uint64(7)) >> np.uint64(3))
