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
    # Most columns of most fleets are null throughout.
    codes = [code for code in codes if len(code) and (code != code[0]).any()]
    rows = len(columns[0].given)
    columns = [each for each in columns if len(each.nulls) or (each.given != each.given[:1]).any()]
    number = mixed(codes, rows)
    for at, column in enumerate(columns):
        number = _mix(number * _MULTIPLIERS[at] + _of_lists(column))
    groups = by_number(number)
    if len(groups) == rows:
        return groups
    same = np.ones(rows, bool)
    representative = groups.first[groups.of]
    for code in codes:
        same &= code == code[representative]
    for column in columns:
        same &= _equal(column, groups)
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
    for at, values in enumerate(_fields(column)):
        mixed += values.view(np.uint64) * _MULTIPLIERS[7 + at]
    mixed = _mix(mixed)
    some = np.flatnonzero(counts)
    number[some] += np.add.reduceat(mixed, begins[some])
    return number


def _fields(column: Lists) -> list[Int64s]:
    # What is in the items; a null is not the 0 that stands for it.
    fields = list(column.fields.values())
    return [*fields, column.nulls.astype(np.int64)] if column.nulls.any() else fields


def _equal(column: Lists, groups: Groups) -> Bools:
    # Which rows have in the column what the first of their group has.
    counts, begins = np.diff(column.offsets), column.offsets[:-1]
    first, of = groups.first, groups.of
    same: Bools = column.given == column.given[first][of]
    same &= counts == counts[first][of]
    if not same.all():
        # Lists of other lengths with the same number do not happen: nothing is put together.
        same[:] = first[of] == np.arange(len(same))
        return same
    # The lists of the first ones behind each other, where a core's cache has them.
    _, items = ragged(begins[first], begins[first] + counts[first])
    begins_there = np.cumsum(counts[first]) - counts[first]
    at = np.arange(int(column.offsets[-1]))
    at += np.repeat(begins_there[of] - begins, counts)
    differs = np.zeros(len(at), bool)
    for values in _fields(column):
        differs |= values != values[items][at]
    if differs.any():
        same[np.repeat(np.arange(len(same)), counts)[differs]] = False
    return same
