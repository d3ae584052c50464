# SPDX-License-Identifier: Apache-2.0
"""What all checks of a log come to: its state, one sentence, what would tell, and notes."""

from __future__ import annotations

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.diagnose.outcome import Diagnosis

BIOS = (
    "[    0.31] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    "[    0.32] virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.\n"
)
DONE = "[    9.2] virt/tdx: module initialized\n"
NOT_LOADED = "[    9.0] virt/tdx: module not loaded\n"
KVM_WITHOUT = "[   38.9] kvm_intel: TDX is not supported.\n"
TME_OFF = "[    0.1] x86/tme: not enabled by BIOS\n"
CRASH_KERNEL = "[    0.0] Command line: ro elfcorehdr=1\n"


def _diagnose(text: str) -> Diagnosis:
    return diagnose(read_log(text.encode(), "t", of_a_kernel=False))


@pytest.mark.parametrize(
    ("text", "state", "check", "summary"),
    [
        (DONE, "initialized", "initialized", "the TDX module is initialized"),
        (
            NOT_LOADED,
            *("failed", "module-loaded"),
            "the initialization of the TDX module failed: no module answered TDH.SYS.INIT",
        ),
        (
            BIOS,
            *("not started", "init-attempt"),
            "TDX is enabled by the BIOS, and no initialization was tried: the BIOS enabled TDX, "
            "and then the kernel says nothing at all",
        ),
        (
            "kvm: disabled by bios\n",
            *("not started", "vmx"),
            "no initialization of TDX was tried: VMX is off in the BIOS",
        ),
        (
            TME_OFF,
            *("not enabled", "tme", "TDX is not enabled on this host: not enabled by the BIOS"),
        ),
        (
            "tdx: Guest detected\n",
            *("not supported", "host"),
            "this host with this kernel has no TDX: it is the log of a kernel inside a TD",
        ),
        (
            DONE + KVM_WITHOUT,
            *("failed", "kvm"),
            "the TDX module is initialized, and KVM cannot use it: KVM goes on without TDX",
        ),
        (
            KVM_WITHOUT,
            *("failed", "kvm"),
            "KVM goes on without TDX; what became of the TDX module is not shown",
        ),
        (
            "usb 1-1: new device\n",
            *("unknown", None),
            "the log does not show what became of TDX: no line of it is on TDX",
        ),
        # A crash kernel does without TDX, unless its lines show what became of it.
        (CRASH_KERNEL + NOT_LOADED, "failed", "module-loaded", None),
        (CRASH_KERNEL + DONE, "initialized", "initialized", None),
        (
            CRASH_KERNEL + TME_OFF,
            *("unknown", None),
            "the log does not show what became of TDX: it is a crash kernel's, which does without "
            "TDX",
        ),
        # What contradicts itself decides nothing.
        (
            BIOS + DONE + "tdx: Guest detected\n",
            *("unknown", None),
            "the log does not show what became of TDX: it contradicts itself: lines of a host "
            "(line 1) and of a kernel in a TD (line 4)",
        ),
    ],
)
def test_a_log_comes_to_a_state_and_a_sentence(
    text: str, state: str, check: str | None, summary: str | None
) -> None:
    found = _diagnose(text)
    assert (found.state, found.deciding and found.deciding.check.id) == (state, check)
    assert found.healthy == (state == "initialized")
    # What would tell is asked for where nothing decides, and only there.
    assert (found.to_do is None) == (check is not None)
    assert summary is None or found.summary == summary


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (DONE, ()),
        # Two ends that are quoted: the first is named.
        (
            "[    9.1] virt/tdx: module initialization failed (-5)\n"
            "virt/tdx: module initialized\nvirt/tdx: module not loaded\n",
            (
                "line 2 has no time and no host, as others have, and tells of another end: it is "
                "taken for no line of this log (virt/tdx: module initialized)",
            ),
        ),
        # A line that mail wrapped, on which it rests; not one that decides nothing.
        (
            BIOS + "[    9.1] virt/tdx: module initialization\nfailed (-5)\n",
            (
                "line 3, on which this rests, was wrapped: it is put together from 2 lines of the "
                "file",
            ),
        ),
        ("[    0.31] virt/tdx: BIOS enabled: private KeyID\nrange [32, 64)\n" + DONE, ()),
        (
            CRASH_KERNEL + DONE,
            (
                "the log is of a crash kernel (kdump: elfcorehdr= is on its command line): the "
                "memory and the CPUs are those it was left, not the machine's",
            ),
        ),
    ],
)
def test_what_is_doubtful_is_noted(text: str, notes: tuple[str, ...]) -> None:
    assert _diagnose(text).notes == notes


def test_the_way_out_is_in_the_words_of_the_hosts_own_bios() -> None:
    """Expect Dell's names of the options, where the log says that it is one of Dell's."""
    dell = "[    0.1] DMI: Dell Inc. PowerEdge R760/0, BIOS 2.1.5 03/14/2024\n"
    ways = []
    for log in (TME_OFF, dell + TME_OFF):
        found = _diagnose(log)
        assert found.deciding is not None
        ways.append(found.deciding.outcome.causes[0].to_do)
    assert ways[0].startswith("in the BIOS set node interleaving off, x2APIC on")
    assert ways[1].startswith(
        "in the BIOS of this Dell set, saving and rebooting after each step: (1) Memory Settings: "
        "Node Interleaving = Disabled"
    )
