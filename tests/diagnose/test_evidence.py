# SPDX-License-Identifier: Apache-2.0
"""What decides, and what lines on failures are taken for."""

from __future__ import annotations

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.capture.findings import Findings
from tdxctl.capture.host_texts import HostText
from tdxctl.capture.inputs import read_bytes
from tdxctl.capture.wrapped import LogLine
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.diagnose.evidence import gather
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.diagnose.rules import RULES
from tests.diagnose.asked import evidence_of

DONE = "[    9.1] virt/tdx: 24636 KB allocated for PAMT\n[    9.2] virt/tdx: module initialized\n"


def test_the_field_of_a_failed_sys_rd_is_in_the_first_registers_printed_after_it() -> None:
    """Expect MAX_TDMRS, 0x9100000100000008: what comes later is printed for something else."""
    log = (
        "[   14.1] virt/tdx: SEAMCALL (0x0000000000000022) failed: 0xc000050500000000\n"
        "[   14.2] virt/tdx: RCX 0x0000000000000000 RDX 0x9100000100000008 R08 0x0000000000000000\n"
        "[   15.0] virt/tdx: RCX 0x0000000000000000 RDX 0x9100000100000009 R08 0x0000000000000000\n"
    )
    [call] = gather(read_log(log.encode(), "t")).seamcalls
    assert (call.leaf, call.field_id) == (0x22, 0x9100000100000008)


def test_a_command_line_that_is_shown_beside_a_log_is_the_logs_where_it_has_none() -> None:
    """Expect the words of /proc/cmdline, and those of the kernel's own line where it is there."""
    shown = "$ cat /proc/cmdline\nBOOT_IMAGE=/vmlinuz ro kvm_intel.tdx=1\n"
    for log, words in (
        (DONE, "BOOT_IMAGE=/vmlinuz ro kvm_intel.tdx=1"),
        (f"[    0.0] Command line: ro nohibernate\n{DONE}", "ro nohibernate"),
    ):
        found = read_bytes((log + shown).encode(), "t")
        assert found.log is not None
        lines = gather(found.log, found.texts).command_lines
        assert [text for _, text in lines] == [words]


def test_a_debug_leaf_that_fails_after_the_bring_up_is_no_error_of_a_td() -> None:
    """Expect leaf 254 to be harmless, where leaf 35 of the bring-up is a late failure."""
    verdicts = {}
    for leaf in (254, 35):
        log = DONE + f"[   99.0] virt/tdx: SEAMCALL (0x{leaf:016x}) failed: 0xc000050500000000\n"
        found = diagnose(read_log(log.encode(), "t"))
        verdicts[leaf] = next(
            result.outcome.verdict for result in found.results if result.check.id == "td-runtime"
        )
    assert verdicts == {254: Verdict.PASS, 35: Verdict.WARN}


