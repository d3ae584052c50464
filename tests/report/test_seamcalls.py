# SPDX-License-Identifier: Apache-2.0
"""What a SEAMCALL script did, as text and as a document: of entries answered by hand."""

from __future__ import annotations

import json

import pytest

from tdxctl.events import DirectSeamcall, MemoryData
from tdxctl.platform.calls import CallEntry, FaultEntry, ReadEntry, TableEntry, WriteEntry
from tdxctl.platform.faults import SeamcallFault
from tdxctl.report.evidence import Module
from tdxctl.report.seamcalls import to_json, to_text
from tdxctl.script import Done
from tdxctl.seam.status import Wanted

MODULE = Module(True, "1.5.06", "1.5.06", "measured", None)
INVALID, VMFAIL = 0xC000010000000001, 0x8000FF00FFFF0000


def _called(
    rax: int,
    status: int,
    *,
    line: int = 1,
    inputs: tuple[int, ...] = (0,) * 6,
    outputs: tuple[int, ...] | None = None,
    state: str | None = "SYSINIT_DONE",
    n: int = 1,
    expect: Wanted | None = None,
) -> Done:
    after = (status, *(inputs if outputs is None else outputs))
    event = DirectSeamcall(2, (rax, *inputs), after, state, n)
    return Done(CallEntry(line, 2, rax, expect=expect), event)


TABLE = TableEntry(5, "a", None, 0, 0, (0, 0), (0, 0), (0, 0), ())
SCRIPT = [
    _called(33, 0),
    _called(0x10021, INVALID, line=2, inputs=(1, 0, 0, 0, 0, 7), outputs=(9, 0, 3, 0, 0, 7)),
    _called(36, 0, line=3, inputs=(4096, 0, 0, 0, 0, 0), n=2),
    _called(45, 0, line=4, expect=Wanted(0xC000010000000000, exact=False)),
    Done(TABLE, MemoryData(0x20000, bytes(512), written=True)),
    Done(WriteEntry(6, 0x1000, b"\x01"), MemoryData(0x1000, b"\x01", written=True)),
    Done(ReadEntry(7, 0x1000, 20), MemoryData(0x1000, bytes(range(20)), written=False)),
    Done(FaultEntry(8, SeamcallFault(33, 0x8000020200000000)), None),
    Done(FaultEntry(9, None), None),
    _called(1 << 63, VMFAIL, line=10, state=None, expect=Wanted(VMFAIL, exact=True)),
]
TEXT = """\
   1  CPU 2 TDH.SYS.INIT -> 0
   2  CPU 2 TDH.SYS.INIT version 1 rcx 0x1 r11 0x7 -> 0xc000010000000001 TDX_OPERAND_INVALID, RCX\
  <- an error
      rcx 0x9
      r8 0x3
   3  CPU 2 TDH.SYS.TDMR.INIT rcx 0x1000 x 2 -> 0
   4  CPU 2 TDH.SYS.CONFIG -> 0  <- not TDX_OPERAND_INVALID
   5  TDMR_INFO a at 0x20000
   6  1 byte written at 0x1000
   7  memory at 0x1000
      +0x0000  00010203 04050607 08090a0b 0c0d0e0f
      +0x0010  10111213
   8  fault leaf=33 status=0x8000020200000000 call=1 times=1
   9  faults cleared
  10  CPU 2 SEAMLDR.INFO -> 0x8000ff00ffff0000 VMFAILINVALID

m0: 5 calls, module does not answer
not as wanted: lines 2, 4
more: tdxctl explain 0xc000010000000001 0x0"""


def test_as_text_each_entry_has_a_line_and_what_a_call_changed_below_it() -> None:
    """Expect registers that are 0 left out, memory in lines of 16 bytes, and the verdict last."""
    assert to_text("m0", MODULE, SCRIPT) == TEXT


