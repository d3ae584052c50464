# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas made of declared records: of what is written, and of the canonical form of it."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from msgspec import NODEFAULT, Struct

from tdxctl.platform.canonical import plain
from tdxctl.platform.keys import Field, entry_of, fields_of, is_described, is_record

Schema = dict[str, Any]


@cache
def schema_of(kind: Any, *, resolved: bool = False) -> Schema:
    """The schema of a record, or of a union or a list of records."""
    return _Schemas(resolved).whole(kind)


def inline_schema_of(union: Any) -> Schema:
    """The schema of a union of records without definitions, to stand inside another."""
    schemas = _Schemas(resolved=False)
    return {"oneOf": [schemas.whole(record) for record in get_args(union)]}


class _Schemas:
    def __init__(self, resolved: bool) -> None:
        self._resolved = resolved
        self._definitions: dict[str, Schema] = {}

    def whole(self, kind: Any) -> Schema:
        schema = self._record(kind) if is_record(kind) else self._of(kind)
        definitions = dict(sorted(self._definitions.items()))
        return schema | ({"$defs": definitions} if definitions else {})

    def _of(self, kind: Any) -> Schema:
        if is_record(kind):
            name = kind.__name__
            if name not in self._definitions:
                self._definitions[name] = self._record(kind)
            return {"$ref": f"#/$defs/{name}"}
        if (entry := entry_of(kind)) is not None:
            return {"type": "array", "items": self._of(entry)}
        return {"oneOf": [self._of(record) for record in get_args(kind)]}

    def _record(self, record: type[Struct]) -> Schema:
        properties, required = {}, []
        for field in fields_of(record):
            properties[field.name] = self._key(field)
            if self._is_required(field):
                required.append(field.name)
            other = field.key.instead
            if other is not None and not self._resolved:
                properties[other.name] = {"description": other.doc} | other.value.schema
        return {
            "type": "object",
            "description": (record.__doc__ or "").partition("\n\n")[0].replace("\n    ", " "),
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def _is_required(self, field: Field) -> bool:
        if self._resolved:
            return field.default is not None
        return field.is_required and field.key.instead is None

    def _key(self, field: Field) -> Schema:
        key = field.key
        if key.value is None:
            schema = self._of(field.kind)
            if "type" in schema:
                most = {"maxItems": key.most} if key.most is not None else {}
                schema |= ({"minItems": key.least} if key.least else {}) | most
            if not self._resolved:
                schema = _or_shorter(schema, field)
        elif not self._resolved:
            schema = key.value.schema
        else:
            schema = (
                key.value.form.schema if key.value.form else key.value.resolved or key.value.schema
            )
        return {"description": key.doc} | schema | self._default(field)

    def _default(self, field: Field) -> Schema:
        value, checked = field.default, field.key.value
        if self._resolved or value is NODEFAULT or value is None:
            return {}
        if is_described(field.kind):
            return {"default": [*map(plain, value)] if isinstance(value, tuple) else plain(value)}
        form = checked.form if checked is not None else None
        return {"default": value if form is None else form.write(value)}


def _or_shorter(schema: Schema, field: Field) -> Schema:
    if field.key.short is not None:
        return {"anyOf": [field.key.short.schema, schema]}
    if field.key.auto is not None and entry_of(field.kind) is not None:
        return {"anyOf": [{"const": "auto"}, schema]}
    return schema
