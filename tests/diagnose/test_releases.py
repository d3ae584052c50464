# SPDX-License-Identifier: Apache-2.0
"""Which kernel printed a log, by its first line and by its words, and what that kernel does."""

from __future__ import annotations

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.diagnose.evidence import Evidence, gather
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.diagnose.releases import (
    by_kvm,
    has_no_caller,
    is_too_old,
    kernel_of,
    looks,
    release_of,
    unless_never_made,
)
from tdxctl.messages.check_ids import CheckId

VERSION = "[    0.0] Linux version {} (a@b)\n"
OF_6_8 = "[    9.2] virt/tdx: module initialized\n"
OF_7_1 = "[    9.2] virt/tdx: TDX-Module initialized\n"
OF_7_4 = "[    9.1] virt/tdx: Enable Dynamic PAMT\n"
OF_V5 = "tdx: SEAMRR enabled.\n"
OF_V6 = "tdx: TDX enabled by BIOS. TDX private KeyID range: [32, 64)\n"
OF_ANY = "tdx: TDX private KeyID range: [32, 64).\n"


def _evidence(text: str) -> Evidence:
    return gather(read_log(text.encode(), "t"))


@pytest.mark.parametrize(
    ("text", "kernel", "release"),
    [
        (VERSION.format("6.8.0"), "6.8+no-caller", (6, 8)),
        (VERSION.format("6.8.0-1015-intel"), "ubuntu-24.04", (6, 8)),
        (VERSION.format("6.12.0-1.el10.x86_64"), "6.8+no-caller", (6, 8)),
        (VERSION.format("6.17.9"), "6.17.4", (6, 16)),
        (VERSION.format("7.0.3"), "6.18", (6, 18)),
        # By its words alone.
        (OF_6_8, "6.8+no-caller", (6, 8)),
        (OF_7_1, "7.1", (7, 1)),
        # The newer of the two: words of a tree with what was posted later, and the other way.
        (VERSION.format("6.8.0") + OF_7_1, "7.1", (7, 1)),
        (VERSION.format("7.2.0") + OF_6_8, "7.2", (7, 2)),
        (VERSION.format("5.15.0") + OF_6_8, "6.8+no-caller", (6, 8)),
        # Newer than all that are known.
        (VERSION.format("9.3.0"), "7.2", (7, 2)),
        (VERSION.format("9.3.0") + OF_6_8, "7.2", (7, 2)),
        (OF_7_4, "7.2", (7, 2)),
        # Older than all, and the series before 6.8, which have no number.
        (VERSION.format("5.15.0"), None, None),
        (OF_V5, None, (5, 19)),
        ("tdx: Failed to initialize TDX module.  Shut it down.\n", None, (5, 19)),
        (OF_V6, None, (6, 1)),
        (OF_ANY, None, None),
    ],
)
def test_the_kernel_of_a_log_is_the_newer_of_what_its_name_and_its_words_say(
    text: str, kernel: str | None, release: tuple[int, int] | None
) -> None:
    evidence = _evidence(text)
    found = kernel_of(evidence)
    assert (found and found.id, release_of(evidence)) == (kernel, release)


@pytest.mark.parametrize(
    ("text", "kvm_asks", "nobody_asks", "too_old"),
    [
        (VERSION.format("6.8.0"), True, True, False),
        # Words alone do not tell of a distribution's change; an -intel kernel has a caller.
        (OF_6_8, True, False, False),
        (VERSION.format("6.8.0-1015-intel"), True, False, False),
        (VERSION.format("6.16.0"), True, False, False),
        (VERSION.format("7.1.2"), False, False, False),
        (OF_7_1, False, False, False),
        (VERSION.format("5.15.0"), None, False, True),
        (VERSION.format("5.15.0") + OF_6_8, True, False, False),
        (OF_V5, None, False, False),
    ],
)
def test_who_asks_for_the_initialization(
    text: str, kvm_asks: bool | None, nobody_asks: bool, too_old: bool
) -> None:
    evidence = _evidence(text)
    assert by_kvm(evidence) is kvm_asks
    assert (has_no_caller(evidence), is_too_old(evidence)) == (nobody_asks, too_old)


CHECKS: tuple[CheckId, ...] = (
    *("cpus-online", "x2apic", "usable-memory", "hibernation", "cpu-features", "module-features"),
)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (OF_V5, [True, False, False, False, False, False]),
        (OF_V6, [True, True, True, False, False, False]),
        # A distribution may have made the last two, which came with 7.1 and 6.14.
        (VERSION.format("6.8.0"), [False, False, False, True, None, None]),
        (VERSION.format("6.16.0"), [False, False, False, True, None, True]),
        (VERSION.format("7.1.2"), [False, False, False, True, True, True]),
        (OF_ANY, [None, None, None, None, None, None]),
    ],
)
def test_what_a_kernel_looks_at(text: str, made: list[bool | None]) -> None:
    evidence = _evidence(text)
    assert [looks(evidence, check) for check in CHECKS] == made


@pytest.mark.parametrize(
    ("text", "verdict", "detail"),
    [
        (OF_V6, "PASS", "past it"),
        (VERSION.format("6.8.0"), "SKIP", "no check of the kernel that printed this log"),
        (OF_ANY, "UNKNOWN", "the log does not show it"),
    ],
)
def test_a_check_that_is_never_made_is_not_passed(text: str, verdict: str, detail: str) -> None:
    found = unless_never_made(_evidence(text), "x2apic", Outcome(Verdict.PASS, "past it"))
    assert (found.verdict.value, found.detail) == (verdict, detail)


def test_a_check_that_fails_was_made() -> None:
    failed = Outcome(Verdict.FAIL, "x2APIC is off")
    for text in (OF_V6, VERSION.format("6.8.0"), OF_ANY):
        assert unless_never_made(_evidence(text), "x2apic", failed) is failed
