# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of what tdxctl prints, made of the records that it is made of."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct, UnsetType
from msgspec.structs import fields

Schema = dict[str, Any]

_PLAIN: dict[Any, Schema] = {
    Any: {},
    bool: {"type": "boolean"},
    float: {"type": "number"},
    int: {"type": "integer"},
    str: {"type": "string"},
    NoneType: {"type": "null"},
}


def schema_of(document: type[Struct]) -> Schema:
    """JSON Schema, draft 2020-12, of a document: keys that it always has, and room for others."""
    definitions: dict[str, Schema] = {}
    own = _record(document, definitions)
    head: Schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    head["title"] = document.__struct_config__.tag
    return head | own | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})


def _record(record: type[Struct], definitions: dict[str, Schema]) -> Schema:
    config = record.__struct_config__
    properties: Schema = {}
    if config.tag_field is not None:
        properties[config.tag_field] = {"const": config.tag}
    required, others = list(properties), {}
    hints = get_type_hints(record, include_extras=True)
    for each in fields(record):
        kind = hints[each.name]
        if _is_spread(kind):
            others = {"additionalProperties": _of(get_args(get_args(kind)[0])[1], definitions)}
            continue
        properties[each.encode_name] = _of(kind, definitions)
        if each.required:
            required.append(each.encode_name)
    described = {"description": " ".join((record.__doc__ or "").split())}
    return (
        {"type": "object"} | described | {"properties": properties, "required": required} | others
    )


def _of(kind: Any, definitions: dict[str, Schema]) -> Schema:
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        schema = _of(arguments[0], definitions)
        for meta in arguments[1:]:
            schema |= _limits(meta)
        return schema
    if origin in (Union, UnionType):
        options = [_of(each, definitions) for each in arguments if each is not UnsetType]
        return options[0] if len(options) == 1 else {"anyOf": options}
    if origin is tuple:
        return {"type": "array", "items": _of(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1], definitions)}
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # a record may hold itself
        definitions[kind.__name__] = _record(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _limits(meta: Meta) -> Schema:
    limits: Schema = {} if meta.ge is None else {"minimum": meta.ge}
    if meta.pattern is not None:
        limits["pattern"] = meta.pattern
    return limits | (meta.extra_json_schema or {})


def _is_spread(kind: Any) -> bool:
    metas = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return any((meta.extra or {}).get("spread") for meta in metas)
