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


def schema_of(document: Any) -> Schema:
    """JSON Schema, draft 2020-12, of a document, or of a line where it is one of several records.

    It requires the keys that are never left out, and has room for others.
    """
    schemas = _Schemas()
    lines = get_args(document)
    own = schemas.of(document) if lines else schemas.record(document)
    head: Schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    first = lines[0] if lines else document
    head["title"] = first.__struct_config__.tag or first.__name__
    definitions = {record.__name__: schema for record, schema in schemas.definitions.items()}
    assert len(definitions) == len(schemas.definitions), "two records of one name"
    return head | own | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})


class _Schemas:
    def __init__(self) -> None:
        self.definitions: dict[type[Struct], Schema] = {}

    def record(self, record: type[Struct]) -> Schema:
        config = record.__struct_config__
        properties: Schema = {}
        if config.tag_field is not None:
            properties[config.tag_field] = {"const": config.tag}
        required, others = list(properties), {}
        hints = get_type_hints(record, include_extras=True)
        for each in fields(record):
            kind = hints[each.name]
            if _is_spread(kind):
                others = self.of(kind)
                continue
            properties[each.encode_name] = self.of(kind)
            if each.required and UnsetType not in get_args(kind):
                required.append(each.encode_name)
        described = {"type": "object", "description": " ".join((record.__doc__ or "").split())}
        return described | {"properties": properties, "required": required} | others

    def of(self, kind: Any) -> Schema:
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            schema = self.of(arguments[0])
            for meta in arguments[1:]:
                schema |= _limits(meta)
            return schema
        if origin in (Union, UnionType):
            options = [self.of(each) for each in arguments if each is not UnsetType]
            return options[0] if len(options) == 1 else {"anyOf": options}
        if origin in (tuple, list):
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if kind not in self.definitions:
            self.definitions[kind] = self.record(kind)
        return {"$ref": f"#/$defs/{kind.__name__}"}


def _limits(meta: Meta) -> Schema:
    limits: Schema = {} if meta.ge is None else {"minimum": meta.ge}
    if meta.pattern is not None:
        limits["pattern"] = meta.pattern
    return limits | (meta.extra_json_schema or {})


def _is_spread(kind: Any) -> bool:
    metas = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return any((meta.extra or {}).get("spread") for meta in metas)
