# SPDX-License-Identifier: Apache-2.0
"""What state TDX is in on the host of a log, and why: every wording, every generation."""

from __future__ import annotations

import json

import jsonschema
import pytest

from tdxctl.advice.checks import BY_ID, CHECKS
from tdxctl.capture.bootlog import read_log
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.diagnose.outcome import Diagnosis, Outcome, Verdict
from tdxctl.diagnose.rules import RULES
from tdxctl.explain.lookup import look_up
from tdxctl.messages.catalogue import MESSAGES
from tdxctl.report.diagnosis import to_text
from tests.cli.runner import ROOT, tdxctl

BIOS = (
    "[    1.1] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    "[    1.2] virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.\n"
)
VERSION = (
    "[    8.1] virt/tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, "
    "minor_version 5, build_date 20240129, build_num 698\n"
)
DONE = "[    9.1] virt/tdx: 24636 KB allocated for PAMT\n[    9.2] virt/tdx: module initialized\n"
BOOT = "[    0.000000] Linux version 6.8.0-59-generic\n"
UP = "[    0.400000] smp: Brought up 2 nodes, 4 CPUs\n"
COMMAND_LINE = "[    0.000000] Command line: ro nohibernate kvm_intel.tdx=1 quiet\n"


def _diagnose(text: str) -> Diagnosis:
    return diagnose(read_log(text.encode(), "t"))


def _outcome(diagnosis: Diagnosis, check: str) -> Outcome:
    return next(r.outcome for r in diagnosis.results if r.check.id == check)


def _seamcall(leaf: int, status: int) -> str:
    return f"[    8.2] virt/tdx: SEAMCALL (0x{leaf:016x}) failed: 0x{status:016x}\n"


