# SPDX-License-Identifier: Apache-2.0
"""`--set PATH=VALUE` on a description, and how a message tells what it got."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tdxctl.errors import DescriptionError, UsageError
from tdxctl.platform.load import from_canonical
from tdxctl.platform.script import _rax
from tdxctl.platform.settings import with_settings
from tdxctl.platform.source import MAX_NESTING, Source, end_of, got, in_order, shortened
from tests.machines import SMALL


def _set(data: dict[str, Any], *settings: str) -> Any:
    return with_settings(Source(file=None, data=data), settings).data


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("a.b=2", {"a": {"b": 2}, "c": [1]}),
        ("a=", {"a": "", "c": [1]}),
        ("a=b=c", {"a": "b=c", "c": [1]}),
        ("c.0=7", {"a": {"b": 1}, "c": [7]}),
        ("c.1=7", {"a": {"b": 1}, "c": [1, 7]}),  # behind the last
        ("c.1.d=7", {"a": {"b": 1}, "c": [1, {"d": 7}]}),
        ("d.0.e=7", {"a": {"b": 1}, "c": [1], "d": [{"e": 7}]}),
        ("d.e.0=[1, 2]", {"a": {"b": 1}, "c": [1], "d": {"e": [[1, 2]]}}),
    ],
)
def test_a_value_is_put_where_its_path_leads(setting: str, changed: object) -> None:
    assert _set({"a": {"b": 1}, "c": [1]}, setting) == changed


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("a", "--set takes PATH=VALUE, got 'a'"),
        ("=1", "--set takes PATH=VALUE, got '=1'"),
        ("c.2=7", "--set c.2=7: '2' leads nowhere in the description"),
        ("c.x=7", "--set c.x=7: 'x' leads nowhere in the description"),
        ("a.b.c=7", "--set a.b.c=7: 'c' leads nowhere in the description"),
        ("a.0=7", "--set a.0=7: '0' leads nowhere in the description"),
        ("a" + ".a" * MAX_NESTING + "=1", "--set: a path has at most 32 parts, got 33"),
    ],
)
def test_a_path_that_leads_nowhere_is_usage(setting: str, why: str) -> None:
    with pytest.raises(UsageError) as error:
        _set({"a": {"b": 1}, "c": [1]}, setting)
    assert error.value.message == why


def test_what_is_wrong_is_told_at_the_setting_that_brought_it() -> None:
    """Expect the setting to be named for its value, and for what it made on its way."""
    settings = ("memory.ranges.4.start=1TiB", "cpus.madt.0.package=x")
    with pytest.raises(DescriptionError) as error:
        from_canonical(deepcopy(SMALL), settings)
    told = [problem.render().split("\n")[0] for problem in error.value.problems]
    assert any(
        line.startswith("--set cpus.madt.0.package=x: cpus.madt.0.package: ") for line in told
    )
    assert "--set memory.ranges.4.start=1TiB: memory.ranges.4: needs an end or a size" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1}, "got a mapping"),
        ([1], "got a list"),
        (10**40 - 1, f"got {'9' * 40}"),
        (10**40, "got a very long number"),
        (-(10**40), "got a very long number"),
        (None, "got null"),
        (True, "got true"),
        (1.5, "got 1.5"),
        ("größer\x1b", 'got "größer\\u001b"'),
        ((1,), "got a value of type tuple"),
    ],
)
def test_a_message_tells_what_it_got(value: object, text: str) -> None:
    assert got(value) == text


def test_a_long_text_is_shortened_and_one_that_fits_is_not() -> None:
    short = shortened("x" * 1000)
    assert short.endswith("...")
    assert shortened("x" * len(short)) == "x" * len(short)
    assert len(shortened("x" * (len(short) + 1))) == len(short)


@pytest.mark.parametrize(
    ("before", "place"), [("", (1, 1)), ("ab", (1, 3)), ("ab\n", (2, 1)), ("a\n\nbc", (3, 3))]
)
def test_where_a_text_ends(before: str, place: tuple[int, int]) -> None:
    assert end_of(before) == place


@pytest.mark.parametrize(
    ("written", "rax"),
    [(0, 0), ((1 << 64) - 1, (1 << 64) - 1), ("0x10021", 0x10021), ("TDH.SYS.INIT", 33)],
)
def test_a_leaf_of_a_script_is_a_name_or_all_of_rax(written: int | str, rax: int) -> None:
    assert _rax(written) == rax


@pytest.mark.parametrize("written", [-1, 1 << 64, "0x10000000000000000"])
def test_what_rax_cannot_hold_is_refused(written: int | str) -> None:
    with pytest.raises(ValueError, match="is not a 64-bit number"):
        _rax(written)


def test_problems_are_told_in_the_order_of_the_file() -> None:
    source = Source(
        file="a.yaml", data={}, value_marks={(): (1, 1), ("b",): (2, 4), ("a",): (9, 1)}
    )
    problems = [source.problem((key,), "is wrong") for key in ("a", "b", "c")]
    assert [(each.line, each.column, each.path) for each in in_order(problems)] == [
        (1, 1, "c"),
        (2, 4, "b"),
        (9, 1, "a"),
    ]
