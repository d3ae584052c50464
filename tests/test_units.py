# SPDX-License-Identifier: Apache-2.0
"""Sizes, cpulists and printable text."""

from __future__ import annotations

import pytest

from tdxctl import units


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("0x1000", 4096),
        ("0X1f_FFFF", 0x1FFFFF),
        ("4KiB", 4096),
        ("1MiB", 1 << 20),
        ("4GiB", 1 << 32),
        ("2TiB", 1 << 41),
    ],
)
def test_sizes_are_bytes_hex_or_binary_units(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4G",
        "4 GiB",
        "4gib",
        "1.5GiB",
        "-1",
        "010",
        "0x",
        "0x_1",
        "0x1__0",
        "4KB",
        "٤",
        "9" * 41,
    ],
)
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be bytes|too long"):
        units.parse_size(text)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("", []),
        ("3", [3]),
        ("0-3,8", [0, 1, 2, 3, 8]),
        ("8,0-1", [8, 0, 1]),
        ("0-7:1/2", [0, 2, 4, 6]),
        ("0-9:2/4", [0, 1, 4, 5, 8, 9]),
    ],
)
def test_cpulists_are_the_kernels(text: str, cpus: list[int]) -> None:
    assert units.parse_cpulist(text, limit=100) == cpus


@pytest.mark.parametrize("text", ["a", "3-1", "1-", "0-3:2", "0-3:3/2", "0-3:0/2", "1,,2", "-1"])
def test_what_is_not_a_cpulist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a list|backwards|stride"):
        units.parse_cpulist(text, limit=100)


def test_a_huge_cpulist_is_refused_without_being_made() -> None:
    with pytest.raises(ValueError, match="more than 8192 numbers"):
        units.parse_cpulist("0-4294967295", limit=8192)


def test_format_cpulist_joins_runs() -> None:
    assert units.format_cpulist([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"
    assert units.format_cpulist([]) == "none"


@pytest.mark.parametrize(
    ("size", "exact", "approximate"),
    [
        (0, "0 B", "0 B"),
        (17, "17 B", "17 B"),
        (4096, "4 KiB", "4 KiB"),
        (1 << 31, "2 GiB", "2 GiB"),
        (2101260 << 10, "2101260 KiB", "2.0 GiB"),
        (65534 << 30, "65534 GiB", "64.0 TiB"),
    ],
)
def test_sizes_are_shown_exactly_or_rounded(size: int, exact: str, approximate: str) -> None:
    assert units.format_size(size) == exact
    assert units.approximate_size(size) == approximate


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zwei Sockel, 512 GiB, größer", "Zwei Sockel, 512 GiB, größer"),
        ("[red]x[/red]", "[red]x[/red]"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
    ],
)
def test_printable_shows_what_could_act_on_a_terminal(text: str, shown: str) -> None:
    assert units.printable(text) == shown
