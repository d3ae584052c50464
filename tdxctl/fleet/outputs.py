# SPDX-License-Identifier: Apache-2.0
"""Where verdicts go: a folder of parts, or a file that parts are put together to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from tdxctl.fleet.arrow import verdicts_schema
from tdxctl.fleet.places import Place
from tdxctl.fleet.work import writer

_ROWS = 65_536
_FILES = (".parquet", ".csv", ".jsonl")


def is_file(out: Place) -> bool:
    """Whether the output is one file; else it is a folder of parts."""
    return out.uri.lower().endswith(_FILES) and not (out.is_local and out.is_folder())


def parts_folder(out: Place) -> Place:
    """Where the parts of an output are."""
    return Place(f"{out.uri}.parts") if is_file(out) else out


def work_folder(out: Place) -> Place:
    """Where a run keeps what it needs to go on: readers of a folder pass over such a name."""
    return parts_folder(out) / "_tdxctl"


def finish(out: Place, parts: list[Place]) -> None:
    """Put the parts together, where the output is a file."""
    if not is_file(out):
        return
    ending = out.uri.lower().rpartition(".")[2]
    fill: dict[str, Callable[[Any, list[Place]], None]] = {
        "parquet": _parquet,
        "csv": _csv,
        "jsonl": _jsonl,
    }
    out.write(lambda sink: fill[ending](sink, parts))
    parts_folder(out).delete()


def _batches(parts: list[Place]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        with part.open() as source:
            file = pq.ParquetFile(source, pre_buffer=False)
            for batch in file.iter_batches(_ROWS, use_threads=False):
                yield batch.cast(verdicts_schema())


def _parquet(sink: Any, parts: list[Place]) -> None:
    with writer(sink) as file:
        for batch in _batches(parts):
            file.write_batch(batch)


def _csv(sink: Any, parts: list[Place]) -> None:
    # The one column of lists is JSON in a cell.
    schema = pa.schema([pa.field(field.name, _plain(field.type)) for field in verdicts_schema()])
    with pacsv.CSVWriter(sink, schema) as file:
        for batch in _batches(parts):
            columns = [
                pa.array([_cell(value) for value in column.to_pylist()], pa.string())
                if pa.types.is_list(column.type)
                else column.cast(_plain(column.type))
                for column in batch.columns
            ]
            file.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) or pa.types.is_list(kind) else kind


def _cell(value: Any) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"))


def _jsonl(sink: Any, parts: list[Place]) -> None:
    for batch in _batches(parts):
        lines = [json.dumps(row, separators=(",", ":")) for row in batch.to_pylist()]
        sink.write(("\n".join(lines) + "\n").encode() if lines else b"")
