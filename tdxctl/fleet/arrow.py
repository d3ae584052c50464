# SPDX-License-Identifier: Apache-2.0
"""The columns of hosts and verdicts as Arrow has them, and a batch in them."""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
from msgspec import Struct
from msgspec.structs import fields

from tdxctl.errors import UsageError
from tdxctl.fleet.rows import Host, Verdict
from tdxctl.units import did_you_mean, printable

#: Of verdicts: a few words that stand in very many rows.
WORDS = ("kernel", "kvm", "status", "errno", "cause", "seamcall_status")
_WORD = pa.dictionary(pa.int32(), pa.string())
_PLAIN = {int: pa.int64(), str: pa.string(), bool: pa.bool_()}


@cache
def hosts_schema() -> pa.Schema:
    """The columns of Host. All may be null: a null where none may be makes a wrong row."""
    return pa.schema(_fields(Host))


@cache
def verdicts_schema() -> pa.Schema:
    """The columns of Verdict; what no verdict lacks is not null."""
    columns = _fields(Verdict, given=True)
    return pa.schema([each.with_type(_WORD) if each.name in WORDS else each for each in columns])


def in_columns(table: pa.Table | pa.RecordBatch) -> pa.RecordBatch:
    """A table of hosts with the types of hosts_schema(), in one piece, absent columns of nulls.

    Raises UsageError where a column has another name or a type that cannot be had as that.
    """
    schema = hosts_schema()
    if isinstance(table, pa.Table):
        (table,) = table.combine_chunks().to_batches() or [
            pa.RecordBatch.from_pylist([], schema=table.schema)
        ]
    refuse_unknown(table.schema.names)
    arrays = [column(table, field) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def column(table: pa.Table | pa.RecordBatch, field: pa.Field) -> pa.Array:
    """A column of hosts with that type, of nulls where it is absent. Raises as in_columns()."""
    if field.name not in table.schema.names:
        return pa.nulls(len(table), field.type)
    array = table.column(field.name)
    return array if array.type == field.type else _cast(array, field)


def refuse_unknown(names: list[str], also: tuple[str, ...] = ()) -> None:
    """Raise UsageError for a column that hosts do not have; also: others that are none of it."""
    known = [*hosts_schema().names, *also]
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            hint = near or f"columns: {', '.join(known)}; `tdxctl schema fleet` describes them"
            raise UsageError(f"hosts have no column '{printable(name)}'", hint=hint)


def _cast(array: pa.Array, field: pa.Field) -> pa.Array:
    try:
        return array.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UsageError(
            f"column {field.name} is {array.type}, and has to be {field.type}",
            hint=f"`tdxctl schema fleet` describes the columns ({str(error).splitlines()[0]})",
        ) from None


def _fields(record: type[Struct], *, given: bool = False) -> list[pa.Field]:
    # given: what may be null is only what is declared so.
    hints = get_type_hints(record, include_extras=True)
    kinds = ((each.encode_name, hints[each.name]) for each in fields(record))
    return [
        pa.field(name, _arrow(kind, given=given), nullable=not given or _may_be_null(kind))
        for name, kind in kinds
    ]


def _may_be_null(kind: Any) -> bool:
    if get_origin(kind) is Annotated:
        return _may_be_null(get_args(kind)[0])
    return NoneType in get_args(kind)


def _arrow(kind: Any, *, given: bool) -> pa.DataType:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _arrow(arguments[0], given=given)
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each is not NoneType)
        return _arrow(inner, given=given)
    if origin is tuple:
        items = pa.field("item", _arrow(arguments[0], given=given), nullable=not given)
        return pa.list_(items)
    return _PLAIN[kind] if kind in _PLAIN else pa.struct(_fields(kind, given=given))