# A log, the state it tells, the check that decides, words of its detail, and of the likeliest
# cause.
FAILURES = [
    pytest.param(
        BIOS + DONE + "modprobe: ERROR: could not insert 'kvm_intel': Invalid argument\n",
        "failed",
        "kvm",
        "the kernel says nothing: KVM cannot serve the module's attributes",
        "the TDX module is too old for this kernel",
        id="kvm-refuses-in-silence",
    ),
    pytest.param(
        BIOS + "modprobe: ERROR: could not insert 'kvm_intel': Operation not supported\n",
        "not enabled",
        "seam-enabled",
        "its first SEAMCALL raised #GP, without a line",
        "SGX is off",
        id="seamrr-off-in-silence",
    ),
    pytest.param(
        "SEAM_RR bit: 0 (expected value: 1)\nNUM_TDX_PRIV_KEYS: 0\n",
        "not enabled",
        "seamrr",
        "of MSR 0x1401 bit 10 (locked) or 11 (enabled) is clear",
        "the BIOS is incomplete",
        id="bios-incomplete",
    ),
    pytest.param(
        "MK_TME_ENABLED bit: 0 (expected value: 1)\nSEAM_RR bit: 0 (expected value: 1)\n",
        "not enabled",
        "tme",
        "not enabled by the BIOS",
        "the BIOS is incomplete",
        id="memory-encryption-off",
    ),
    pytest.param(
        BOOT + "[    0.1] x86/tme: not enabled by BIOS\n" + UP,
        "not enabled",
        "tme",
        "not enabled by the BIOS",
        "the BIOS is incomplete",
        id="tme-of-the-kernel",
    ),
    pytest.param(
        "SEAM_RR bit: 1 (expected value: 1)\nNUM_TDX_PRIV_KEYS: 1\n",
        "not enabled",
        "keyids",
        "1 KeyID for TDX, 2 are needed",
        "the BIOS is incomplete",
        id="one-keyid-in-a-report",
    ),
    pytest.param(
        "virt/tdx: BIOS enabled: private KeyID range [63, 64)\n"
        "virt/tdx: initialization failed: too few private KeyIDs available.\n",
        "not enabled",
        "keyids",
        "too few KeyIDs",
        "the BIOS is incomplete",
        id="one-keyid",
    ),
    pytest.param(
        "virt/tdx: TDX not supported by the host platform\n",
        "not supported",
        "keyids",
        "says so on every machine without: no fault there",
        "the CPU has no TDX",
        id="2026-without-tdx",
    ),
    pytest.param(
        "SEAM_RR bit: 1 (expected value: 1)\nNUM_TDX_PRIV_KEYS: 20\n"
        "SGX_AND_MCHECK_STATUS: 862 (expected value: 0)\n",
        "not enabled",
        "sgx",
        "MCHECK failed with 0x862",
        "SGX is off",
        id="mcheck",
    ),
    pytest.param(
        "kernel: 6.8.0-101-generic #101-Ubuntu SMP\n"
        "No TDX support in CPU according to /proc/cpuinfo\n"
        "SEAM_RR bit: 1 (expected value: 1)\nNUM_TDX_PRIV_KEYS: 20\n",
        "not supported",
        "kernel-support",
        "the running kernel has not found it",
        "another kernel was booted",
        id="wrong-kernel",
    ),
    pytest.param(
        BOOT
        + "[    0.3] smpboot: CPU0: Intel(R) x (family: 0x6, model: 0x8f, stepping: 0x8)\n"
        + UP,
        "not supported",
        "kernel-support",
        "a whole boot without a line on TDX",
        "another kernel was booted",
        id="a-whole-boot-without-tdx",
    ),
    pytest.param(
        BOOT + "[    0.3] smpboot: CPU0: AMD EPYC (family: 0x19, model: 0x1, stepping: 0x1)\n" + UP,
        "not supported",
        "cpu",
        "AMD EPYC, family 0x19, model 0x1: AMD's, without TDX",
        "the CPU has no TDX: it is none of Intel's",
        id="another-cpu",
    ),
    pytest.param(
        "virt/tdx: initialization failed: Hibernation support is enabled\n",
        "not started",
        "hibernation",
        "hibernation is possible",
        "the kernel was booted without nohibernate",
        id="hibernation",
    ),
    pytest.param(
        "tdx: Disable TDX as X2APIC is not enabled.\n",
        "not started",
        "x2apic",
        "x2APIC is off",
        "x2APIC is off in the BIOS",
        id="x2apic",
    ),
    pytest.param(
        "virt/tdx: BIOS enabled: private KeyID range [32, 64)\nvirt/tdx: MOVDIR64B is required "
        "for TDX\n",
        "not started",
        "cpu-features",
        "MOVDIR64B is missing",
        "a parameter such as noxsave turned it off",
        id="movdir64b",
    ),
    pytest.param(
        "virt/tdx: initialization failed: register_memory_notifier() failed (-12)\n",
        "not started",
        "memory-notifier",
        "it failed with errno -12",
        "it does not fail on a healthy kernel",
        id="memory-notifier",
    ),
    pytest.param(
        COMMAND_LINE.replace("kvm_intel", "kvm_inte") + BIOS,
        "not started",
        "command-line",
        "kvm_inte.tdx is misspelt: it is kvm_intel.tdx=1",
        "kvm_intel.tdx=1 is missing from the command line, or misspelt",
        id="misspelt-parameter",
    ),
    pytest.param(
        COMMAND_LINE.replace("tdx=1", "tdx=0") + BIOS,
        "not started",
        "command-line",
        "kvm_intel.tdx=0 does not ask for TDX",
        "kvm_intel.tdx=1 is missing from the command line, or misspelt",
        id="parameter-off",
    ),
    pytest.param(
        COMMAND_LINE.replace("kvm_intel.tdx=1 ", "") + BIOS,
        "not started",
        "command-line",
        "kvm_intel.tdx=1 is missing",
        "kvm_intel.tdx=1 is missing from the command line, or misspelt",
        id="parameter-missing",
    ),
    pytest.param(
        BIOS + "[    9.1] kvm_intel: EPT is required for TDX\n",
        "not started",
        "kvm-conditions",
        "EPT is required, and is off",
        "a parameter of kvm or kvm_intel",
        id="kvm-ept",
    ),
    pytest.param(
        BIOS + "[    9.1] kvm_intel: tdx: tdx requires kvm.enable_virt_at_load=1\n",
        "not started",
        "kvm-conditions",
        "kvm.enable_virt_at_load=1 is required",
        "a parameter of kvm or kvm_intel",
        id="kvm-virt-at-load",
    ),
    pytest.param(
        BIOS + "[    9.1] kvm_intel: TDX requires TDP MMU.  Please enable TDP MMU for TDX.\n",
        "not started",
        "kvm-conditions",
        "the TDP MMU is required, and is off",
        "a parameter of kvm or kvm_intel",
        id="kvm-tdp-mmu",
    ),
    pytest.param(
        BOOT + UP + "[    9.1] kvm_intel: tdx: no TDX private KeyIDs available\n",
        "not enabled",
        "keyids",
        "the kernel found no TDX at boot",
        "the BIOS is incomplete",
        id="kvm-finds-no-keyids",
    ),
    pytest.param(
        "[    0.1] Memory Encryption Features active: Intel TDX\n" + BOOT + UP,
        "not supported",
        "host",
        "a kernel inside a TD",
        "the log is of a kernel inside a TD",
        id="a-guests-log-without-its-first-lines",
    ),
    pytest.param(
        "tdx: TDX enabled by BIOS.\n"
        "tdx: Unable to initialize the TDX module when there's offline CPU(s).\n",
        "not started",
        "cpus-online",
        "v5 does not initialize the module then",
        "the MADT has slots that are merely not enabled",
        id="v5-offline-cpu",
    ),
    pytest.param(
        BIOS,
        "not started",
        "init-attempt",
        "then the kernel says nothing at all",
        "SGX is off",
        id="silence",
    ),
    pytest.param(
        COMMAND_LINE + BIOS,
        "not started",
        "init-attempt",
        "then the kernel says nothing at all",
        "SGX is off",
        id="silence-although-asked",
    ),
    pytest.param(
        "tdx: BIOS enabled: private KeyID range [32, 64)\n"
        "tdx: [firmware bug]: TDX is not enabled by BIOS.\ntdx: initialization failed (-19)\n",
        "not enabled",
        "seam-enabled",
        "the CPU refuses SEAMCALLs",
        "SGX is off",
        id="not-enabled-by-bios",
    ),
    pytest.param(
        BIOS + "[    8.1] virt/tdx: module not loaded\n",
        "failed",
        "module-loaded",
        "no module answered TDH.SYS.INIT",
        "the firmware carries no TDX module",
        id="not-loaded",
    ),
    pytest.param(
        "tdx: TDX enabled by BIOS.\ntdx: TDX module is not loaded.\n",
        "failed",
        "module-loaded",
        "no module answered TDH.SYS.INIT",
        "the firmware carries no TDX module",
        id="v5-not-loaded",
    ),
    pytest.param(
        BIOS + _seamcall(0x21, 0xC000090000000000),
        "failed",
        "sys-init",
        "TDH.SYS.INIT returned TDX_INCORRECT_CPUID_VALUE",
        "BIOS or microcode are too old",
        id="sys-init",
    ),
    pytest.param(
        "tdx: SEAMCALL failed: CPU 94: leaf 33, error 0xc000092100000122.\n",
        "failed",
        "sys-init",
        "TDH.SYS.INIT on CPU 94 returned TDX_INCORRECT_MSR_VALUE (MSR 0x122)",
        "BIOS or microcode are too old",
        id="sys-init-decimal",
    ),
    pytest.param(
        "tdx: SEAMCALL failed: leaf: 0x23, error: 0xc0000920000001f2\n"
        "tdx: SEAMCALL additional output: rcx 0x0, rdx 0x0, r8 0x0, r9 0x0, r10 0x0, r11 0x0.\n"
        "tdx: Failed to initialize TDX module.  Shut it down.\n",
        "failed",
        "lp-init",
        "TDH.SYS.LP.INIT returned TDX_INCONSISTENT_MSR (MSR 0x1f2)",
        "BIOS or microcode are too old",
        id="v5-lp-init",
    ),
    pytest.param(
        BIOS
        + _seamcall(0x22, 0xC000050500000000)
        + "virt/tdx: RCX 0x0000000000000000 RDX 0x9100000100000008 R08 0x0000000000000000\n"
        "virt/tdx: module initialization failed (-5)\n",
        "failed",
        "system-info",
        "TDH.SYS.RD returned TDX_SYS_NOT_READY, field MAX_TDMRS",
        "the TDX module is too old for this kernel",
        id="module-too-old",
    ),
    pytest.param(
        BIOS
        + VERSION
        + "virt/tdx: frame pointer (RBP) clobber bug present, upgrade TDX module\n"
        + "virt/tdx: module initialization failed (-22)\n",
        "failed",
        "module-features",
        "the module lacks NO_RBP_MOD",
        "the TDX module is too old for this kernel",
        id="rbp",
    ),
    pytest.param(
        "virt/tdx: NO_RBP_MOD feature is not supported\nvirt/tdx: module initialization failed "
        "(-22)\n",
        "failed",
        "module-features",
        "the module lacks NO_RBP_MOD",
        "the TDX module is too old for this kernel",
        id="rbp-of-a-distribution",
    ),
    pytest.param(
        "tdx: Firmware bug: CMRs not in address ascending order.\n",
        "failed",
        "cmrs",
        "the firmware's list of CMRs is wrong",
        "a firmware bug",
        id="cmrs",
    ),
    pytest.param(
        "tdx: [0x100000000, 0x200000000) is not fully convertible memory\n",
        "failed",
        "cmrs",
        "outside the CMRs",
        "a firmware bug",
        id="not-convertible",
    ),
    pytest.param(
        BIOS + VERSION + "virt/tdx: initialization failed: TDMRs exhausted.\n"
        "virt/tdx: module initialization failed (-28)\n",
        "failed",
        "tdmrs",
        "more TDMRs than the module has",
        "memory is in too many pieces",
        id="tdmrs",
    ),
    pytest.param(
        BIOS + VERSION + "virt/tdx: CMR: [0x100000, 0x6f800000)\n"
        "virt/tdx: initialization failed: TDMR [0x0, 0x80000000): reserved areas exhausted.\n"
        "virt/tdx: module initialization failed (-28)\n",
        "failed",
        "reserved-areas",
        "TDMR [0x0, 0x80000000) has more holes than areas",
        "firmware tables cut low memory",
        id="reserved-areas",
    ),
    pytest.param(
        BIOS + VERSION + "virt/tdx: module initialization failed (-12)\n",
        "failed",
        "pamt",
        "an allocation failed (-ENOMEM)",
        "no contiguous memory is left",
        id="pamt",
    ),
    pytest.param(
        BIOS + VERSION + _seamcall(45, 0xC000050C00000000),
        "failed",
        "sys-config",
        "TDH.SYS.CONFIG returned TDX_SYS_CONFIG_NOT_PENDING",
        "a CPU was offline when",
        id="sys-config",
    ),
    pytest.param(
        BIOS + VERSION + _seamcall(31, 0x8000080100000000),
        "failed",
        "key-config",
        "TDH.SYS.KEY.CONFIG returned",
        "a package has no entropy",
        id="key-config",
    ),
    pytest.param(
        BIOS + VERSION + _seamcall(36, 0xC000050500000000),
        "failed",
        "tdmr-init",
        "TDH.SYS.TDMR.INIT returned TDX_SYS_NOT_READY",
        "a package without an online CPU",
        id="tdmr-init",
    ),
    pytest.param(
        BIOS + VERSION + "virt/tdx: TDX-Module initialization failed (-22)\n",
        "failed",
        "initialized",
        "the initialization failed with -EINVAL",
        "an earlier attempt failed",
        id="an-errno-alone",
    ),
    pytest.param(
        "virt/tdx: module initialization failed (-28)\n",
        "failed",
        "initialized",
        "the initialization failed with -ENOSPC",
        "firmware tables cut low memory",
        id="enospc-alone",
    ),
    pytest.param(
        "virt/tdx: module initialization failed (-5)\n",
        "failed",
        "initialized",
        "the initialization failed with -EIO",
        "the TDX module is too old for this kernel",
        id="eio-alone",
    ),
    pytest.param(
        "[    1.0] tdx: Guest detected\n",
        "not supported",
        "host",
        "a kernel inside a TD",
        "the log is of a kernel inside a TD",
        id="a-guests-log",
    ),
]


