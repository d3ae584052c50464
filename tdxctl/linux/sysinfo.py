# SPDX-License-Identifier: Apache-2.0
"""What 6.8 and later kernels keep of the module's metadata."""

from __future__ import annotations

from msgspec import Struct


class TdmrSysInfo(Struct, frozen=True):
    """struct tdx_sys_info_tdmr; features0 where the kernel reads it, sizes in bytes."""

    max_tdmrs: int
    max_reserved_per_tdmr: int
    pamt_4k_entry_size: int
    pamt_2m_entry_size: int
    pamt_1g_entry_size: int
    features0: int = 0
    pamt_page_bitmap_entry_bits: int = 0

    @property
    def pamt_entry_sizes(self) -> tuple[int, int, int]:
        """For 4K, 2M and 1G pages."""
        return self.pamt_4k_entry_size, self.pamt_2m_entry_size, self.pamt_1g_entry_size
