# SPDX-License-Identifier: Apache-2.0
"""A task done, in whichever process: hosts read, judged, written as a part of the output."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tdxctl.fleet.arrow import verdicts_schema
from tdxctl.fleet.counts import Counts
from tdxctl.fleet.inputs import Task
from tdxctl.fleet.pieces import pieces
from tdxctl.fleet.places import Place
from tdxctl.fleet.tally import tally
from tdxctl.linux.releases import KernelId

#: Columns whose values are rarely the same twice.
_DISTINCT = ("row", "host")
#: Parameters of glibc's mallopt(), how many freed bytes a process keeps, and how large one may be.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _KEPT_OF_ONE = 64 << 20, 32 << 20


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
            for judged, of, names, errors in pieces(task, job.kernels, job.shapes):
                verdicts = judged.verdicts
                told = tally(
                    verdicts, of, names, first_row=first_row, errors=errors, against=job.against
                )
                counts.add(told)
                file.write_batch(verdicts.rows(of, names, first_row, errors))
                first_row += len(of)

    (parts / part_name(task.number)).write(fill)
    encoded = msgspec.json.encode(counts)
    (Place(job.work) / counts_name(task.number)).write(lambda sink: sink.write(encoded))
    return task.rows


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
        write_statistics=["row"],
    )


@cache
def _keep_freed_memory() -> None:
    # An array that is freed goes back to the system otherwise, and the next one is faulted in anew,
    # page by page. (Dask's nanny makes that worse: it starts workers with
    # MALLOC_TRIM_THRESHOLD_=65536.) Where there is no mallopt() it only takes longer.
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_OF_ONE)