@pytest.mark.parametrize(("text", "state", "check", "detail", "cause"), FAILURES)
def test_a_failure_is_told_with_its_check_and_its_likeliest_cause(
    text: str, state: str, check: str, detail: str, cause: str
) -> None:
    found = _diagnose(text)
    assert (found.state, found.deciding and found.deciding.check.id) == (state, check)
    outcome = _outcome(found, check)
    assert outcome.verdict is Verdict.FAIL
    assert detail in outcome.detail
    assert outcome.causes[0].cause.startswith(cause)
    assert outcome.line is not None
    assert text.split("\n")[outcome.line.number - 1].strip()
    assert not found.healthy


@pytest.mark.parametrize(
    "text",
    [
        BIOS + VERSION + DONE,
        BIOS + VERSION + "[    9.1] virt/tdx: 1050636 KB allocated for PAMT\n",
        "[..] tdx: 65667 pages allocated for PAMT.\n[..] tdx: TDX module initialized.\n",
        "virt/tdx: Module version: 1.5.24\nvirt/tdx: 1034220 KBs allocated for PAMT\n"
        "virt/tdx: TDX-Module initialized\n",
        "kvm_intel: TDX is supported.\n",
    ],
)
def test_every_wording_of_success_is_one(text: str) -> None:
    found = _diagnose(text)
    assert (found.state, found.healthy) == ("initialized", True)
    assert not any(r.outcome.verdict is Verdict.FAIL for r in found.results)


