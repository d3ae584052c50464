# SPDX-License-Identifier: Apache-2.0
"""A batch of hosts as arrays, and which of its rows are wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct
from msgspec.structs import fields

from tdxctl.fleet.rows import Cpus, Memory
from tdxctl.layout.ragged import offsets_of, ragged, rows_of
from tdxctl.platform.limits import MAX_CMRS, MAX_CPUS, MAX_NODE, MAX_PACKAGE, MAX_RANGES
from tdxctl.units import MAX_PHYSICAL_ADDRESS

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Fields of items that are 0 where they are not given.
_MAY_BE_NULL = frozenset(
    each.name for record in (Memory, Cpus) for each in fields(record) if not each.required
)


class Lists(Struct, frozen=True):
    """A column of lists of records: flat arrays.

    offsets: shape (rows + 1,). given: shape (rows,), whether it is not null. fields: an array per
    field, shape (items,), 0 for a null. nulls: shape (items,), which items lack something.
    """

    name: str
    offsets: Int64s
    given: Bools
    fields: dict[str, Int64s]
    nulls: Bools

    @property
    def rows(self) -> Int64s:
        """The row of each item."""
        return rows_of(self.offsets)

    def of(self, row: int) -> list[dict[str, int]]:
        """The records of a row."""
        low, high = self.offsets[row : row + 2].tolist()
        columns = [self.fields[name][low:high].tolist() for name in self.fields]
        return [dict(zip(self.fields, each, strict=True)) for each in zip(*columns, strict=True)]

    def taken(self, rows: Int64s) -> Lists:
        """The lists of rows, which ascend."""
        if len(rows) == len(self.given):
            return self
        begins, stops = self.offsets[rows], self.offsets[rows + 1]
        _, at = ragged(begins, stops)
        values = {name: values[at] for name, values in self.fields.items()}
        offsets = offsets_of(stops - begins)
        return Lists(self.name, offsets, self.given[rows], values, self.nulls[at])

    def without(self, wanted: Bools) -> Lists:
        """The same, with an empty list where a row is not wanted."""
        if wanted.all():
            return self
        kept = wanted[self.rows]
        offsets = offsets_of(np.where(wanted, np.diff(self.offsets), 0))
        values = {name: values[kept] for name, values in self.fields.items()}
        return Lists(self.name, offsets, self.given, values, self.nulls[kept])

    def followed_by(self, other: Lists) -> Lists:
        """These rows, and behind them other ones of the same column."""
        offsets = np.concatenate((self.offsets, other.offsets[1:] + self.offsets[-1]))
        given = np.concatenate((self.given, other.given))
        values = {
            name: np.concatenate((mine, other.fields[name])) for name, mine in self.fields.items()
        }
        return Lists(self.name, offsets, given, values, np.concatenate((self.nulls, other.nulls)))


def lists(name: str, column: pa.ListArray) -> Lists:
    """The flat arrays of a column."""
    if column.null_count == len(column):
        nothing = np.zeros(0, np.int64)
        values_of = {field.name: nothing for field in column.type.value_type}
        no_row = np.zeros(len(column), bool)
        return Lists(name, np.zeros(len(column) + 1, np.int64), no_row, values_of, no_row[:0])
    counts = column.value_lengths()
    given = np.ones(len(column), bool)
    if column.null_count:
        given = column.is_valid().to_numpy(zero_copy_only=False)
        counts = counts.fill_null(0)
    items = column.flatten()
    names = [field.name for field in items.type]
    nulls = np.zeros(len(items), bool)
    values_of = {}
    for each, values in zip(names, items.flatten(), strict=True):
        if values.null_count:
            if each not in _MAY_BE_NULL:
                nulls |= values.is_null().to_numpy(zero_copy_only=False)
            values = values.fill_null(0)  # noqa: PLW2901  # the same values, without nulls
        values_of[each] = values.to_numpy()
    offsets = offsets_of(counts.to_numpy().astype(np.int64))
    return Lists(name, offsets, given, values_of, nulls)


class Wrong(Struct, frozen=True):
    """Rows that are wrong in a column, with what is."""

    rows: Bools
    column: str
    what: str


def memory_mistakes(memory: Lists) -> list[Wrong]:
    """What may not be of memory: null, too much, out of bounds, out of order, overlapping."""
    start, end, node = memory.fields["start"], memory.fields["end"], memory.fields["node"]
    rows = memory.rows
    inside = rows[1:] == rows[:-1]
    return [
        Wrong(~memory.given, "memory", "is null"),
        Wrong(np.diff(memory.offsets) > MAX_RANGES, "memory", f"has more than {MAX_RANGES} ranges"),
        *_range_mistakes(memory, start, end),
        _of_items(
            memory, (node < 0) | (node > MAX_NODE), f"has a node that is not 0 to {MAX_NODE}"
        ),
        _of_items(
            memory,
            np.concatenate((np.zeros(min(1, len(rows)), bool), inside & (start[1:] < start[:-1]))),
            "has ranges that are not in ascending order",
        ),
        _of_items(
            memory,
            np.concatenate((np.zeros(min(1, len(rows)), bool), inside & (start[1:] < end[:-1]))),
            "has ranges that overlap",
        ),
    ]


def reserved_mistakes(reserved: Lists) -> list[Wrong]:
    """What may not be of memory in use."""
    too_many = np.diff(reserved.offsets) > MAX_RANGES
    return [
        Wrong(too_many, "reserved", f"has more than {MAX_RANGES} ranges"),
        *_range_mistakes(reserved, reserved.fields["start"], reserved.fields["end"]),
    ]


def cmr_mistakes(cmrs: Lists) -> list[Wrong]:
    """What may not be of CMRs; what a module refuses of them may be."""
    base, size = cmrs.fields["base"], cmrs.fields["size"]
    beyond = (base < 0) | (size < 0) | (base >= MAX_PHYSICAL_ADDRESS)
    beyond |= size > MAX_PHYSICAL_ADDRESS
    beyond |= ~beyond & (base + size > MAX_PHYSICAL_ADDRESS)
    return [
        Wrong(np.diff(cmrs.offsets) > MAX_CMRS, "cmrs", f"has more than {MAX_CMRS} ranges"),
        _of_items(cmrs, cmrs.nulls, "has a null in a range"),
        _of_items(cmrs, beyond, "has a range that is not within 0 to 2^52"),
    ]


def cpu_mistakes(cpus: Lists) -> list[Wrong]:
    """What may not be of CPUs."""
    package, count = cpus.fields["package"], cpus.fields["cpus"]
    online, others = cpus.fields["online"], cpus.fields["not_enabled"]
    odd = (count < 0) | (online < 0) | (others < 0) | (count > MAX_CPUS) | (others > MAX_CPUS)
    in_all = np.bincount(cpus.rows, np.where(odd, 0, count + others), len(cpus.given))
    up = np.bincount(cpus.rows, np.where(odd, 0, online), len(cpus.given))
    return [
        _of_items(cpus, cpus.nulls, "has a null in an entry"),
        _of_items(cpus, odd, f"has a number that is not 0 to {MAX_CPUS}"),
        _of_items(cpus, online > count, "has more CPUs online than there are"),
        _of_items(
            cpus, (package < 0) | (package > MAX_PACKAGE), f"has a package not 0 to {MAX_PACKAGE}"
        ),
        Wrong(in_all > MAX_CPUS, "cpus", f"has more than {MAX_CPUS} CPUs"),
        Wrong(cpus.given & (up == 0), "cpus", "has no CPU online"),
    ]


def _range_mistakes(ranges: Lists, start: Int64s, end: Int64s) -> list[Wrong]:
    beyond = (start < 0) | (end > MAX_PHYSICAL_ADDRESS)
    return [
        _of_items(ranges, ranges.nulls, "has a null in a range"),
        _of_items(ranges, beyond, "has a range that is not within 0 to 2^52"),
        _of_items(ranges, start >= end, "has a range whose end is not above its start"),
    ]


def _of_items(column: Lists, wrong: Bools, what: str) -> Wrong:
    rows = np.zeros(len(column.given), bool)
    if wrong.any():
        rows[column.rows[wrong]] = True
    return Wrong(rows, column.name, what)
