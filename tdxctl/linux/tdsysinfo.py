# SPDX-License-Identifier: Apache-2.0
"""TDSYSINFO_STRUCT and the CMR array, as TDH.SYS.INFO writes them [tdx-module 3.6]."""

from __future__ import annotations

import struct

from msgspec import Struct

TDSYSINFO_SIZE = 1024
MAX_CMRS = 32


class TdSysInfo(Struct, frozen=True):
    """The fields of TDSYSINFO_STRUCT that kernels read."""

    attributes: int
    vendor_id: int
    build_date: int
    build_num: int
    minor_version: int
    major_version: int
    max_tdmrs: int
    max_reserved_per_tdmr: int
    pamt_entry_size: int

    @classmethod
    def from_bytes(cls, data: bytes) -> TdSysInfo:
        """From the 1024 bytes that TDH.SYS.INFO wrote."""
        limits = struct.unpack_from("<HHH", data, 32)
        return cls(*struct.unpack_from("<IIIHHH", data), *limits)


def cmr_array(data: bytes) -> list[tuple[int, int]]:
    """The CMRs as [start, end), empty ones included."""
    return [(base, base + size) for base, size in struct.iter_unpack("<QQ", data)]


def trimmed(cmrs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """cmrs without the empty ones at their end."""
    used = len(cmrs)
    while used and cmrs[used - 1][0] == cmrs[used - 1][1]:
        used -= 1
    return cmrs[:used]
