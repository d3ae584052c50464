# SPDX-License-Identifier: Apache-2.0
"""Verdicts of distinct hosts, and the rows that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec.structs import asdict

from tdxctl.fleet.arrow import verdicts_schema
from tdxctl.fleet.outcomes import Numbers, Outcome, Words
from tdxctl.layout.batch import Ends, Layouts
from tdxctl.layout.ragged import ragged
from tdxctl.linux.releases import KernelId
from tdxctl.units import PAGE_SHIFT

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_NUMBERS = ("tdmrs", "tdmrs_left", "reserved_areas", "reserved_left", "pamt_bytes", "memory_lost")
_OF_WORDS = ("initializes", "kvm", "status", "errno", "cause", "seamcall_status", "guests")
#: What stands for null among numbers; no number of a verdict is that.
NULL = int(np.iinfo(np.int64).min)


class Verdicts:
    """What becomes of distinct hosts under kernels.

    pairs: how many hosts. word: shape (pairs, kernels), which words; -1 for those of no host.
    numbers: by name of a column, NULL for null. Filled in, then finished, then read.
    """

    def __init__(self, kernels: Sequence[KernelId], pairs: int) -> None:
        self.kernels = list(kernels)
        self._place = {kernel: at for at, kernel in enumerate(kernels)}
        self.pairs = pairs
        shape = (pairs, len(kernels))
        self._words: dict[Words, int] = {}
        self.word = np.full(shape, -1, np.int32)
        self._laid_out = np.zeros(shape, bool)
        self.numbers = {name: np.full(shape, NULL, np.int64) for name in _NUMBERS}
        self._by_node: list[tuple[Int64s, Int64s, Int64s]] = []
        #: Where the list of a verdict's PAMTs by node stands among all; -1 for null.
        self._nodes = np.full(shape, -1, np.int64)
        self._layouts: dict[int, int] = {}
        empty = np.zeros(0, np.int64)
        self._all_lists = np.zeros(1, np.int64), empty, empty
        self._said: dict[tuple[int, int], Numbers] = {}

    def set_words(self, kernel: KernelId, pairs: Int64s, words: Words, *, laid_out: bool) -> None:
        """The words of hosts; laid_out: their numbers are those of their layouts."""
        at = self._place[kernel]
        self.word[pairs, at] = self._words.setdefault(words, len(self._words))
        self._laid_out[pairs, at] = laid_out

    def set_outcome(self, kernel: KernelId, pair: int, outcome: Outcome) -> None:
        """What a machine said of one host."""
        self.set_words(kernel, np.array([pair]), outcome.words, laid_out=False)
        if outcome.numbers is not None:
            self._said[pair, self._place[kernel]] = outcome.numbers

    def of_layouts(
        self, kernel: KernelId, layouts: Layouts, lost: Int64s, limits: tuple[Int64s, Int64s]
    ) -> None:
        """The numbers of the hosts that have those of their layouts; limits: TDMRs, areas."""
        max_tdmrs, max_reserved = limits
        at_kernel = self._place[kernel]
        rows = self._laid_out[:, at_kernel]
        came_to_areas = np.isin(layouts.ends, (Ends.DONE, Ends.RESERVED))
        areas = layouts.tightest()
        full = np.flatnonzero(layouts.full >= 0)
        at = layouts.offsets[full] + layouts.full[full]
        areas[full] = layouts.holes[at] + layouts.pamts[at]
        columns = {
            "tdmrs": layouts.needed,
            "tdmrs_left": max_tdmrs - layouts.needed,
            "reserved_areas": np.where(came_to_areas, areas, NULL),
            "reserved_left": np.where(came_to_areas, max_reserved - areas, NULL),
            "pamt_bytes": layouts.pamt_in_all() << PAGE_SHIFT,
            "memory_lost": lost,
        }
        for name, values in columns.items():
            np.copyto(self.numbers[name][:, at_kernel], values, where=rows)
        if id(layouts) not in self._layouts:
            self._layouts[id(layouts)] = len(self._by_node)
            offsets, node, pages = layouts.pamt_by_node()
            self._by_node.append((offsets, node, pages << PAGE_SHIFT))
        base = self._layouts[id(layouts)] * self.pairs
        np.copyto(self._nodes[:, at_kernel], base + np.arange(self.pairs), where=rows)

    def set_lists(self, kernel: KernelId, offsets: Int64s, nodes: Int64s, sizes: Int64s) -> None:
        """The PAMTs by node of each host, bytes, where they are no layout's."""
        base = len(self._by_node) * self.pairs
        self._by_node.append((offsets, nodes, sizes))
        self._nodes[:, self._place[kernel]] = base + np.arange(self.pairs)

    def rows(
        self, of: Int64s, names: pa.Array, first_row: int, errors: dict[int, str]
    ) -> pa.RecordBatch:
        """A row for each host and kernel; of: the pair of each host.

        names: of the hosts. errors: what is wrong with hosts, by their place.
        """
        hosts, kernels = len(of), len(self.kernels)
        pair = of
        if errors:
            pair = of.copy()
            pair[np.fromiter(errors, np.int64, len(errors))] = self.pairs
        # The verdict of each row among those of pairs and kernels.
        at = (pair[:, None] * kernels + np.arange(kernels)).ravel()
        columns = {
            "row": pa.array(np.repeat(np.arange(first_row, first_row + hosts), kernels)),
            "host": names if kernels == 1 else names.take(np.repeat(np.arange(hosts), kernels)),
            "kernel": self._kernel_column(hosts),
            **self._word_columns(at),
            **{name: _numbers(values[at]) for name, values in self._row_numbers.items()},
            "pamt_by_node": self._row_lists.take(pa.array(self._row_nodes[at])),
            "error": _errors(errors, hosts, kernels),
        }
        schema = verdicts_schema()
        arrays = [columns[field.name].cast(field.type) for field in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _kernel_column(self, hosts: int) -> pa.Array:
        distinct, codes = _coded([kernel.id for kernel in self.kernels])
        return pa.DictionaryArray.from_arrays(np.tile(np.array(codes, np.int32), hosts), distinct)

    def words_by_number(self) -> list[Words]:
        """The words that the numbers in word stand for."""
        return list(self._words)

    def by_node(self, kernel: int, weight: Int64s) -> dict[int, int]:
        """Bytes of PAMTs by node under the kernel at that place, of hosts that weigh so much."""
        begins, nodes, sizes = self._all_lists
        which = self._nodes[:, kernel]
        some = np.flatnonzero((weight > 0) & (which >= 0))
        row, item = ragged(begins[which[some]], begins[which[some] + 1])
        # In pages a batch's sum has less than 63 bits.
        pages, weights = sizes[item] >> PAGE_SHIFT, weight[some][row]
        of_node = nodes[item]
        return {
            node: int(np.dot(pages[of_node == node], weights[of_node == node])) << PAGE_SHIFT
            for node in np.unique(of_node).tolist()
        }

    def finish(self) -> None:
        """All is said: what follows only reads."""
        self._enter_said()
        offsets, nodes, sizes = [np.zeros(1, np.int64)], [], []
        for begins, node, size in self._by_node:
            offsets.append(begins[1:] + offsets[-1][-1])
            nodes.append(node)
            sizes.append(size)
        self._all_lists = np.concatenate(offsets), np.concatenate(nodes), np.concatenate(sizes)
        # What rows are made of has a host more, of which all is null: the one that is wrong.
        kernels = len(self.kernels)
        self._row_numbers = {
            name: np.append(values, np.full(kernels, NULL)) for name, values in self.numbers.items()
        }
        self._row_word = _null_at_the_end(self.word, len(self._words))
        self._row_lists = _list_array(*self._all_lists)
        self._row_nodes = _null_at_the_end(self._nodes, len(self._row_lists) - 1)

    def _enter_said(self) -> None:
        # What machines said of hosts, among what layouts did.
        base = len(self._by_node) * self.pairs
        counts, nodes, sizes = [], [], []
        for i, ((pair, kernel), numbers) in enumerate(self._said.items()):
            for name in _NUMBERS:
                value = getattr(numbers, name)
                self.numbers[name][pair, kernel] = NULL if value is None else value
            self._nodes[pair, kernel] = base + i
            counts.append(len(numbers.pamt_by_node))
            nodes += [node for node, _ in numbers.pamt_by_node]
            sizes += [size for _, size in numbers.pamt_by_node]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))
        self._by_node.append((offsets, np.array(nodes, np.int64), np.array(sizes, np.int64)))

    def _word_columns(self, at: Int64s) -> dict[str, pa.Array]:
        word = self._row_word[at]
        columns = {}
        # Columns that have other words at the same places have the same indices.
        indices: dict[tuple[int, ...], pa.Array] = {}
        for name in _OF_WORDS:
            known = [*(asdict(words)[name] for words in self._words), None]
            if name in ("initializes", "guests"):
                kind = pa.bool_() if name == "initializes" else pa.int64()
                columns[name] = pa.array(known, kind).take(pa.array(word))
                continue
            distinct, codes = _coded(known)
            if codes not in indices:
                indices[codes] = _indices(np.array(codes, np.int32)[word])
            columns[name] = pa.DictionaryArray.from_arrays(indices[codes], distinct)
        return columns