@pytest.mark.parametrize(
    "text",
    [
        DONE + "[   15.0] kvdo: module initialization failed (-12)\n",
        DONE + "[   15.0] mydrv: module version: 3.1.4\n",
    ],
)
def test_other_drivers_lines_are_not_of_tdx(text: str) -> None:
    assert _diagnose(text).state == "initialized"


def test_what_somebody_writes_about_a_line_is_not_the_line() -> None:
    """Expect the failure to stand, whatever the report says should be printed."""
    found = _diagnose(
        BIOS
        + _seamcall(0x21, 0xC000090000000000)
        + "sudo dmesg | grep -i tdx should return that  virt/tdx: module initialized\n"
        + "Expected: virt/tdx: module initialized\n"
    )
    assert (found.state, found.deciding and found.deciding.check.id) == ("failed", "sys-init")


@pytest.mark.parametrize(
    "word",
    [
        "kvm_intel.tdx=1",
        "kvm-intel.tdx=Y",
        "kvm_intel.tdx=on",
        "kvm_intel.tdx=true",
        "kvm_intel.tdx",
        'kvm_intel.tdx="1"',
        '"kvm_intel.tdx=1"',
        "kvm_intel.tdx=1,nohibernate",
        "tdx_host=on",
    ],
)
def test_a_kernels_idea_of_true_asks_for_tdx(word: str) -> None:
    found = _diagnose(f"[    0.000000] Command line: ro {word} quiet\n" + BIOS)
    assert _outcome(found, "command-line").verdict is Verdict.PASS


@pytest.mark.parametrize(
    "word",
    [
        "kvm_inte.tdx=1",
        "kvm.tdx=1",
        "kvm_intel.TDX=1",
        "kvm_intel,tdx=1",
        "kvm_intel:tdx=1",
        "kvm_intel_tdx=1",
        "intel_tdx=on",
        "vm_intel.tdx=1",
        "kvm_intel.tdxx=1",
        "tdx=on",
    ],
)
def test_a_misspelt_parameter_is_named(word: str) -> None:
    found = _diagnose(f"[    0.000000] Command line: ro {word} quiet\n" + BIOS)
    assert "is misspelt" in _outcome(found, "command-line").detail


@pytest.mark.parametrize("word", ["kvm_intel.nested=1", "kvm-intel.ept=1", "kvm_intel.sgx=1"])
def test_other_parameters_of_kvm_are_not_misspelt(word: str) -> None:
    found = _diagnose(f"[    0.000000] Command line: ro {word} quiet\n" + BIOS)
    assert _outcome(found, "command-line").detail == "kvm_intel.tdx=1 is missing"


@pytest.mark.parametrize(
    "text",
    [
        "[    0.000000] Command line: ro kvm_in\ntel.tdx=1 nohibernate\n",
        "[    0.000000] Command line: ro\n kvm_intel.tdx=1 nohibernate\n",
        "[    0.0] Command line: ro\n[    0.1] Kernel command line: ro kvm_intel.tdx=1\n",
    ],
    ids=["wrapped-in-a-word", "wrapped-between-words", "the-second-printing"],
)
def test_a_wrapped_command_line_is_read_whole(text: str) -> None:
    assert _outcome(_diagnose(text + BIOS), "command-line").verdict is Verdict.PASS


def test_a_command_line_that_is_cut_or_answered_elsewhere_is_no_failure() -> None:
    cut = _diagnose("[    0.0] Command line: BOOT_IMAGE=/vmlinuz ...\n" + BIOS)
    assert _outcome(cut, "command-line").verdict is Verdict.UNKNOWN
    modprobe = (
        "[    0.0] Command line: ro\n" + BIOS + "kvm_intel: Failed to initialize TDX module.\n"
    )
    assert _outcome(_diagnose(modprobe), "command-line").verdict is Verdict.PASS
    later = "[    0.0] Linux version 7.1.0\n[    0.0] Command line: ro\n" + BIOS
    assert _outcome(_diagnose(later), "command-line").detail == (
        "this kernel initializes TDX at boot"
    )


def test_a_whole_log_that_ends_before_kvm_is_loaded_is_unknown() -> None:
    others = "".join(f"[    1.{i}] pci 0000:00:0{i}.0: something\n" for i in range(5))
    found = _diagnose(
        BOOT + COMMAND_LINE + others + BIOS + "[    1.9] smp: Brought up 1 node, 4 CPUs\n"
    )
    assert found.state == "unknown"
    later = _diagnose(BOOT + COMMAND_LINE + others + BIOS + "[   30.0] systemd[1]: up\n")
    assert later.deciding is not None
    assert later.deciding.check.id == "init-attempt"


@pytest.mark.parametrize(
    "failure",
    [
        "tdx: Unable to initialize the TDX module when there's offline CPU(s).",
        "tdx: not enabled by BIOS.",
        "virt/tdx: module not loaded",
        "virt/tdx: initialization failed: TDMRs exhausted.",
        "virt/tdx: initialization failed: TDMR [0x0, 0x40000000): reserved areas exhausted.",
        "tdx: Firmware bug: No valid CMR.",
        "virt/tdx: frame pointer (RBP) clobber bug present, upgrade TDX module",
        "virt/tdx: module initialization failed (-12)",
        "virt/tdx: SEAMCALL (0x0000000000000023) failed: 0xc000092000000122",
    ],
)
def test_a_failure_before_a_success_was_mended(failure: str) -> None:
    """Expect a retry that succeeds to count, and one that fails after it to count too."""
    assert _diagnose(f"{failure}\n{DONE}").state == "initialized"


