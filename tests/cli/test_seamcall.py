# SPDX-License-Identifier: Apache-2.0
"""`tdxctl seamcall`: SEAMCALLs from a script, to a fresh module or to a stored machine's."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path

import pytest

from tdxctl import Machine, Platform
from tdxctl.errors import UsageError
from tdxctl.events import DirectSeamcall, MemoryData, OpResult
from tdxctl.operations import (
    FaultClear,
    FaultSet,
    MemoryRead,
    MemoryWrite,
    Operation,
    Seamcall,
)
from tdxctl.platform.calls import (
    CallEntry,
    Entry,
    FaultEntry,
    ReadEntry,
    Script,
    TableEntry,
    WriteEntry,
)
from tdxctl.platform.faults import RdrandFault
from tdxctl.platform.script import load_script
from tdxctl.script import Done, operations, run
from tdxctl.seam.port import Registers
from tdxctl.seam.status import parse_wanted
from tests.cli.runner import ROOT, tdxctl

BRING_UP = "tests/data/bring-up.yaml"
SAID = """\
   3  CPU 0 TDH.SYS.INIT -> 0
   4  CPU 0 TDH.SYS.LP.INIT -> 0
   5  CPU 1 TDH.SYS.LP.INIT -> 0
   6  CPU 2 TDH.SYS.LP.INIT -> 0
   7  CPU 3 TDH.SYS.LP.INIT -> 0
   8  TDMR_INFO low at 0x20000
  14  CPU 0 TDH.SYS.CONFIG rcx 0x10000 rdx 0x1 r8 0x20 -> 0
  15  CPU 0 TDH.SYS.KEY.CONFIG -> 0
  16  CPU 0 TDH.SYS.TDMR.INIT rcx 0x40000000 x 256 -> 0
      rdx 0x80000000
  17  CPU 0 TDH.SYS.TDMR.INIT rcx 0x40000000 -> 0xa0300000000 TDX_TDMR_ALREADY_INITIALIZED
  18  CPU 3 TDH.SYS.RD rdx 0x9100000100000008 -> 0
      rdx 0x9100000100000009
      r8 0x40

