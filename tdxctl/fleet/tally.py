# SPDX-License-Identifier: Apache-2.0
"""Verdicts to counts: each distinct host weighs as much as there are hosts like it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tdxctl.fleet.counts import EXAMPLES, PAMT_STEP, Counts, KernelCounts, Kind
from tdxctl.fleet.outcomes import Words
from tdxctl.fleet.verdicts import NULL, Verdicts
from tdxctl.seam.status import status_name

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_READY = "ready"
_LOW_BITS = 20
_LOW = (1 << _LOW_BITS) - 1


class _Hosts:
    """Which hosts are like which pair."""

    def __init__(
        self, pairs: int, of: Int64s, names: pa.Array, first_row: int, wrong: Bools
    ) -> None:
        self._names, self._first_row = names, first_row
        good = of if not wrong.any() else of[~wrong]
        self.weight = np.bincount(good, minlength=pairs)
        self._of, self._wrong = of, wrong

    def kind(self, pairs: Bools) -> Kind:
        """The hosts of pairs, the first of them by name."""
        chosen = pairs[self._of] & ~self._wrong
        return Kind(int(self.weight[pairs].sum()), self.named(np.flatnonzero(chosen)[:EXAMPLES]))

    def named(self, rows: Int64s) -> list[str]:
        """The names of hosts, `row 17` where one has none."""
        named = zip(rows.tolist(), self._names.take(pa.array(rows)).to_pylist(), strict=True)
        return [f"row {self._first_row + row}" if name is None else name for row, name in named]


def tally(
    verdicts: Verdicts,
    of: Int64s,
    names: pa.Array,
    *,
    first_row: int,
    errors: dict[int, str],
    against: int | None,
) -> Counts:
    """What the hosts come to whose pairs are of; against: the place of the kernel to compare with.

    names, first_row, errors: as in Verdicts.rows().
    """
    wrong = np.zeros(len(of), bool)
    wrong[np.fromiter(errors, np.int64, len(errors))] = True
    hosts = _Hosts(verdicts.pairs, of, names, first_row, wrong)
    counts = Counts(hosts=len(of), wrong=len(errors))
    for row, what in sorted(errors.items()):
        kind = counts.errors.setdefault(what, Kind())
        kind.add(Kind(1, hosts.named(np.array([row])) if kind.hosts < EXAMPLES else []))
    words = verdicts.words_by_number()
    for at, kernel in enumerate(verdicts.kernels):
        counts.kernels[kernel.id] = _of_kernel(verdicts, at, words, hosts)
        if against is not None and at != against:
            counts.changed |= _changed(verdicts, (at, against), words, hosts)
    return counts


def _ready(words: Words) -> bool:
    return words.initializes and words.kvm in (None, _READY)


def _told(words: Words) -> str:
    if _ready(words):
        return _READY
    told = [words.cause or words.kvm, words.errno]
    if words.seamcall_status is not None:
        told.append(status_name(int(words.seamcall_status, 16)))
    return " ".join(filter(None, told))


def _of_kernel(verdicts: Verdicts, at: int, words: list[Words], hosts: _Hosts) -> KernelCounts:
    word = verdicts.word[:, at]
    counts = KernelCounts()
    initialized = np.zeros(len(word), bool)
    for number, each in enumerate(words):
        these = (word == number) & (hosts.weight > 0)
        if not these.any():
            continue
        kind = hosts.kind(these) if not _ready(each) else Kind(int(hosts.weight[these].sum()))
        if each.initializes:
            initialized |= these
            counts.initialized += kind.hosts
            counts.guests += kind.hosts * (each.guests or 0)
        if _ready(each):
            counts.ready += kind.hosts
        else:
            counts.kinds.setdefault(_told(each), Kind()).add(kind)
    weight = np.where(initialized, hosts.weight, 0)
    pamt = verdicts.numbers["pamt_bytes"][:, at]
    counts.pamt_bytes = _sum(pamt, weight)
    counts.memory_lost = _sum(verdicts.numbers["memory_lost"][:, at], weight)
    counts.tdmrs_left = _histogram(verdicts.numbers["tdmrs_left"][:, at], weight)
    counts.reserved_left = _histogram(verdicts.numbers["reserved_left"][:, at], weight)
    counts.pamt_steps = _histogram(np.where(pamt == NULL, NULL, pamt // PAMT_STEP), weight)
    counts.pamt_by_node = verdicts.by_node(at, weight)
    return counts


def _sum(values: Int64s, weight: Int64s) -> int:
    some = (weight > 0) & (values != NULL)
    # In two halves, for a batch can have more bytes than 63 bits count.
    low, high, weights = values[some] & _LOW, values[some] >> _LOW_BITS, weight[some]
    return (int(np.dot(high, weights)) << _LOW_BITS) + int(np.dot(low, weights))


def _histogram(values: Int64s, weight: Int64s) -> dict[int, int]:
    some = (weight > 0) & (values != NULL)
    distinct, at = np.unique(values[some], return_inverse=True)
    weights = np.zeros(len(distinct), np.int64)
    np.add.at(weights, at, weight[some])
    return dict(zip(distinct.tolist(), weights.tolist(), strict=True))


def _changed(
    verdicts: Verdicts, between: tuple[int, int], words: list[Words], hosts: _Hosts
) -> dict[str, Kind]:
    at, against = between
    told = [_told(each) for each in words]
    mine, theirs = verdicts.word[:, at], verdicts.word[:, against]
    known = (mine >= 0) & (theirs >= 0) & (hosts.weight > 0)
    found: dict[str, Kind] = {}
    for one, other in np.unique(np.stack((mine[known], theirs[known])), axis=1).T.tolist():
        if told[one] == told[other]:
            continue
        here, there = verdicts.kernels[at].id, verdicts.kernels[against].id
        key = f"{here}: {told[one]}; {there}: {told[other]}"
        kind = hosts.kind(known & (mine == one) & (theirs == other))
        found.setdefault(key, Kind()).add(kind)
    return found