def test_the_last_of_a_parameter_counts_and_quotes_keep_words_together() -> None:
    off = _diagnose("[    0.0] Command line: kvm_intel.tdx=1 kvm_intel.tdx=0\n" + BIOS)
    assert _outcome(off, "command-line").verdict is Verdict.FAIL
    quoted = _diagnose('[    0.0] Command line: foo.note="x tdx y" kvm_intel.tdx=1\n' + BIOS)
    assert _outcome(quoted, "command-line").verdict is Verdict.PASS


def test_one_cause_is_told_once() -> None:
    """Expect everything after hibernation to be skipped, not to fail as well."""
    found = _diagnose(BIOS + "virt/tdx: initialization failed: Hibernation support is enabled\n")
    failed = [r.check.id for r in found.results if r.outcome.verdict is Verdict.FAIL]
    assert failed == ["hibernation"]


def test_a_seamcall_failure_before_a_success_is_harmless() -> None:
    """Expect leaf 254, a debug leaf that production modules do not have, to be no failure."""
    found = _diagnose(
        "tdx: SEAMCALL failed: leaf 254, error 0xc000050500000000.\n"
        "tdx: TDDEBUGCONFIG isn't supported.\ntdx: TDX module initialized.\n"
    )
    assert found.state == "initialized"
    assert _outcome(found, "harmless").detail == (
        "leaf 254 is one for debugging: production modules lack it"
    )
    assert _outcome(found, "td-runtime").verdict is Verdict.PASS


def test_an_error_while_a_td_runs_is_a_warning_not_a_failed_bring_up() -> None:
    """Expect leaf 28, which only an initialized module takes, to show that it is initialized."""
    found = _diagnose(
        "[  261.2] SEAMCALL (0x000000000000001c) failed: 0xc000030000000001 RCX 0x0\n"
    )
    assert (found.state, found.healthy) == ("initialized", True)
    assert _outcome(found, "td-runtime").verdict is Verdict.WARN


def test_an_update_that_fails_after_a_success_is_a_failure() -> None:
    found = _diagnose(DONE + "[   99.0] virt/tdx: TDX-Module initialization failed (-5)\n")
    assert found.state == "failed"


@pytest.mark.parametrize(
    "line",
    [
        "kvm_intel: TDX is not supported",
        "kvm_intel: Failed to initialize TDX module.",
        "kvm_intel: EPT is required for TDX",
        "kvm_intel: tdx: OSXSAVE is required for TDX",
        "kvm_intel: Disable TDX: MAX_VCPU_PER_TD (576) smaller than number of logical CPUs (640).",
    ],
)
@pytest.mark.parametrize("before", ["", "kvm_intel: TDX is supported.\n"])
def test_what_kvm_says_after_the_initialization_decides(before: str, line: str) -> None:
    """Expect no yes, also where KVM could use TDX before it was loaded anew."""
    found = _diagnose(f"{BIOS}{VERSION}{DONE}{before}{line}\n")
    assert (found.state, found.healthy) == ("failed", False)
    assert found.deciding is not None
    assert found.deciding.check.id == "kvm"
    assert found.summary == (
        "the TDX module is initialized, and KVM cannot use it: KVM goes on without TDX"
    )
    assert _outcome(found, "initialized").verdict is Verdict.PASS
    assert [cause.cause for cause in _outcome(found, "kvm").causes if "before" in cause.cause] == []


def test_the_tdp_mmu_that_a_td_lacks_is_a_warning() -> None:
    """Expect what a real host printed a day after its bring-up to leave the module as it was."""
    found = _diagnose(DONE + "[   99.0] TDX requires TDP MMU.  Please enable TDP MMU for TDX.\n")
    assert found.state == "initialized"
    assert _outcome(found, "kvm").verdict is Verdict.WARN


@pytest.mark.parametrize(
    "line", ["kvm_intel: TDX is not supported", "kvm_intel: EPT is required for TDX"]
)
def test_what_kvm_said_before_was_mended(line: str) -> None:
    assert _diagnose(f"{BIOS}{line}\n{DONE}").healthy
    assert _diagnose(f"{DONE}{line}\nkvm_intel: TDX is supported.\n").healthy


@pytest.mark.parametrize(
    ("leaf", "detail"),
    [
        (0x8000000000000001, "SEAMLDR.INSTALL returned SEAMLDR_EBADSIG"),
        (53, "TDH.SYS.UPDATE returned TDX_SYS_NOT_READY"),
    ],
)
def test_a_runtime_update_that_fails_leaves_no_module(leaf: int, detail: str) -> None:
    """Expect P-SEAMLDR's calls and the update's to be no TD's, which only a ready module takes."""
    status = 0x8000000000020000 if leaf >> 63 else 0xC000050500000000
    prefix = "seamldr" if leaf >> 63 else "virt/tdx"
    line = f"[   99.0] {prefix}: SEAMCALL (0x{leaf:016x}) failed: 0x{status:016x}\n"
    for log in (DONE + line, line):
        found = _diagnose(log)
        assert (found.state, found.healthy) == ("failed", False)
        assert detail in _outcome(found, "initialized").detail


OF_6_8 = "[    0.000000] Linux version 6.8.0\n" + BIOS
OF_7_1 = "[    0.000000] Linux version 7.1.2\n" + BIOS
OF_V5 = "tdx: SEAMRR enabled.\ntdx: TDX private KeyID range: [32, 64).\ntdx: TDX enabled by BIOS.\n"
OF_V6 = "tdx: TDX enabled by BIOS. TDX private KeyID range: [32, 64)\n"
CONFIG_FAILS = "SEAMCALL (0x000000000000002d) failed: 0xc000050c00000000\n"
V5_CONFIG_FAILS = "tdx: SEAMCALL failed: leaf: 0x2d, error: 0xc000050c00000000\n"


