# SPDX-License-Identifier: Apache-2.0
"""What lines of a bring-up tell of each of its steps: which failed, and which it got past."""

from __future__ import annotations

import pytest

from tdxctl.messages.check_ids import CheckId
from tests.diagnose.asked import outcome_of, told_of

VERSION = "[    0.0] Linux version 6.16.0 (a@b)\n"
DONE = "[    9.2] virt/tdx: module initialized\n"
STEPS: tuple[CheckId, ...] = (
    *("module-loaded", "sys-init", "lp-init", "system-info", "module-features", "cmrs", "tdmrs"),
    *("reserved-areas", "pamt", "sys-config", "key-config", "tdmr-init", "initialized"),
)

LETTERS = {"PASS": "P", "FAIL": "F", "WARN": "W", "UNKNOWN": "-", "SKIP": "s"}
NOTHING = ("UNKNOWN", "the log does not show it", 0)


def _seamcall(leaf: int, status: int = 0xC000050500000000) -> str:
    return f"[    8.2] virt/tdx: SEAMCALL (0x{leaf:016x}) failed: 0x{status:016x}\n"


# Of module-loaded, sys-init, lp-init, system-info; module-features, cmrs, tdmrs, reserved-areas,
# pamt; sys-config, key-config, tdmr-init; initialized. P passes, F fails, - is not shown.
@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("usb 1-1: new device\n", "---- ----- --- -"),
        ("virt/tdx: module not loaded\n", "F--- ----- --- -"),
        ("virt/tdx: Module version: 1.5.24\n", "PPP- ----- --- -"),
        ("virt/tdx: CMR: [0x100000, 0x80000000)\n", "PPPP -P--- --- -"),
        ("virt/tdx: initialization failed: TDMRs exhausted.\n", "PPPP P-F-- --- -"),
        (
            "virt/tdx: initialization failed: TDMR [0x0, 0x80000000): reserved areas exhausted.\n",
            "PPPP P-PF- --- -",
        ),
        ("WARN_ON_ONCE(1) in tdmr_get_nid\n", "PPPP P-P-W --- -"),
        # An errno alone tells of no step, but that memory ran out.
        ("virt/tdx: module initialization failed (-5)\n", "---- ----- --- F"),
        ("virt/tdx: module initialization failed (-12)\n", "---- ----F --- F"),
        ("virt/tdx: 24636 KB allocated for PAMT\n", "PPPP PPPPP PPP P"),
        (DONE, "PPPP PPPPP PPP P"),
        # SEAMCALLs: that a step failed tells of those before it alone.
        (_seamcall(33), "PF-- ----- --- F"),
        (_seamcall(35), "PPF- ----- --- F"),
        (_seamcall(32), "PPPF ----- --- F"),
        (_seamcall(34), "PPPF ----- --- F"),
        (_seamcall(45), "PPPP P-PPP F-- F"),
        (_seamcall(31), "PPPP PPPPP PF- F"),
        (_seamcall(36), "PPPP PPPPP PPF F"),
        # A debug leaf is none of them; a TD's is taken by an initialized module alone.
        (_seamcall(254), "P--- ----- --- -"),
        (_seamcall(28, 0xC000030000000001), "PPPP PPPPP PPP P"),
        (_seamcall(28), "P--- ----- --- F"),
    ],
)
def test_a_line_tells_of_its_step_and_of_those_before_it(text: str, letters: str) -> None:
    found = [LETTERS[outcome_of(check, VERSION + text).verdict.value] for check in STEPS]
    assert "".join(found) == letters.replace(" ", "")


@pytest.mark.parametrize("leaf", [33, 35, 34, 45, 31, 36])
def test_what_failed_before_the_module_was_initialized_was_tried_again(leaf: int) -> None:
    found = [outcome_of(check, VERSION + _seamcall(leaf) + DONE).verdict.value for check in STEPS]
    assert found == ["PASS"] * 13