def test_what_fails_beside_a_module_that_is_initialized_does_not_decide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Expect the initialization to decide, whatever kexec made of it afterwards."""
    monkeypatch.setitem(RULES, "kexec", lambda _: Outcome(Verdict.FAIL, "refused"))
    found = diagnose(read_log(DONE.encode(), "t"))
    assert found.deciding is not None
    assert (found.state, found.deciding.check.id) == ("initialized", "initialized")
    assert found.healthy


WITHOUT_TDX = "[    0.28] virt/tdx: TDX not supported by the host platform\n"
LSCPU = (
    "$ lscpu\nArchitecture: x86_64\nVendor ID: GenuineIntel\n"
    "Model name: Intel(R) Xeon(R) Platinum 8558\nCPU family: 6\nModel: 207\n"
)


def test_of_lscpu_below_a_log_family_and_model_count_beside_the_name() -> None:
    """Expect a server with TDX to be known by its model, which is sent to the BIOS."""
    found = read_bytes((WITHOUT_TDX + LSCPU).encode(), "t")
    assert found.log is not None
    evidence = gather(found.log, found.texts)
    assert evidence.cpu == (6, 207)
    assert evidence.brand == "Intel(R) Xeon(R) Platinum 8558"
    assert diagnose(found.log, found.texts).state == "not enabled"


def test_the_cpu_of_the_logs_own_line_counts_before_one_that_is_shown_beside_it() -> None:
    cpu0 = (
        "[    0.3] smpboot: CPU0: Intel(R) Xeon(R) 6960P (family: 0x6, model: 0xad, stepping: 1)\n"
    )
    found = read_bytes((cpu0 + WITHOUT_TDX + LSCPU).encode(), "t")
    assert found.log is not None
    evidence = gather(found.log, found.texts)
    assert (evidence.cpu, evidence.brand) == ((6, 0xAD), "Intel(R) Xeon(R) 6960P")


def test_of_a_flood_the_first_lines_are_kept_and_the_last_one() -> None:
    """Expect 64 of 70 of a kind, whichever: the last of the messages is line 70."""
    cmrs = "[    9.0] virt/tdx: CMR: [0x100000, 0x80000000)\n" * 70
    kept = evidence_of(cmrs).lines["cmr"]
    assert [len(kept), kept[0].line.number, kept[62].line.number, kept[63].line.number] == [
        *(64, 1, 63, 70),
    ]
    calls = evidence_of(
        "[    8.2] virt/tdx: SEAMCALL (0x0000000000000023) failed: 0x8000020200000000\n" * 70
    ).seamcalls
    assert (len(calls), calls[-1].line.number) == (64, 64)
    strange = evidence_of("[    0.3] virt/tdx: the widget is 3\n" * 70).strange
    assert (len(strange), strange[-1].number) == (64, 64)
    printed = evidence_of("[    0.0] Command line: ro\n" * 70).command_lines
    assert len(printed) <= 64


@pytest.mark.parametrize(
    ("line", "leaf", "status", "cpu"),
    [
        # A name, a number in hex or in decimal, with the CPU or without.
        (
            "tdx: SEAMCALL[TDH_SYS_INIT] failed: TDX_SYSINIT_NOT_PENDING (0xc000050000000000)",
            *(33, 0xC000050000000000, None),
        ),
        (
            "tdx: SEAMCALL failed: CPU 94: leaf 33, error 0xc000092100000122.",
            *(33, 0xC000092100000122, 94),
        ),
        (
            "tdx: SEAMCALL failed: leaf: 0x2d, error: 0xc000050c00000000",
            *(45, 0xC000050C00000000, None),
        ),
        # What stands behind the status is no end of it.
        (
            "virt/tdx: SEAMCALL (0x000000000000001f) failed: 0x8000020300000000 RCX 0x0",
            *(31, 0x8000020300000000, None),
        ),
    ],
)
def test_a_seamcall_that_failed_is_read_in_every_wording(
    line: str, leaf: int, status: int, cpu: int | None
) -> None:
    [call] = evidence_of(f"[    8.2] {line}\n").seamcalls
    assert (call.leaf, call.status, call.cpu) == (leaf, status, cpu)


@pytest.mark.parametrize("status", ["0xc", "0xc0000a05", "0xc00005050000000"])
def test_a_status_that_is_cut_short_is_no_status(status: str) -> None:
    found = evidence_of(f"[    8.2] virt/tdx: SEAMCALL (0x000000000000002d) failed: {status}\n")
    assert (found.seamcalls, [line.number for line in found.strange]) == ([], [1])


@pytest.mark.parametrize(
    ("call", "of_a_td", "debug", "update"),
    [
        ("(0x0000000000000021)", False, False, False),
        ("(0x000000000000001c)", True, False, False),
        ("(0x00000000000000fe)", False, True, False),
        ("(0x00000000000000ff)", False, True, False),
        ("(0x0000000000000035)", False, False, True),
        ("(0x8000000000000001)", False, False, True),
        # Of the end of a module, and P-SEAMLDR's own information: no TD's, and no update.
        ("(0x0000000000000034)", False, False, False),
        ("(0x8000000000000000)", False, False, False),
    ],
)
def test_whose_a_leaf_is(call: str, of_a_td: bool, debug: bool, update: bool) -> None:
    line = f"[    8.2] virt/tdx: SEAMCALL {call} failed: 0xc000010000000000\n"
    [found] = evidence_of(line).seamcalls
    assert (found.is_of_a_td, found.is_debug, found.is_of_an_update) == (of_a_td, debug, update)


def test_a_leaf_with_a_name_that_is_not_known_is_nobodys() -> None:
    """Expect no TD's, which would show that the module is initialized."""
    [found] = evidence_of(
        "[    8.2] tdx: SEAMCALL[TDH_NEW_ONE] failed: TDX_NEW (0xc000010000000000)\n"
    ).seamcalls
    assert (found.is_of_a_td, found.is_debug, found.is_of_an_update) == (False, False, False)


