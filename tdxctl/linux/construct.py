# SPDX-License-Identifier: Apache-2.0
"""construct_tdmrs() as all kernels have it: cover, PAMTs, reserved areas, TDMR_INFO in memory.

Specification linux-host section 5. What differs between kernels (errnos, lines, PAMT sizes, which
list holes are found in) they give as arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tdxctl.causes import (
    Cause,
    NoMemory,
    PamtAllocation,
    PamtOfNoSize,
    ReservedAreasExhausted,
    TdmrsExhausted,
)
from tdxctl.errnos import Errno
from tdxctl.events import Holds, MemoryUse, ReservedArea, WbinvdOnAllCpus
from tdxctl.layout.cover import cover, first_region_above
from tdxctl.layout.holes import Areas, holes, merged, overlaps
from tdxctl.layout.pamt import place
from tdxctl.linux import steps
from tdxctl.linux.kernel import Kernel
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.tdmr import PamtChunk, TdmrArray, tdmr_stride
from tdxctl.units import PAGE_SHIFT, counted

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]


class TdmrConstruction(Kernel):
    """A kernel with the parts of its bring-up that only compute."""

    #: Whether a TDMR has its PAMT sizes before the chunk for them is obtained.
    PAMT_SIZES_FIRST = False
    #: What lies between the regions that it looks for holes between.
    GAPS = Holds.HOLE
    #: What the boot found wrong, where TDX is off.
    _boot_failure: KernelErrno | None = None

    def _not_enabled(self) -> int:
        try:
            with self.steps.step(steps.PRECONDITION):
                self.steps.detail("TDX was not enabled at boot")
                assert self._boot_failure is not None, "TDX is off only where the boot found so"
                raise self._boot_failure
        except KernelErrno as error:
            self.failure = error.failure(self.steps.failed_step, Errno.ENODEV)
        return -Errno.ENODEV

    def _cover_memory(self, limit: int, exhausted: Errno) -> None:
        # Fills the TDMR array, with as many as there is room for.
        bases, sizes = cover(self.mm.starts, self.mm.ends)
        self.tdmrs = TdmrArray(bases[:limit], sizes[:limit])
        self.steps.memory(MemoryUse(self.mm.memory_by_node()))
        self.steps.detail(f"{len(self.tdmrs)} of {limit} TDMRs")
        if len(bases) > limit:
            raise KernelErrno(exhausted, TdmrsExhausted(needed=len(bases), limit=limit))

    def _allocate_pamts(self, sizes: Uint64s, *, no_local_node: Callable[[int], None]) -> None:
        # sizes: shape (tdmrs, 3). no_local_node is called with the TDMR that has no region.
        tdmrs = self._built_tdmrs()
        regions = first_region_above(self.mm.ends, tdmrs.bases)
        for i, region in enumerate(regions.tolist()):
            # tdmr_get_nid()
            if region < len(self.mm.nodes):
                tdmrs.nodes[i] = self.mm.nodes[region]
            else:
                no_local_node(i)
            if self.PAMT_SIZES_FIRST:
                tdmrs.pamt_sizes[i] = sizes[i]
            nr_pages = int(sizes[i].sum(dtype=np.uint64)) >> PAGE_SHIFT
            node = int(tdmrs.nodes[i])
            chunk = self.mm.alloc_contig_pages(nr_pages, node)
            if chunk is None:
                raise KernelErrno(Errno.ENOMEM, self._no_pamt(i, nr_pages))
            base, got_node = chunk
            tdmrs.chunks.append(PamtChunk(base, nr_pages, got_node))
            tdmrs.pamt_bases[i] = place(base, sizes[i])
            tdmrs.pamt_sizes[i] = sizes[i]
        self.steps.detail(counted(tdmrs.pamt_pages, "page"))

    def _no_pamt(self, i: int, nr_pages: int) -> Cause:
        # Why alloc_contig_pages() gave TDMR i nothing.
        tdmrs = self._built_tdmrs()
        base, size = int(tdmrs.bases[i]), int(tdmrs.sizes[i])
        if not size:
            return NoMemory()
        if not nr_pages:
            return PamtOfNoSize(i, base, size)
        return PamtAllocation(i, base, size, nr_pages, int(tdmrs.nodes[i]))

    def _tdmrs_free_pamt_all(self) -> None:
        # The chunks stay listed: what the PAMTs took is still worth knowing.
        for chunk in self.tdmrs.chunks if self.tdmrs else []:
            self.mm.free_contig_range(chunk.base, chunk.nr_pages)

    def _reserve_areas(self, starts: Int64s, ends: Int64s, limit: int, exhausted: Errno) -> None:
        # Holes between [starts, ends), and all PAMTs.
        tdmrs = self._built_tdmrs()
        gaps = holes(starts, ends, tdmrs.bases, tdmrs.sizes)
        chunk_bases = np.array([chunk.base for chunk in tdmrs.chunks], np.int64)
        chunk_sizes = np.array([chunk.nr_pages for chunk in tdmrs.chunks], np.int64) << PAGE_SHIFT
        pamts = overlaps(chunk_bases, chunk_sizes, tdmrs.bases, tdmrs.sizes)
        areas = merged(gaps, pamts)
        counts = areas.per_tdmr(len(tdmrs))
        over = np.flatnonzero(counts > limit)
        reached = int(over[0]) + 1 if len(over) else len(tdmrs)
        tdmrs.areas = _areas_met(tdmrs.bases[:reached], gaps, pamts, self.GAPS, limit)
        self.steps.memory(MemoryUse(self.mm.memory_by_node(), tdmrs.areas))
        if len(over):
            failing = int(over[0])
            tdmrs.reserved = _areas_until_full(areas, gaps, pamts, failing, limit)
            cause = ReservedAreasExhausted(
                tdmr=failing,
                base=int(tdmrs.bases[failing]),
                size=int(tdmrs.sizes[failing]),
                limit=limit,
                holes=int(gaps.per_tdmr(len(tdmrs))[failing]),
                pamts=int(pamts.per_tdmr(len(tdmrs))[failing]),
                between_cmrs=self.GAPS is Holds.CMR_GAP,
            )
            raise KernelErrno(exhausted, cause)
        tdmrs.reserved = areas
        self.steps.detail(f"at most {counts.max()} of {limit} in a TDMR")

    def _write_tdmr_infos(self, max_tdmrs: int, max_reserved: int, pa_array_size: int) -> int:
        # The TDMR_INFO array and the array of pointers to them; returns where the pointers are.
        tdmrs = self._built_tdmrs()
        stride = tdmr_stride(max_reserved)
        array_pa = self.mm.kernel_alloc(stride * max_tdmrs)
        self.memory.write(array_pa, tdmrs.to_bytes(max_reserved))
        pointers = array_pa + stride * np.arange(len(tdmrs), dtype="<u8")
        pa_array_pa = self.mm.kernel_alloc(pa_array_size)
        self.memory.write(pa_array_pa, pointers.tobytes())
        return pa_array_pa

    def _built_tdmrs(self) -> TdmrArray:
        assert self.tdmrs is not None, "the TDMRs come first"
        return self.tdmrs

    def _wbinvd_on_all_cpus(self) -> None:
        self._journal.record(WbinvdOnAllCpus())

    def _packages(self) -> int:
        return len({self.cpus.package_ids[cpu] for cpu in self.cpus.online()})

    def _package_leaders(self) -> list[int]:
        # "first online CPU of each package, ascending CPU order"
        leaders: dict[int, int] = {}
        for cpu in self.cpus.online():
            leaders.setdefault(self.cpus.package_ids[cpu], cpu)
        return list(leaders.values())


def _areas_met(
    bases: Int64s, gaps: Areas, pamts: Areas, holds: Holds, limit: int
) -> tuple[tuple[ReservedArea, ...], ...]:
    # Of the TDMRs at bases: holes first, then PAMTs in the order of the TDMRs that they are of.
    # There are a dozen areas on most machines: arrays would cost more than they save.
    starts = bases.tolist()
    met: list[list[ReservedArea]] = [[] for _ in starts]
    for areas, what in ((gaps, holds), (pamts, Holds.PAMT)):
        tdmrs = areas.tdmr.tolist()
        chunks = [None] * len(tdmrs) if areas.chunk is None else areas.chunk.tolist()
        for tdmr, offset, size, chunk in zip(
            tdmrs, areas.offset.tolist(), areas.size.tolist(), chunks, strict=True
        ):
            if tdmr >= len(met):
                break
            found, start = met[tdmr], starts[tdmr] + offset
            found.append(ReservedArea(start, start + size, what, chunk, len(found) < limit))
    return tuple(map(tuple, met))


def _areas_until_full(areas: Areas, gaps: Areas, pamts: Areas, failing: int, limit: int) -> Areas:
    # What the array holds when the first area too many is met: all areas of the TDMRs before,
    # and of the failing one the first `limit` in the order found, holes before PAMTs, not yet
    # sorted.
    before = areas.tdmr < failing
    found_offset, found_size, found_tdmr = (
        np.concatenate((a[gaps.tdmr == failing], b[pamts.tdmr == failing]))[:limit]
        for a, b in (
            (gaps.offset, pamts.offset),
            (gaps.size, pamts.size),
            (gaps.tdmr, pamts.tdmr),
        )
    )
    return Areas(
        np.concatenate((areas.tdmr[before], found_tdmr)),
        np.concatenate((areas.offset[before], found_offset)),
        np.concatenate((areas.size[before], found_size)),
    )
