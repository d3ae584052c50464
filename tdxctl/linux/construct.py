# SPDX-License-Identifier: Apache-2.0
"""construct_tdmrs() as all kernels have it: cover, reserved areas, TDMR_INFO [linux-host 5]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tdxctl.causes import ReservedAreasExhausted, TdmrsExhausted
from tdxctl.errnos import Errno
from tdxctl.events import Holds, MemoryUse, ReservedArea
from tdxctl.layout.cover import cover
from tdxctl.layout.holes import Areas, merged, overlaps
from tdxctl.linux.kernel import Kernel
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.tdmr import TdmrArray, tdmr_stride
from tdxctl.units import PAGE_SHIFT

Int64s = npt.NDArray[np.int64]


def fill_out_tdmrs(kernel: Kernel, limit: int, exhausted: Errno) -> None:
    """Cover memory with TDMRs, as many as there is room for.

    Raises KernelErrno with errno exhausted where it needs more than limit.
    """
    bases, sizes = cover(kernel.mm.starts, kernel.mm.ends)
    kernel.tdmrs = TdmrArray(bases[:limit], sizes[:limit])
    kernel.steps.memory(MemoryUse(kernel.mm.memory_by_node()))
    kernel.steps.detail(f"{len(kernel.tdmrs)} of {limit} TDMRs")
    if len(bases) > limit:
        raise KernelErrno(exhausted, TdmrsExhausted(needed=len(bases), limit=limit))


def pamt_areas(tdmrs: TdmrArray) -> Areas:
    """Every TDMR's PAMT chunk where it overlaps a TDMR, clipped to that."""
    bases = np.array([chunk.base for chunk in tdmrs.chunks], np.int64)
    sizes = np.array([chunk.nr_pages for chunk in tdmrs.chunks], np.int64) << PAGE_SHIFT
    return overlaps(bases, sizes, tdmrs.bases, tdmrs.sizes)


def populate_rsvd_areas_all(
    kernel: Kernel, gaps: Areas, pamts: Areas, *, limit: int, exhausted: Errno, holds: Holds
) -> None:
    """Put gaps and pamts into the TDMRs, sorted: the limit "counts both kinds".

    holds: what the gaps are between. Raises KernelErrno with errno exhausted for the first TDMR
    that has not room for all of its own; what it holds then is what was found until it was full.
    """
    tdmrs = kernel.the_tdmrs()
    areas = merged(gaps, pamts)
    counts = areas.per_tdmr(len(tdmrs))
    over = np.flatnonzero(counts > limit)
    reached = int(over[0]) + 1 if len(over) else len(tdmrs)
    tdmrs.areas = _areas_met(tdmrs.bases[:reached], gaps, pamts, holds, limit)
    kernel.steps.memory(MemoryUse(kernel.mm.memory_by_node(), tdmrs.areas))
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
            between_cmrs=holds is Holds.CMR_GAP,
        )
        raise KernelErrno(exhausted, cause)
    tdmrs.reserved = areas
    kernel.steps.detail(f"at most {counts.max()} of {limit} in a TDMR")


def write_tdmr_infos(kernel: Kernel, max_tdmrs: int, max_reserved: int, pointers_size: int) -> int:
    """Write the TDMR_INFO array and the array of pointers to it, for TDH.SYS.CONFIG.

    pointers_size: bytes that the kernel allocates for the pointers. Returns where they are.
    """
    tdmrs = kernel.the_tdmrs()
    stride = tdmr_stride(max_reserved)
    array_pa = kernel.mm.kernel_alloc(stride * max_tdmrs)
    kernel.memory.write(array_pa, tdmrs.to_bytes(max_reserved))
    pointers = array_pa + stride * np.arange(len(tdmrs), dtype="<u8")
    pointers_pa = kernel.mm.kernel_alloc(pointers_size)
    kernel.memory.write(pointers_pa, pointers.tobytes())
    return pointers_pa


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
