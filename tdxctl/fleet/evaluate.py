# SPDX-License-Identifier: Apache-2.0
"""Hosts to verdicts: what is equal once, layouts of all at once, machines for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tdxctl.fleet.arrow import column, hosts_schema, in_columns, refuse_unknown
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
from tdxctl.fleet.shapes import Distinct
from tdxctl.fleet.verdicts import Verdicts
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
    hosts = Hosts()
    columns = in_columns(batch)
    of = hosts.add(columns)
    judged = judge(hosts, kernels, references or References())
    names = host_names(columns)
    return judged.verdicts.rows(of, names, first_row, judged.errors_of(of))


def host_names(batch: pa.RecordBatch) -> pa.Array:
    """What each host is called, null where it has no name. Raises UsageError as evaluate()."""
    return column(batch, hosts_schema().field("host"))


class Hosts:
    """Hosts that differ, of batches that come one after the other."""

    def __init__(self) -> None:
        self._distinct = Distinct()
        self._values = {name: _Values() for name in _VALUES}

    def __len__(self) -> int:
        return len(self._distinct)

    @property
    def ranges(self) -> int:
        """How many ranges of memory they have."""
        return int(self.lists["memory"].offsets[-1])

    def add(self, batch: pa.RecordBatch) -> Int64s:
        """Which of them each host of the batch is, shape (rows,); new ones come last.

        Raises UsageError for columns that hosts do not have, or that are of another type.
        """
        refuse_unknown(batch.schema.names)
        of = {field.name: column(batch, field) for field in hosts_schema() if field.name != "host"}
        codes = [known.codes(of[name]) for name, known in self._values.items()]
        return self._distinct.add([lists(name, of[name]) for name in _LISTS], codes)

    @property
    def lists(self) -> dict[str, Lists]:
        """Their lists, by column."""
        return {column.name: column for column in self._distinct.lists}

    def setups(self) -> tuple[Int64s, list[Int64s]]:
        """The hosts by all that they have beside memory: the setup of each, the hosts of each."""
        setups = Distinct()
        of = setups.add([self.lists["cpus"]], self._distinct.codes)
        order = np.argsort(of, kind="stable")
        cuts = np.searchsorted(of[order], np.arange(1, len(setups)))
        return of, np.split(order, cuts) if len(setups) else []

    def setup_cells(self, host: int) -> dict[str, object]:
        """The columns of a host but for its memory."""
        each = zip(self._values.items(), self._distinct.codes, strict=True)
        cells = {name: known.all[codes[host]] for (name, known), codes in each}
        cpus = self.lists["cpus"]
        return cells | {"cpus": cpus.of(host) if cpus.given[host] else None}

    def memory(self, host: int) -> dict[str, object]:
        """The memory of a host, as a description has it."""
        cmrs = self.lists["cmrs"]
        return {
            "ranges": self.lists["memory"].of(host),
            "reserved": self.lists["reserved"].of(host),
            "cmrs": cmrs.of(host) if cmrs.given[host] else "auto",
        }


class _Values:
    # The values of a column, batch after batch. all: what a code stands for.

    def __init__(self) -> None:
        self.all: list[object] = [None]
        self._code: dict[object, int] = {None: 0}

    def codes(self, column: pa.Array) -> Int64s:
        if column.null_count == len(column):
            return np.broadcast_to(np.int64(0), len(column))
        encoded = column.dictionary_encode()
        values = [*encoded.dictionary.to_pylist(), None]
        for value in values:
            if value not in self._code:
                self._code[value] = len(self.all)
                self.all.append(value)
        codes = np.array([self._code[value] for value in values], np.int64)
        of: Int64s = codes[encoded.indices.fill_null(len(values) - 1).to_numpy()]
        return of


class Judged(NamedTuple):
    """Distinct hosts, judged. errors: what is wrong with hosts, in place of verdicts."""

    verdicts: Verdicts
    errors: dict[int, str]

    def errors_of(self, of: Int64s) -> dict[int, str]:
        """What is wrong with rows, by their place; of: which of the hosts each is."""
        if not self.errors:
            return {}
        wrong = np.zeros(self.verdicts.pairs, bool)
        wrong[list(self.errors)] = True
        return {row: self.errors[int(of[row])] for row in np.flatnonzero(wrong[of]).tolist()}


def judge(hosts: Hosts, kernels: Sequence[KernelId], references: References) -> Judged:
    """What becomes of each host under each kernel."""
    pairs = _Pairs(hosts, references)
    verdicts = Verdicts(kernels, pairs.count)
    for kernel in kernels:
        pairs.judge(kernel, verdicts)
    verdicts.finish()
    return Judged(verdicts, pairs.said)


class _Pairs:
    """The hosts that are distinct: a memory with a setup."""

    def __init__(self, hosts: Hosts, references: References) -> None:
        self._hosts = hosts
        self._references = references
        self.count = len(hosts)
        #: What is wrong with hosts.
        self.said: dict[int, str] = {}
        for mistake in _mistakes(hosts.lists):
            for pair in np.flatnonzero(mistake.rows).tolist():
                self.said.setdefault(pair, f"{mistake.column}: {mistake.what}")
        self._ok = np.ones(self.count, bool)
        self._ok[list(self.said)] = False
        self._setup_of, self._pairs_of = hosts.setups()
        self._setups = [self._setup(pairs[self._ok[pairs]]) for pairs in self._pairs_of]
        for setup, pairs in zip(self._setups, self._pairs_of, strict=True):
            if isinstance(setup, WrongRowError):
                self._refuse(pairs[self._ok[pairs]], setup)
        self._lists = {
            name: hosts.lists[name].without(self._ok) for name in ("memory", "reserved", "cmrs")
        }
        self._cmrs = Cmrs(self._lists["memory"], self._lists["cmrs"], self._columns())
        self._variants = Variants(self._lists, self._columns(), self._cmrs)

    def _setup(self, pairs: Int64s) -> Setup | WrongRowError | None:
        # Of pairs that have the same; None where there is none that is right so far.
        if not len(pairs):
            return None
        return self._references.setup(self._hosts.setup_cells(int(pairs[0])))

    def _refuse(self, pairs: Int64s, error: WrongRowError) -> None:
        self._ok[pairs] = False
        self.said.update(dict.fromkeys(pairs.tolist(), str(error)))

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
            try:
                platform = setup.with_memory(self._hosts.memory(pair))
            except WrongRowError as error:
                self._refuse(np.array([pair]), error)
                continue
            verdicts.set_outcome(kernel, pair, self._references.of_host(platform, kernel))


def _mistakes(of: dict[str, Lists]) -> list[Wrong]:
    return [
        *memory_mistakes(of["memory"]),
        *reserved_mistakes(of["reserved"]),
        *cmr_mistakes(of["cmrs"]),
        *cpu_mistakes(of["cpus"]),
    ]
