# SPDX-License-Identifier: Apache-2.0
"""What a module hands over to the one that replaces it [tdx-module 6]."""

from __future__ import annotations

from msgspec import Struct

HEADER_SIZE = 8
#: What the handoff data of every release needs.
NEEDED_PAGES = 14


class Handoff(Struct):
    """The header and the data behind it; they outlive the module that wrote them.

    tdmrs: (base, size, next-to-initialise, reserved areas) of each TDMR. pairs: Dynamic PAMT
    page pairs by 2 MiB range; removed: first page of the pair a range had last.
    """

    valid: bool = False
    hv: int = 0
    size: int = 0
    tdmrs: list[tuple[int, int, int, tuple[tuple[int, int], ...]]] = []
    global_hkid: int = 0
    package_config_bitmap: int = 0
    dynamic_pamt: bool = False


class PamtMemory(Struct):
    """PAMT contents that survive in memory: Dynamic PAMT page pairs."""

    pairs: dict[int, tuple[int, int]] = {}
    removed: dict[int, int] = {}

    def initialize(self, start: int, end: int) -> None:
        """TDMR.INIT of [start, end), bytes: no 2 MiB range in it has a page pair any more."""
        for ranges in (self.pairs, self.removed):
            for gone in [pa for pa in ranges if start <= pa < end]:
                del ranges[gone]

    def is_pamt_page(self, pa: int) -> bool:
        """Whether the 4 KiB page at pa serves as a PAMT page."""
        return any(pa in pair for pair in self.pairs.values())
