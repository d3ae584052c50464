# SPDX-License-Identifier: Apache-2.0
"""What each check alone finds in the few lines that tell of it."""

from __future__ import annotations

import pytest

from tdxctl.diagnose.releases import is_too_old
from tdxctl.messages.check_ids import CheckId
from tests.diagnose.asked import evidence_of, outcome_of

# TDX_SYS_BUSY of the first step, and of one behind it.
SYS_INIT_BUSY = "[ 8.1] virt/tdx: SEAMCALL (0x0000000000000021) failed: 0x8000020200000000\n"
LP_INIT_BUSY = "[ 8.2] virt/tdx: SEAMCALL (0x0000000000000023) failed: 0x8000020200000000\n"
DEBUG_FAILED = "[ 8.0] virt/tdx: SEAMCALL (0x00000000000000fe) failed: 0xc000010000000000\n"
DONE = "[ 9.2] virt/tdx: module initialized\n"
BOOT = "[ 0.000000] Linux version {} (a@b)\n"
UP = "[ 0.400000] smp: Brought up 2 nodes, 4 CPUs\n"


@pytest.mark.parametrize(
    ("check", "text", "verdict", "detail", "line"),
    [
        ("sys-init", SYS_INIT_BUSY, "FAIL", "TDH.SYS.INIT returned TDX_SYS_BUSY", 1),
        ("sys-init", LP_INIT_BUSY, "PASS", "a later step was reached", 1),
        ("lp-init", LP_INIT_BUSY, "FAIL", "TDH.SYS.LP.INIT returned TDX_SYS_BUSY", 1),
        # That an earlier step failed does not tell of a later one.
        ("lp-init", SYS_INIT_BUSY, "UNKNOWN", "the log does not show it", None),
        ("system-info", LP_INIT_BUSY, "UNKNOWN", "the log does not show it", None),
        (
            "initialized",
            DEBUG_FAILED + LP_INIT_BUSY,
            *("FAIL", "a SEAMCALL of the bring-up failed", 2),
        ),
        ("initialized", DEBUG_FAILED, "UNKNOWN", "the log does not show it", None),
        ("initialized", LP_INIT_BUSY + DONE, "PASS", "initialized", 2),
        (
            "tdmrs",
            "[ 9.0] virt/tdx: consumed TDMRs reaching limit: 60 used out of 64\n",
            *("WARN", "60 of 64 TDMRs are used", 1),
        ),
        (
            "pamt",
            "[ 9.1] virt/tdx: 2101260 KB allocated for PAMT\n",
            *("PASS", "2101260 KiB (2.00 GiB)", 1),
        ),
        # What failed before the module was initialized was tried again.
        ("td-runtime", SYS_INIT_BUSY + DONE, "PASS", "no error at run time is shown", None),
        ("td-runtime", DONE + LP_INIT_BUSY, "WARN", "TDH.SYS.LP.INIT returned TDX_SYS_BUSY", 2),
        # A log that ends before a kernel finds TDX, and one that begins after it did.
        ("kernel-support", BOOT.format("5.15.0"), "UNKNOWN", "the log does not show it", None),
        ("kernel-support", UP, "UNKNOWN", "the log does not show it", None),
        (
            "kernel-support",
            BOOT.format("5.15.0") + UP,
            "FAIL",
            "a whole boot without a line on TDX: Linux 5.15.0 has no TDX host code: mainline has "
            "it from 6.8 on",
            1,
        ),
        (
            "kernel-support",
            BOOT.format("6.8.0") + UP,
            "FAIL",
            "a whole boot without a line on TDX: the kernel has no host support, or the firmware "
            "has no TDX",
            1,
        ),
    ],
)
def test_a_check_rests_on_the_line_that_tells(
    check: CheckId, text: str, verdict: str, detail: str, line: int | None
) -> None:
    found = outcome_of(check, text)
    assert (found.verdict, found.detail) == (verdict, detail)
    assert (found.line and found.line.number) == line


@pytest.mark.parametrize(
    ("number", "too_old"), [("5.15.0", True), ("6.8.0", False), ("9.3.0", False)]
)
def test_a_kernel_is_too_old_that_is_older_than_all_with_the_code(
    number: str, too_old: bool
) -> None:
    assert is_too_old(evidence_of(BOOT.format(number))) is too_old


def test_of_a_log_without_its_first_line_nobody_knows_how_old_the_kernel_is() -> None:
    assert not is_too_old(evidence_of(UP))


def test_kvm_that_cannot_be_inserted_before_any_bring_up_lacks_sgx_or_virtualization() -> None:
    found = outcome_of(
        "init-attempt", "modprobe: ERROR: could not insert 'kvm_intel': Input/output error\n"
    )
    assert found.detail == "kvm_intel does not load: Input/output error"
    assert [cause.cause for cause in found.causes] == [
        "SGX is off: without it the CPU does not verify the SEAM loader",
        "virtualization (VT-x) is off in the BIOS",
    ]
