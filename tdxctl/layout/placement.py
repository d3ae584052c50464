# SPDX-License-Identifier: Apache-2.0
"""PAMT chunks of many hosts: alloc_contig_pages() for each TDMR in order [linux-host 5.3].

What `pages.find_contig_pages` does for one host. The two stand beside each other: this one works on
a column per host and takes a step for all of them at once, which for a single host costs more
than it saves, and grows with the square of its TDMRs. Tests hold the two equal.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from tdxctl.layout.hosts import Nodes, Ranges, Stretches
from tdxctl.layout.pages import ZONES, find_contig_pages
from tdxctl.layout.ragged import ragged
from tdxctl.units import PAGE_SHIFT, SZ_1M, SZ_4K

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Hosts with more TDMRs are placed one by one.
MANY_TDMRS = 128
#: Hosts that are placed together: their columns stay in a core's cache.
_TOGETHER = 8192
_ZONES = len(ZONES)
_LOW = np.array([low for low, _ in ZONES], np.int64)
_HIGH = np.array([high for _, high in ZONES], np.int64)


class Asked(Struct, frozen=True):
    """The chunks that are asked for.

    offsets: shape (hosts + 1,), where each host's TDMRs begin. pages, home: shape (tdmrs,): how
    many pages of 4 KiB, and which of the host's nodes the TDMR is of.
    """

    offsets: Int64s
    pages: Int64s
    home: Int64s


class Placed(Struct, frozen=True):
    """The chunks that were had.

    pfn, node: shape (tdmrs,): the first page of a chunk, and which of the host's nodes it is of; -1
    where it was not had, or not tried any more. failed: shape (hosts,): which TDMR of a host had
    none, -1 for no one.
    """

    pfn: Int64s
    node: Int64s
    failed: Int64s


def place(
    asked: Asked, wanted: Int64s, nodes: Nodes, stretches: Stretches, one_by_one: OneByOne
) -> Placed:
    """A chunk for each TDMR of the hosts wanted, shape (k,), until a host has none.

    one_by_one: the same hosts, for those with more than MANY_TDMRS.
    """
    tdmrs = np.diff(asked.offsets)
    placed = Placed(
        np.full(len(asked.pages), -1, np.int64),
        np.full(len(asked.pages), -1, np.int64),
        np.full(len(tdmrs), -1, np.int64),
    )
    many = tdmrs[wanted] > MANY_TDMRS
    for host in wanted[many].tolist():
        one_by_one.place(host, asked, nodes, placed)
    wanted = wanted[~many]
    # Hosts with about as many columns go together.
    width = (np.diff(stretches.offsets)[wanted] + tdmrs[wanted] + 3) >> 2
    order = np.argsort(width, kind="stable")
    wanted, width = wanted[order], width[order]
    cuts = np.flatnonzero(np.diff(width, prepend=-1, append=-1)).tolist()
    for low, high in pairwise(cuts):
        for at in range(low, high, _TOGETHER):
            _Together(wanted[at : min(at + _TOGETHER, high)], asked, nodes, stretches).run(placed)
    return placed


class OneByOne:
    """The same with pages.find_contig_pages(), for hosts with many TDMRs."""

    def __init__(self, memory: Ranges, of_nodes: Int64s, reserved: Ranges) -> None:
        self._memory, self._of_nodes, self._reserved = memory, of_nodes, reserved

    def place(self, host: int, asked: Asked, nodes: Nodes, placed: Placed) -> None:
        """Fill in the rows of that host."""
        of = slice(*self._memory.offsets[host : host + 2].tolist())
        first = (self._memory.starts[of] + (SZ_4K - 1)) >> PAGE_SHIFT
        last = self._memory.ends[of] >> PAGE_SHIFT
        whole = last > first
        regions = first[whole], last[whole], self._of_nodes[of][whole]
        of = slice(*self._reserved.offsets[host : host + 2].tolist())
        low, high = asked.offsets[host : host + 2].tolist()
        in_use = np.zeros((of.stop - of.start + 1 + high - low, 2), np.int64)
        in_use[0] = 0, SZ_1M >> PAGE_SHIFT
        in_use[1 : 1 + of.stop - of.start, 0] = self._reserved.starts[of] >> PAGE_SHIFT
        in_use[1 : 1 + of.stop - of.start, 1] = (
            self._reserved.ends[of] + (SZ_4K - 1)
        ) >> PAGE_SHIFT
        used = 1 + of.stop - of.start
        numbers = nodes.number[nodes.offsets[host] : nodes.offsets[host + 1]]
        for tdmr in range(low, high):
            pages = int(asked.pages[tdmr])
            nid = int(numbers[asked.home[tdmr]])
            found = find_contig_pages(*regions, in_use[:used], nr_pages=pages, nid=nid)
            if found is None:
                placed.failed[host] = tdmr - low
                return
            placed.pfn[tdmr] = found[0]
            placed.node[tdmr] = np.searchsorted(numbers, found[1])
            in_use[used] = found[0], found[0] + pages
            used += 1


class _Together:
    """Some hosts with about as many stretches: a column each, a row for each free stretch.

    Numbers are floats, for NumPy divides those faster: pages have at most 40 bits, so that every
    quotient rounds up as whole numbers do.
    """

    def __init__(self, hosts: Int64s, asked: Asked, nodes: Nodes, stretches: Stretches) -> None:
        self._hosts, self._asked, self._nodes = hosts, asked, nodes
        self._tdmrs = np.diff(asked.offsets)[hosts]
        begins, stops = stretches.offsets[hosts], stretches.offsets[hosts + 1]
        self._used = stops - begins
        # A chunk leaves at most one stretch more than there was.
        rows = int(self._used.max()) + int(self._tdmrs.max())
        shape = (rows, len(hosts))
        self._start: Floats = np.zeros(shape)
        self._end: Floats = np.zeros(shape)
        self._zone = np.full(shape, -1, np.int16)
        column, at = ragged(begins, stops)
        row = at - begins[column]
        self._start[row, column] = stretches.start[at]
        self._end[row, column] = stretches.end[at]
        self._zone[row, column] = stretches.zone[at]

    def run(self, placed: Placed) -> None:
        """Fill in the rows of these hosts."""
        alive = np.ones(len(self._hosts), bool)
        for turn in range(int(self._tdmrs.max())):
            columns = np.flatnonzero(alive & (self._tdmrs > turn))
            if not len(columns):
                return
            tdmrs = self._asked.offsets[self._hosts[columns]] + turn
            without = self._take(columns, tdmrs, placed)
            alive[without] = False
            placed.failed[self._hosts[without]] = turn

    def _take(self, columns: Int64s, tdmrs: Int64s, placed: Placed) -> Int64s:
        # A chunk for one TDMR of each column; the columns that got none.
        without = []
        pages, home = self._asked.pages[tdmrs], self._asked.home[tdmrs]
        begins = self._nodes.offsets[self._hosts[columns]]
        count = self._nodes.offsets[self._hosts[columns] + 1] - begins
        none = pages == 0
        if none.any():
            without.append(columns[none])
        open_ = np.flatnonzero(~none)
        attempt = 0
        while len(open_):
            # "zonelist of nid = nodes nid, nid+1 .. highest, 0 .. nid-1"
            node = (home[open_] + attempt // _ZONES) % count[open_]
            at, row = self._first_fit(
                columns[open_], pages[open_], begins[open_], node, attempt % _ZONES
            )
            hit = row >= 0
            got = open_[hit]
            self._split(columns[got], row[hit], at[hit], pages[got])
            placed.pfn[tdmrs[got]] = at[hit].astype(np.int64)
            placed.node[tdmrs[got]] = node[hit]
            open_ = open_[~hit]
            attempt += 1
            over = attempt >= _ZONES * count[open_]
            if over.any():
                without.append(columns[open_[over]])
                open_ = open_[~over]
        return np.concatenate(without) if without else np.zeros(0, np.int64)

    def _first_fit(
        self, columns: Int64s, pages: Int64s, begins: Int64s, node: Int64s, zone: int
    ) -> tuple[Floats, Int64s]:
        # The lowest candidate that fits in the zone of each column's node, and the stretch that it
        # is in, -1 where none fits.
        low = np.maximum(self._nodes.first[begins + node], _LOW[zone])
        high = np.minimum(self._nodes.last[begins + node], _HIGH[zone])
        candidate = (low + pages - 1) & ~(pages - 1)
        possible = (low < high) & (candidate + pages <= high)
        found = np.full(len(columns), -1, np.int64)
        best = np.full(len(columns), np.inf)
        if not possible.any():
            return best, found
        code = np.where(possible, node * _ZONES + zone, -2).astype(np.int16)
        all_of_them = len(columns) == len(self._hosts)
        step, first = pages.astype(np.float64), candidate.astype(np.float64)
        for row in range(int(self._used[columns].max())):
            in_zone = (self._zone[row] if all_of_them else self._zone[row, columns]) == code
            if not in_zone.any():
                continue
            start = self._start[row] if all_of_them else self._start[row, columns]
            end = self._end[row] if all_of_them else self._end[row, columns]
            at = np.ceil((start - first) / step)
            at *= step
            at += first
            fits = in_zone & (at + step <= end) & (at < best)
            np.copyto(best, at, where=fits)
            found[fits] = row
        return best, found

    def _split(self, columns: Int64s, row: Int64s, at: Floats, pages: Int64s) -> None:
        # What is left of the stretches: below the chunk in place, above it in a new row.
        start, end, behind = self._start[row, columns], self._end[row, columns], at + pages
        below, above = start < at, behind < end
        self._start[row, columns] = np.where(below, start, behind)
        self._end[row, columns] = np.where(below, at, end)
        both = below & above
        columns, row = columns[both], row[both]
        new = self._used[columns]
        self._start[new, columns], self._end[new, columns] = behind[both], end[both]
        self._zone[new, columns] = self._zone[row, columns]
        self._used[columns] += 1
