# SPDX-License-Identifier: Apache-2.0
"""What decides, and what lines on failures are taken for."""

from __future__ import annotations

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.capture.inputs import read_bytes
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.diagnose.evidence import gather
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.diagnose.rules import RULES

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
