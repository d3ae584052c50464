# SPDX-License-Identifier: Apache-2.0
"""The kernel's TDMR array: what construct_tdmrs() fills in, and its bytes [linux-host 5]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from tdxctl.events import PamtRow, ReservedArea, TdmrRow
from tdxctl.layout.holes import Areas
from tdxctl.seam.tdmr_info import TDMR_INFO_ALIGNMENT, tdmr_info
from tdxctl.units import PAGE_SHIFT, U64_MASK, round_up

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]

# "struct padded to 512, stride = (512 + 16 x max_reserved) rounded up to 512"
_STRUCT_SIZE = 512
_AREA_SIZE = 16
#: "pointer array alignment **512**" [tdx-module 3.1]: the kernel allocates it so.
TDX_PA_ARRAY_ALIGNMENT = 512

#: What the kernel allocates on the way, as a failed allocation names it.
TDMR_ARRAY = "the TDMR array"
PA_ARRAY = "the TDMR pointer array"
CPUMASK = "the package cpumask"


def tdmr_stride(max_reserved: int) -> int:
    """Bytes from one TDMR_INFO of the kernel's array to the next."""
    return round_up(_STRUCT_SIZE + _AREA_SIZE * max_reserved, TDMR_INFO_ALIGNMENT)


class PamtChunk(Struct, frozen=True):
    """A TDMR's PAMT as it was allocated: base in bytes, node it came from."""

    base: int
    nr_pages: int
    node: int


class TdmrArray:
    """TDMRs in ascending order. Arrays have a row per TDMR; PAMT columns are 4K, 2M, 1G."""

    def __init__(self, bases: Int64s, sizes: Int64s) -> None:
        self.bases = bases
        self.sizes = sizes
        self.nodes = np.zeros(len(bases), np.int64)
        self.pamt_bases: Uint64s = np.zeros((len(bases), 3), np.uint64)
        self.pamt_sizes: Uint64s = np.zeros((len(bases), 3), np.uint64)
        self.chunks: list[PamtChunk] = []
        self.reserved = Areas(np.zeros(0, np.intp), np.zeros(0, np.int64), np.zeros(0, np.int64))
        #: Per TDMR what it wants reserved areas for, of those that the kernel came to.
        self.areas: tuple[tuple[ReservedArea, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.bases)

    @property
    def pamt_pages(self) -> int:
        """4 KiB pages of all PAMTs obtained."""
        return sum(chunk.nr_pages for chunk in self.chunks)

    @property
    def pamt_bytes(self) -> int:
        """Bytes of all PAMTs obtained, modulo 2^64."""
        return self.pamt_pages << PAGE_SHIFT & U64_MASK

    def pamt_by_node(self) -> tuple[tuple[int, int], ...]:
        """(node, bytes) of the PAMTs obtained, by the node they came from, ascending."""
        totals: dict[int, int] = {}
        for chunk in self.chunks:
            totals[chunk.node] = totals.get(chunk.node, 0) + (chunk.nr_pages << PAGE_SHIFT)
        return tuple(sorted(totals.items()))

    def to_bytes(self, max_reserved: int) -> bytes:
        """The TDMR_INFO array as the kernel has it in memory."""
        array = np.zeros(len(self), tdmr_info(max_reserved, tdmr_stride(max_reserved)))
        array["base"], array["size"] = self.bases, self.sizes
        for column, name in enumerate(("4k", "2m", "1g")):
            array[f"pamt_{name}_base"] = self.pamt_bases[:, column]
            array[f"pamt_{name}_size"] = self.pamt_sizes[:, column]
        areas = self.reserved
        counts = areas.per_tdmr(len(self))
        position = np.arange(len(areas.tdmr)) - (np.cumsum(counts) - counts)[areas.tdmr]
        array["reserved"]["offset"][areas.tdmr, position] = areas.offset
        array["reserved"]["size"][areas.tdmr, position] = areas.size
        return array.tobytes()

    def rows(self) -> tuple[TdmrRow, ...]:
        """The TDMRs for reports; one of size 0 (no usable memory) is left out."""
        return tuple(
            TdmrRow(
                base=int(self.bases[i]),
                size=int(self.sizes[i]),
                node=int(self.nodes[i]),
                pamt_4k=self._pamt(i, 0),
                pamt_2m=self._pamt(i, 1),
                pamt_1g=self._pamt(i, 2),
                reserved=tuple(self.reserved.of(i)),
                pamt=self._chunk(i),
                areas=self.areas[i] if i < len(self.areas) else None,
            )
            for i in range(len(self))
            if self.sizes[i]
        )

    def _chunk(self, tdmr: int) -> PamtRow | None:
        if tdmr >= len(self.chunks):
            return None
        chunk = self.chunks[tdmr]
        return PamtRow(chunk.base, chunk.nr_pages << PAGE_SHIFT)

    def _pamt(self, tdmr: int, column: int) -> PamtRow:
        return PamtRow(int(self.pamt_bases[tdmr, column]), int(self.pamt_sizes[tdmr, column]))
