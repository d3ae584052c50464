# SPDX-License-Identifier: Apache-2.0
"""Patterns that public detectors look for in logs, and what each gets right and wrong."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from tdxctl import Platform
from tdxctl.lint import IN_SUPPORT, Linted, lint
from tdxctl.linux.releases import KERNELS
from tdxctl.platform import shipped
from tests.cli.runner import tdxctl

HOST = Platform.load(shipped.path_of("small"))
V5 = {"v5", "v5-posted"}
FROM_7_1 = {"7.1", "7.2", "7.2+dynamic-pamt"}
ALL = {kernel.id for kernel in KERNELS}
RIGHT = "tdx: (module initialized|TDX-Module initialized)"


@cache
def _linted(pattern: str, any_case: bool) -> Linted:
    return lint([pattern], HOST, any_case=any_case).together


#: Pattern, grep -i, the kernels whose ready host it misses, those of which it matches one that is
#: not ready.
PUBLIC = [
    # Host checks and test suites since Linux 6.8; 7.1 broke them.
    ("virt/tdx: module initialized", False, V5 | FROM_7_1, set[str]()),
    # Scripts for the series of 2022 and 2023.
    ("TDX module initialized", False, ALL - V5, set[str]()),
    # A deployment script of 2026: right for what is newest alone.
    ("TDX-Module initialized", True, ALL - FROM_7_1, set[str]()),
    # `dmesg | grep -i tdx`, of which a guide says that it shows nothing where TDX is not enabled.
    ("tdx", True, set[str](), ALL),
    # What a guest says of itself, looked for on a host.
    ("Intel TDX", False, ALL, set[str]()),
]


@pytest.mark.parametrize(("pattern", "any_case", "missed", "wrong"), PUBLIC)
def test_what_public_detectors_get_right_and_wrong(
    pattern: str, any_case: bool, missed: set[str], wrong: set[str]
) -> None:
    found = _linted(pattern, any_case)
    assert {each.kernel for each in found.verdicts if each.found is None} == missed
    assert {each.kernel for each in found.verdicts if each.wrong} == wrong
    assert not found.is_right


def test_what_is_suggested_is_right() -> None:
    for kernels, suggested in (
        ((), RIGHT),
        (KERNELS, r"tdx: (TDX module initialized\.|module initialized|TDX-Module initialized)"),
        (KERNELS[:1], r"tdx: TDX module initialized\."),
    ):
        assert lint(["tdx"], HOST, kernels).suggestion == suggested
        assert lint([suggested], HOST, kernels).together.is_right


def test_those_in_support_count_where_nobody_says() -> None:
    found = _linted(RIGHT, False)
    assert {each.kernel for each in found.verdicts if each.asked} == set(IN_SUPPORT)
    assert found.is_right
    assert {each.kernel for each in found.verdicts if each.found is None} == V5
    assert IN_SUPPORT == ("ubuntu-24.04", "6.18", "7.1", "7.2")


def test_words_and_lines_of_kernels_that_are_not_modelled() -> None:
    """Expect what trees of 5.10 say to be missed, and a guest's line to be something else."""
    assert [words for words, _ in _linted("Intel TDX", False).wordings] == [
        "Successfully initialized TDX module",
        "TDX initialized.",
    ]
    assert _linted("Intel TDX", False).others == (
        "tdx: Memory Encryption Features active: Intel TDX",
    )


def test_patterns_of_a_file_are_right_together(tmp_path: Path) -> None:
    """Expect a host to be ready where any of them matches: each alone misses some."""
    detector = tmp_path / "detector.txt"
    detector.write_text("# ready\nvirt/tdx: module initialized\n\nTDX-Module initialized\n")
    done = tdxctl("lint", str(detector), "--format", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["schema"], document["right"]) == (0, "tdxctl.lint/1", True)
    assert [pattern["right"] for pattern in document["patterns"]] == [False, False]


def test_the_command_says_what_is_missed_and_what_would_be_right() -> None:
    done = tdxctl("lint", "virt/tdx: module initialized")
    assert done.returncode == 1
    assert done.stdout.splitlines()[3:4] == [
        "  misses a ready host: 7.1*, 7.2*, 7.2+dynamic-pamt: it says "
        '"virt/tdx: TDX-Module initialized"'
    ]
    assert done.stdout.endswith(f"\nright for ubuntu-24.04, 6.18, 7.1, 7.2:\n  {RIGHT}\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("(tdx",), "error: no regular expression: '(tdx': missing ), unterminated subpattern"),
        (
            ("tdx", "--kernel", "6.8+no-caller"),
            "error: no host is ready under kernel 6.8+no-caller\n",
        ),
        (("/dev/null/no", "--kernel", "5.4.0-1"), "error: "),
    ],
)
def test_what_is_no_pattern_and_no_kernel_is_usage(arguments: tuple[str, ...], error: str) -> None:
    done = tdxctl("lint", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(error)


def test_an_empty_file_has_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing\n")
    done = tdxctl("lint", str(tmp_path / "empty"))
    assert (done.returncode, done.stderr) == (
        *(2, "error: the file has no pattern\n  hint: one a line\n"),
    )
