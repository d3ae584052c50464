# SPDX-License-Identifier: Apache-2.0
"""Patterns that public detectors look for in logs, and what each gets right and wrong."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from tdxctl import Platform
from tdxctl.errors import NotModelledError, UsageError
from tdxctl.lint import IN_SUPPORT, Linted, lint, patterns_of
from tdxctl.linux.kernel import Kernel
from tdxctl.linux.own import of_class
from tdxctl.linux.releases import KERNELS
from tdxctl.linux.v6_8 import V6_8
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


@pytest.mark.parametrize(
    ("pattern", "others"),
    [
        # What a pattern is for is nothing else.
        ("module initialized", ()),
        # The prefix of the newest release, and 1 for a number.
        (
            "KeyIDs available$",
            ("virt/tdx: no TDX private KeyIDs available", "x86/mktme: 1 KeyIDs available"),
        ),
        # A backtrace has no prefix, be it the message's or one wording's.
        (
            "WARN_ON",
            (
                "WARN_ON(!tdx_keyid_start || tdx_keyid_num < 2) in detect_tdx_keyids",
                "WARN_ON_ONCE(1) in tdmr_get_nid",
                "WARN_ON_ONCE(ret) in tdx_module_run_update",
                "WARN_ON_ONCE(!tdx_cpuhp_state) in __do_tdx_cleanup",
            ),
        ),
    ],
)
def test_lines_that_say_something_else_are_shown_as_a_kernel_prints_them(
    pattern: str, others: tuple[str, ...]
) -> None:
    assert _linted(pattern, False).others == others


NOT_SUPPORTED = "virt/tdx: TDX not supported by the host platform"


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        ("module not loaded", {"no TDX module": "virt/tdx: module not loaded"}),
        (
            r"range \[32, 33\)",
            {"one KeyID": "virt/tdx: BIOS enabled: private KeyID range [32, 33)"},
        ),
        (
            "Hibernation",
            {
                "hibernation possible": "virt/tdx: initialization failed: Hibernation support is "
                "enabled"
            },
        ),
        (
            "not supported by",
            dict.fromkeys(
                (
                    *("TDX off in the BIOS", "one KeyID"),
                    *("hibernation possible", "no memory notifier"),
                ),
                NOT_SUPPORTED,
            ),
        ),
    ],
)
def test_hosts_that_are_not_ready_have_logs_of_their_own(
    pattern: str, wrong: dict[str, str]
) -> None:
    """Expect each host that fails so on 7.2, with its line."""
    (verdict,) = (each for each in _linted(pattern, False).verdicts if each.kernel == "7.2")
    assert {matched.host: matched.line for matched in verdict.wrong} == wrong


def _wrong(pattern: str, kernel: str) -> dict[str, str]:
    (verdict,) = (each for each in _linted(pattern, False).verdicts if each.kernel == kernel)
    return {matched.host: matched.line for matched in verdict.wrong}


def test_a_cpu_offline_is_a_host_of_its_own() -> None:
    """Expect v5 alone to name it."""
    offline = "tdx: Unable to initialize the TDX module when there's offline CPU(s)."
    assert _wrong("offline CPU", "v5") == {"a CPU offline": offline}
    assert _wrong("offline CPU", "6.8") == {}


def test_a_host_with_tdx_off_in_the_bios_has_no_keyid_range() -> None:
    """Expect the line to be of hosts that fail later, one of them with one KeyID."""
    wrong = _wrong("BIOS enabled: private KeyID range", "7.2")
    assert wrong["one KeyID"] == "virt/tdx: BIOS enabled: private KeyID range [32, 33)"
    assert "TDX off in the BIOS" not in wrong


def test_a_wording_that_matches_is_not_missed() -> None:
    assert [words for words, _ in _linted("TDX initialized", False).wordings] == [
        "Successfully initialized TDX module"
    ]


class Lies(V6_8):
    """tdx_enable() fails, though it has initialized the module."""

    RELEASE = "6.8"

    def _tdx_enable(self) -> int:
        super()._tdx_enable()
        return -5


class IsNotModelled(V6_8):
    """Of its boot nobody knows what it does, on whatever host."""

    RELEASE = "6.8"

    def boot(self) -> int:
        """Nothing that is known."""
        raise NotModelledError("the boot is not modelled")


@pytest.mark.parametrize("kernel", [Lies, IsNotModelled])
def test_a_kernel_of_your_own_under_which_no_host_is_ready_is_refused(kernel: type[Kernel]) -> None:
    own = of_class(kernel)
    with pytest.raises(UsageError, match=f"^no host is ready under kernel {own.id}$"):
        lint(["tdx"], HOST, [own])


def test_a_pattern_has_4096_characters_at_most() -> None:
    assert patterns_of("x" * 4096) == ["x" * 4096]
    with pytest.raises(UsageError, match="a pattern is longer than 4096 characters"):
        patterns_of("tdx\n" + "x" * 4097)


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
