# SPDX-License-Identifier: Apache-2.0
"""Sparse physical memory: pages exist once they are written."""

from __future__ import annotations

from tdxctl.units import SZ_4K


class SparseMemory:
    """Physical memory of any size; what nobody wrote reads as 0."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def read(self, pa: int, length: int) -> bytes:
        """length bytes at physical address pa."""
        data = bytearray(length)
        for at, page, offset, count in _pieces(pa, length):
            if page in self._pages:
                data[at : at + count] = self._pages[page][offset : offset + count]
        return bytes(data)

    def write(self, pa: int, data: bytes) -> None:
        """Store data at physical address pa."""
        for at, page, offset, count in _pieces(pa, len(data)):
            self._pages.setdefault(page, bytearray(SZ_4K))[offset : offset + count] = data[
                at : at + count
            ]


def _pieces(pa: int, length: int) -> list[tuple[int, int, int, int]]:
    # (position in the data, page number, offset in that page, count) for each page touched.
    pieces = []
    at = 0
    while at < length:
        page, offset = divmod(pa + at, SZ_4K)
        count = min(SZ_4K - offset, length - at)
        pieces.append((at, page, offset, count))
        at += count
    return pieces