def test_what_is_no_line_on_tdx_tells_of_the_machine() -> None:
    found = evidence_of(
        "[    0.0] Linux version 6.8.0-59-generic (a@b)\n"
        "[    0.1] DMI: Supermicro SYS-221H/X13DEM, BIOS 2.1 12/01/2023\n"
        "[    0.0] Command line: ro\n"
        "[    0.3] smpboot: CPU0: Intel(R) Xeon(R) X5650 (fam: 06, model: 2c, stepping: 02)\n"
        "[    0.4] smp: Brought up 2 nodes, 4 CPUs\n"
        "[    3.5] Hardware name: another one\n"
    )
    assert (found.uname, found.kernel) == ("6.8.0-59-generic", "6.8.0")
    assert (found.cpu, found.brand) == ((6, 0x2C), "Intel(R) Xeon(R) X5650")
    assert found.board == "Supermicro SYS-221H/X13DEM, BIOS 2.1 12/01/2023"
    # The command line is none of the five that tell of something else than TDX.
    assert (found.others, found.ends, found.reaches_tdx, found.is_cut) == (5, 3.5, True, False)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("[    0.0] Linux version 6.8.0 (a@b)\n[    0.4] smp: Brought up 2 nodes\n", False),
        ("[    0.0] Linux version 6.8.0 (a@b)\n[    0.4] smp: Booted up 2 nodes\n", False),
        ("[    0.0] Linux version 6.8.0 (a@b)\n", True),
        ("[    0.4] smp: Brought up 2 nodes\n", True),
        ("[    0.0] Linux version 6.8.0 (a@b)\n...\n[    0.4] smp: Brought up 2 nodes\n", True),
    ],
)
def test_a_log_is_cut_that_lacks_its_first_line_or_the_cpus_coming_up(text: str, cut: bool) -> None:
    assert evidence_of(text).is_cut is cut


REGISTERS = (
    "[   14.2] virt/tdx: RCX 0x0000000000000000 RDX 0x9100000100000008 R08 0x0000000000000000\n"
)


@pytest.mark.parametrize("leaf", [0x21, 0x23, 0x2D])
def test_registers_behind_another_leaf_are_no_field(leaf: int) -> None:
    line = f"[   14.1] virt/tdx: SEAMCALL (0x{leaf:016x}) failed: 0xc000050500000000\n"
    [call] = evidence_of(line + REGISTERS).seamcalls
    assert call.field_id is None


def test_registers_without_a_seamcall_that_failed_are_nothings() -> None:
    assert evidence_of(REGISTERS).seamcalls == []


def _shown(line: str, cpu: tuple[int, int] | None = None) -> HostText:
    return HostText(
        "lscpu", Findings(source="lscpu", cpu=cpu), brand=line, cpu_line=LogLine(7, line, None)
    )


CPU0 = "[    0.3] smpboot: CPU0: Intel(R) Xeon(R) 6960P (family: 0x6, model: 0xad, stepping: 1)\n"


@pytest.mark.parametrize(
    ("log", "text", "cpu", "brand", "line"),
    [
        (WITHOUT_TDX, _shown("8558", (6, 207)), (6, 207), "8558", 7),
        (WITHOUT_TDX, _shown("8558"), None, "8558", 7),
        # The log's own line, or name, unless the numbers are shown beside it alone.
        (CPU0, _shown("8558", (6, 207)), (6, 0xAD), "Intel(R) Xeon(R) 6960P", 1),
        ("Model name: 8480+\n", _shown("8558"), None, "8480+", 1),
        ("Model name: 8480+\n", _shown("8558", (6, 207)), (6, 207), "8558", 7),
        ("Model name: 8480+\n", HostText("uname", Findings(source="uname")), None, "8480+", 1),
        (WITHOUT_TDX, HostText("uname", Findings(source="uname", cpu=(6, 207))), None, "", None),
    ],
)
def test_a_cpu_is_the_logs_before_it_is_one_shown_beside_it(
    log: str, text: HostText, cpu: tuple[int, int] | None, brand: str, line: int | None
) -> None:
    evidence = gather(read_log(log.encode(), "t", of_a_kernel=False), [text])
    number = evidence.cpu_line.number if evidence.cpu_line else None
    assert (evidence.cpu, evidence.brand, number) == (cpu, brand, line)
