# SPDX-License-Identifier: Apache-2.0
"""A task done, in whichever process: hosts read, judged, written as a part of the output."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdxctl.errors import UsageError
from tdxctl.fleet.arrow import WORDS, verdicts_schema
from tdxctl.fleet.counts import Counts
from tdxctl.fleet.evaluate import Judged, judge
from tdxctl.fleet.inputs import SHAPE, WRONG, Task, batches
from tdxctl.fleet.places import Place, said_as_usage
from tdxctl.fleet.setups import References
from tdxctl.fleet.tally import tally
from tdxctl.linux.releases import KernelId

#: Hosts that are judged at once, and ranges of them, at most: of more the arrays are too large, of
#: fewer less is equal.
_HOSTS, _RANGES = 262_144, 1_000_000
#: Hosts of which most differ are judged fewer at once: their layouts stay in a core's cache.
_FIRST, _DIFFERING = 65_536, 16_384
#: Rows of a file of shapes, at most: they stay in memory.
MAX_SHAPES = 1_000_000
#: Columns whose values are rarely the same twice.
_DISTINCT = ("row", "host")
#: Parameters of glibc's mallopt(), and how many freed bytes a process keeps.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 128 << 20


class Job(NamedTuple):
    """What is done with every task: kernels, of them the one to compare with, and where parts go.

    work: where what they come to goes. shapes: a Parquet file of shapes, where hosts only name one.
    """

    kernels: tuple[KernelId, ...]
    against: int | None
    parts: str
    work: str
    shapes: str | None


def part_name(number: int) -> str:
    """The file of a task's verdicts."""
    return f"part-{number:05}.parquet"


def counts_name(number: int) -> str:
    """The file of what a task's verdicts come to, which is written last."""
    return f"counts-{number:05}.json"


def do(job: Job, task: Task) -> int:
    """Judge the hosts of a task and write its part; how many hosts. Done twice, it is the same."""
    pa.set_cpu_count(1)
    _keep_freed_memory()
    parts = Place(job.parts)
    counts = Counts()

    def fill(sink: Any) -> None:
        with writer(sink) as file:
            first_row = task.first_row
            for batch, judged in _pieces(job, task):
                counts.add(
                    tally(
                        judged.verdicts,
                        judged.of,
                        judged.names,
                        first_row=first_row,
                        errors=judged.errors,
                        against=job.against,
                    )
                )
                rows = judged.verdicts.rows(judged.of, judged.names, first_row, judged.errors)
                file.write_batch(rows)
                first_row += len(batch)

    (parts / part_name(task.number)).write(fill)
    encoded = msgspec.json.encode(counts)
    (Place(job.work) / counts_name(task.number)).write(lambda sink: sink.write(encoded))
    return task.rows


def _pieces(job: Job, task: Task) -> Iterator[tuple[pa.RecordBatch, Judged]]:
    # How many at once follows from the hosts before, so that it is the same whenever it is done.
    size = _FIRST
    references = _references()
    for batch in batches(task, _HOSTS, _RANGES):
        at = 0
        while at < len(batch):
            piece = batch.slice(at, size)
            at += len(piece)
            judged = _of_shapes(job, piece) if job.shapes else _judged(job, piece, references)
            differ = job.shapes is None and judged.verdicts.pairs > len(piece) // 2
            size = _DIFFERING if differ else _HOSTS
            yield piece, judged


def writer(sink: Any) -> pq.ParquetWriter:
    """A writer of verdicts."""
    schema = verdicts_schema()
    rest = [name for name in schema.names if name not in (*_DISTINCT, "pamt_by_node")]
    of_lists = [f"pamt_by_node.list.element.{name}" for name in ("node", "bytes")]
    return pq.ParquetWriter(
        sink,
        schema,
        compression="lz4",
        use_dictionary=[*rest, *of_lists],
        column_encoding={"row": "DELTA_BINARY_PACKED"},
        write_statistics=["row", *WORDS],
    )


@cache
def _keep_freed_memory() -> None:
    # Dask's nanny starts workers with MALLOC_TRIM_THRESHOLD_=65536: every array that is freed goes
    # back to the system and is faulted in anew, page by page.
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _KEPT // 4)


@cache
def _references() -> References:
    # A process's own: what machines said is known to all its tasks.
    return References()


def _judged(job: Job, batch: pa.RecordBatch, references: References) -> Judged:
    if WRONG not in batch.schema.names:
        return judge(batch, job.kernels, references)
    wrong = batch.column(WRONG)
    hosts = batch.drop_columns([WRONG])
    judged = judge(hosts, job.kernels, references)
    for row in np.flatnonzero(wrong.is_valid().to_numpy(zero_copy_only=False)).tolist():
        judged.errors[row] = wrong[row].as_py()
    return judged


@cache
def _shapes(job: Job) -> tuple[pa.Array, Judged]:
    # The names of all shapes, and what becomes of hosts of those.
    assert job.shapes is not None, "hosts name shapes"
    place = Place(job.shapes)
    with said_as_usage(place), place.open() as source:
        file = pq.ParquetFile(source)
        if file.metadata.num_rows > MAX_SHAPES:
            raise UsageError(f"{place}: has more than {MAX_SHAPES:,} shapes")
        table = file.read(use_threads=False).combine_chunks()
    if SHAPE not in table.schema.names:
        raise UsageError(f"{place}: has no column '{SHAPE}'")
    names = pa.concat_arrays(table.column(SHAPE).chunks) if len(table) else pa.array([], pa.int64())
    if len(names.unique()) < len(names) or names.null_count:
        raise UsageError(f"{place}: a shape stands there twice, or has no name")
    return names, judge(table.drop_columns([SHAPE]), job.kernels, _references())


def _of_shapes(job: Job, batch: pa.RecordBatch) -> Judged:
    # What becomes of hosts that name a shape each.
    known, judged = _shapes(job)
    named = batch.column(SHAPE)
    if named.type != known.type:
        try:
            named = named.cast(known.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise UsageError(f"column {SHAPE} of hosts is not that of shapes: {error}") from None
    index = pc.index_in(named, known)
    errors: dict[int, str] = {}
    if index.null_count:
        missing = index.is_null().to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(missing).tolist():
            errors[row] = "shape: there is none of that name"
        index = index.fill_null(0)
    shape = index.to_numpy().astype(np.int64)
    if judged.errors:
        wrong = np.zeros(len(known), bool)
        wrong[list(judged.errors)] = True
        for row in np.flatnonzero(wrong[shape]).tolist():
            errors.setdefault(row, judged.errors[int(shape[row])])
    hosts = "host" in batch.schema.names
    names = batch.column("host") if hosts else pa.nulls(len(batch), pa.string())
    of = judged.of[shape] if len(known) else shape
    return Judged(judged.verdicts, of, names.cast(pa.string()), errors)
