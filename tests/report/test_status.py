# SPDX-License-Identifier: Apache-2.0
"""A stored status as text and on a terminal, and what a summary is stored as."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tdxctl.events import KvmState, MachineSummary, ModuleEvidence, OpResult, PamtSummary
from tdxctl.report import terminal
from tdxctl.report.json_status import to_dict
from tdxctl.report.prose import plain
from tdxctl.report.text_status import machine_lines, status_lines
from tdxctl.screens import Screen
from tdxctl.verdicts import ReadyToRunTds
from tests.report.summaries import SUMMARY

#: As `tdxctl.status/1` has it, of a machine whose module is initialized.
READY: dict[str, Any] = {
    "machine": "m0",
    "kernel": "v5",
    "status": "INITIALIZED",
    "calls": 1,
    "returned": 0,
    "errno": None,
    "cpus": {"present": 8, "online": 7, "disabled": 2},
    "module": {
        "loaded": True,
        "version": "1.5.06",
        "release": "1.5.06",
        "evidence": "measured",
        "signed_for_cpu": True,
    },
    "keyids": {"global": 32, "guest": 31},
    "tdmrs": {"used": 3, "max": 64},
    "pamt": {"bytes": 3 << 20, "by_node": {"0": 1 << 20, "1": 2 << 20}},
    "host": {"text": "ready to run 31 TDs"},
    "failure": None,
}
#: Not called yet: nothing is loaded, enabled or allocated.
FRESH = READY | {
    "kernel": "own",
    "status": "UNKNOWN",
    "calls": 0,
    "returned": None,
    "module": {**READY["module"], "loaded": False},
    "keyids": {"global": None, "guest": 0},
    "pamt": {"bytes": 0, "by_node": {}},
    "host": None,
}
FAILED = READY | {
    "status": "UNINITIALIZED",
    "calls": 2,
    "returned": -5,
    "errno": "EIO",
    "module": {**READY["module"], "signed_for_cpu": False},
    "pamt": {"bytes": 0, "by_node": {}},
    "host": None,
    "failure": {
        "step": "global-init",
        "cause": "seamcall",
        "status": "0x8000020000000000",
        "errno": "EIO",
        "reason": "the module refused",
        "hint": "reboot",
        "explain": "it is busy",
    },
}

READY_TEXT = """\
m0: INITIALIZED: the TDX module is initialized and ready to run TDs
  kernel:      on-demand series v5 as reviewed, June 2022
  CPUs:        7 of 8 online, 2 not enabled
  module:      loaded, version 1.5.06
  KeyIDs:      global 32, 31 for guests
  tdx_init():  0 to the last of 1 call
  TDMRs:       3 of 64
  PAMT:        3 MiB (3072 KiB): node 0 1 MiB, node 1 2 MiB
  host:        ready to run 31 TDs"""
FRESH_TEXT = """\
m0: UNKNOWN: not initialized, and nothing is decided: tdx_init() may be called again
  kernel:      own
  CPUs:        7 of 8 online, 2 not enabled
  module:      not loaded, version 1.5.06
  KeyIDs:      none: TDX is not enabled
  tdx_init():  not called since boot"""
FAILED_TEXT = """\
m0: UNINITIALIZED: not initialized, and what TDH.SYS.INIT answered is kept; final until reboot
  kernel:      on-demand series v5 as reviewed, June 2022
  CPUs:        7 of 8 online, 2 not enabled
  module:      loaded, version 1.5.06
               TDX module 1.5.06 is not signed for this CPU: P-SEAMLDR refuses to load it \
