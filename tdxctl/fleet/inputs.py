# SPDX-License-Identifier: Apache-2.0
"""Where hosts come from: Parquet as it is; CSV, lines of JSON and descriptions by way of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tdxctl.errors import TdxctlError, UsageError
from tdxctl.fleet.arrow import hosts_schema, refuse_unknown
from tdxctl.fleet.descriptions import row_of
from tdxctl.fleet.places import Found, Place, said_as_usage
from tdxctl.units import FILE_SUFFIXES, printable

#: Rows of a Parquet file that is made of something else, in a row group.
_ROWS = 65_536
_SCHEMA = ".schema.json"  # of descriptions, beside them
#: The column that tells in a host's row what is wrong with it, of files that are no Parquet.
WRONG = "wrong"
SHAPE = "shape"
MAX_LINE = 64 << 20


class Task(NamedTuple):
    """Hosts that are judged together: row groups of a file, and how many hosts stand before."""

    number: int
    file: str
    groups: tuple[int, ...]
    first_row: int
    rows: int


def kind_of(place: Place) -> str:
    """parquet, csv, jsonl or descriptions. Raises UsageError for anything else."""
    if place.is_folder():
        names = [found.place.name for found in place.files()]
        if any(name.endswith(".parquet") for name in names):
            return "parquet"
        if any(name.endswith(FILE_SUFFIXES) for name in names):
            return "descriptions"
        raise UsageError(f"{place}: neither Parquet files nor descriptions are in it")
    if place.info() is None:
        raise UsageError(f"{place}: no such file or folder")
    for ending, kind in ((".parquet", "parquet"), (".csv", "csv"), (".jsonl", "jsonl")):
        if place.uri.lower().endswith(ending):
            return kind
    with place.open() as file:
        if file.read(4) == b"PAR1":
            return "parquet"
    raise UsageError(
        f"{place}: is not Parquet, and ends in neither .csv nor .jsonl",
        hint="hosts are a Parquet, CSV or JSONL file, or a folder of Parquet or descriptions",
    )


def parquet_files(place: Place) -> list[Found]:
    """The Parquet files of a file or folder, by name."""
    found = place.info()
    if found is not None:
        return [found]
    return [each for each in place.files() if each.place.name.endswith(".parquet")]


def tasks(files: list[Found], rows_at_least: int, columns: tuple[str, ...] = ()) -> list[Task]:
    """Files cut at row groups into parts of that many hosts or more.

    columns: those that they have beside some of hosts. Raises UsageError for a file that is not
    Parquet, or has other columns.
    """
    cut: list[Task] = []
    first = 0
    for found in files:
        metadata = _metadata(found.place)
        names = metadata.schema.to_arrow_schema().names
        refuse_unknown(names, (*columns, WRONG))
        _require(found.place, names, columns or ("memory",))
        groups: list[int] = []
        rows = 0
        for group in range(metadata.num_row_groups):
            groups.append(group)
            rows += metadata.row_group(group).num_rows
            if rows >= rows_at_least or group == metadata.num_row_groups - 1:
                cut.append(Task(len(cut), found.place.absolute, tuple(groups), first, rows))
                first += rows
                groups, rows = [], 0
    return cut


def _metadata(place: Place) -> Any:
    with said_as_usage(place), place.open() as file:
        return pq.ParquetFile(file).metadata


def _require(place: Place, names: list[str], columns: tuple[str, ...]) -> None:
    for column in columns:
        if column not in names:
            raise UsageError(
                f"{place}: has no column '{column}'",
                hint="`tdxctl schema fleet` describes the columns",
            )


def batches(task: Task, rows: int, items: int) -> Iterator[pa.RecordBatch]:
    """The hosts of a task, so many rows at most at once, and about so many items of their lists."""
    place = Place(task.file)
    with said_as_usage(place), place.open() as source:
        file = pq.ParquetFile(source, pre_buffer=False)
        groups = [file.metadata.row_group(group) for group in task.groups]
        most = max(
            (group.column(at).num_values for group in groups for at in range(group.num_columns)),
            default=0,
        )
        longest = max(1, most // max(1, *(group.num_rows for group in groups)))
        at_once = max(1, min(rows, items // longest))
        yield from file.iter_batches(at_once, row_groups=list(task.groups), use_threads=False)


def spooled(place: Place, kind: str, to: Place) -> None:
    """Make a Parquet file of what is none; a row that cannot be read says so in column WRONG."""
    readers = {"csv": _csv_rows, "jsonl": _json_rows, "descriptions": _described_rows}
    schema = hosts_schema().append(pa.field(WRONG, pa.string()))

    def fill(sink: Any) -> None:
        with pq.ParquetWriter(sink, schema) as writer:
            rows: list[dict[str, Any]] = []
            for row in readers[kind](place):
                rows.append(_checked(row, schema))
                if len(rows) == _ROWS:
                    writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
                    rows = []
            if rows:
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))

    to.write(fill)


def described(place: Place, to: Place) -> tuple[int, list[tuple[str, str]]]:
    """Make a Parquet file of hosts of a folder of descriptions: how many there are.

    And the names of those that are wrong, which are left out, with what is.
    """
    rows = list(_described_rows(place))
    good = [row for row in rows if WRONG not in row]
    table = pa.Table.from_pylist(good, schema=hosts_schema())
    to.write(lambda sink: pq.write_table(table, sink))
    return len(good), [(str(row["host"]), str(row[WRONG])) for row in rows if WRONG in row]


def _checked(row: dict[str, Any], schema: pa.Schema) -> dict[str, Any]:
    # A row that has the types of the columns, or says which has not.
    wrong = row.get(WRONG)
    if wrong is not None:
        return {"host": row.get("host"), "memory": [], WRONG: wrong}
    for name, value in row.items():
        if name not in schema.names or name == WRONG:
            text = f"{printable(str(name))[:80]}: hosts have no such column"
            return _wrong(row, text)
        try:
            pa.array([value], schema.field(name).type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError, TypeError):
            return _wrong(row, f"{name}: is not {schema.field(name).type}")
    return row


def _wrong(row: dict[str, Any], text: str) -> dict[str, Any]:
    host = row.get("host")
    return {"host": host if isinstance(host, str) else None, "memory": [], WRONG: text}


def _lines(place: Place) -> Iterator[str]:
    with place.open() as file, io.BufferedReader(file) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
        while line := text.readline(MAX_LINE):
            yield line


def _json_rows(place: Place) -> Iterator[dict[str, Any]]:
    for line in _lines(place):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield {WRONG: "the line is not JSON"}
            continue
        if not isinstance(row, dict):
            yield {WRONG: "the line is not a JSON object"}
            continue
        if isinstance(row.get("settings"), dict):
            row["settings"] = json.dumps(row["settings"])
        yield row


def _csv_rows(place: Place) -> Iterator[dict[str, Any]]:
    """A header; lists as JSON in a cell, an empty cell is null."""
    csv.field_size_limit(MAX_LINE)
    reader = csv.reader(_lines(place))
    header = next(reader, [])
    refuse_unknown(header)
    schema = hosts_schema()
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield {WRONG: f"the line is not CSV: {error}"}
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            yield {WRONG: f"has {len(cells)} cells, and the header has {len(header)}"}
            continue
        yield _of_cells(dict(zip(header, cells, strict=True)), schema)


def _of_cells(cells: dict[str, str], schema: pa.Schema) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, text in cells.items():
        kind = schema.field(name).type
        if not text:
            continue
        if pa.types.is_string(kind):
            row[name] = text
            continue
        try:
            row[name] = json.loads(text)
        except (ValueError, RecursionError):
            return _wrong(dict(cells), f"{name}: the cell is not JSON")
    return row


def _described_rows(place: Place) -> Iterator[dict[str, Any]]:
    from tdxctl.platform.description import Platform

    for found in place.files():
        name = found.place.name
        if not name.endswith(FILE_SUFFIXES) or name.endswith(_SCHEMA):
            continue
        host = name.rpartition(".")[0]
        try:
            yield row_of(Platform.load(found.place.uri), host)
        except TdxctlError as error:
            first = error.diagnostics()[0]._replace(file=None, line=None, column=None, hint=None)
            yield {"host": host, WRONG: first.render()}
