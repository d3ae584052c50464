# SPDX-License-Identifier: Apache-2.0
"""Which hosts have memory that lies in no CMR, and which have CMRs that are not plain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tdxctl.fleet.columns import Lists
from tdxctl.fleet.setups import Setup
from tdxctl.layout.hosts import KEY_SHIFT, Ranges
from tdxctl.layout.ragged import offsets_of
from tdxctl.platform.cmrs import MAX_RUNS_ABOVE_4G, auto_cmrs
from tdxctl.units import MAX_PHYSICAL_ADDRESS, PAGE_SHIFT, SZ_1M, SZ_4G, SZ_4K, SZ_32M

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Cmrs:
    """The CMRs of distinct hosts against their memory. All arrays have shape (hosts,).

    odd: only a machine says what becomes of such a host: its CMRs are none, empty, unordered,
    overlapping or not of whole pages, or `auto` cannot make them.
    """

    def __init__(
        self, memory: Lists, cmrs: Lists, setups: tuple[Int64s, list[Setup | None]]
    ) -> None:
        self._memory, self._cmrs = memory, cmrs
        hosts = len(cmrs.given)
        self._base = cmrs.fields["base"]
        self._end = self._base + cmrs.fields["size"]
        rows = cmrs.rows
        bad = (cmrs.fields["size"] == 0) | (self._base % SZ_4K != 0) | (self._end % SZ_4K != 0)
        bad[1:] |= (rows[1:] == rows[:-1]) & (self._base[1:] < self._end[:-1])
        self.odd = np.zeros(hosts, bool)
        self.odd[rows[bad]] = True
        self.odd |= cmrs.given & (np.diff(cmrs.offsets) == 0)
        self.odd |= ~cmrs.given & self._auto_fails()
        self.odd |= self._highest() > _limits(setups)
        self.in_none = np.zeros(hosts, bool)
        self.in_none_merged = np.zeros(hosts, bool)
        if len(self._base):
            self.in_none = self._outside(merged=False)
            self.in_none_merged = self._outside(merged=True)

    def _last_end(self) -> Int64s:
        offsets = self._memory.offsets
        some = np.diff(offsets) > 0
        last = np.zeros(len(some), np.int64)
        last[some] = self._memory.fields["end"][offsets[1:][some] - 1]
        return last

    def _highest(self) -> Int64s:
        # Behind the last byte of memory and CMRs.
        highest = self._last_end()
        np.maximum.at(highest, self._cmrs.rows, self._end)
        return highest

    def _auto_fails(self) -> Bools:
        # No memory that would have a CMR, no room for the SEAM range, or too many runs above 4 GiB.
        last = self._last_end()
        start, end = self._memory.fields["start"], self._memory.fields["end"]
        above = end > SZ_4G
        low, high = start & -SZ_4K, (end + (SZ_4K - 1)) & -SZ_4K
        new = above.copy()
        rows = self._memory.rows
        new[1:] &= ~(above[:-1] & (rows[1:] == rows[:-1]) & (low[1:] <= high[:-1]))
        runs = np.bincount(rows[new], minlength=len(last))
        no_room = last > MAX_PHYSICAL_ADDRESS - 2 * SZ_32M
        fails: Bools = (last <= SZ_1M) | no_room | (runs > MAX_RUNS_ABOVE_4G)
        return fails

    def _outside(self, *, merged: bool) -> Bools:
        # Hosts with a usable region that lies in no one CMR, of hosts that have plain ones.
        hosts = len(self._cmrs.given)
        plain = (self._cmrs.given & ~self.odd)[self._cmrs.rows]
        key = self._cmrs.rows[plain] << KEY_SHIFT
        low = (self._base[plain] >> PAGE_SHIFT) + key
        high = (self._end[plain] >> PAGE_SHIFT) + key
        if merged and len(low):
            new = np.concatenate((np.ones(1, bool), (low[1:] != high[:-1]) | (key[1:] != key[:-1])))
            begins = np.flatnonzero(new)
            low, high = low[begins], high[np.append(begins[1:], len(high)) - 1]
        rows = self._memory.rows
        first = np.maximum(
            (self._memory.fields["start"] + (SZ_4K - 1)) >> PAGE_SHIFT, SZ_1M >> PAGE_SHIFT
        )
        last = self._memory.fields["end"] >> PAGE_SHIFT
        looked_at = (self._cmrs.given & ~self.odd)[rows] & (last > first)
        key = rows[looked_at] << KEY_SHIFT
        first, last = first[looked_at] + key, last[looked_at] + key
        at = np.searchsorted(low, first, "right") - 1
        # One of another host ends below the key of this one's pages.
        inside = (at >= 0) & (last <= np.append(high, 0)[at])
        outside = np.zeros(hosts, bool)
        outside[rows[looked_at][~inside]] = True
        return outside

    def walked(self) -> Ranges:
        """The CMRs of each host, those of `auto` too; none of a host whose are odd."""
        given = self._cmrs.given & ~self.odd
        if given.all():
            return Ranges(self._cmrs.offsets, self._base, self._end)
        starts: list[int] = []
        ends: list[int] = []
        counts = np.zeros(len(given), np.int64)
        offsets, memory = self._cmrs.offsets.tolist(), self._memory.offsets.tolist()
        base, end = self._base.tolist(), self._end.tolist()
        low, high = (self._memory.fields[name].tolist() for name in ("start", "end"))
        for host, odd in enumerate(self.odd.tolist()):
            if odd:
                continue
            if given[host]:
                of = slice(offsets[host], offsets[host + 1])
                pairs = list(zip(base[of], end[of], strict=True))
            else:
                of = slice(memory[host], memory[host + 1])
                made = auto_cmrs(list(zip(low[of], high[of], strict=True)))
                pairs = [(start, start + size) for start, size in made]
            starts += [start for start, _ in pairs]
            ends += [stop for _, stop in pairs]
            counts[host] = len(pairs)
        return Ranges(offsets_of(counts), np.array(starts, np.int64), np.array(ends, np.int64))


def _limits(setups: tuple[Int64s, list[Setup | None]]) -> Int64s:
    of, each = setups
    highest = np.array([1 << 62 if setup is None else setup.highest for setup in each], np.int64)
    return highest[of] if len(of) else np.zeros(0, np.int64)
