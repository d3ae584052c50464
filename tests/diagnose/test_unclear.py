# SPDX-License-Identifier: Apache-2.0
"""Why a log decides nothing, and what would tell: contradictions, what is missing, what is new."""

from __future__ import annotations

import pytest

from tdxctl.diagnose.unclear import contradictions, unclear
from tests.diagnose.asked import cpu_line, evidence_of

VERSION = "[    0.0] Linux version 6.16.0 (a@b)\n"
UP = "[    0.4] smp: Brought up 1 node, 4 CPUs\n"
KEYIDS = "[    0.31] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
MODULE = "virt/tdx: Module version: 1.5.24\n"
DONE = "[    9.2] virt/tdx: module initialized\n"
GUEST = "[    1.0] tdx: Guest detected\n"
# A report of a host where all is off, and of one where all is on.
ALL_OFF = "SEAM_RR bit: 0\nMK_TME_ENABLED bit: 0\nNUM_TDX_PRIV_KEYS: 0\nSGX_AND_MCHECK_STATUS: 1\n"
ALL_ON = "SEAM_RR bit: 1\nMK_TME_ENABLED bit: 1\nNUM_TDX_PRIV_KEYS: 1\nSGX_AND_MCHECK_STATUS: 0\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # A CPU that has no TDX; one that may have it, or is not known, is none.
        (KEYIDS + cpu_line("12th Gen", 6, 0x97), ["TDX on a CPU that has none (12th Gen)"]),
        (KEYIDS + cpu_line("", 6, 0x97), ["TDX on a CPU that has none (of this model)"]),
        (KEYIDS + cpu_line("AMD EPYC", 0x19, 1), ["TDX on a CPU that has none (AMD EPYC)"]),
        (
            KEYIDS + "[    9.0] kvm: Nested Virtualization enabled\n",
            ["TDX on a CPU that has none (of this model)"],
        ),
        (KEYIDS + cpu_line("x", 6, 0xCF), []),
        (KEYIDS + cpu_line("x", 6, 0xFE), []),
        (cpu_line("AMD EPYC", 0x19, 1) + GUEST, []),
        # A guest's lines and a host's.
        (KEYIDS + GUEST, ["lines of a host (line 1) and of a kernel in a TD (line 2)"]),
        (MODULE + GUEST, ["lines of a host (line 1) and of a kernel in a TD (line 2)"]),
        (
            KEYIDS + cpu_line("12th Gen", 6, 0x97) + GUEST,
            [
                "TDX on a CPU that has none (12th Gen)",
                "lines of a host (line 1) and of a kernel in a TD (line 3)",
            ],
        ),
        # Two lines of the kernel's own.
        (
            "[    0.1] x86/tme: not enabled by BIOS\n" + KEYIDS,
            ["that memory encryption is off (line 1) and that TDX has KeyIDs of it (line 2)"],
        ),
        ("[    0.1] x86/tme: enabled by BIOS\n" + KEYIDS, []),
        (
            "[    9.0] virt/tdx: module not loaded\n" + DONE,
            ["that no module is loaded (line 1) and that it is initialized (line 2)"],
        ),
        # What a report says beside an initialized module.
        (
            DONE + ALL_OFF,
            [
                "that memory encryption is off (line 3) and that the module is initialized "
                "(line 1)",
                "that SEAMRR is off (line 2) and that the module is initialized (line 1)",
                "that TDX has no KeyIDs (line 4) and that the module is initialized (line 1)",
                "that MCHECK failed (line 5) and that the module is initialized (line 1)",
            ],
        ),
        (DONE + ALL_ON, []),
        (ALL_OFF, []),
    ],
)
def test_two_lines_that_cannot_be_of_one_boot_are_named(text: str, found: list[str]) -> None:
    assert list(contradictions(evidence_of(text))) == found


@pytest.mark.parametrize(
    ("end", "kvm_tdx", "found"),
    [
        (
            "[    9.1] virt/tdx: module initialization failed (-5)\n",
            True,
            ["that the module is not initialized (line 1) and that kvm_intel's parameter tdx is Y"],
        ),
        ("[    9.1] virt/tdx: module initialization failed (-5)\n", False, []),
        ("[    9.1] virt/tdx: module initialization failed (-5)\n", None, []),
        (DONE, True, []),
        (KEYIDS, True, []),
    ],
)
def test_kvms_parameter_cannot_be_y_without_a_module(
    end: str, kvm_tdx: bool | None, found: list[str]
) -> None:
    evidence = evidence_of(end)
    evidence.kvm_tdx = kvm_tdx
    assert list(contradictions(evidence)) == found


WHOLE_LOG = "get the whole log of a boot: dmesg, or journalctl -k -b, from `Linux version` on"
PARAMETER = "look at /sys/module/kvm_intel/parameters/tdx on the host: Y says that KVM can use it"
LINES = f"read the line, and the ones before it; {PARAMETER}"


@pytest.mark.parametrize(
    ("text", "why", "to_do"),
    [
        (
            KEYIDS + GUEST,
            "it contradicts itself: lines of a host (line 1) and of a kernel in a TD (line 2)",
            "take the log of one boot of one host: journalctl -k -b",
        ),
        (
            "[    0.0] Command line: elfcorehdr=1\n" + KEYIDS,
            "it is a crash kernel's, which does without TDX",
            "get the log of the boot before it: journalctl -k -b -1, or the console's",
        ),
        # Of several lines in words that are new the last one is nearest to the end.
        (
            "[    0.2] virt/tdx: the widget is 3\n[    0.3] virt/tdx: the gadget is 4\n"
            "[    0.4] virt/tdx: the gizmo is 5\n",
            *("it says in words that are not known here: virt/tdx: the gizmo is 5", LINES),
        ),
        (
            KEYIDS + "[   10.8] WARNING: CPU: 3 PID: 1 at arch/x86/virt/vmx/tdx/tdx.c:123 "
            "tdx_cpu_enable+0x1/0x2\n",
            *("the kernel warned in tdx_cpu_enable()", LINES),
        ),
        (KEYIDS + "...\n", "it is cut, lines were left out", WHOLE_LOG),
        (KEYIDS + MODULE, "it is cut, it ends while the initialization is under way", WHOLE_LOG),
        # No line on TDX: of a report, of the end of a boot, of a whole one.
        *(
            (
                report,
                "it shows what the BIOS set up, and no line of the kernel's on TDX",
                WHOLE_LOG,
            )
            for report in (
                "SEAM_RR bit: 1\n",
                "NUM_TDX_PRIV_KEYS: 20\n",
                "SGX_AND_MCHECK_STATUS: 0\n",
                "CPU supports TDX according to /proc/cpuinfo\n",
            )
        ),
        ("usb 1-1: new device\n", "no line of it is on TDX", WHOLE_LOG),
        (VERSION + UP, "no line of it is on TDX", PARAMETER),
        # A boot of 30 s has loaded KVM; before, more may come.
        (KEYIDS + "[   29.99] usb 1-1: new device\n", "it is cut", WHOLE_LOG),
        (KEYIDS + "[   30.00] usb 1-1: new device\n", "no line of it says", PARAMETER),
        (VERSION + UP + KEYIDS, "no line of it says", PARAMETER),
        (VERSION + KEYIDS, "it is cut", WHOLE_LOG),
        (UP + KEYIDS, "it is cut", WHOLE_LOG),
    ],
)
def test_where_nothing_decides_it_is_said_why_and_what_would_tell(
    text: str, why: str, to_do: str
) -> None:
    assert unclear(evidence_of(text)) == (why, to_do)
