# SPDX-License-Identifier: Apache-2.0
"""Sizes, cpulists and printable text."""

from __future__ import annotations

import re

import pytest

from tdxctl import units


def test_sizes_are_those_of_the_kernel() -> None:
    """Expect include/linux/sizes.h, in KiB."""
    sizes = (units.SZ_4K, units.SZ_1M, units.SZ_2M, units.SZ_4M, units.SZ_16M, units.SZ_32M)
    assert [size / 1024 for size in sizes] == [4, 1024, 2048, 4096, 16384, 32768]
    assert [size / 1024 for size in (units.SZ_1G, units.SZ_4G)] == [1048576, 4194304]
    assert units.SZ_4K == 1 << units.PAGE_SHIFT
    assert units.MAX_PHYSICAL_ADDRESS == 4503599627370496
    assert (units.U32_MASK, units.U64_MASK) == (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


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


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("1MiB-2GiB", 1 << 20, 1 << 31),
        ("1MiB+1MiB", 1 << 20, 2 << 20),
        ("0-1", 0, 1),
        ("0x1000+0x1000", 0x1000, 0x2000),
        ("0-0x10000000000000", 0, 1 << 52),
    ],
)
def test_ranges_have_an_end_or_a_size(text: str, start: int, end: int) -> None:
    assert units.parse_range(text) == (start, end)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1MiB", "must be START-END, end exclusive, or START+SIZE"),
        ("2MiB-2MiB", "is empty or ends beyond 2^52"),
        ("2MiB+0", "is empty or ends beyond 2^52"),
        ("0-0x10000000000001", "is empty or ends beyond 2^52"),
        ("1MB-2MB", "has an end that must be bytes"),
    ],
)
def test_what_is_not_a_range_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}"):
        units.parse_range(text)


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [(0, 0, 0), (1, 0, 4096), (4095, 0, 4096), (4096, 4096, 4096), (4097, 4096, 8192)],
)
def test_addresses_are_rounded_to_multiples(value: int, down: int, up: int) -> None:
    assert (units.round_down(value, 4096), units.round_up(value, 4096)) == (down, up)


@pytest.mark.parametrize(
    ("text", "numbers", "written"),
    [
        ("0-3,4-7", 8, "0-7"),
        ("0-3,5", 5, "0-3,5"),
        ("8,0-1", 3, "8,0-1"),
        ("0-7:1/2", 4, "0-7:1/2"),
        ("0-9:2/4,10", 7, "0-9:2/4,10"),  # 8 and 9 of the last group, and 10
        ("0-7:2/2,8", 9, "0-8"),
        ("", 0, ""),
    ],
)
def test_a_cpulist_is_counted_before_it_is_made(text: str, numbers: int, written: str) -> None:
    found = units.parse_runs(text, limit=100)
    assert (len(found), str(found)) == (numbers, written)
    assert len(list(found)) == numbers


def test_a_cpulist_may_name_as_many_as_its_limit() -> None:
    assert len(units.parse_runs("0-7", limit=8)) == 8
    with pytest.raises(ValueError, match="more than 7 numbers"):
        units.parse_runs("0-6,7", limit=7)


def test_what_a_cpulist_holds() -> None:
    found = units.parse_runs("2-11:2/4", limit=100)  # 2 3, 6 7, 10 11
    assert [number in found for number in (2, 3, 4, 11)] == [True, True, False, True]
    assert found.is_within(2, 11)
    assert not found.is_within(3, 11)
    assert not found.is_within(2, 10)
    assert units.parse_runs("0-6:1/4", limit=100).is_within(0, 4)  # 0 and 4
    assert not units.parse_runs("0-6:1/4", limit=100).is_within(0, 3)


@pytest.mark.parametrize(
    ("number", "text", "verb"), [(0, "0 CPUs", "are"), (1, "1 CPU", "is"), (2, "2 CPUs", "are")]
)
def test_what_is_counted_has_its_plural(number: int, text: str, verb: str) -> None:
    assert units.counted(number, "CPU") == text
    assert units.are(number, "CPU") == f"{text} {verb}"


def test_a_word_that_is_near_is_meant() -> None:
    """Expect upper and lower case to make no difference, and nothing where none is near."""
    assert units.did_you_mean("STATSU", ["init", "status"]) == "did you mean status?"
    assert units.did_you_mean("kvm", ["init", "status"]) is None
    assert units.did_you_mean("x" * 200_000, ["init"]) is None


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("a", True),
        ("A.b_c-9", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("-a", False),
        ("a/b", False),
        ("ä", False),
    ],
)
def test_names_of_machines(text: str, is_name: bool) -> None:
    assert units.is_name(text) is is_name


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
        (1 << 40, "1 TiB", "1 TiB"),
        (1536, "1536 B", "1.5 KiB"),
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
        ("::error::x", ":\\x3aerror::x"),
        ("  ::error::x", "  :\\x3aerror::x"),
        ("a ::error::x", "a ::error::x"),
        ("a ##[error]x", "a #\\x23[error]x"),
        ("##vso[task]x", "#\\x23vso[task]x"),
        ("## a heading", "## a heading"),
    ],
)
def test_printable_shows_what_could_act_on_a_terminal(text: str, shown: str) -> None:
    assert units.printable(text) == shown


def test_lines_are_printable_one_by_one() -> None:
    assert units.printable_lines("a\x1b\nb\n") == "a\\x1b\nb\n"
