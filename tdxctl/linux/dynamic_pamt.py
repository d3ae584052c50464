# SPDX-License-Identifier: Apache-2.0
"""Dynamic PAMT at run time: the page pairs that the module gets as TDs take memory.

tdx_pamt_get() and tdx_pamt_put() of tip x86/tdx, September 2026 [linux-releases 8].
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from tdxctl.errnos import Errno
from tdxctl.linux.mm import Mm
from tdxctl.linux.steps import KernelErrno
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.port import Registers
from tdxctl.units import SZ_2M, round_down

_LEVEL_2M = 1
#: "pairs = pamt_4k_entry_size*512/4096 pages" [tdx-module 7]
_PAMT_PAGES = 2


class _Tdx(Protocol):
    # What of tdx.c it uses.
    mm: Mm
    dynamic_pamt: bool

    @property
    def status(self) -> str: ...
    @property
    def this_cpu(self) -> int: ...
    def sc_retry_prerr(
        self, cpu: int, leaf: Leaf, *, rcx: int, rdx: int = 0, r8: int = 0
    ) -> Registers: ...


class RefcountedPamt:
    """Pages in use by TDs, counted by 2 MiB range."""

    def __init__(self, tdx: _Tdx) -> None:
        self._tdx = tdx
        self._refcounts: Counter[int] = Counter()

    def get(self, pa: int) -> int:
        """The first page of a 2 MiB range that a TD takes needs a page pair for the range."""
        tdx = self._tdx
        if not tdx.dynamic_pamt or tdx.status != "INITIALIZED":
            return 0
        node = tdx.mm.node_of(pa)
        if node is None:
            return -Errno.EINVAL
        start = round_down(pa, SZ_2M)
        if self._refcounts[start] == 0:
            pair = [tdx.mm.alloc_page(node) for _ in range(_PAMT_PAGES)]
            if None in pair:
                self._free_pages(pair)
                return -Errno.ENOMEM
            first, second = (page or 0 for page in pair)
            try:
                tdx.sc_retry_prerr(
                    tdx.this_cpu,
                    Leaf.TDH_PHYMEM_PAMT_ADD,
                    rcx=start | _LEVEL_2M,
                    rdx=first,
                    r8=second,
                )
            except KernelErrno as error:
                self._free_pages(pair)
                return -error.errno
        self._refcounts[start] += 1
        return 0

    def put(self, pa: int) -> int:
        """The last page of a 2 MiB range that a TD gives back frees the pair."""
        tdx = self._tdx
        start = round_down(pa, SZ_2M)
        if self._refcounts[start] == 0:
            return 0 if not tdx.dynamic_pamt else -Errno.EINVAL
        if self._refcounts[start] == 1:
            leaf = Leaf.TDH_PHYMEM_PAMT_REMOVE
            try:
                out = tdx.sc_retry_prerr(tdx.this_cpu, leaf, rcx=start | _LEVEL_2M)
            except KernelErrno as error:
                return -error.errno
            self._free_pages([out.rdx, out.r8])
        self._refcounts[start] -= 1
        return 0

    def _free_pages(self, pages: list[int | None]) -> None:
        for page in pages:
            if page is not None:
                self._tdx.mm.free_page(page)
