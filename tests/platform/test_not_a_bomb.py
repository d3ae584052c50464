# SPDX-License-Identifier: Apache-2.0
"""A small text that asks for much costs little: what it names is counted before it is made.

`make bombs` measures; here are the rules that keep the figures where they are.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tdxctl.errors import DescriptionError, UsageError
from tdxctl.platform.load import load_file
from tdxctl.platform.script import load_script
from tdxctl.units import Cpulist, parse_runs

MEMORY = "memory: {ranges: [{start: 0, size: 4GiB}]}\n"
SMALL = "cpus: {madt: [{apic_id: 0}]}\n" + MEMORY
MORE = "has more than 100 problems: the others are not listed"


def refused(tmp_path: Path, text: str, *settings: str) -> list[str]:
    """The lines that a description with that text is refused with."""
    file = tmp_path / "bomb.yaml"
    file.write_text(text)
    with pytest.raises(DescriptionError) as caught:
        load_file(str(file), settings)
    return [f"{p.line}:{p.column}: {p.path}: {p.summary}" for p in caught.value.diagnostics()]


def peak(run: Callable[[], object]) -> int:
    """The most memory in bytes that run had for itself."""
    run()  # imports
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("apic_id", ["0-8191", "0-16382:1/2", "0-16383:4/8"])
def test_cpus_are_counted_before_there_is_one(tmp_path: Path, apic_id: str) -> None:
    """Expect megabytes for eight million CPUs in 24 KB, and the limit named where it is passed."""
    text = "cpus:\n  madt:\n" + f"    - {{apic_id: {apic_id}}}\n" * 1000 + MEMORY
    line = "4:17: cpus.madt.1.apic_id: makes more than 8192 CPUs"
    assert refused(tmp_path, text) == [line]
    assert peak(lambda: refused(tmp_path, text)) < 16 << 20


def test_a_cpulist_knows_how_many_it_names() -> None:
    """Groups at the end are cut where the list ends: 0-10:2/4 is 0,1, 4,5, 8,9."""
    assert len(parse_runs("0-10:2/4", limit=6)) == 6
    assert list(parse_runs("0-10:2/4,3", limit=7)) == [0, 1, 4, 5, 8, 9, 3]
    assert len(parse_runs("0-8:2/4", limit=5)) == 5
    assert len(Cpulist([(0, 4294967295, 1, 2)])) == 2147483648


@pytest.mark.parametrize(
    ("text", "limit"), [("0-10:2/4", 5), ("0-4294967295", 8192), ("0-4294967295:1/4096", 8192)]
)
def test_a_cpulist_that_names_too_many_is_refused(text: str, limit: int) -> None:
    with pytest.raises(ValueError, match=f"^names more than {limit} numbers$"):
        parse_runs(text, limit=limit)


def test_a_cpulist_is_within_what_its_numbers_are_within() -> None:
    """0-10:2/4 ends with 9: the last group is 8,9."""
    assert parse_runs("0-10:2/4", limit=9).is_within(0, 9)
    assert not parse_runs("0-10:2/4", limit=9).is_within(0, 8)
    assert not parse_runs("3,0", limit=9).is_within(1, 3)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("".join(f"k{i}: 1\n" for i in range(500)), "3:1: k0: unknown key"),
        ("name: x\n" * 500, "4:1: name: is given twice"),
        ("faults:\n" + "  - {allocation: pamt, call: 0}\n" * 500, "4:30: faults.0.call: must be "),
    ],
    ids=["unknown", "twice", "faults"],
)
def test_the_first_hundred_problems_are_enough(tmp_path: Path, text: str, first: str) -> None:
    found = refused(tmp_path, SMALL + text)
    assert len(found) == 101
    assert found[0].startswith(first)
    assert found[-1].endswith(MORE)


def test_a_hundred_problems_are_all_listed(tmp_path: Path) -> None:
    found = refused(tmp_path, SMALL + "".join(f"k{i}: 1\n" for i in range(100)))
    assert found[-1] == "102:1: k99: unknown key"


def test_hints_are_looked_for_where_they_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect a look among the names of leaves for a hundred entries, not for 500."""
    asked: list[str] = []

    def near(word: str, known: object) -> None:
        asked.append(word)

    monkeypatch.setattr("tdxctl.platform.fields.did_you_mean", near)
    refused(tmp_path, SMALL + "faults:\n" + "  - {leaf: TDH.SYS.INIX, status: GP}\n" * 500)
    assert len(asked) == 101


@pytest.mark.parametrize("parser", ["as installed", "in Python"])
@pytest.mark.parametrize(
    ("text", "place"),
    [
        # The libyaml of PyYAML 6.0.4 refuses the 1,001st by itself, and looks that far ahead.
        ("[" * 5000, "1:33"),
        ("é: '€ 😀'\nx: " + "[" * 5000, "2:35"),
        ("é: '€ 😀'\nx: " + "{a: " * 2000, "2:128"),
    ],
    ids=["sequences", "behind other alphabets", "mappings"],
)
def test_tdxctls_limit_speaks_before_the_parsers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, place: str, parser: str
) -> None:
    if parser == "in Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert refused(tmp_path, text) == [f"{place}: None: is nested deeper than 32 levels"]


def test_directives_are_few(tmp_path: Path) -> None:
    """libyaml compares each with each: 100,000 of them and as many tags took two minutes."""
    tags = "".join(f"%TAG !a{i}! !b\n" for i in range(17))
    what = "17:1: None: has more than 16 directives (%)"
    assert refused(tmp_path, tags + "---\n" + SMALL) == [what]


def test_a_path_that_is_set_is_no_deeper_than_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--set: a path has at most 32 parts, got 33$"):
        refused(tmp_path, SMALL, ".".join(["a"] * 33) + "=1")


def test_a_key_is_shown_as_far_as_a_message_needs_it(tmp_path: Path) -> None:
    found = refused(tmp_path, SMALL + "? " + "k" * 100_000 + "\n: 1\n")
    assert found == [f"3:3: {'k' * 57}...: unknown key"]


def test_tables_of_a_script_are_known_by_name_not_by_search(tmp_path: Path) -> None:
    """Expect the memory of what the script says: 4,096 names of one table."""
    file = tmp_path / "script.yaml"
    tables = "".join(f"- {{tdmr: table{i}}}\n" for i in range(500))
    file.write_text(tables + f"- {{leaf: 45, tdmrs: [{', '.join(['table499'] * 4096)}]}}\n")
    assert len(load_script(str(file)).entries) == 501