@pytest.mark.parametrize(
    ("log", "check", "verdict"),
    [
        # "the kernel does not check" [linux-host 8] offline CPUs from 6.8 on; v5 and v6 do.
        (OF_6_8 + CONFIG_FAILS, "cpus-online", "SKIP"),
        (OF_6_8 + DONE, "cpus-online", "SKIP"),
        (BIOS + DONE, "cpus-online", "SKIP"),
        (OF_7_1 + DONE, "cpus-online", "SKIP"),
        (OF_V5 + V5_CONFIG_FAILS, "cpus-online", "PASS"),
        (OF_V6 + V5_CONFIG_FAILS, "cpus-online", "PASS"),
        (V5_CONFIG_FAILS, "cpus-online", "UNKNOWN"),
        # x2APIC and the memory list at boot are v6's alone.
        (OF_V6 + V5_CONFIG_FAILS, "x2apic", "PASS"),
        (OF_V5 + V5_CONFIG_FAILS, "x2apic", "SKIP"),
        (OF_6_8 + DONE, "x2apic", "SKIP"),
        (OF_V6 + V5_CONFIG_FAILS, "usable-memory", "PASS"),
        (OF_6_8 + DONE, "usable-memory", "SKIP"),
        # v5: "No hibernation check, ..., no memory notifier" [linux-host 1.1].
        (OF_V5 + V5_CONFIG_FAILS, "hibernation", "SKIP"),
        (OF_V5 + V5_CONFIG_FAILS, "memory-notifier", "SKIP"),
        (OF_6_8 + DONE, "hibernation", "PASS"),
        (OF_6_8 + DONE, "memory-notifier", "PASS"),
        # XSAVE, MOVDIR64B and self-snoop from 7.1 on, NO_RBP_MOD from 6.14 on.
        (OF_V5 + V5_CONFIG_FAILS, "cpu-features", "SKIP"),
        (OF_6_8 + DONE, "cpu-features", "UNKNOWN"),
        (OF_7_1 + DONE, "cpu-features", "PASS"),
        (BIOS + DONE, "cpu-features", "UNKNOWN"),
        (OF_V5 + V5_CONFIG_FAILS, "module-features", "SKIP"),
        (OF_6_8 + DONE, "module-features", "UNKNOWN"),
        (OF_7_1 + DONE, "module-features", "PASS"),
        # KVM's conditions come first where KVM is who asks.
        (OF_6_8 + DONE, "kvm-conditions", "PASS"),
        (OF_7_1 + DONE, "kvm-conditions", "SKIP"),
        (OF_V5 + V5_CONFIG_FAILS, "kvm-conditions", "UNKNOWN"),
        # "6.8 and later never read CMRs: an unconvertible region surfaces as a SYS.CONFIG failure"
        # [linux-host 4].
        (OF_6_8 + CONFIG_FAILS, "cmrs", "UNKNOWN"),
        (OF_V5 + V5_CONFIG_FAILS, "cmrs", "PASS"),
        (OF_6_8 + DONE, "cmrs", "PASS"),
    ],
)
def test_no_check_passes_that_the_kernel_never_makes(log: str, check: str, verdict: str) -> None:
    assert _outcome(_diagnose(log), check).verdict.value == verdict


def test_the_release_of_7_0_still_leaves_it_to_kvm() -> None:
    log = "[    0.0] Linux version 7.0.3\n[    0.0] Command line: ro quiet\n" + BIOS
    found = _diagnose(log)
    assert (found.state, found.deciding and found.deciding.check.id) == (
        *("not started", "command-line"),
    )


CAUSES = [
    # A CPU was offline, where nothing looked; not where v5 did.
    (OF_6_8 + CONFIG_FAILS, ["a CPU was offline when the module was initialized"]),
    (OF_6_8 + CONFIG_FAILS.replace("50c", "a02"), ["memory lies outside the CMRs"]),
    # Another status: neither, and what it means itself.
    (OF_6_8 + CONFIG_FAILS.replace("c000050c", "c0000a21"), None),
    (OF_V5 + V5_CONFIG_FAILS, None),
    (OF_6_8 + "SEAMCALL (0x0000000000000024) failed: 0xc000010000000024\n", None),
]


@pytest.mark.parametrize(("log", "causes"), CAUSES)
def test_no_cause_is_listed_that_is_refuted(log: str, causes: list[str] | None) -> None:
    found = _diagnose(log)
    assert found.deciding is not None
    outcome = found.deciding.outcome
    assert outcome.status is not None
    told = [cause.cause for cause in outcome.causes]
    assert told == ([outcome.status.meaning] if causes is None else causes)


def test_a_parameter_that_is_there_is_not_missing() -> None:
    """Expect `kvm_intel.tdx=1 is missing` no more, nor SGX where its check passed."""
    found = _diagnose(COMMAND_LINE + BIOS)
    causes = [cause.cause for cause in _outcome(found, "init-attempt").causes]
    assert causes[0].startswith("SGX is off")
    assert [cause for cause in causes if "missing" in cause] == []
    report = "SEAM_RR bit: 1 (expected value: 1)\nSGX_AND_MCHECK_STATUS: 0\n"
    causes = [cause.cause for cause in _outcome(_diagnose(report + BIOS), "init-attempt").causes]
    assert [cause for cause in causes if cause.startswith("SGX")] == []


def test_of_two_boots_the_last_is_told_of() -> None:
    text = BOOT + DONE + BOOT + UP + BIOS + "[    8.1] virt/tdx: module not loaded\n"
    found = _diagnose(text)
    assert found.state == "failed"
    [note] = [line for line in to_text(found).split("\n") if line.startswith("note: ")]
    assert note.startswith("note: the log holds 2 boots: 1 (Linux ")
    assert note.endswith(". Boot 2 is taken; --boot N takes another")


