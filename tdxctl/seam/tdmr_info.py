# SPDX-License-Identifier: Apache-2.0
"""TDMR_INFO as bytes (TDX module ABI 1.5) [tdx-module 3.1]."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

#: Alignment of a TDMR_INFO and of the array of pointers to them.
TDMR_INFO_ALIGNMENT = 512
PA_ARRAY_ALIGNMENT = 512
_RESERVED_AT = 0x40
_FIELDS = {
    "base": 0x00,
    "size": 0x08,
    "pamt_1g_base": 0x10,
    "pamt_1g_size": 0x18,
    "pamt_2m_base": 0x20,
    "pamt_2m_size": 0x28,
    "pamt_4k_base": 0x30,
    "pamt_4k_size": 0x38,
}
_AREA = np.dtype([("offset", "<u8"), ("size", "<u8")])


@cache
def tdmr_info(max_reserved: int, itemsize: int | None = None) -> np.dtype[np.void]:
    """The structure with max_reserved reserved areas, little-endian u64 throughout.

    itemsize: bytes from one structure to the next, by default without padding. The field
    `reserved` has the shape (max_reserved,) and the fields offset and size.
    """
    return np.dtype(
        {
            "names": [*_FIELDS, "reserved"],
            "formats": ["<u8"] * len(_FIELDS) + [(_AREA, (max_reserved,))],
            "offsets": [*_FIELDS.values(), _RESERVED_AT],
            "itemsize": itemsize or tdmr_info_size(max_reserved),
        }
    )


def tdmr_info_size(max_reserved: int) -> int:
    """Bytes of a TDMR_INFO with max_reserved reserved areas, padding not counted."""
    return _RESERVED_AT + max_reserved * _AREA.itemsize


def parse(data: bytes, max_reserved: int) -> npt.NDArray[np.void]:
    """TDMR_INFO structures that lie back to back in data, shape (n,)."""
    return np.frombuffer(data, tdmr_info(max_reserved))
