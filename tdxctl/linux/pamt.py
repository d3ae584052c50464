# SPDX-License-Identifier: Apache-2.0
"""PAMTs of TDMRs: one contiguous chunk each, from the node of its memory [linux-host 5]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tdxctl.causes import Cause, NoMemory, PamtAllocation, PamtOfNoSize
from tdxctl.errnos import Errno
from tdxctl.layout.cover import first_region_above
from tdxctl.layout.pamt import place
from tdxctl.linux.kernel import Kernel
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.tdmr import PamtChunk
from tdxctl.units import PAGE_SHIFT, counted

Uint64s = npt.NDArray[np.uint64]


def set_up_pamt_all(
    kernel: Kernel,
    sizes: Uint64s,
    *,
    no_local_node: Callable[[int], None],
    sizes_first: bool = False,
) -> None:
    """A PAMT for each TDMR, in order; sizes has shape (tdmrs, 3): bytes for 4K, 2M and 1G pages.

    no_local_node is called with the number of a TDMR that has no region. sizes_first: "PAMT sizes
    enter the TDMR before its chunk is obtained, with base 0" [linux-releases 8]. Raises
    KernelErrno, -ENOMEM, at the first that cannot be had.
    """
    tdmrs = kernel.the_tdmrs()
    regions = first_region_above(kernel.mm.ends, tdmrs.bases)
    for i, region in enumerate(regions.tolist()):
        # tdmr_get_nid()
        if region < len(kernel.mm.nodes):
            tdmrs.nodes[i] = kernel.mm.nodes[region]
        else:
            no_local_node(i)
        if sizes_first:
            tdmrs.pamt_sizes[i] = sizes[i]
        nr_pages = int(sizes[i].sum(dtype=np.uint64)) >> PAGE_SHIFT
        chunk = kernel.mm.alloc_contig_pages(nr_pages, int(tdmrs.nodes[i]))
        if chunk is None:
            raise KernelErrno(Errno.ENOMEM, _why_none(kernel, i, nr_pages))
        base, got_node = chunk
        tdmrs.chunks.append(PamtChunk(base, nr_pages, got_node))
        tdmrs.pamt_bases[i] = place(base, sizes[i])
        tdmrs.pamt_sizes[i] = sizes[i]
    kernel.steps.detail(counted(tdmrs.pamt_pages, "page"))


def _why_none(kernel: Kernel, i: int, nr_pages: int) -> Cause:
    # Why alloc_contig_pages() gave TDMR i nothing.
    tdmrs = kernel.the_tdmrs()
    base, size = int(tdmrs.bases[i]), int(tdmrs.sizes[i])
    if not size:
        return NoMemory()
    if not nr_pages:
        return PamtOfNoSize(i, base, size)
    return PamtAllocation(i, base, size, nr_pages, int(tdmrs.nodes[i]))


def free_pamt_all(kernel: Kernel) -> None:
    """Free the chunks; they stay listed, for what the PAMTs took is still worth knowing."""
    for chunk in kernel.tdmrs.chunks if kernel.tdmrs else []:
        kernel.mm.free_contig_range(chunk.base, chunk.nr_pages)
