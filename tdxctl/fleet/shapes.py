# SPDX-License-Identifier: Apache-2.0
"""Which rows are equal: a fleet repeats itself, and what is equal is computed once.

Rows get a 64-bit number of what is in them, made with multipliers that are drawn anew in each
process, so that nobody can write rows that have the same one; rows with the same number are then
compared, and found to be different they are simply not put together.
"""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tdxctl.fleet.columns import Lists

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_HALF = np.uint64(32)
#: Items that are done at once.
_BLOCK = 1 << 14


def _multipliers(count: int) -> Uint64s:
    return np.array([secrets.randbits(64) | 1 for _ in range(count)], np.uint64)


def _power(base: int, exponent: int) -> np.uint64:
    return np.uint64(pow(base, exponent, 1 << 64))


def _powers(base: int) -> Uint64s:
    # base^0 to base^(_BLOCK - 1).
    powers = np.full(_BLOCK, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


_OF_CODES, _OF_LISTS, _OF_FIELDS = _multipliers(16), _multipliers(4), _multipliers(5)
_OF_COUNT, _MIXED = _multipliers(2)
_R = secrets.randbits(64) | 1
_INVERSE_R = pow(_R, -1, 1 << 64)
_POWERS, _INVERSE_POWERS = _powers(_R), _powers(_INVERSE_R)


class Distinct:
    """Rows that differ, of batches that come one after the other.

    lists, codes: their columns, which are the same ones in each batch, in the same order. A code is
    a number that stands for a value.
    """

    def __init__(self) -> None:
        self.lists: list[Lists] = []
        self.codes: list[Int64s] = []
        self._numbers = np.zeros(0, np.uint64)

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, lists: list[Lists], codes: list[Int64s]) -> Int64s:
        """Which of the distinct rows each row of a batch is, shape (rows,); new ones come last."""
        numbers = _numbers(lists, codes)
        of = self._known(numbers)
        unknown = np.flatnonzero(of < 0)
        group, first = _groups(numbers[unknown])
        of[unknown] = len(self) + group
        self._append(numbers, lists, codes, unknown[first])
        if len(first) < len(numbers):
            # Another content with the same number: a row of its own for each such row.
            apart = np.flatnonzero(~self._same(lists, codes, of))
            of[apart] = len(self) + np.arange(len(apart))
            self._append(numbers, lists, codes, apart)
        return of

    def _known(self, numbers: Uint64s) -> Int64s:
        # The row with that number, -1 where there is none.
        if not len(self):
            return np.full(len(numbers), -1, np.int64)
        found = pc.index_in(pa.array(numbers), pa.array(self._numbers)).fill_null(-1)
        of: Int64s = found.to_numpy().astype(np.int64)
        return of

    def _append(
        self, numbers: Uint64s, lists: list[Lists], codes: list[Int64s], rows: Int64s
    ) -> None:
        if not self.lists:
            self.lists = [column.taken(rows) for column in lists]
            self.codes = [code[rows] for code in codes]
            self._numbers = numbers[rows]
        elif len(rows):
            both = zip(self.lists, lists, strict=True)
            self.lists = [known.followed_by(column.taken(rows)) for known, column in both]
            pairs = zip(self.codes, codes, strict=True)
            self.codes = [np.concatenate((known, code[rows])) for known, code in pairs]
            self._numbers = np.concatenate((self._numbers, numbers[rows]))

    def _same(self, lists: list[Lists], codes: list[Int64s], of: Int64s) -> Bools:
        # Which rows have in every column what the distinct row has that they are.
        same = np.ones(len(of), bool)
        for code, known in zip(codes, self.codes, strict=True):
            if _differ(code) or _differ(known) or code[0] != known[0]:
                same &= code == known[of]
        for column, among in zip(lists, self.lists, strict=True):
            if len(column.nulls) or len(among.nulls) or _differ(among.given):
                same &= _equal(column, among, of)
        return same


def _groups(numbers: Uint64s) -> tuple[Int64s, Int64s]:
    # Rows by number, in the order in which the numbers come up: the group of each row, and the
    # first row of each group.
    encoded = pa.array(numbers).dictionary_encode()
    of = encoded.indices.to_numpy().astype(np.int64)
    first = np.empty(len(encoded.dictionary), np.int64)
    first[of[::-1]] = np.arange(len(of))[::-1]
    return of, first


def _numbers(lists: list[Lists], codes: list[Int64s]) -> Uint64s:
    # Most columns of most fleets are null throughout: those add one number to all rows.
    numbers = np.zeros(len(lists[0].given), np.uint64)
    for code, multiplier in zip(codes, _OF_CODES, strict=False):
        column = code if _differ(code) else code[:1]
        numbers += _mix(column.view(np.uint64) * multiplier)
    for among, multiplier in zip(lists, _OF_LISTS, strict=False):
        numbers += _mix(_of_lists(among) * multiplier)
    return numbers


def _differ(values: Int64s | Bools) -> bool:
    # A value that is spread over rows is one.
    return values.strides != (0,) and bool((values != values[:1]).any())


def _mix(number: Uint64s) -> Uint64s:
    number = np.bitwise_xor(number, number >> _HALF)
    number *= _MIXED
    number ^= number >> _HALF
    return number


def _of_lists(column: Lists) -> Uint64s:
    # The sum of mixed(item) * r^place over the items of each list: with r^(place among all items)
    # block by block, in a core's cache, and then divided by r^(where the list begins).
    items = int(column.offsets[-1])
    given = column.given if items or _differ(column.given) else column.given[:1]
    number: Uint64s = given.astype(np.uint64)
    if not items:
        return number
    counts = np.diff(column.offsets)
    number += counts.view(np.uint64) * _OF_COUNT
    fields = [values.view(np.uint64) for values in column.fields.values()]
    if column.nulls.any():
        # A null is not the 0 that stands for it.
        fields.append(column.nulls.astype(np.uint64))
    terms = np.zeros(items, np.uint64)
    for at in range(0, items, _BLOCK):
        term = terms[at : at + _BLOCK]
        for values, multiplier in zip(fields, _OF_FIELDS, strict=False):
            term += values[at : at + _BLOCK] * multiplier
        term ^= term >> _HALF
        term *= _POWERS[: len(term)]
        term *= _power(_R, at)
    some = np.flatnonzero(counts)
    begins = column.offsets[some]
    sums = np.add.reduceat(terms, begins)
    sums *= _INVERSE_POWERS[begins % _BLOCK]
    sums *= np.array([_power(_INVERSE_R, at) for at in range(0, items, _BLOCK)])[begins // _BLOCK]
    number[some] += sums
    return number


def _equal(column: Lists, known: Lists, of: Int64s) -> Bools:
    # Which rows have in the column what the known row has that they are.
    counts = np.diff(column.offsets)
    same: Bools = column.given == known.given[of]
    same &= counts == np.diff(known.offsets)[of]
    if not same.all():
        # Lists of other lengths with the same number do not happen: nothing is put together.
        same[:] = False
        return same
    at = np.repeat(known.offsets[of] - column.offsets[:-1], counts)
    at += np.arange(len(at))
    differs = np.zeros(len(at), bool)
    if column.nulls.any() or known.nulls.any():
        differs |= column.nulls != known.nulls[at]
    for name, values in column.fields.items():
        differs |= values != known.fields[name].take(at, mode="clip")  # which looks at no bounds
    if differs.any():
        same[column.rows[differs]] = False
    return same
