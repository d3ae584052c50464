# SPDX-License-Identifier: Apache-2.0
"""The hosts of a task, judged, as many at once as are well together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdxctl.errors import UsageError
from tdxctl.fleet.arrow import in_columns
from tdxctl.fleet.evaluate import Hosts, Judged, host_names, judge
from tdxctl.fleet.inputs import SHAPE, WRONG, Task, batches
from tdxctl.fleet.places import Place, said_as_usage
from tdxctl.fleet.setups import References
from tdxctl.layout.ragged import offsets_of
from tdxctl.linux.releases import KernelId

Int64s = npt.NDArray[np.int64]

#: Verdicts that are made at once, and ranges of hosts that are read for it, at most: of more the
#: arrays are too large. About as many of hosts that differ are judged at once.
_VERDICTS, _RANGES = 131_072, 400_000
#: Hosts of which most differ are judged fewer at once: their layouts stay in a core's cache.
_FIRST, _DIFFERING = 65_536, 8_192
#: Rows of a file of shapes, at most: they stay in memory.
MAX_SHAPES = 1_000_000


class Piece(NamedTuple):
    """Hosts that stand one behind the other.

    judged: hosts that differ. of: shape (hosts,), which of those each is. names: of the hosts.
    errors: what is wrong with hosts, by their place.
    """

    judged: Judged
    of: Int64s
    names: pa.Array
    errors: dict[int, str]


def pieces(task: Task, kernels: Sequence[KernelId], shapes: str | None) -> Iterator[Piece]:
    """The hosts of a task under kernels; shapes: the Parquet file, where hosts name a shape each.

    Raises UsageError where a file is not what it is taken for.
    """
    read = batches(task, _at_once(kernels), _RANGES)
    if shapes is None:
        return _with_memory(read, kernels)
    return (_of_shapes(batch, *_shapes(shapes, tuple(kernels))) for batch in read)


def _at_once(kernels: Sequence[KernelId]) -> int:
    # How many hosts have so many verdicts.
    return max(1, _VERDICTS // len(kernels))


class _Rows(NamedTuple):
    # Hosts that were read. of: which of those that differ each is. wrong: what is wrong with
    # hosts, by their place.
    of: Int64s
    names: pa.Array
    wrong: dict[int, str]


def _with_memory(read: Iterator[pa.RecordBatch], kernels: Sequence[KernelId]) -> Iterator[Piece]:
    # How many at once follows from the hosts before, so that it is the same whenever it is done.
    size = _FIRST
    hosts = Hosts()
    waiting: list[_Rows] = []
    for batch in read:
        at = 0
        while at < len(batch):
            rows = batch.slice(at, size)
            at += len(rows)
            known = len(hosts)
            wrong, rows = _without_wrong(rows)
            waiting.append(_Rows(hosts.add(rows), host_names(rows), wrong))
            differ = len(hosts) - known > len(rows) // 2
            size = _DIFFERING if differ else len(batch)
            if differ or hosts.ranges > _RANGES or len(hosts) > _at_once(kernels):
                yield from _judged(hosts, waiting, kernels)
                hosts, waiting = Hosts(), []
    yield from _judged(hosts, waiting, kernels)


def _without_wrong(rows: pa.RecordBatch) -> tuple[dict[int, str], pa.RecordBatch]:
    # What is wrong with rows that could not be read, and all rows without the column that says it.
    if WRONG not in rows.schema.names:
        return {}, rows
    said = rows.column(WRONG)
    wrong = np.flatnonzero(said.is_valid().to_numpy(zero_copy_only=False)).tolist()
    return {row: said[row].as_py() for row in wrong}, rows.drop_columns([WRONG])


def _judged(hosts: Hosts, waiting: list[_Rows], kernels: Sequence[KernelId]) -> Iterator[Piece]:
    if not waiting:
        return
    judged = judge(hosts, kernels, _references())
    for of, names, wrong in _together(waiting, _at_once(kernels)):
        yield Piece(judged, of, names, judged.errors_of(of) | wrong)


def _together(waiting: list[_Rows], most: int) -> Iterator[_Rows]:
    # Few of many rows, where many are of few: so are the row groups of what is written.
    at = 0
    while at < len(waiting):
        rows, taken = len(waiting[at].of), at + 1
        while taken < len(waiting) and rows + len(waiting[taken].of) <= most:
            rows += len(waiting[taken].of)
            taken += 1
        some = waiting[at:taken]
        firsts = offsets_of(np.array([len(each.of) for each in some])).tolist()
        wrong = {
            first + row: what
            for first, each in zip(firsts, some, strict=False)
            for row, what in each.wrong.items()
        }
        names = pa.concat_arrays([each.names for each in some])
        yield _Rows(np.concatenate([each.of for each in some]), names, wrong)
        at = taken


@cache
def _references() -> References:
    # A process's own: what machines said is known to all its tasks.
    return References()


@cache
def _shapes(file: str, kernels: tuple[KernelId, ...]) -> tuple[pa.Array, Int64s, Judged]:
    # The names of all shapes, which of the hosts each is, and what becomes of those.
    place = Place(file)
    with said_as_usage(place), place.open() as source:
        parquet = pq.ParquetFile(source)
        if parquet.metadata.num_rows > MAX_SHAPES:
            raise UsageError(f"{place}: has more than {MAX_SHAPES:,} shapes")
        table = parquet.read(use_threads=False).combine_chunks()
    if SHAPE not in table.schema.names:
        raise UsageError(f"{place}: has no column '{SHAPE}'")
    names = pa.concat_arrays(table.column(SHAPE).chunks) if len(table) else pa.array([], pa.int64())
    if len(names.unique()) < len(names) or names.null_count:
        raise UsageError(f"{place}: a shape stands there twice, or has no name")
    hosts = Hosts()
    of = hosts.add(in_columns(table.drop_columns([SHAPE])))
    return names, of, judge(hosts, kernels, _references())


def _of_shapes(rows: pa.RecordBatch, known: pa.Array, of: Int64s, judged: Judged) -> Piece:
    named = rows.column(SHAPE)
    if named.type != known.type:
        try:
            named = named.cast(known.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise UsageError(f"column {SHAPE} of hosts is not that of shapes: {error}") from None
    index = pc.index_in(named, known)
    missing: list[int] = []
    if index.null_count:
        missing = np.flatnonzero(index.is_null().to_numpy(zero_copy_only=False)).tolist()
        index = index.fill_null(0)
    shape = index.to_numpy().astype(np.int64)
    of_rows = of[shape] if len(known) else shape
    errors = judged.errors_of(of_rows) if len(known) else {}
    errors |= dict.fromkeys(missing, "shape: there is none of that name")
    return Piece(judged, of_rows, host_names(rows), errors)
