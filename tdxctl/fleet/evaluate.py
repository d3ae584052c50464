# SPDX-License-Identifier: Apache-2.0
"""Hosts to verdicts: what is equal once, layouts of all at once, machines for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tdxctl.fleet.arrow import in_columns
from tdxctl.fleet.columns import (
    Lists,
    Wrong,
    cmr_mistakes,
    cpu_mistakes,
    lists,
    memory_mistakes,
    reserved_mistakes,
)
from tdxctl.fleet.convertible import Cmrs
from tdxctl.fleet.layouts import Variant, Variants
from tdxctl.fleet.setups import End, References, Setup, WrongRowError
from tdxctl.fleet.shapes import Groups, group
from tdxctl.fleet.verdicts import Verdicts
from tdxctl.layout.ragged import offsets_of, ragged
from tdxctl.linux.changes import PAMT_SIZE_64BIT, SYSINFO_BY_INFO
from tdxctl.linux.releases import KernelId

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_LISTS = ("memory", "reserved", "cmrs", "cpus")
_VALUES = (
    *("cpu_model", "mktme_keyids", "tdx_keyids", "seamrr"),
    *("module", "build_date", "build_num", "kvm", "settings"),
)


def evaluate(
    batch: pa.RecordBatch | pa.Table,
    kernels: Sequence[KernelId],
    *,
    first_row: int = 0,
    references: References | None = None,
) -> pa.RecordBatch:
    """What becomes of each host under each kernel: rows of `arrow.verdicts_schema()`.

    batch: hosts in the columns of `rows.Host`. The verdicts of a host stand one behind the other,
    in the order of kernels. first_row: the number of the batch's first host. references: what is
    known of setups already, kept for the next batch. A row that is wrong has an error in place of
    a verdict. Raises UsageError for columns that hosts do not have, or that are of another type.
    """
    judged = judge(batch, kernels, references or References())
    return judged.verdicts.rows(judged.of, judged.names, first_row, judged.errors)


class Judged(NamedTuple):
    """A batch of hosts, judged.

    verdicts: of the distinct ones. of: shape (hosts,), which of those each is. names: of the
    hosts. errors: what is wrong with hosts, by their place in the batch.
    """

    verdicts: Verdicts
    of: Int64s
    names: pa.Array
    errors: dict[int, str]


def judge(
    batch: pa.RecordBatch | pa.Table, kernels: Sequence[KernelId], references: References
) -> Judged:
    """What evaluate() makes rows of. Raises as that does."""
    hosts = _Hosts(in_columns(batch))
    pairs = _Pairs(hosts, references)
    verdicts = Verdicts(kernels, pairs.count)
    for kernel in kernels:
        pairs.judge(kernel, verdicts)
    verdicts.finish()
    return Judged(verdicts, pairs.groups.of, hosts.names, pairs.errors())


class _Hosts:
    """A batch as arrays."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.names = batch.column("host")
        self.lists = {name: lists(name, batch.column(name)) for name in _LISTS}
        self.values = {name: batch.column(name) for name in _VALUES}
        self.codes = [_codes(column) for column in self.values.values()]

    def setup_cells(self, row: int) -> dict[str, object]:
        """The columns of a row but for its memory."""
        cells: dict[str, object] = {name: self.values[name][row].as_py() for name in _VALUES}
        cpus = self.lists["cpus"]
        return cells | {"cpus": cpus.of(row) if cpus.given[row] else None}

    def memory(self, row: int) -> dict[str, object]:
        """The memory of a row, as a description has it."""
        cmrs = self.lists["cmrs"]
        return {
            "ranges": self.lists["memory"].of(row),
            "reserved": self.lists["reserved"].of(row),
            "cmrs": cmrs.of(row) if cmrs.given[row] else "auto",
        }


def _codes(column: pa.Array) -> Int64s:
    # A number for each value, -1 for null.
    if column.null_count == len(column):
        return np.full(len(column), -1, np.int64)
    indices = column.dictionary_encode().indices
    codes: Int64s = indices.fill_null(-1).to_numpy().astype(np.int64)
    return codes


