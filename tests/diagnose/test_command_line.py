# SPDX-License-Identifier: Apache-2.0
"""Whether the kernel's command line asks KVM for TDX, and what it says instead."""

from __future__ import annotations

import pytest

from tdxctl.diagnose.outcome import Outcome
from tdxctl.diagnose.parameters import command_line
from tests.diagnose.asked import evidence_of

KEYIDS = "[    0.31] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
DONE = "[    9.2] virt/tdx: module initialized\n"
MISSING = "kvm_intel.tdx=1 is missing from the command line, or misspelt"


def _outcome(text: str) -> Outcome:
    return command_line(evidence_of(text))


def _told(text: str) -> tuple[str, str, str]:
    # Its verdict, its words, and what is shown of the line.
    found = _outcome(text)
    return found.verdict.value, found.detail, found.line.text if found.line else ""


@pytest.mark.parametrize(
    "word",
    [
        *("kvm_intel.tdx=1", "kvm-intel.tdx=Y", "kvm_intel.tdx=y", "kvm_intel.tdx", "tdx_host=on"),
        *('"kvm_intel.tdx=1"', 'kvm_intel.tdx="1"', "kvm_intel.tdx=On", "kvm_intel.tdx=oN"),
        *("kvm_intel.tdx=t", "kvm_intel.tdx=T", "kvm_intel.tdx=e", "kvm_intel.tdx=E"),
    ],
)
def test_what_the_kernel_takes_for_true_asks(word: str) -> None:
    assert _told(f"[    0.0] Command line: ro {word} quiet\n{KEYIDS}") == (
        *("PASS", "KVM is asked for TDX", f"Command line: ... {word} ..."),
    )


@pytest.mark.parametrize(
    "word",
    [
        *("kvm_intel.tdx=0", "kvm_intel.tdx=n", "kvm_intel.tdx=of", "kvm_intel.tdx=O"),
        *("kvm_intel.tdx=", "tdx_host=off"),
    ],
)
def test_what_the_kernel_takes_for_false_does_not(word: str) -> None:
    assert _told(f"[    0.0] Command line: ro {word} quiet\n{KEYIDS}") == (
        *("FAIL", f"{word} does not ask for TDX", f"Command line: ... {word} ..."),
    )


@pytest.mark.parametrize(
    "name",
    [
        *("kvm_inte.tdx", "kvm_intel.tdxx", "kvm_intel.td", "kvm.tdx", "kvm_intel/tdx"),
        *("kvm_intel:tdx", "kvm_intel,tdx", "kvm_intel_tdx", "kvm_amd.tdx", "tdx", "KVM_INTEL.TDX"),
    ],
)
def test_a_name_that_is_nearly_right_is_misspelt(name: str) -> None:
    assert _told(f"[    0.0] Command line: ro {name}=1 quiet\n{KEYIDS}") == (
        "FAIL",
        f"{name} is misspelt: it is kvm_intel.tdx=1",
        f"Command line: ... {name}=1 ...",
    )


@pytest.mark.parametrize(
    "word",
    ["ro", "kvm_intel.nested=1", "other.tdx=1", "tdxx=1", 'note="kvm_intel.tdx=0 here"', "kvm="],
)
def test_another_parameter_is_not_misspelt(word: str) -> None:
    """Expect no word of the command line to be shown, where none is in question."""
    assert _told(f"[    0.0] Command line: {word}\n{KEYIDS}") == (
        *("FAIL", "kvm_intel.tdx=1 is missing", "Command line: ..."),
    )


def test_a_long_word_is_shown_to_its_128th_character() -> None:
    word = "kvm_intel.tdx=" + "0" * 114
    assert _told(f"[    0.0] Command line: {word}\n{KEYIDS}")[1] == f"{word} does not ask for TDX"
    assert _told(f"[    0.0] Command line: {word}0000\n{KEYIDS}") == (
        *("FAIL", f"{word} does not ask for TDX", f"Command line: ... {word} ..."),
    )