(SEAMLDR_EUNSUPCPU)
  KeyIDs:      global 32, 31 for guests
  tdx_init():  -5 (EIO) to the last of 2 calls
  why:         the module refused
  means:       it is busy
  to do:       reboot
  more:        tdxctl explain 0x8000020000000000"""


@pytest.mark.parametrize(
    ("status", "text"), [(READY, READY_TEXT), (FRESH, FRESH_TEXT), (FAILED, FAILED_TEXT)]
)
def test_as_text_what_there_is_nothing_of_has_no_line(status: dict[str, Any], text: str) -> None:
    """No TDMRs without PAMTs, no host without a verdict on it; why it failed where it did."""
    assert plain(status_lines(status)) == text


def test_a_failure_without_a_status_of_a_seamcall_is_explained_by_its_errno() -> None:
    failure = {**FAILED["failure"], "status": None, "errno": "ENODEV"}
    assert status_lines(FAILED | {"failure": failure})[-1].plain == (
        "  more:        tdxctl explain ENODEV"
    )


def test_machines_stand_below_each_other() -> None:
    """Expect a kernel that is not known to stand by its name."""
    assert machine_lines([READY, FRESH | {"machine": "other"}]) == [
        "m0     INITIALIZED  on-demand series v5 as reviewed, June 2022  1 call",
        "other  UNKNOWN      own                                         0 calls",
    ]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (
            READY,
            "\x1b[1;32mINITIALIZED: the TDX module is initialized and ready to run TDs\x1b[0m",
        ),
        (
            FRESH,
            "\x1b[33mUNKNOWN: not initialized, and nothing is decided: tdx_init() may be called "
            "again\x1b[0m",
        ),
        (
            FAILED,
            "\x1b[1;31mUNINITIALIZED: not initialized, and what TDH.SYS.INIT answered is kept; "
            "final until reboot\x1b[0m",
        ),
    ],
)
def test_on_a_terminal_the_verdict_is_green_yellow_or_red(
    status: dict[str, Any], shown: str
) -> None:
    """Ready, not decided yet, or failed."""
    first, second, *_ = terminal.to_prose(status_lines(status), Screen(120)).split("\n")
    assert first == f"\x1b[1mm0: \x1b[0m{shown}"
    assert second.startswith("\x1b[2m  kernel:      \x1b[0mo")


def test_on_a_terminal_labels_stand_in_a_column() -> None:
    screen = Screen(60, escapes=False)
    assert terminal.to_prose(status_lines(FRESH), screen).split("\n") == [
        "m0: UNKNOWN: not initialized, and nothing is decided:",
        "    tdx_init() may be called again",
        "  kernel:      own",
        "  CPUs:        7 of 8 online, 2 not enabled",
        "  module:      not loaded, version 1.5.06",
        "  KeyIDs:      none: TDX is not enabled",
        "  tdx_init():  not called since boot",
    ]


def _summary(last: OpResult | None, kvm: KvmState | None) -> MachineSummary:
    module = ModuleEvidence("1.5.06", "1.5.06", "measured", signed_for_cpu=None)
    pamt = PamtSummary(4096, ((1, 4096),))
    counts = {"calls": 3, "cpus_present": 8, "cpus_online": 7, "cpus_disabled": 2}
    return replace(SUMMARY, last=last, kvm=kvm, module=module, tdmrs=(), pamt=pamt, **counts)


@pytest.mark.parametrize(
    ("last", "returned", "errno"),
    [(None, None, None), (OpResult("init", -22, "UNKNOWN", ()), -22, "EINVAL")],
)
def test_what_is_stored_of_a_machine(
    last: OpResult | None, returned: int | None, errno: str | None
) -> None:
    """Expect null for what was returned where nothing was called."""
    assert to_dict(_summary(last, None), "1.0") == {
        "schema": "tdxctl.status/1",
        "tdxctl": "1.0",
        "machine": "m0",
        "kernel": "v5",
        "status": "INITIALIZED",
        "calls": 3,
        "returned": returned,
        "errno": errno,
        "cpus": {"present": 8, "online": 7, "disabled": 2},
        "module": {
            "loaded": True,
            "version": "1.5.06",
            "release": "1.5.06",
            "evidence": "measured",
            "signed_for_cpu": None,
        },
        "keyids": {"global": 32, "guest": 31},
        "tdmrs": {"used": 0, "max": 64},
        "pamt": {"bytes": 4096, "by_node": {"1": 4096}},
        "host": None,
        "failure": None,
    }


def test_what_is_stored_of_a_host_is_what_kvm_left_it_with() -> None:
    kvm = KvmState(loaded=True, tdx=True, capacity=31, verdict=ReadyToRunTds(31))
    assert to_dict(_summary(None, kvm), "1.0")["host"] == {
        "verdict": "ready",
        "tds": 31,
        "errno": None,
        "text": "ready to run 31 TDs",
        "hint": None,
    }
    before = KvmState(loaded=False, tdx=None, capacity=None, verdict=None)
    assert to_dict(_summary(None, before), "1.0")["host"] is None