@pytest.mark.parametrize(
    ("rax", "status", "line"),
    [
        (0xFF0021, 0, "TDH.SYS.INIT version 255 -> 0"),
        (0x1000021, 0, "0x1000021 -> 0"),
        (0x3456, 0, "0x3456 -> 0"),
        (33, 0x1234, "TDH.SYS.INIT -> 0x1234 TDX_SUCCESS, 0x1234"),
        (33, 5 << 60, "TDH.SYS.INIT -> 0x5000000000000000"),
        (1 << 63 | 1 << 16, 0, "0x8000000000010000 -> 0"),
    ],
)
def test_as_text_what_has_no_name_is_shown_in_hex(rax: int, status: int, line: str) -> None:
    """The version of a leaf is in bits 23:16 of RAX; with others beside it there is no leaf."""
    assert to_text("m0", MODULE, [_called(rax, status)]).splitlines()[0] == f"   1  CPU 2 {line}"


def test_as_text_of_one_call_that_is_not_as_wanted_its_line_is_named() -> None:
    assert to_text("m0", MODULE, SCRIPT[1:2]).splitlines()[-3:] == [
        "m0: 1 call, module SYSINIT_DONE",
        "not as wanted: line 2",
        "more: tdxctl explain 0xc000010000000001",
    ]


def test_as_text_a_script_without_calls_leaves_the_module_alone() -> None:
    """Expect what is not measured of the module to be said below the verdict."""
    module = Module(True, "9.9", "1.5.06", "assumed", None)
    assert to_text("m0", module, []) == (
        "\n"
        "m0: 0 calls, module not called\n"
        "TDX module 9.9 is assumed to be 1.5.06: its version and build name no release"
    )


REGISTERS = dict.fromkeys(("rax", "rcx", "rdx", "r8", "r9", "r10", "r11"), "0x0")
ANSWERED = {
    "line": 1,
    "call": "TDH.SYS.INIT",
    "cpu": 2,
    "registers": REGISTERS | {"rax": "0x21"},
    "calls": 1,
    "status": "0x0",
    "status_name": "TDX_SUCCESS",
    "details": None,
    "changed": {},
    "expected": None,
    "as_wanted": True,
    "sys_state": "SYSINIT_DONE",
}


def test_the_document_has_each_entry_in_order() -> None:
    """Expect memory that was written, with the name of a table's, and what was read, in hex."""
    found = json.loads(to_json("m0", MODULE, SCRIPT))
    assert found["machine"] == "m0"
    assert found["module"] == {
        "loaded": True,
        "version": "1.5.06",
        "release": "1.5.06",
        "evidence": "measured",
        "signed_for_cpu": None,
    }
    assert found["entries"] == [
        ANSWERED,
        ANSWERED
        | {
            "line": 2,
            "call": "TDH.SYS.INIT version 1",
            "registers": REGISTERS | {"rax": "0x10021", "rcx": "0x1", "r11": "0x7"},
            "status": "0xc000010000000001",
            "status_name": "TDX_OPERAND_INVALID",
            "details": "RCX",
            "changed": {"rcx": "0x9", "r8": "0x3"},
            "as_wanted": False,
        },
        ANSWERED
        | {
            "line": 3,
            "call": "TDH.SYS.TDMR.INIT",
            "registers": REGISTERS | {"rax": "0x24", "rcx": "0x1000"},
            "calls": 2,
        },
        ANSWERED
        | {
            "line": 4,
            "call": "TDH.SYS.CONFIG",
            "registers": REGISTERS | {"rax": "0x2d"},
            "expected": "0xc000010000000000",
            "as_wanted": False,
        },
        {"line": 5, "tdmr": "a", "written": "0x20000", "data": "00" * 512},
        {"line": 6, "written": "0x1000", "data": "01"},
        {"line": 7, "read": "0x1000", "data": "000102030405060708090a0b0c0d0e0f10111213"},
        {
            "line": 8,
            "fault": {"leaf": 33, "status": "0x8000020200000000", "call": 1, "times": 1},
        },
        {"line": 9, "fault": "clear"},
        ANSWERED
        | {
            "line": 10,
            "call": "SEAMLDR.INFO",
            "registers": REGISTERS | {"rax": "0x8000000000000000"},
            "status": "0x8000ff00ffff0000",
            "status_name": "VMFAILINVALID",
            "expected": "0x8000ff00ffff0000",
            "sys_state": None,
        },
    ]


def test_the_document_has_null_for_a_status_without_a_name() -> None:
    [entry] = json.loads(to_json("m0", MODULE, [_called(33, 5 << 60)]))["entries"]
    assert (entry["status"], entry["status_name"]) == ("0x5000000000000000", None)