OFF = "Command line: ... kvm_intel.tdx=0 ..."
ON = "Command line: ... kvm_intel.tdx=1 ..."


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "shown"),
    [
        (KEYIDS, "UNKNOWN", "the log does not show the command line", ""),
        # Of a parameter that stands twice the last one counts.
        (
            f"[    0.0] Command line: kvm_intel.tdx=1 kvm_intel.tdx=0\n{KEYIDS}",
            *("FAIL", "kvm_intel.tdx=0 does not ask for TDX", OFF),
        ),
        (
            f"[    0.0] Command line: kvm_intel.tdx=0 kvm_intel.tdx=1\n{KEYIDS}",
            *("PASS", "KVM is asked for TDX", ON),
        ),
        # Of two printings the one that asks, or else the one that says anything.
        (
            "[    0.0] Command line: kvm_intel.tdx=0\n"
            f"[    0.1] Kernel command line: kvm_intel.tdx=1\n{KEYIDS}",
            *("PASS", "KVM is asked for TDX", ON),
        ),
        (
            "[    0.0] Command line: ro ...\n"
            f"[    0.1] Kernel command line: kvm_intel.tdx=0\n{KEYIDS}",
            *("FAIL", "kvm_intel.tdx=0 does not ask for TDX", OFF),
        ),
        # Only a part of it, with three dots or one character.
        *(
            (
                f"[    0.0] Command line: ro {dots}\n{KEYIDS}",
                *("UNKNOWN", "the log shows a part of the command line only", ""),
            )
            for dots in ("...", "\u2026")
        ),
        # Where the BIOS's line is not there it stands in nobody's way yet.
        (
            "[    0.0] Command line: ro\n",
            *("UNKNOWN", "the log shows no TDX that KVM could be asked for", ""),
        ),
        (
            "[    0.0] Command line: kvm_intel.tdx=0\n",
            *("WARN", "kvm_intel.tdx=0 does not ask for TDX", OFF),
        ),
        # From 7.1 on nobody has to ask.
        (
            f"[    0.0] Linux version 7.1.0 (a@b)\n[    0.0] Command line: ro\n{KEYIDS}",
            *("PASS", "this kernel initializes TDX at boot", "Command line: ..."),
        ),
        *(
            (
                "[    0.0] Linux version 7.1.0 (a@b)\n"
                f"[    0.0] Command line: kvm_inte.tdx=1\n{KEYIDS}{came_of_it}",
                *("PASS", "this kernel initializes TDX at boot", "Command line: ..."),
            )
            for came_of_it in (DONE, "virt/tdx: SEAMCALL (35) failed: 0xc000050600000000\n")
        ),
        # Somebody asked all the same.
        (
            f"[    0.0] Command line: ro\n{DONE}",
            *("PASS", "TDX was asked for", "Command line: ..."),
        ),
        (
            f"[    0.0] Command line: kvm_inte.tdx=1\n{DONE}",
            "WARN",
            "kvm_inte.tdx is misspelt: it is kvm_intel.tdx=1; TDX was asked for all the same",
            "Command line: ... kvm_inte.tdx=1 ...",
        ),
        (
            "[    0.0] Command line: kvm_inte.tdx=1\n"
            f"[    0.1] Kernel command line: kvm_intel.tdx=1\n{DONE}",
            *("PASS", "TDX was asked for", "Command line: ..."),
        ),
    ],
)
def test_the_command_line_is_judged_with_what_came_of_it(
    text: str, verdict: str, detail: str, shown: str
) -> None:
    assert _told(text) == (verdict, detail, shown)


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        (
            f"[    0.0] Command line: ro\n{KEYIDS}",
            [MISSING, "SGX is off", "KVM gave up early"],
        ),
        # Mainline's KVM of 6.8 knows no TDX, whatever it is told.
        (
            f"[    0.0] Linux version 6.8.0 (a@b)\n[    0.0] Command line: ro\n{KEYIDS}",
            [
                "nobody brings TDX up on this kernel",
                *(MISSING, "SGX is off", "KVM gave up early"),
            ],
        ),
    ],
)
def test_where_it_is_mended_what_keeps_kvm_silent_may_be_there_still(
    text: str, causes: list[str]
) -> None:
    assert [cause.cause.split(":")[0] for cause in _outcome(text).causes] == causes