small: 10 calls, module SYS_READY
"""


def _script(text: str, *options: str) -> tuple[int, str, str]:
    done = tdxctl("seamcall", "-", *options, stdin=text)
    return done.returncode, done.stdout, done.stderr


def test_a_bring_up_by_hand() -> None:
    """One TDMR of 1 GiB: 256 calls of TDH.SYS.TDMR.INIT, and a status that is no error."""
    done = tdxctl("seamcall", BRING_UP)
    assert (done.returncode, done.stdout, done.stderr) == (0, SAID, "")


def _table(name: str, at: int | None = None, reserved: int = 0) -> TableEntry:
    # A TDMR of 1 GiB, its PAMTs behind it.
    pamts = ((0x80000000, 0x1000), (0x80001000, 0x2000), (0x80003000, 0x4000))
    return TableEntry(1, name, at, 1 << 30, 1 << 30, *pamts, ((0x1000, 0x2000),) * reserved)


def test_a_tdmr_info_is_eight_words_and_its_areas_at_a_multiple_of_512() -> None:
    """Expect what follows the last area to be zeros: an area more, of no length."""
    [[plain], [full], [tight], [behind], [placed], [call_array, call]] = operations(
        Script(
            "x.yaml",
            (
                _table("a", reserved=1),
                _table("full", reserved=27),
                _table("b", reserved=28),
                _table("c"),
                _table("d", at=0x500),
                CallEntry(2, cpu=0, rax=45, tdmrs=("b", "d")),
            ),
        )
    )
    words = (1 << 30, 1 << 30, 0x80000000, 0x1000, 0x80001000, 0x2000, 0x80003000, 0x4000)
    data = struct.pack("<10Q", *words, 0x1000, 0x2000)
    assert plain == MemoryWrite(0x20000, data + bytes(512 - 80))
    # 64 bytes, 27 areas and an empty one of 16 bytes each are 512.
    assert isinstance(full, MemoryWrite)
    assert (full.at, len(full.data)) == (0x20200, 512)
    # 64 bytes, 28 areas and an empty one of 16 bytes each are more than 512.
    assert isinstance(tight, MemoryWrite)
    assert (tight.at, len(tight.data)) == (0x20400, 1024)
    assert behind == MemoryWrite(0x20800, struct.pack("<8Q", *words) + bytes(448))
    assert placed == MemoryWrite(0x500, behind.data)
    assert call_array == MemoryWrite(0x10000, struct.pack("<2Q", 0x20400, 0x500))
    assert call == Seamcall(0, Registers(45, rcx=0x10000, rdx=2))


def test_what_the_entries_of_a_script_do() -> None:
    """Expect a table that is written again where it was, and registers that none names to be 0."""
    fault = RdrandFault("no_entropy")
    found = operations(
        Script(
            "x.yaml",
            (
                _table("a"),
                _table("b", at=0x700),
                _table("a", reserved=1),
                CallEntry(2, cpu=1, rax=33),
                CallEntry(3, cpu=2, rax=36, rcx=5, rdx=6, r8=7, r9=8, r10=9, r11=10, until=11),
                CallEntry(4, cpu=0, rax=45, tdmrs=(), r8=1),
                CallEntry(5, cpu=0, rax=45, tdmrs=("b",), rcx=0, rdx=3),
                WriteEntry(6, 0x5000, b"ab"),
                ReadEntry(7, 0x6000, 8),
                FaultEntry(8, fault),
                FaultEntry(9, None),
            ),
        )
    )
    assert [[each.at for each in some if isinstance(each, MemoryWrite)] for some in found[:3]] == [
        *([0x20000], [0x700], [0x20000])
    ]
    assert found[3:] == [
        [Seamcall(1, Registers(33))],
        [Seamcall(2, Registers(36, 5, 6, 7, 8, 9, 10), 11)],
        [Seamcall(0, Registers(45, 0x10000, 0, 1))],
        [MemoryWrite(0x10000, b"\0\7" + bytes(6)), Seamcall(0, Registers(45, 0, 3))],
        [MemoryWrite(0x5000, b"ab")],
        [MemoryRead(0x6000, 8)],
        [FaultSet(fault)],
        [FaultClear()],
    ]


def test_a_script_is_run_entry_by_entry() -> None:
    """Expect the event of each entry's last operation, 256 calls of TDMR.INIT counted as one."""
    machine = Machine.boot(Platform.load(ROOT / "platforms/small.yaml"), "v5")
    script = load_script(str(ROOT / BRING_UP))
    done = run(script, lambda all_of_them: [each.perform(machine) for each in all_of_them])
    calls = [each.event for each in done if isinstance(each.event, DirectSeamcall)]
    assert [(call.cpu, call.before[0], call.n) for call in calls] == [
        *((0, 33, 1), (0, 35, 1), (1, 35, 1), (2, 35, 1), (3, 35, 1)),
        *((0, 45, 1), (0, 31, 1), (0, 36, 256), (0, 36, 1), (3, 34, 1)),
    ]
    assert [call.after[0] for call in calls] == [*[0] * 8, 0xA0300000000, 0]
    assert calls[-1].after[3] == 64
    assert [each.as_wanted for each in done] == [True] * 11


