# SPDX-License-Identifier: Apache-2.0
"""A description in JSON: what its numbers are read as."""

from __future__ import annotations

import pytest

from tdxctl.errors import DescriptionError
from tdxctl.platform import json_reader
from tdxctl.platform.json_reader import JsonReader


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("-31", -31), ("1.5", 1.5), ("1e3", 1000.0), ("-2.5E-1", -0.25)]
)
def test_a_number_is_whole_unless_it_has_a_fraction_or_an_exponent(
    text: str, number: float
) -> None:
    source = JsonReader(text, "a.json").read()
    assert (source.data, type(source.data), source.problems) == (number, type(number), [])


@pytest.mark.parametrize(
    ("text", "summary", "detail"),
    [
        ("1.5e400", "is too large for a number", "got 1.5e400"),
        ("-1e400", "is too large for a number", "got -1e400"),
        ("7." + "0" * 200, "is too long for a number", "got 7.0000000"),
    ],
)
def test_a_number_that_no_computer_has_is_told_as_it_is_written(
    text: str, summary: str, detail: str
) -> None:
    [problem] = JsonReader(text, "a.json").read().problems
    assert (problem.summary, problem.line, problem.column) == (summary, 1, 1)
    assert problem.detail is not None
    assert problem.detail.startswith(detail)


def test_as_many_values_as_may_be_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list and what is in it: three with two entries."""
    monkeypatch.setattr(json_reader, "MAX_VALUES", 3)
    assert JsonReader("[1, 2]", "a.json").read().data == [1, 2]
    with pytest.raises(DescriptionError) as raised:
        JsonReader("[1, 2, 3]", "a.json").read()
    [problem] = raised.value.problems
    assert (problem.line, problem.column) == (1, 8)