def _null_at_the_end(which: npt.NDArray[Any], null: int) -> npt.NDArray[Any]:
    # What each verdict has, and behind them one of a host that has nothing.
    flat = np.append(which, np.full(which.shape[1], -1, which.dtype))
    flat[flat < 0] = null
    return flat


def _list_array(offsets: Int64s, nodes: Int64s, sizes: Int64s) -> pa.Array:
    # The lists of PAMTs by node, the last one of them null.
    kind = verdicts_schema().field("pamt_by_node").type
    items = pa.StructArray.from_arrays([nodes, sizes], fields=list(kind.value_type))
    none = np.zeros(len(offsets), bool)
    none[-1] = True
    begins = np.append(offsets, offsets[-1]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(begins), items, type=kind, mask=pa.array(none))


def _numbers(values: Int64s) -> pa.Array:
    null = values == NULL
    return pa.array(values, mask=null if null.any() else None)


def _coded(known: list[str | None]) -> tuple[pa.Array, tuple[int, ...]]:
    # The words that there are, each once, in the order in which they stand, and which each is.
    distinct = list(dict.fromkeys(word for word in known if word is not None))
    codes = tuple(-1 if word is None else distinct.index(word) for word in known)
    return pa.array(distinct, pa.string()), codes


def _indices(codes: npt.NDArray[np.int32]) -> pa.Array:
    null = codes < 0
    return pa.array(codes, mask=null if null.any() else None)


def _errors(errors: dict[int, str], hosts: int, kernels: int) -> pa.Array:
    if not errors:
        return pa.nulls(hosts * kernels, pa.string())
    said: list[str | None] = [None] * hosts
    for row, what in errors.items():
        said[row] = what
    column = pa.array(said, pa.string())
    return column if kernels == 1 else column.take(pa.array(np.repeat(np.arange(hosts), kernels)))