def test_a_log_that_is_cut_is_unknown_not_failed() -> None:
    found = _diagnose(BIOS + VERSION + "virt/tdx: CMR: [0x100000, 0x77800000)\n...\n")
    assert (found.state, found.deciding) == ("unknown", None)
    assert found.summary == (
        "the log does not show what became of TDX: it is cut, lines were left out"
    )
    silent = _diagnose(BIOS + "...\n")
    assert _outcome(silent, "init-attempt").verdict is Verdict.UNKNOWN


def test_what_comes_after_a_failure_is_skipped_and_names_it() -> None:
    found = _diagnose(BIOS + _seamcall(0x21, 0xC000090000000000))
    verdicts = {r.check.id: (r.outcome.verdict.value, r.outcome.detail) for r in found.results}
    assert verdicts["module-loaded"][0] == "PASS"
    assert verdicts["sys-init"][0] == "FAIL"
    for check in ("lp-init", "pamt", "initialized", "kvm"):
        assert verdicts[check] == ("SKIP", "sys-init failed")


def test_keyids_are_told_in_decimal_with_what_they_allow() -> None:
    assert _outcome(_diagnose(BIOS), "keyids").detail == (
        "KeyID 32 is the module's, 31 KeyIDs are for guests"
    )
    report = "SEAM_RR bit: 1 (expected value: 1)\nNUM_TDX_PRIV_KEYS: 20\n"
    assert _outcome(_diagnose(report), "keyids").detail == (
        "32 KeyIDs (printed in hex), 31 for guests"
    )


def test_of_the_command_line_only_the_word_in_question_is_shown() -> None:
    found = _diagnose(COMMAND_LINE.replace("kvm_intel", "kvm_inte") + BIOS)
    line = _outcome(found, "command-line").line
    assert line is not None
    assert line.text == "Command line: ... kvm_inte.tdx=1 ..."


# 18 ranges of 1 MiB with 1 MiB between them, and 1 GiB above 4 GiB for the PAMTs.
HOLES = (
    "".join(
        f"BIOS-e820: [mem {0x100000 + i * 0x200000:#018x}-{0x1FFFFF + i * 0x200000:#018x}] usable\n"
        for i in range(18)
    )
    + "BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable\n"
)


def test_a_printed_pamt_is_compared_with_what_the_memory_map_costs() -> None:
    """
    memory  |-- 2 GiB, node 0 --|   gap   |-- 2 GiB, node 0 --|-- 2 GiB, node 1 --|
            0                            4GiB                6GiB                8GiB

    Expect three TDMRs of 2 GiB: 3 x (8192 + 16 + 4) KiB.
    """
    text = (ROOT / "tests" / "data" / "boot.log").read_text()
    prediction = _diagnose(text).prediction
    assert prediction is not None
    assert (prediction.printed_kib, prediction.predicted_kib) == (24636, 24636)
    assert prediction.basis == "the kernel's memory ranges"
    assert _outcome(_diagnose(text), "prediction").verdict is Verdict.PASS


def test_the_pamt_of_two_nodes_of_1_tib_is_what_a_real_host_printed() -> None:
    """Expect what canonical/tdx issue 385 shows: its CMRs, and the KB printed below them."""
    found = _diagnose(
        BIOS + VERSION + "virt/tdx: CMR: [0x100000, 0x77800000)\n"
        "virt/tdx: CMR: [0x100000000, 0x1003e000000)\n"
        "virt/tdx: CMR: [0x10080000000, 0x20040000000)\n"
        "virt/tdx: 8396820 KB allocated for PAMT\n"
    )
    assert found.prediction is not None
    assert found.prediction.predicted_kib == 8396820


def test_a_difference_is_told_with_where_it_can_come_from() -> None:
    text = (ROOT / "tests" / "data" / "boot.log").read_text().replace("24636 KB", "24640 KB")
    found = _diagnose(text)
    outcome = _outcome(found, "prediction")
    assert outcome.verdict is Verdict.WARN
    assert outcome.detail.endswith("allocates 24636 KiB, 24640 KiB were printed")
    assert found.prediction is not None
    assert found.prediction.differences[0].startswith("memory that was hot-added")
    assert found.healthy


def test_exhausted_reserved_areas_are_predicted_too() -> None:
    """
    memory  |.|-|.|-|.|-|....|-|......................|   gap   |-- 1 GiB --|
            0 1 2 3 4 MiB   36                       1GiB      4GiB        5GiB

    Expect 19 holes below 1 GiB: one before each of the 18 ranges, and one behind the last.
    """
    found = _diagnose(
        HOLES + "virt/tdx: initialization failed: TDMR [0x0, 0x40000000): reserved areas "
        "exhausted.\nvirt/tdx: module initialization failed (-28)\n"
    )
    outcome = _outcome(found, "prediction")
    assert outcome.verdict is Verdict.PASS
    assert "fails too: TDMR 0 [0x0, 0x40000000) needs 19 reserved areas" in outcome.detail


def test_what_v5_keeps_to_itself_is_predicted() -> None:
    """Expect the reserved areas to be named, where v5 says only that it shut the module down."""
    found = _diagnose(HOLES + "tdx: Failed to initialize TDX module.  Shut it down.\n")
    outcome = _outcome(found, "prediction")
    assert outcome.verdict is Verdict.PASS
    assert "under v5, tdxctl's kernel fails too: TDMR 0" in outcome.detail


def test_a_failure_for_another_reason_does_not_agree() -> None:
    """Expect no contiguous pages for a PAMT where there is but one range of 1 MiB."""
    found = _diagnose(
        "BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] usable\n"
        "virt/tdx: initialization failed: TDMR [0x0, 0x40000000): reserved areas exhausted.\n"
    )
    assert _outcome(found, "prediction").verdict is Verdict.WARN


def test_every_check_has_a_rule_a_known_parent_and_words() -> None:
    assert {check.id for check in CHECKS} == {*RULES, "prediction"}
    seen: set[str] = set()
    for check in CHECKS:
        assert check.parent is None or check.parent in seen
        seen.add(check.id)
        answer = look_up(check.id)
        assert (answer.kind, answer.name) == ("check", check.id)
    assert all(message.check is None or message.check in BY_ID for message in MESSAGES)