@pytest.mark.parametrize(
    ("check", "text", "verdict", "detail", "line"),
    [
        (
            *("module-loaded", "virt/tdx: Module version: 1.5.24\n"),
            *("PASS", "it is module 1.5.24", 1),
        ),
        (
            "module-loaded",
            "virt/tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, "
            "minor_version 5, build_date 20240129, build_num 698\n",
            *("PASS", "it is module 1.5.05 (build 20240129, number 698)", 1),
        ),
        # A version in words that are none.
        (
            *("module-loaded", "virt/tdx: TDX module version: x\n"),
            *("PASS", "a module answered", 1),
        ),
        (
            *("module-loaded", "virt/tdx: module not loaded\n"),
            *("FAIL", "no module answered TDH.SYS.INIT", 1),
        ),
        ("module-loaded", "virt/tdx: module not loaded\n" + DONE, "PASS", "a module answered", 2),
        (
            *("module-loaded", "tdx: Failed to load TDX module.\n"),
            *("FAIL", "The kernel could not load the TDX module itself", 1),
        ),
        (
            *("module-loaded", "seam: failed to load np-seamldr\n", "FAIL"),
            "The SEAM loader, which loads the TDX module, was not found or did not start",
            1,
        ),
        # Kernels that say it in words.
        (
            *("sys-init", "tdx: TDX module is outdated. Use v1.0.3 or newer.\n", "FAIL"),
            "The module refused the platform (TDX_INCORRECT_CPUID_VALUE), as older ones do",
            1,
        ),
        (
            *("lp-init", "tdx: MKTME KeyID partioning inconsistent on CPU 3\n", "FAIL"),
            "MSR 0x87 differs between CPUs: the BIOS did not set all of them up",
            1,
        ),
        (
            *("module-features", "virt/tdx: NO_RBP_MOD feature is not supported\n"),
            *("FAIL", "the module lacks NO_RBP_MOD", 1),
        ),
        (
            *("cmrs", "tdx: Firmware bug: No valid CMR.\n"),
            *("FAIL", "the firmware's list of CMRs is wrong", 1),
        ),
        (
            *("cmrs", "tdx: Firmware bug: No valid CMR.\n" + DONE),
            *("PASS", "the module accepted the memory", 2),
        ),
        (
            *("cmrs", "tdx: [0x100000000, 0x200000000) is not fully convertible memory\n"),
            *("FAIL", "memory of the kernel's lies outside the CMRs", 1),
        ),
        (
            "cmrs",
            "virt/tdx: CMR: [0x100000, 0x80000000)\nvirt/tdx: CMR: [0x100000000, 0x200000000)\n",
            *("PASS", "2 CMRs are printed", 1),
        ),
        (
            *("cmrs", "virt/tdx: CMR: [0x100000, 0x80000000)\n"),
            *("PASS", "1 CMR is printed", 1),
        ),
        (
            *("tdmrs", "virt/tdx: initialization failed: TDMRs exhausted.\n"),
            *("FAIL", "memory needs more TDMRs than the module has", 1),
        ),
        # The PAMT: pages of 4 KiB, or KiB; and what it failed on.
        (
            *("pamt", "tdx: 65667 pages allocated for PAMT.\n"),
            *("PASS", "262668 KiB (0.25 GiB)", 1),
        ),
        (
            *("pamt", "virt/tdx: Enable Dynamic PAMT\nvirt/tdx: 1048576 KB allocated for PAMT\n"),
            *("PASS", "1048576 KiB (1.00 GiB), the static part of Dynamic PAMT", 2),
        ),
        (
            *("pamt", "virt/tdx: module initialization failed (-12)\n"),
            *("FAIL", "an allocation failed (-ENOMEM)", 1),
        ),
        ("pamt", "virt/tdx: module initialization failed (-12)\n" + DONE, "PASS", "done", 2),
        ("pamt", "virt/tdx: module initialization failed (-5)\n", *NOTHING),
        (
            *("pamt", "WARN_ON_ONCE(1) in tdmr_get_nid\n"),
            *("WARN", "a PAMT lies on another node than its memory", 1),
        ),
    ],
)
def test_a_step_is_told_in_the_kernels_words(
    check: CheckId, text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of(check, text) == (verdict, detail, line)


FAILED = "[    9.1] virt/tdx: module initialization failed ({})\n"
INSTALL = "[   99.0] seamldr: SEAMCALL (0x8000000000000001) failed: 0x8000000000020000\n"
NOT_INSTALLED = "a runtime update failed, until reboot: SEAMLDR.INSTALL returned SEAMLDR_EBADSIG"


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        (FAILED.format(-28), "FAIL", "the initialization failed with -ENOSPC", 1),
        # A number that is no errno here.
        (FAILED.format(-999), "FAIL", "the initialization failed", 1),
        (
            "tdx: Failed to initialize TDX module.  Shut it down.\n",
            *("FAIL", "the initialization failed", 1),
        ),
        (FAILED.format(-28) + DONE, "PASS", "initialized", 2),
        (DONE + FAILED.format(-5), "FAIL", "the initialization failed with -EIO", 2),
        # An update that fails leaves none, until the next one is initialized.
        (INSTALL, "FAIL", NOT_INSTALLED, 1),
        (DONE + INSTALL, "FAIL", NOT_INSTALLED, 2),
        (INSTALL + DONE, "PASS", "initialized", 2),
        # Words that are known nowhere.
        (
            "virt/tdx: initialization failed: the moon is full\n",
            *("FAIL", "the kernel says: the moon is full", 1),
        ),
        ("virt/tdx: initialization failed: the moon is full\n" + DONE, "PASS", "initialized", 2),
        (
            "tdx: Failed to enable TDX: no luck\n",
            *("FAIL", "the kernel says: tdx: Failed to enable TDX: no luck", 1),
        ),
        ("tdx: Failed to enable TDX: no luck\n" + DONE, "PASS", "initialized", 2),
        (
            "kvm_intel: TDX is supported.\n",
            *("PASS", "this line comes when the initialization is done, or later", 1),
        ),
        # Which SEAMCALL failed is its own check's.
        (
            _seamcall(254) + _seamcall(35) + _seamcall(45),
            *("FAIL", "a SEAMCALL of the bring-up failed", 2),
        ),
    ],
)
def test_the_last_word_on_the_initialization_counts(
    text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of("initialized", text) == (verdict, detail, line)


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        (
            FAILED.format(-28),
            [
                "firmware tables cut low memory into more pieces than a TDMR has reserved areas",
                "memory is in too many pieces",
            ],
        ),
        (
            FAILED.format(-5),
            [
                "the TDX module is too old for this kernel, or the reverse",
                "BIOS or microcode are too old for the TDX module",
                "a SEAMCALL failed: a line before it",
            ],
        ),
        (
            "tdx: Failed to enable TDX: no luck\n",
            ["what the kernel's own words say, which are not"],
        ),
        (INSTALL, ["The image's signature structure is refused"]),
    ],
)
def test_what_a_failure_can_come_from_is_its_errnos(text: str, causes: list[str]) -> None:
    found = [cause.cause for cause in outcome_of("initialized", text).causes]
    assert len(found) == len(causes)
    assert all(cause.startswith(words) for cause, words in zip(found, causes, strict=True))
