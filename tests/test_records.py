# SPDX-License-Identifier: Apache-2.0
"""A record is what dataclass(frozen=True, slots=True) makes."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, replace
from typing import Any

import pytest

from tdxctl.records import record


@record
class Pair:
    """Two fields, one with a default that is not a literal."""

    first: int
    second: tuple[int, ...] = (1, 2)

    @property
    def total(self) -> int:
        return self.first + sum(self.second)


@record
class Empty:
    """No fields."""


@record
class OnlyUnpickled:
    """No instance of it is made by its name here."""

    value: int


@dataclass(frozen=True, slots=True)
class Model:
    """What a record is compared with."""

    first: int
    second: tuple[int, ...] = (1, 2)


def test_a_record_is_made_and_shown_as_a_dataclass_is() -> None:
    for record_made, model in ((Pair(1), Model(1)), (Pair(3, second=()), Model(3, second=()))):
        assert repr(record_made) == repr(model).replace("Model", "Pair")
        assert hash(record_made) == hash(model)
        assert asdict(record_made) == asdict(model)
    assert Pair(1).total == 4
    assert Pair.__doc__ == "Two fields, one with a default that is not a literal."
    assert repr(Empty()) == "Empty()"


def test_records_are_equal_by_class_and_values() -> None:
    assert Pair(1) == Pair(1, (1, 2))
    assert Pair(1) != Pair(2)
    other: object = Model(1)
    assert Pair(1) != other
    assert Empty() != other
    assert Empty() == Empty()
    assert len({Empty(), Empty(), Pair(1), Pair(1)}) == 2


def test_records_do_not_change() -> None:
    pair: Any = Pair(1)
    for name in ("first", "third"):
        with pytest.raises(FrozenInstanceError, match=f"'{name}'"):
            setattr(pair, name, 2)
    with pytest.raises(FrozenInstanceError, match="'first'"):
        del pair.first
    assert not hasattr(pair, "__dict__")
    assert replace(pair, second=()) == Pair(1, ())


def test_records_are_copied_and_cross_processes() -> None:
    for made in (Pair(1), Empty()):
        assert pickle.loads(pickle.dumps(made)) == made
        assert copy.deepcopy(made) == made
    # As in a process that has unpickled the first one it has.
    raw: Any = object.__new__(OnlyUnpickled)
    raw.__setstate__([7])
    assert raw == OnlyUnpickled(7)


def test_records_match_by_position() -> None:
    match Pair(1, (5,)):
        case Pair(first, second):
            assert (first, second) == (1, (5,))


def test_wrong_arguments_are_named() -> None:
    make: Any = Pair
    with pytest.raises(TypeError, match=r"^Pair\.__init__\(\) missing 1 required .* 'first'$"):
        make()
    with pytest.raises(TypeError, match="unexpected keyword argument 'third'"):
        make(1, third=2)