def test_explain_knows_lines_of_a_log() -> None:
    done = tdxctl("explain", "virt/tdx: SEAMCALL (0x0000000000000022) failed: 0xc000050500000000")
    assert done.returncode == 0
    assert "leaf:        TDH.SYS.RD" in done.stdout
    assert "status:      TDX_SYS_NOT_READY, 0xc000050500000000" in done.stdout
    piped = tdxctl("explain", "-", stdin="virt/tdx: module not loaded\n-28\n")
    assert piped.stdout.startswith("not-loaded\n")
    assert "\nENOSPC\n" in piped.stdout


@pytest.mark.parametrize(
    "prefix",
    ["", "[   19.324236] ", "[Fri Sep 20 12:34:56 2024] ", "Nov 22 18:56:15 a-host kernel: "],
)
def test_explain_reads_lines_as_tools_print_them(prefix: str) -> None:
    line = f"{prefix}virt/tdx: module initialization failed (-28)"
    for done in (tdxctl("explain", line), tdxctl("explain", "-", stdin=f"{line}\n")):
        assert done.returncode == 0
        assert "  returned:    -ENOSPC\n" in done.stdout
        assert "  to do:       fewer memory regions and holes" in done.stdout


def test_explain_suggests_a_check() -> None:
    done = tdxctl("explain", "resrved-areas")
    assert (done.returncode, done.stdout) == (1, "resrved-areas: unknown: near reserved-areas\n")


FAILED_LOG = "tests/data/failed.log"


def test_the_text_of_a_diagnosis() -> None:
    done = tdxctl("diagnose", "--short", FAILED_LOG)
    assert done.returncode == 1
    assert done.stdout == (
        "TDX is FAILED: the initialization of the TDX module failed: TDH.SYS.INIT returned "
        "TDX_INCORRECT_CPUID_VALUE\n"
        "\n"
        "  check:    sys-init: TDH.SYS.INIT: the module accepts the platform\n"
        "  line 3:   virt/tdx: SEAMCALL (0x0000000000000021) failed: 0xc000090000000000\n"
        "  status:   TDX_INCORRECT_CPUID_VALUE, 0xc000090000000000: CPUID says something that the "
        "module does not accept: often BIOS or microcode older than the module.\n"
        "  causes:   1. BIOS or microcode are too old for the TDX module (seen 3 times)\n"
        "               to do: update BIOS and microcode to a release meant for this "
        "TDX module, or use the module that came with the BIOS\n"
        "            2. the TDX module is too old for this kernel, or the reverse (seen 6 times)\n"
        "               to do: use a module and a kernel that match: update the BIOS or load a "
        "newer module\n"
        "  more:     tdxctl explain sys-init 0xc000090000000000\n"
        "\n"
        "FAIL    sys-init  TDH.SYS.INIT returned TDX_INCORRECT_CPUID_VALUE\n"
    )


def test_checks_that_are_well_are_counted_and_all_shows_them() -> None:
    """Expect the tree behind what to do: a line per check that is not well, one for the others."""
    told = tdxctl("diagnose", FAILED_LOG).stdout.splitlines()
    assert told[-2:] == [
        "FAIL    sys-init  TDH.SYS.INIT returned TDX_INCORRECT_CPUID_VALUE",
        "checks: 13 passed, 6 not shown by what was given, 17 not reached or none of this "
        "kernel's: --all shows them",
    ]
    every = tdxctl("diagnose", "--all", FAILED_LOG).stdout.splitlines()
    assert every[: len(told) - 2] == told[:-2]
    assert len(every) - len(told) + 2 == len(CHECKS)
    assert "PASS    vmx              KVM is loaded" in every


def test_what_decides_that_all_is_well_is_told_too() -> None:
    told = tdxctl("diagnose", "tests/data/boot.log").stdout.splitlines()
    assert told[:4] == [
        *("TDX is INITIALIZED: the TDX module is initialized", ""),
        "  check:    initialized: the module is initialized",
        "  line 41:  virt/tdx: module initialized",
    ]


def test_in_full_every_check_names_the_line_it_rests_on() -> None:
    done = tdxctl("diagnose", "--verbose", "tests/data/boot.log")
    assert done.returncode == 0
    assert (
        "\n        line 35: virt/tdx: BIOS enabled: private KeyID range [32, 64)\n" in done.stdout
    )
    assert done.stdout.count("looks at") == len(CHECKS)


def test_on_a_terminal_lines_are_wrapped_under_their_texts() -> None:
    found = _diagnose((ROOT / FAILED_LOG).read_text())
    lines = to_text(found, short=True, width=60).split("\n")
    assert max(map(len, lines)) <= 60
    assert lines[:2] == [
        "TDX is FAILED: the initialization of the TDX module failed:",
        "TDH.SYS.INIT returned TDX_INCORRECT_CPUID_VALUE",
    ]
    assert "  causes:   1. BIOS or microcode are too old for the TDX" in lines
    assert "               module (seen 3 times)" in lines


def test_json_is_what_its_schema_says() -> None:
    schema = json.loads(tdxctl("schema", "diagnosis").stdout)
    for log in ("tests/data/boot.log", FAILED_LOG):
        printed = json.loads(tdxctl("diagnose", "--format", "json", log).stdout)
        jsonschema.validate(printed, schema)
        assert printed["schema"] == "tdxctl.diagnosis/1"


def test_text_of_a_log_is_never_an_escape_sequence() -> None:
    done = tdxctl(
        "diagnose", "--verbose", "-", stdin="virt/tdx: module initialized \u202e\x1b[31m\x07red\n"
    )
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_what_is_no_log_is_exit_4() -> None:
    done = tdxctl("diagnose", "LICENSE")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("LICENSE: shows nothing that is read\n  hint: a kernel's log, ")
