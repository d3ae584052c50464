# SPDX-License-Identifier: Apache-2.0
"""Lists of different lengths in flat arrays, a list a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


def ragged(first: Int64s, stop: Int64s) -> tuple[Int64s, Int64s]:
    """For row i the numbers first[i] .. stop[i]-1: (row, number) of all of them, flat.

    first, stop: shape (rows,), no stop below its first.
    """
    counts = stop - first
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - (np.cumsum(counts) - counts)[row] + first[row]


def offsets_of(counts: Int64s) -> Int64s:
    """Where the list of each row begins, and the last one ends: shape (rows + 1,)."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))


def rows_of(offsets: Int64s) -> Int64s:
    """The row of each item of lists that begin at offsets, shape (items,)."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
