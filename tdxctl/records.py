# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses with slots, made at a tenth of the price.

`dataclass` writes and compiles the source of six methods of each class, needed or not: with the
hundred records of this package that was a quarter of a start. Here `__init__` is compiled when
the first instance is made, comparison at the first one, and the rest is shared.
"""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_OF_CLASSES_WITHOUT_SLOTS = {"__dict__", "__weakref__"}


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """cls as `dataclass(frozen=True, slots=True)` makes it, for what every start of init loads.

    Raises TypeError for a class with bases, with methods that a record has of its own, or with
    defaults that can be changed.
    """
    _check(cls)
    names = tuple(cls.__annotations__)
    body = {
        name: value for name, value in vars(cls).items() if name not in _OF_CLASSES_WITHOUT_SLOTS
    }
    defaults = {name: body.pop(name) for name in names if name in body}

    def first_init(self: object, *values: object, **named: object) -> None:
        setters = {f"set_{name}": made.__dict__[name].__set__ for name in names}
        _compile(made, _init_source(names, defaults), setters | {"defaults": defaults})
        made.__init__(self, *values, **named)

    def first_eq(self: object, other: object) -> Any:
        _compile(made, _comparison_source(names), {})
        return made.__eq__(self, other)

    def first_hash(self: object) -> int:
        _compile(made, _comparison_source(names), {})
        return hash(self)

    body |= {
        "__slots__": names,
        "__match_args__": names,
        "__init__": first_init,
        "__eq__": first_eq,
        "__hash__": first_hash,
        **_SHARED,
    }
    made: Any = type(cls.__name__, (), body)
    return made  # type: ignore[no-any-return]


def _check(cls: type) -> None:
    # What `dataclass` would do something with, and this would leave out in silence.
    own = {"__post_init__", "__eq__", "__hash__", "__repr__", "__init__"} & set(vars(cls))
    if cls.__bases__ != (object,) or own:
        raise TypeError(f"{cls.__name__} is more than a record: use dataclass")
    for name in cls.__annotations__:
        if isinstance(vars(cls).get(name), list | dict | set):
            raise TypeError(f"{cls.__name__}.{name} has a default that can be changed")


def _init_source(names: tuple[str, ...], defaults: dict[str, Any]) -> str:
    given = [f"{name}=defaults[{name!r}]" if name in defaults else name for name in names]
    lines = [f"    set_{name}(self, {name})\n" for name in names] or ["    pass\n"]
    return f"def __init__({', '.join(['self', *given])}):\n{''.join(lines)}"


def _comparison_source(names: tuple[str, ...]) -> str:
    mine = "".join(f"self.{name}, " for name in names)
    others = "".join(f"other.{name}, " for name in names)
    return (
        "def __eq__(self, other):\n"
        "    if other.__class__ is not self.__class__:\n"
        "        return NotImplemented\n"
        f"    return ({mine}) == ({others})\n"
        "def __hash__(self):\n"
        f"    return hash(({mine}))\n"
    )


def _compile(made: Any, source: str, scope: dict[str, Any]) -> None:
    functions: dict[str, Any] = {}
    exec(source, scope, functions)
    for name, function in functions.items():
        function.__qualname__ = f"{made.__qualname__}.{name}"
        setattr(made, name, function)


class _Fields:
    # What dataclasses.replace() and asdict() look for.
    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        from dataclasses import dataclass

        body = {"__doc__": owner.__doc__, "__annotations__": owner.__annotations__}
        plain: Any = dataclass(init=False, repr=False, eq=False)(type(owner.__name__, (), body))
        owner.__dataclass_fields__ = plain.__dataclass_fields__
        return owner.__dataclass_fields__  # type: ignore[no-any-return]


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse(self: object, name: str, *_: object) -> None:  # noqa: ARG001
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"field {name!r} is frozen")


def _get_state(self: Any) -> list[object]:
    return [getattr(self, name) for name in self.__slots__]


def _set_state(self: Any, state: list[object]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)


_SHARED = {
    "__dataclass_fields__": _Fields(),
    "__repr__": _repr,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
    "__getstate__": _get_state,
    "__setstate__": _set_state,
}
