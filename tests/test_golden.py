# SPDX-License-Identifier: Apache-2.0
"""A golden vector that differs is named, its difference is shown, and it can be run alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests import golden
from tests.cli.runner import ROOT
from tests.linux import vectors

ITEM = (
    "tests/linux/test_vectors.py::"
    "test_every_golden_result_is_reproduced[7.2+dynamic-pamt-entropy-011]"
)


def test_the_vectors_that_differ_are_named_and_their_difference_is_shown() -> None:
    """Expect the one of 830 that differs, where, and what it should have."""

    def play(case: dict[str, Any]) -> Iterator[str]:
        found = vectors.golden(case["output"])
        if case["input"]["id"] == "entropy-011":
            found["ops"][1]["status"] = "NONE"
        yield from golden.differences(found, vectors.golden(case["output"]))

    with pytest.raises(pytest.fail.Exception) as raised:
        golden.check(vectors.results("6.8"), play)
    assert str(raised.value).splitlines() == [
        "1 of 830 vectors differ; `pytest -k NAME` runs one alone:",
        "6.8-entropy-011",
        "    ops[1].status: 'NONE', not 'ERROR'",
    ]


def test_differences_are_told_by_place() -> None:
    found = {"ret": 0, "log": ["a", "b"], "base": "0x0", "more": 1}
    expected = {"ret": -19, "log": ["a", "c", "d"], "base": "0x0", "less": 2}
    assert list(golden.differences(found, expected)) == [
        "ret: 0, not -19",
        "log[1]: 'b', not 'c'",
        "log: 2 entries, not 3, from 'd' on",
        "less: 'absent', not 2",
        "more: 1, not 'absent'",
    ]
    assert list(golden.differences([1, [2]], [1, [2]])) == []


@pytest.mark.parametrize(
    "asked",
    [
        ["tests/linux/test_vectors.py", "-k", "7.2+dynamic-pamt-entropy-011"],
        [ITEM],
    ],
)
def test_a_vector_runs_alone(asked: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *asked],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stdout.splitlines() if "::" in line] == [ITEM]


def test_the_words_of_a_command_line_that_may_name_vectors() -> None:
    """Expect no operator of `-k`, no file, and no item without brackets."""
    words = golden.words_of("st25-0001 or (6.8-entropy and not cfg-)", ["tests/host", "a.py::b[c]"])
    assert words == ["st25-0001", "6.8-entropy", "cfg-", "c"]
    found = vectors.results("6.8").named_in(["Entropy-011", "entropy-012"])
    assert [one.name for one in found] == ["6.8-entropy-011", "6.8-entropy-012"]
    assert list(vectors.results("6.8").named_in([])) == []
