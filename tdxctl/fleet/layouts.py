# SPDX-License-Identifier: Apache-2.0
"""The layouts of distinct hosts, one for kernels that make the same of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

from tdxctl.fleet.columns import Lists
from tdxctl.fleet.convertible import Cmrs
from tdxctl.fleet.setups import Setup, has_entries_of_one_size
from tdxctl.layout.batch import Layouts, Limits, Memory, lay_out
from tdxctl.layout.hosts import Ranges
from tdxctl.linux.changes import CMR_WALK, DYNAMIC_PAMT
from tdxctl.linux.releases import KernelId
from tdxctl.platform.description import Checks
from tdxctl.units import PAGE_SHIFT

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_INT_MAX = (1 << 31) - 1


class Variant(NamedTuple):
    """What kernels differ by in a layout: whether they walk CMRs, and know Dynamic PAMT."""

    walks: bool
    dynamic: bool

    @classmethod
    def of(cls, kernel: KernelId) -> Variant:
        """That of a kernel."""
        return cls(CMR_WALK in kernel.changes, DYNAMIC_PAMT in kernel.changes)


class Variants:
    """Layouts of the same hosts, made when they are asked for.

    strict, one_size: shape (hosts,), whether the module checks TDMRs, and has PAMT entries of one
    size.
    """

    def __init__(
        self, lists: dict[str, Lists], setups: tuple[Int64s, list[Setup | None]], cmrs: Cmrs
    ) -> None:
        self._of, self._setups = setups
        memory, reserved = lists["memory"], lists["reserved"]
        self._memory = Memory(_ranges(memory), memory.fields["node"], _ranges(reserved))
        self._cmrs = cmrs
        self._known: dict[Variant, Layouts] = {}
        modules = [None if setup is None else setup.platform.module for setup in self._setups]
        self._entries = self._each(
            [(1, 1, 1) if m is None else astuple(m.pamt_entry_size) for m in modules], 3
        )
        max_tdmrs = self._each([1 if m is None else m.max_tdmrs for m in modules])
        max_reserved = self._each([0 if m is None else m.max_reserved_per_tdmr for m in modules])
        #: What each module takes: TDMRs, and reserved areas of one.
        self.limits = max_tdmrs, max_reserved
        self._bits = self._each(
            [
                setup.platform.module.pamt_page_bitmap_entry_bits
                if setup is not None and setup.dynamic
                else 0
                for setup in self._setups
            ]
        )
        self.strict: Bools = self._each(
            [m is not None and m.checks is Checks.STRICT for m in modules]
        ).astype(bool)
        self.one_size: Bools = self._each(
            [s is not None and has_entries_of_one_size(s.platform) for s in self._setups]
        ).astype(bool)

    def _each(
        self, of_setups: list[int] | list[tuple[int, ...]] | list[bool], width: int = 1
    ) -> Int64s:
        # What setups have, for each host.
        values = np.array(of_setups, np.int64)
        if not len(values):
            return np.zeros((0, width) if width > 1 else 0, np.int64)
        taken: Int64s = values[self._of]
        return taken

    def of(self, variant: Variant) -> Layouts:
        """The layout of each host."""
        if not variant.dynamic or not self._bits.any():
            variant = variant._replace(dynamic=False)
        if variant not in self._known:
            bits = self._bits if variant.dynamic else np.zeros_like(self._bits)
            limits = Limits(*self.limits, self._entries, bits)
            walked = self._cmrs.walked() if variant.walks else None
            self._known[variant] = lay_out(self._memory, limits, walked)
        return self._known[variant]

    def lost(self, layouts: Layouts) -> Int64s:
        """Bytes of each host that no kernel can use for TDX."""
        ranges = self._memory.ranges
        hosts = len(ranges)
        described = _sum(ranges.ends - ranges.starts, ranges.offsets)
        regions = layouts.regions
        offsets = np.searchsorted(regions.host, np.arange(hosts + 1))
        usable = _sum(regions.last - regions.first, offsets)
        return described - (usable << PAGE_SHIFT)

    def overflows(self, layouts: Layouts) -> Bools:
        """Hosts with a TDMR whose 4K part has more bytes than a 32-bit number says."""
        host = np.repeat(np.arange(len(self._of)), layouts.needed)
        bytes_ = (layouts.end - layouts.base) * self._entries[host, 0]
        overflows = np.zeros(len(self._of), bool)
        overflows[host[bytes_ > _INT_MAX]] = True
        return overflows


def _sum(values: Int64s, offsets: Int64s) -> Int64s:
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(values)))
    total: Int64s = sums[offsets[1:]] - sums[offsets[:-1]]
    return total


def _ranges(column: Lists) -> Ranges:
    return Ranges(column.offsets, column.fields["start"], column.fields["end"])