@pytest.mark.parametrize(
    ("entry", "status", "as_wanted"),
    [
        (CallEntry(1, 0, 33), 0, True),
        # A status that is not success, but no error either: bit 63.
        (CallEntry(1, 0, 36), 0xA0300000000, True),
        (CallEntry(1, 0, 36), 0x8000020000000001, False),
        (CallEntry(1, 0, 36, expect=parse_wanted("TDX_OPERAND_BUSY")), 0x8000020000000001, True),
        (CallEntry(1, 0, 36, expect=parse_wanted("TDX_OPERAND_BUSY")), 0, False),
        (ReadEntry(1, 0, 8), None, True),
    ],
)
def test_without_an_expectation_a_status_is_wanted_that_is_no_error(
    entry: CallEntry | ReadEntry, status: int | None, *, as_wanted: bool
) -> None:
    event: DirectSeamcall | MemoryData = MemoryData(0, bytes(8), written=False)
    if status is not None:
        event = DirectSeamcall(0, (36, *[0] * 6), (status, *[0] * 6), None, 1)
    assert Done(entry, event).as_wanted is as_wanted


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ((), "no such CPU: 9"),
        ((WriteEntry(3, 0, b"a"), CallEntry(7, cpu=9, rax=33)), "x.yaml:7: no such CPU: 9"),
    ],
)
def test_an_error_has_the_line_of_the_entry_that_it_is_of(
    entries: tuple[Entry, ...], message: str
) -> None:
    """Expect none where no entry was begun."""

    def perform(all_of_them: Iterable[Operation]) -> list[OpResult]:
        list(all_of_them)
        raise UsageError("no such CPU: 9", hint="CPUs 0-3")

    with pytest.raises(UsageError) as raised:
        run(Script("x.yaml", entries), perform)
    assert (raised.value.message, raised.value.hint) == (message, "CPUs 0-3")


def test_the_same_as_json_lines(tmp_path: Path) -> None:
    import yaml

    entries = yaml.safe_load((ROOT / BRING_UP).read_text())
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, entries)))
    (tmp_path / "x.json").write_text(json.dumps(entries, indent=1))
    answers = [
        [entry | {"line": 0} for entry in json.loads(tdxctl(*words).stdout)["entries"]]
        for words in (
            ("seamcall", BRING_UP, "--format", "json"),
            ("seamcall", str(tmp_path / "x.jsonl"), "--format", "json"),
            ("seamcall", str(tmp_path / "x.json"), "--format", "json"),
        )
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][8] == {
        "line": 0,
        "call": "TDH.SYS.TDMR.INIT",
        "cpu": 0,
        "registers": {
            "rax": "0x24",
            "rcx": "0x40000000",
            "rdx": "0x0",
            "r8": "0x0",
            "r9": "0x0",
            "r10": "0x0",
            "r11": "0x0",
        },
        "calls": 256,
        "status": "0x0",
        "status_name": "TDX_SUCCESS",
        "details": None,
        "changed": {"rdx": "0x80000000"},
        "expected": None,
        "as_wanted": True,
        "sys_state": "SYS_READY",
    }


def test_a_status_that_was_not_expected() -> None:
    """Line 2 expects another operand, line 3 any, line 4 a success; line 5 expects nothing."""
    script = """\
- {leaf: TDH.SYS.INIT}
- {leaf: 0x1000021, expect: 0xc000010000000001}
- {leaf: 0x1000021, expect: TDX_OPERAND_INVALID}
- {leaf: 33, expect: 0}
- {leaf: 36}
"""
    assert _script(script) == (
        1,
        """\
   1  CPU 0 TDH.SYS.INIT -> 0
   2  CPU 0 0x1000021 -> 0xc000010000000000 TDX_OPERAND_INVALID, RAX  <- not 0xc000010000000001
   3  CPU 0 0x1000021 -> 0xc000010000000000 TDX_OPERAND_INVALID, RAX
   4  CPU 0 TDH.SYS.INIT -> 0xc000050000000000 TDX_SYS_INIT_NOT_PENDING  <- not 0x0
   5  CPU 0 TDH.SYS.TDMR.INIT -> 0xc000050500000000 TDX_SYS_NOT_READY  <- an error

small: 5 calls, module SYSINIT_DONE
not as wanted: lines 2, 4, 5
more: tdxctl explain 0xc000010000000000 0xc000050000000000 0xc000050500000000
""",
        "",
    )


