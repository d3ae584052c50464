# SPDX-License-Identifier: Apache-2.0
"""Which rows of a batch are equal: a fleet repeats itself, and what is equal is computed once.

Rows get a 64-bit number of what is in them, made with multipliers that are drawn anew in each
process, so that nobody can write rows that have the same one; rows with the same number are then
compared, and found to be different they are simply not put together.
"""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from tdxctl.fleet.columns import Lists
from tdxctl.layout.ragged import ragged

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_MULTIPLIERS = np.array([secrets.randbits(64) | 1 for _ in range(16)], np.uint64)
_HALF = np.uint64(32)


class Groups(Struct, frozen=True):
    """Rows by what they are.

    of: shape (rows,), the group of each. first: shape (groups,), a row of each group.
    """

    of: Int64s
    first: Int64s

    def __len__(self) -> int:
        return len(self.first)


def group(columns: list[Lists], codes: list[Int64s]) -> Groups:
    """Rows that are equal in every column of lists and in every column of codes."""
    number = mixed(codes, len(columns[0].given))
    for at, column in enumerate(columns):
        number = _mix(number * _MULTIPLIERS[at] + _of_lists(column))
    groups = by_number(number)
    same = np.ones(len(groups.of), bool)
    representative = groups.first[groups.of]
    for code in codes:
        same &= code == code[representative]
    for column in columns:
        same &= _equal(column, representative)
    if same.all():
        return groups
    # Another content with the same number: a group of its own for each such row.
    apart = np.flatnonzero(~same)
    of = groups.of.copy()
    of[apart] = len(groups.first) + np.arange(len(apart))
    return Groups(of, np.concatenate((groups.first, apart)))


def by_number(number: npt.NDArray[np.int64] | Uint64s) -> Groups:
    """Rows that have the same number, in the order in which the numbers come up."""
    encoded = pa.array(number).dictionary_encode()
    of = encoded.indices.to_numpy().astype(np.int64)
    first = np.empty(len(encoded.dictionary), np.int64)
    first[of[::-1]] = np.arange(len(of))[::-1]
    return Groups(of, first)


def mixed(codes: list[Int64s], rows: int) -> Uint64s:
    """A number for each row of what its codes are."""
    number = np.zeros(rows, np.uint64)
    for at, code in enumerate(codes):
        number = _mix(number + code.view(np.uint64) * _MULTIPLIERS[15 - at % 16])
    return number


def _mix(number: Uint64s) -> Uint64s:
    number = np.bitwise_xor(number, number >> _HALF)
    number *= _MULTIPLIERS[14]
    number ^= number >> _HALF
    return number


def _of_lists(column: Lists) -> Uint64s:
    counts = np.diff(column.offsets)
    begins = column.offsets[:-1]
    number: Uint64s = (counts * 2 + column.given).astype(np.uint64)
    number *= _MULTIPLIERS[13]
    items = int(column.offsets[-1])
    if not items:
        return number
    mixed = np.arange(items, dtype=np.uint64)
    mixed -= np.repeat(begins.astype(np.uint64), counts)
    mixed *= _MULTIPLIERS[12]
    for at, values in enumerate(column.fields.values()):
        mixed += values.view(np.uint64) * _MULTIPLIERS[8 + at]
    mixed = _mix(mixed)
    some = np.flatnonzero(counts)
    number[some] += np.add.reduceat(mixed, begins[some])
    return number


def _equal(column: Lists, representative: Int64s) -> Bools:
    # Which rows have in the column what their representative has.
    counts = np.diff(column.offsets)
    same: Bools = column.given == column.given[representative]
    same &= counts == counts[representative]
    other = np.flatnonzero(same & (representative != np.arange(len(same))) & (counts > 0))
    if not len(other):
        return same
    begins = column.offsets[:-1]
    row, at = ragged(begins[other], begins[other] + counts[other])
    shift = begins[representative[other]] - begins[other]
    differs = np.zeros(len(at), bool)
    there = at + shift[row]
    for values in column.fields.values():
        differs |= values[at] != values[there]
    if differs.any():
        same[other[row[differs]]] = False
    return same
