# SPDX-License-Identifier: Apache-2.0
"""What is written, read as the records declare it: the values, and all that is wrong.

pydantic's validator, made from the declaration, does the reading. Where something is wrong it is
run once more with a hole in each such place, so that the rest is known too: `checks` look at values
that were read, and never read one themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema

from tdxctl.platform.fields import BRANCH_MARK, Checked, complaint
from tdxctl.platform.keys import Key, branches_of, entry_of, fields_of, is_record
from tdxctl.platform.problems import path_of
from tdxctl.platform.source import UNREADABLE

_AUTO = "auto"
# In a tree of holes: the keys of a mapping that pydantic cannot read, lone surrogates in them.
_NOT_TEXT = object()
# More than any description takes: one that is never done is a bug, and must not eat the memory.
_MOST_PASSES = 100


def read_as(kind: Any, data: object) -> tuple[Any, list[ValidationError]]:
    """data as a record, a union or a list of records declares it, with what is wrong in it.

    Mappings and lists are as they were, without unknown keys; what is wrong is UNREADABLE, and so
    is all of it where no kind of a union fits.
    """
    errors: list[ValidationError] = []
    for _ in range(_MOST_PASSES):
        try:
            return _validator(kind).validate_python(data), errors
        except ValidationError as error:
            errors.append(error)
            data = _holed(data, _holes(error))
    raise RuntimeError(f"what is wrong is found again and again: {errors[-1]}")


@cache
def _validator(kind: Any) -> SchemaValidator:
    return SchemaValidator(_or_hole(schema_of(kind)))


@cache
def schema_of(kind: Any) -> CoreSchema:
    """What pydantic validates a record, or a union or a list of records by."""
    if is_record(kind):
        return core_schema.typed_dict_schema(_keys_of(kind), extra_behavior="forbid")
    if (entry := entry_of(kind)) is not None:
        return core_schema.list_schema(_or_hole(schema_of(entry)), strict=True)
    branches = branches_of(kind)
    return core_schema.tagged_union_schema(
        {BRANCH_MARK + key: schema_of(record) for key, record in branches.items()},
        discriminator=lambda given: _branch(given, branches),
    )


def _keys_of(record: Any) -> dict[str, core_schema.TypedDictField]:
    keys = {}
    for field in fields_of(record):
        key = field.key
        required = field.is_required and key.instead is None
        schema = _of_value(key.value) if key.value else _of_records(field.kind, key)
        keys[field.name] = core_schema.typed_dict_field(schema, required=required)
        if key.instead is not None:
            other = _of_value(key.instead.value)
            keys[key.instead.name] = core_schema.typed_dict_field(other, required=False)
    return keys


def _of_value(checked: Checked) -> CoreSchema:
    alone = core_schema.no_info_plain_validator_function(checked.check)
    if checked.each is None:
        return alone

    def one_or_each(given: Any, read_each: Callable[[Any], list[Any]]) -> object:
        if not isinstance(given, list):
            return checked.check(given)
        values = read_each(given)
        return UNREADABLE if UNREADABLE in values else checked.check(values)

    each = core_schema.list_schema(_of_value(checked.each), max_length=checked.most)
    return core_schema.no_info_wrap_validator_function(one_or_each, each)


def _of_records(kind: Any, key: Key) -> CoreSchema:
    entry = entry_of(kind)
    if entry is None:
        return _or_hole(schema_of(kind), _made_of(key))
    entries = core_schema.list_schema(
        _or_hole(schema_of(entry)), min_length=key.least, max_length=key.most, strict=True
    )
    return _or_hole(entries, _auto if key.auto else None)


def _made_of(key: Key) -> Callable[[Any], Any] | None:
    # What is taken for a record's mapping: something shorter, or nothing where it is `auto`.
    if (short := key.short) is not None:
        return lambda given: given if isinstance(given, dict) else short.check(given)
    return (lambda given: given) if key.auto else None


def _auto(given: Any) -> Any:
    if given == _AUTO:
        return None
    if not isinstance(given, list):
        raise complaint("must be auto or a list")
    return given


def _or_hole(schema: CoreSchema, first: Callable[[Any], Any] | None = None) -> CoreSchema:
    # What is no mapping and no list any more once first had it is not looked into.
    def read(given: Any, handler: Callable[[Any], Any]) -> Any:
        if given is UNREADABLE:
            return given
        if first is not None:
            made = first(given)
            if made is not given or made is None:
                return made
        return handler(given)

    return core_schema.no_info_wrap_validator_function(read, schema)


def _branch(given: Any, branches: dict[str, Any]) -> str | None:
    keys = given if isinstance(given, dict) else {}
    return next((BRANCH_MARK + key for key in branches if key in keys), None)


def _holes(error: ValidationError) -> dict[Any, Any]:
    # The places of what is wrong as a tree: {} where all of it is wrong, None for an unknown key.
    holes: dict[Any, Any] = {}
    for entry in error.errors(include_url=False, include_input=False, include_context=False):
        path: tuple[Any, ...] = path_of(entry["loc"], entry["type"])
        if entry["type"] == "string_unicode":
            path = (*path, _NOT_TEXT)
        *way, last = path or (None,)
        inside = holes
        for part in way:
            inside = inside.setdefault(part, {})
        unknown = entry["type"] in ("extra_forbidden", "invalid_key", "string_unicode")
        inside[last] = None if unknown else {}
    return holes


def _holed(data: Any, holes: dict[Any, Any]) -> Any:
    if not holes or None in holes:
        return UNREADABLE
    if isinstance(data, list):
        return [_holed(one, holes[i]) if i in holes else one for i, one in enumerate(data)]
    kept = {
        key: one
        for key, one in data.items()
        if holes.get(key, {}) is not None and not (_NOT_TEXT in holes and not _is_text(key))
    }
    return kept | {
        key: _holed(data.get(key), inside) for key, inside in holes.items() if inside is not None
    }


def _is_text(key: Any) -> bool:
    try:
        str(key).encode()
    except UnicodeEncodeError:
        return False
    return True