def test_memory_faults_and_p_seamldr() -> None:
    """SEAMLDR.INFO of one CPU's machine: seam_ready at 160; then a SEAMCALL that #GPs once."""
    script = """\
- {write: 0x8000, data: "ff ff"}
- {leaf: SEAMLDR.INFO, rcx: 0x8000}
- {read: 0x8000, length: 20}
- {read: 0x80a0, length: 3}
- {fault: {leaf: SYS.INIT, status: GP}}
- {leaf: SYS.INIT, expect: GP}
- {leaf: SYS.INIT, version: 1, expect: 0}
- {fault: clear}
- {fault: {module: halted}}
- {leaf: SYS.LP.INIT, expect: VMFAILINVALID}
"""
    assert _script(script) == (
        0,
        """\
   1  2 bytes written at 0x8000
   2  CPU 0 SEAMLDR.INFO rcx 0x8000 -> 0
   3  memory at 0x8000
      +0x0000  00000000 00000000 86800000 e5d63401
      +0x0010  00000500
   4  memory at 0x80a0
      +0x0000  010001
   5  fault leaf=33 status=0x8000ff000000000d call=1 times=1
   6  CPU 0 TDH.SYS.INIT -> 0x8000ff000000000d GP
   7  CPU 0 TDH.SYS.INIT version 1 -> 0
   8  faults cleared
   9  fault module=halted
  10  CPU 0 TDH.SYS.LP.INIT -> 0x8000ff00ffff0000 VMFAILINVALID

small: 4 calls, module does not answer
""",
        "",
    )


@pytest.mark.parametrize("version", ["1.5.01", "1.5.25"])
def test_a_platform_s_module_is_asked(version: str) -> None:
    """The count of reserved areas that TDX_FIELD MAX_RESERVED_PER_TDMR reports as described."""
    code, out, _ = _script(
        '{"leaf": "SYS.INIT"} {"leaf": "SYS.LP.INIT"} {"leaf": 34, "rdx": "0x9100000100000009"}',
        *("--set", "module.max_reserved_per_tdmr=5", "--set", f"module.version='{version}'"),
        *("--format", "json"),
    )
    assert code == 0
    assert json.loads(out)["entries"][2]["changed"]["r8"] == "0x5"


def test_a_stored_machine_s_module(tmp_path: Path) -> None:
    """The kernel's own SYS.INIT comes too late: the module was initialized behind its back."""
    environment = {"TDXCTL_STATE": str(tmp_path)}

    def run(*words: str, stdin: str = "") -> tuple[int, str]:
        done = tdxctl(*words, stdin=stdin, environment=environment)
        return done.returncode, done.stdout + done.stderr

    assert run("boot", "--platform", "small")[0] == 0
    code, out = run("seamcall", "-", "--machine", "small", stdin='{"leaf": 33}')
    assert (code, out) == (
        0,
        "   1  CPU 0 TDH.SYS.INIT -> 0\n\nsmall: 1 call, module SYSINIT_DONE\n",
    )
    assert run("seamcall", "-", "--machine", "small", stdin='{"leaf": 33}')[0] == 1
    code, out = run("init", "--machine", "small", "--format", "json")
    assert (code, json.loads(out)["failure"]["status_name"]) == (1, "TDX_SYS_INIT_NOT_PENDING")
    trace = run("trace", "--machine", "small")[1].splitlines()
    assert trace[:2] == [
        "TDH.SYS.INIT directly cpu 0 -> 0",
        "TDH.SYS.INIT directly cpu 0 -> 0xc000050000000000 TDX_SYS_INIT_NOT_PENDING",
    ]
    # An entry that cannot be performed leaves the machine as it was.
    before = run("machines", "small")
    code, out = run(
        *("seamcall", "-", "--machine", "small"), stdin='{"leaf": 35}\n{"leaf": 35, "cpu": 9}'
    )
    assert (code, out.splitlines()[0]) == (2, "error: <stdin>:2: no such CPU: 9")
    assert run("machines", "small") == before


