# SPDX-License-Identifier: Apache-2.0
"""What a record of a description declares of each of its keys, and how that is looked up.

A key is an annotation: `node: Annotated[int, Key("NUMA node", count(0, MAX_NODE))] = 0`. The
reader, the canonical form and both JSON Schemas are made of it. Annotations are evaluated where
records are declared: no `from __future__ import annotations` there.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, get_args

from msgspec import NODEFAULT, Struct

from tdxctl.platform.fields import Checked

#: Values of a record by attribute, as far as it is built.
Values = Mapping[str, Any]


class Instead(Struct, frozen=True, eq=False):
    """Another key that can be given instead, and what the declared one then is.

    of: from the values of the record so far and the other key's value.
    """

    name: str
    doc: str
    value: Checked
    of: Callable[[Values, Any], object]


class Key(Struct, frozen=True, eq=False):
    """A key of a description. doc is its sentence.

    value: how a value that is no record is read, its bounds and its JSON Schema.
    auto: what the key is where it is not given, from the values before it in the record and in the
    whole description; a key with neither auto nor a default is required, unless it is optional.
    least, most: how many entries a list has.
    optional: a record that need not be given, its keys then having what they have by themselves.
    spread: the value is a list, and the record stands for one of each of its entries.
    short: what may be written in place of a record's mapping.
    nullable: null is a value of its own: there is no such thing.
    """

    doc: str
    value: Checked | None = None
    auto: Callable[[Values, Values], object] | None = None
    least: int = 0
    most: int | None = None
    optional: bool = False
    spread: bool = False
    instead: Instead | None = None
    short: Checked | None = None
    nullable: bool = False


class Field(Struct, frozen=True, eq=False):
    """A key where it is declared: its name in descriptions, its attribute, its type.

    kind is a record, a tuple of records, a union of records, or the type of a plain value.
    """

    name: str
    attribute: str
    kind: Any
    key: Key
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether a description must give it, or what may be given instead."""
        return self.default is NODEFAULT and self.key.auto is None and not self.key.optional


@cache
def fields_of(record: type[Struct]) -> tuple[Field, ...]:
    """The keys of record, in the order in which it declares them."""
    attributes = record.__struct_fields__
    defaults = (NODEFAULT,) * (len(attributes) - len(record.__struct_defaults__))
    found = []
    for attribute, name, default in zip(
        attributes,
        record.__struct_encode_fields__,
        defaults + record.__struct_defaults__,
        strict=True,
    ):
        kind, key = get_args(record.__annotations__[attribute])
        found.append(Field(name, attribute, kind, key, default))
    return tuple(found)


def is_record(kind: Any) -> bool:
    """Whether kind is a record of a description."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def entry_of(kind: Any) -> Any:
    """What the entries of a list are, None for a kind that is no list of records."""
    entries = get_args(kind)
    if len(entries) == 2 and entries[1] is Ellipsis and is_described(entries[0]):
        return entries[0]
    return None


def is_described(kind: Any) -> bool:
    """Whether kind is a record, or a union or a list of them: no plain value."""
    if isinstance(kind, types.UnionType):
        return all(map(is_record, get_args(kind)))
    return is_record(kind) or entry_of(kind) is not None


@cache
def branches_of(union: Any) -> dict[str, type[Struct]]:
    """The records of a union by the key that tells them apart, which is their first."""
    return {fields_of(record)[0].name: record for record in get_args(union)}


def every_key(record: type[Struct], prefix: str = "") -> Iterator[tuple[str, Field | Instead, str]]:
    """Each key of record and of what is in it: path (`memory.ranges[].end`), key, sentence."""
    for field in fields_of(record):
        yield prefix + field.name, field, field.key.doc
        other = field.key.instead
        if other is not None:
            yield prefix + other.name, other, other.doc
        entry = entry_of(field.kind)
        inside = field.kind if entry is None else entry
        if is_record(inside):
            yield from every_key(inside, f"{prefix}{field.name}{'' if entry is None else '[]'}.")
