# SPDX-License-Identifier: Apache-2.0
"""Records from what was read, and the canonical description to and fro.

The canonical description has every key, nothing `auto`, and JSON types only; a key that is None is
left out, but where null is a value of its own. It is made and read again without any check. No
third party but msgspec here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from msgspec import NODEFAULT, Struct

from tdxctl.platform.keys import Field, branches_of, entry_of, fields_of, is_record

T = TypeVar("T", bound=Struct)


def plain(record: Struct) -> dict[str, Any]:
    """The canonical form of a record."""
    found: dict[str, Any] = {}
    for field in fields_of(type(record)):
        value = getattr(record, field.attribute)
        if value is None and not field.key.nullable:
            continue
        checked = field.key.value
        if checked is None:
            value = [plain(one) for one in value] if isinstance(value, tuple) else plain(value)
        elif checked.form is not None:
            value = checked.form.write(value)
        found[field.name] = value
    return found


def built(
    record: type[T], given: Mapping[str, Any], stem: str = "", *, canonical: bool = False
) -> T:
    """The record of what was given: values as they were read, or the canonical form.

    stem: the name of what has none.
    """
    return _Builder(stem, canonical).whole(record, given)


def built_one_of(union: Any, given: Mapping[str, Any], *, canonical: bool = False) -> Any:
    """The record of a union, told apart by its key, of what was given as built() takes it."""
    return _Builder("", canonical).value(union, given)


class _Builder:
    def __init__(self, stem: str, canonical: bool) -> None:
        self._canonical = canonical
        self._top: dict[str, Any] = {"stem": stem}

    def whole(self, record: type[T], given: Mapping[str, Any]) -> T:
        return record(**dict(self._values(record, given, self._top)))

    def value(self, kind: Any, given: Any) -> Any:
        if isinstance(given, Struct):
            return given  # made of something shorter when it was read
        if is_record(kind):
            return kind(**dict(self._values(kind, given, {})))
        if (entry := entry_of(kind)) is not None:
            return tuple(self._entries(entry, given))
        branches = branches_of(kind)
        return self.value(next(branches[key] for key in branches if key in given), given)

    def _values(
        self, record: type[Struct], given: Mapping[str, Any], so_far: dict[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        for field in fields_of(record):
            value = self._field(field, given, so_far)
            if value is not NODEFAULT:
                so_far[field.attribute] = value
                yield field.attribute, value

    def _field(self, field: Field, given: Mapping[str, Any], so_far: dict[str, Any]) -> Any:
        key, value = field.key, given.get(field.name)
        if value is None and not (key.nullable and field.name in given):
            if key.instead is not None and key.instead.name in given:
                return key.instead.of(so_far, given[key.instead.name])
            if key.auto is not None:
                return key.auto(so_far, self._top)
            return self.value(field.kind, {}) if key.optional else field.default
        if key.value is None:
            return self.value(field.kind, value)
        form = key.value.form
        return form.read(value) if form is not None and self._canonical else value

    def _entries(self, entry: Any, given: list[Any]) -> Iterator[Any]:
        spread = _spread_of(entry)
        if self._canonical and is_record(entry) and _is_its_own_form(entry):
            yield from (entry(**one) for one in given)
        elif spread is None or self._canonical:
            yield from (self.value(entry, one) for one in given)
        else:
            for one in given:
                for value in one[spread]:
                    yield self.value(entry, {**one, spread: value})


@cache
def _spread_of(entry: Any) -> str | None:
    fields = fields_of(entry) if is_record(entry) else ()
    return next((field.name for field in fields if field.key.spread), None)


@cache
def _is_its_own_form(record: type[Struct]) -> bool:
    # Whether the canonical mapping of a record is what the record is made with.
    return all(
        field.name == field.attribute
        and field.key.value is not None
        and field.key.value.form is None
        for field in fields_of(record)
    )