def test_what_a_script_may_not_say() -> None:
    """Each mistake at its place, all at once."""
    script = """\
- {leaf: SYS.INI, rcxx: 1}
- {tdmrs: []}
- {tdmr: low, reserved: [{offset: 0}]}
- {leaf: 45, tdmrs: [lov, low], until: 3, cpu: 9000, version: 256}
- {fault: {msr: 0x87}}
- {fault: {leafs: 3}}
- {fault: "off"}
- {write: 0x1000, data: xyz}
- {read: 0x10_0000_0000_0000, length: 0}
- {leaf: 33, expect: TDX_NO, r8: 0x1_0000_0000_0000_0000}
- nonsense
"""
    code, out, err = _script(script)
    assert (code, out) == (3, "")
    assert err.splitlines() == [
        '<stdin>:1:10: 0.leaf: is not the name of a SEAMCALL leaf (got "SYS.INI")',
        "<stdin>:1:19: 0.rcxx: unknown key",
        "  hint: did you mean rcx?",
        "<stdin>:2:3: 1: must have one of the keys leaf, tdmr, write, read, fault (got a mapping)",
        "<stdin>:3:26: 2.reserved.0.size: is required",
        '<stdin>:4:22: 3.tdmrs.0: is the name of no TDMR_INFO table above (got "lov")',
        "  hint: did you mean low?",
        "<stdin>:4:40: 3.until: is for TDH.SYS.TDMR.INIT only",
        "<stdin>:4:48: 3.cpu: must be at most 8191 (got 9000)",
        "<stdin>:4:63: 3.version: must be at most 255 (got 256)",
        "<stdin>:5:11: 4.fault: is one of the boot, which is over",
        "  hint: put it into the platform's description",
        "<stdin>:6:11: 5.fault: must have one of the keys leaf, allocation, boot, msr, pconfig, "
        "rdrand, global_lock, tdmr_lock, busy_cpu, module (got a mapping)",
        '<stdin>:7:11: 6.fault: must be clear (got "off")',
        '<stdin>:8:25: 7.data: must be text of pairs of hex digits (got "xyz")',
        "<stdin>:9:10: 8.read: must be at most 0xfffffffffffff (got 0x10_0000_0000_0000)",
        "<stdin>:9:39: 8.length: must be at least 1 (got 0)",
        '<stdin>:10:22: 9.expect: is not the name of a SEAMCALL status (got "TDX_NO")',
        "<stdin>:10:34: 9.r8: must be at most 0xffffffffffffffff (got 0x1_0000_0000_0000_0000)",
        "<stdin>:11:3: 10: must have one of the keys leaf, tdmr, write, read, fault "
        '(got "nonsense")',
    ]


@pytest.mark.parametrize(
    ("script", "words", "code", "message"),
    [
        ("leaf: 33\n", (), 3, "<stdin>:1:1: must be a list of calls (got a mapping)"),
        ('{"leaf": 33} 5', (), 3, "<stdin>:1:14: 1: must have one of the keys"),
        ('{"leaf": 33}\n{"leaf": }', (), 3, "<stdin>:2:10: is not valid JSON"),
        ("", (), 3, "<stdin>:1:1: is empty"),
        (
            '- {write: 0, data: ""}',
            (),
            3,
            '<stdin>:1:20: 0.data: must be 1 to 65536 bytes (got "")',
        ),
        ("- {leaf: 33}\n" * 1001, (), 3, "<stdin>:1:1: has more than 1000 entries"),
        ("- {leaf: 33, cpu: 4}\n", (), 2, "error: <stdin>:1: no such CPU: 4"),
        (
            "- {leaf: 33, cpu: 3}\n",
            ("--set", "cpus.online=0-2"),
            2,
            "error: <stdin>:1: CPU 3 is offline: it makes no SEAMCALL",
        ),
        (
            "- {leaf: 33}\n- {leaf: SEAMLDR.CLEANUP}\n",
            (),
            3,
            "error: <stdin>:2: SEAMLDR.CLEANUP is not modelled",
        ),
        ("[]\n", ("--machine", "m", "--platform", "small"), 2, "error: --machine is a machine"),
        ("[]\n", ("--machine", "nobody"), 2, "error: no such machine: 'nobody'"),
    ],
)
def test_what_cannot_be_called(
    script: str, words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    done = tdxctl(
        "seamcall", "-", *words, stdin=script, environment={"TDXCTL_STATE": str(tmp_path)}
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(message)


def test_a_script_that_is_not_there() -> None:
    done = tdxctl("seamcall", "no/such.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: cannot read 'no/such.yaml': no such file or directory\n"
        "  hint: there is no folder 'no'\n"
    )


def test_an_empty_script_calls_nothing() -> None:
    assert _script("[]\n") == (0, "\nsmall: 0 calls, module not called\n", "")