class _Pairs:
    """The rows that are distinct: a memory with a setup."""

    def __init__(self, hosts: _Hosts, references: References) -> None:
        self._hosts = hosts
        self._references = references
        self.groups: Groups = group(list(hosts.lists.values()), hosts.codes)
        first = self.groups.first
        self.count = len(first)
        self._said: dict[int, str] = {}
        distinct = {name: _taken(each, first) for name, each in hosts.lists.items()}
        # What is wrong with a row is wrong with those that are equal to it.
        for mistake in _mistakes(distinct):
            for pair in np.flatnonzero(mistake.rows).tolist():
                self._said.setdefault(pair, f"{mistake.column}: {mistake.what}")
        self._ok = np.ones(self.count, bool)
        self._ok[list(self._said)] = False
        setups = group([distinct["cpus"]], [codes[first] for codes in hosts.codes])
        self._setup_of = setups.of
        # The pairs of each setup.
        order = np.argsort(self._setup_of, kind="stable")
        cuts = np.searchsorted(self._setup_of[order], np.arange(1, len(setups)))
        self._pairs_of = np.split(order, cuts) if len(setups) else []
        self._setups = [self._setup(pairs[self._ok[pairs]]) for pairs in self._pairs_of]
        for setup, pairs in zip(self._setups, self._pairs_of, strict=True):
            if isinstance(setup, WrongRowError):
                self._refuse(pairs[self._ok[pairs]], setup)
        self._lists = {
            name: _without(distinct[name], self._ok) for name in ("memory", "reserved", "cmrs")
        }
        self._cmrs = Cmrs(self._lists["memory"], self._lists["cmrs"], self._columns())
        self._variants = Variants(self._lists, self._columns(), self._cmrs)

    def _setup(self, pairs: Int64s) -> Setup | WrongRowError | None:
        # Of pairs that have the same; None where there is none that is right so far.
        if not len(pairs):
            return None
        row = int(self.groups.first[pairs[0]])
        return self._references.setup(self._hosts.setup_cells(row))

    def _refuse(self, pairs: Int64s, error: WrongRowError) -> None:
        self._ok[pairs] = False
        self._said.update(dict.fromkeys(pairs.tolist(), str(error)))

    def _columns(self) -> tuple[Int64s, list[Setup | None]]:
        usable = [setup if isinstance(setup, Setup) else None for setup in self._setups]
        return self._setup_of, usable

    def judge(self, kernel: KernelId, verdicts: Verdicts) -> None:
        """Fill in what becomes of each pair under that kernel."""
        variant = Variant.of(kernel)
        layouts = self._variants.of(variant)
        ends = layouts.ends.astype(np.int64)
        alone = self._cmrs.odd.copy()
        outside = np.zeros(self.count, bool)
        if kernel.release.engine == "v5":
            outside = self._cmrs.in_none
            alone |= ~self._variants.one_size
            if PAMT_SIZE_64BIT not in kernel.changes:
                alone |= self._variants.overflows(layouts)
        elif variant.walks and SYSINFO_BY_INFO not in kernel.changes:
            outside = self._cmrs.in_none
        else:
            alone |= self._cmrs.in_none_merged & self._variants.strict
        ends = np.where(outside, End.OUTSIDE, ends)
        for setup, pairs in zip(self._setups, self._pairs_of, strict=True):
            if not isinstance(setup, Setup):
                continue
            mine = pairs[self._ok[pairs]]
            if kernel.own is not None or setup.alone is not None:
                asked = mine
            else:
                asked = self._by_reference(setup, kernel, mine[~alone[mine]], ends, verdicts)
                asked = np.concatenate((mine[alone[mine]], asked))
            self._one_by_one(setup, kernel, asked.tolist(), verdicts)
        verdicts.of_layouts(kernel, layouts, self._variants.lost(layouts), self._variants.limits)

    def _by_reference(
        self, setup: Setup, kernel: KernelId, pairs: Int64s, ends: Int64s, verdicts: Verdicts
    ) -> Int64s:
        # What the setup's reference machines say; the pairs that have to be asked themselves.
        if not len(pairs):
            return pairs
        well = self._references.of(setup, kernel, End.DONE)
        if well is None:
            return pairs
        if well.numbers is None:
            verdicts.set_words(kernel, pairs, well.words, laid_out=False)
            return pairs[:0]
        left = [pairs[:0]]
        for end in np.unique(ends[pairs]).tolist():
            these = pairs[ends[pairs] == end]
            outcome = self._references.of(setup, kernel, End(end))
            if outcome is None:
                left.append(these)
            else:
                verdicts.set_words(kernel, these, outcome.words, laid_out=end != End.OUTSIDE)
        return np.concatenate(left)

    def _one_by_one(
        self, setup: Setup, kernel: KernelId, pairs: list[int], verdicts: Verdicts
    ) -> None:
        for pair in pairs:
            row = int(self.groups.first[pair])
            try:
                platform = setup.with_memory(self._hosts.memory(row))
            except WrongRowError as error:
                self._refuse(np.array([pair]), error)
                continue
            verdicts.set_outcome(kernel, pair, self._references.of_host(platform, kernel))

    def errors(self) -> dict[int, str]:
        """What is wrong with rows, by their place in the batch."""
        errors: dict[int, str] = {}
        if self._said:
            said = np.zeros(self.count, bool)
            said[list(self._said)] = True
            of = self.groups.of
            for row in np.flatnonzero(said[of]).tolist():
                errors[row] = self._said[int(of[row])]
        return errors


def _mistakes(of: dict[str, Lists]) -> list[Wrong]:
    return [
        *memory_mistakes(of["memory"]),
        *reserved_mistakes(of["reserved"]),
        *cmr_mistakes(of["cmrs"]),
        *cpu_mistakes(of["cpus"]),
    ]


def _taken(column: Lists, rows: Int64s) -> Lists:
    # The lists of rows.
    begins, stops = column.offsets[rows], column.offsets[rows + 1]
    _, at = ragged(begins, stops)
    return Lists(
        column.name,
        offsets_of(stops - begins),
        column.given[rows],
        {name: values[at] for name, values in column.fields.items()},
        column.nulls[at],
    )


def _without(column: Lists, wanted: Bools) -> Lists:
    # The same, of rows that are not wanted an empty list.
    if wanted.all():
        return column
    kept = wanted[column.rows]
    return Lists(
        column.name,
        offsets_of(np.where(wanted, np.diff(column.offsets), 0)),
        column.given,
        {name: values[kept] for name, values in column.fields.items()},
        column.nulls[kept],
    )
