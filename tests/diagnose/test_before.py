# SPDX-License-Identifier: Apache-2.0
"""What CPU, BIOS, kernel and KVM have to bring, check by check: the few lines that tell of each."""

from __future__ import annotations

import pytest

from tdxctl.messages.check_ids import CheckId
from tests.diagnose.asked import cpu_line, outcome_of, told_of

KEYIDS = "[    0.31] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
NO_S3 = "[    0.32] virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.\n"
BIOS = KEYIDS + NO_S3
DONE = "[    9.2] virt/tdx: module initialized\n"
NOT_LOADED = "[    9.0] virt/tdx: module not loaded\n"
WITHOUT_TDX = "[    0.28] virt/tdx: TDX not supported by the host platform\n"
# TDX_SYS_BUSY of TDH.SYS.INIT and TDH.SYS.LP.INIT.
SYS_INIT_BUSY = "[ 8.1] virt/tdx: SEAMCALL (0x0000000000000021) failed: 0x8000020200000000\n"
LP_INIT_BUSY = "[ 8.2] virt/tdx: SEAMCALL (0x0000000000000023) failed: 0x8000020200000000\n"
# Of modprobe, where the load of kvm_intel returns EOPNOTSUPP or EACCES.
GP = "modprobe: ERROR: could not insert 'kvm_intel': Operation not supported\n"
UD = "modprobe: ERROR: could not insert 'kvm_intel': Permission denied\n"
SGX_OFF = "[    0.14] x86/cpu: SGX disabled by BIOS.\n"
NOTHING = ("UNKNOWN", "the log does not show it", 0)


EMERALD_RAPIDS = cpu_line("Intel(R) Xeon(R) Platinum 8558", 6, 0xCF)


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        ("usb 1-1: new device\n", *NOTHING),
        (KEYIDS + DONE, "PASS", "it has TDX", 2),
        (KEYIDS + EMERALD_RAPIDS, "PASS", "it has KeyIDs for TDX: a generation with TDX", 1),
        (
            "[    9.0] kvm: Nested Virtualization enabled\n",
            *("FAIL", "KVM runs on it as on an AMD CPU: AMD's, without TDX", 1),
        ),
        (
            "[    0.9] AMD-Vi: Interrupt remapping enabled\n",
            *("FAIL", "its IOMMU is AMD's: AMD's, without TDX", 1),
        ),
        (
            cpu_line("AMD EPYC", 0x19, 1),
            *("FAIL", "AMD EPYC, family 0x19, model 0x1: AMD's, without TDX", 1),
        ),
        (
            cpu_line("Hygon C86", 0x18, 1),
            *("FAIL", "Hygon C86, family 0x18, model 0x1: Hygon's, without TDX", 1),
        ),
        # By its numbers, where the log has them; else by its name.
        (
            cpu_line("Intel(R) Xeon(R)", 6, 0x6A),
            "FAIL",
            "Intel(R) Xeon(R), family 0x6, model 0x6a, ice-lake-x: not of a generation with TDX",
            1,
        ),
        (
            "Model name:            13th Gen Intel(R) Core(TM) i7-1360P\n",
            *("FAIL", "13th Gen Intel(R) Core(TM) i7-1360P: not of a generation with TDX", 1),
        ),
        ("Model name:  Something\n", "UNKNOWN", "Something: not known here", 1),
        (
            cpu_line("Intel(R) Xeon(R)", 6, 0xFE),
            *("UNKNOWN", "Intel(R) Xeon(R), family 0x6, model 0xfe: not known here", 1),
        ),
        (
            cpu_line("", 6, 0xCF),
            *("PASS", "family 0x6, model 0xcf, emerald-rapids: a generation with TDX", 1),
        ),
        (
            cpu_line("Intel(R) Xeon(R) 6960P", 6, 0xAD),
            "PASS",
            "Intel(R) Xeon(R) 6960P, family 0x6, model 0xad, granite-rapids: a generation with TDX",
            1,
        ),
        # Of Sapphire Rapids not every model has it, and no workstation's.
        (
            cpu_line("Intel(R) Xeon(R) Gold 6421N", 6, 0x8F),
            "UNKNOWN",
            "Intel(R) Xeon(R) Gold 6421N, family 0x6, model 0x8f, sapphire-rapids: a generation of "
            "which not every model has TDX",
            1,
        ),
        (
            cpu_line("Intel(R) Xeon(R) TDX", 6, 0x8F),
            "PASS",
            "Intel(R) Xeon(R) TDX, family 0x6, model 0x8f, sapphire-rapids: a generation with TDX",
            1,
        ),
        (
            cpu_line("Intel(R) Xeon(R) w3-2423", 6, 0x8F),
            "UNKNOWN",
            "Intel(R) Xeon(R) w3-2423, family 0x6, model 0x8f, sapphire-rapids: a workstation's, "
            "which are sold without TDX",
            1,
        ),
    ],
)
def test_the_cpu_is_known_by_what_it_does_by_its_numbers_or_by_its_name(
    text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of("cpu", text) == (verdict, detail, line)


def _range(start: int, end: int) -> str:
    return f"virt/tdx: BIOS enabled: private KeyID range [{start}, {end})\n"


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        (NOT_LOADED, *NOTHING),
        (_range(32, 35), "PASS", "KeyID 32 is the module's, 2 KeyIDs are for guests", 1),
        (_range(32, 34), "PASS", "KeyID 32 is the module's, 1 KeyID is for guests", 1),
        (_range(32, 33), "FAIL", "1 KeyID for TDX, 2 are needed", 1),
        (_range(32, 32), "FAIL", "0 KeyIDs for TDX, 2 are needed", 1),
        (_range(33, 32), "FAIL", "0 KeyIDs for TDX, 2 are needed", 1),
        # What a system report prints is in hex.
        ("NUM_TDX_PRIV_KEYS: 40\n", "PASS", "64 KeyIDs (printed in hex), 63 for guests", 1),
        ("NUM_TDX_PRIV_KEYS: 2\n", "PASS", "2 KeyIDs (printed in hex), 1 for guests", 1),
        ("NUM_TDX_PRIV_KEYS: 1\n", "FAIL", "1 KeyID for TDX, 2 are needed", 1),
        ("NUM_TDX_PRIV_KEYS: 0\n", "FAIL", "0 KeyIDs for TDX, 2 are needed", 1),
        (
            _range(63, 64) + "virt/tdx: initialization failed: too few private KeyIDs available.\n",
            *("FAIL", "too few KeyIDs: the module's own and none for guests", 2),
        ),
        ("tdx: TDX enabled by BIOS.\n", "PASS", "TDX is enabled", 1),
        (NO_S3, "PASS", "TDX is enabled", 1),
        # That line comes on every machine without; it tells of one whose CPU may have TDX.
        (
            WITHOUT_TDX,
            "FAIL",
            "the kernel found no TDX at boot, and says so on every machine without: no fault there",
            1,
        ),
        (WITHOUT_TDX + EMERALD_RAPIDS, "FAIL", "the kernel found no TDX at boot", 1),
        (
            "kvm_intel: tdx: no TDX private KeyIDs available\n",
            *("FAIL", "the kernel found no TDX at boot", 1),
        ),
        (WITHOUT_TDX + DONE, *NOTHING),
    ],
)
def test_two_keyids_are_the_least(text: str, verdict: str, detail: str, line: int) -> None:
    assert told_of("keyids", text) == (verdict, detail, line)


@pytest.mark.parametrize(
    ("check", "text", "verdict", "detail", "line"),
    [
        ("tme", NOT_LOADED, *NOTHING),
        ("tme", "MK_TME_ENABLED bit: 1\n", "PASS", "enabled by the BIOS", 1),
        ("tme", "MK_TME_ENABLED bit: 0\n", "FAIL", "not enabled by the BIOS", 1),
        ("tme", "x86/tme: enabled by BIOS\n", "PASS", "enabled by the BIOS", 1),
        ("tme", "x86/mktme: disabled by BIOS\n", "FAIL", "not enabled by the BIOS", 1),
        # What a report says of the bit comes first, then the multi-key line.
        (
            *("tme", "x86/tme: enabled by BIOS\nMK_TME_ENABLED bit: 0\n"),
            *("FAIL", "not enabled by the BIOS", 2),
        ),
        (
            *("tme", "x86/tme: not enabled by BIOS\nx86/mktme: enabled by BIOS\n"),
            *("PASS", "enabled by the BIOS", 2),
        ),
        ("seamrr", NOT_LOADED, *NOTHING),
        ("seamrr", "SEAM_RR bit: 1\n", "PASS", "SEAMRR is enabled", 1),
        (
            *("seamrr", "SEAM_RR bit: 0\n", "FAIL"),
            "SEAMRR is not enabled: of MSR 0x1401 bit 10 (locked) or 11 (enabled) is clear",
            1,
        ),
        ("seamrr", "tdx: SEAMRR enabled.\n", "PASS", "SEAMRR is enabled", 1),
        (
            *("seamrr", "tdx: Cannot enable TDX with SEAMRR disabled\n"),
            *("FAIL", "SEAMRR is not enabled", 1),
        ),
        ("sgx", NOT_LOADED, *NOTHING),
        ("sgx", "SGX_AND_MCHECK_STATUS: 0\n", "PASS", "passed", 1),
        ("sgx", "SGX_AND_MCHECK_STATUS: 862\n", "FAIL", "MCHECK failed with 0x862", 1),
        (
            *("sgx", SGX_OFF + "sgx: EPC section 0x107f000000-0x107fefffff\n"),
            *("PASS", "SGX is on: the BIOS gave it memory", 2),
        ),
        # SGX that is off is a failure on a machine that has TDX, and only there.
        (
            *("sgx", SGX_OFF),
            *("WARN", "SGX is off in the BIOS: the kernel says so itself", 1),
        ),
        (
            *("sgx", SGX_OFF + KEYIDS),
            *("FAIL", "SGX is off in the BIOS: the kernel says so itself", 1),
        ),
        (
            *("sgx", SGX_OFF + EMERALD_RAPIDS),
            *("FAIL", "SGX is off in the BIOS: the kernel says so itself", 1),
        ),
        (
            *("sgx", SGX_OFF + cpu_line("x", 6, 0x6A)),
            *("WARN", "SGX is off in the BIOS: the kernel says so itself", 1),
        ),
        (
            *("sgx", SGX_OFF + DONE),
            *("WARN", "SGX was off, and the module is initialized all the same", 2),
        ),
    ],
)
def test_the_bios_turned_on_what_tdx_needs(
    check: CheckId, text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of(check, text) == (verdict, detail, line)


@pytest.mark.parametrize(
    ("text", "attempt", "enabled"),
    [
        # Its load fails after the BIOS's lines, and nothing else is said.
        (BIOS + GP, "PASS", "FAIL"),
        (BIOS + UD, "PASS", "FAIL"),
        # Nobody says that TDX is there; or the load is of another time; or KVM does not ask.
        (GP, "UNKNOWN", "UNKNOWN"),
        (GP + BIOS, "FAIL", "UNKNOWN"),
        ("[    0.0] Linux version 7.1.2 (a@b)\n" + BIOS + GP, "FAIL", "UNKNOWN"),
        # KVM goes on to its own line, or to a SEAMCALL.
        (BIOS + GP + "kvm_intel: TDX is not supported.\n", "PASS", "UNKNOWN"),
        (BIOS + LP_INIT_BUSY + GP, "PASS", "PASS"),
    ],
)
def test_a_load_of_kvm_that_fails_without_a_line_was_refused_its_first_seamcall(
    text: str, attempt: str, enabled: str
) -> None:
    assert outcome_of("init-attempt", text).verdict.value == attempt
    assert outcome_of("seam-enabled", text).verdict.value == enabled


@pytest.mark.parametrize(("text", "raised"), [(GP, "#GP"), (UD, "#UD")])
def test_its_errno_tells_the_exception(text: str, raised: str) -> None:
    assert told_of("init-attempt", BIOS + text) == ("PASS", "KVM asked, and its load failed", 3)
    assert told_of("seam-enabled", BIOS + text) == (
        *("FAIL", f"kvm_intel does not load: its first SEAMCALL raised {raised}, without a line"),
        3,
    )


def test_a_seamcall_outside_vmx_operation_is_no_matter_of_the_bios() -> None:
    """Expect #UD to be laid to VMX, and #GP to SEAMRR and what has it off."""
    ud, gp = (outcome_of("seam-enabled", BIOS + text) for text in (UD, GP))
    assert [cause.cause for cause in ud.causes] == [
        "VMX was not switched on on that CPU: KVM does that while it is loaded"
    ]
    assert not set(ud.causes) & set(gp.causes)


@pytest.mark.parametrize(
    ("others", "ends", "verdict"),
    [
        # KVM is loaded 5 s after the boot's line at 0.32 s, or later.
        (4, "5.31", "UNKNOWN"),
        (4, "5.32", "FAIL"),
        # Three lines on other things are what a filter leaves: they tell no time.
        (3, "2.00", "FAIL"),
        (4, "2.00", "UNKNOWN"),
    ],
)
def test_a_whole_log_that_ends_early_is_no_silence(others: int, ends: str, verdict: str) -> None:
    before = "".join(f"[    0.2{i}] pci 0000:00:0{i}.0: a device\n" for i in range(others - 1))
    found = outcome_of("init-attempt", f"{before}{BIOS}[    {ends}] usb 1-1: new device\n")
    assert found.verdict.value == verdict


@pytest.mark.parametrize(
    ("text", "verdict", "line"),
    [
        (BIOS, "FAIL", 2),
        ("tdx: TDX private KeyID range: [32, 64).\n", "FAIL", 1),
        ("tdx: TDX enabled by BIOS.\n", "FAIL", 1),
        (NOT_LOADED, "PASS", 1),
        # Words that are not known here may be the answer, where they come after.
        (BIOS + "[    9.0] virt/tdx: the widget is 3\n", "UNKNOWN", 0),
        ("[    0.1] virt/tdx: the widget is 3\n" + BIOS, "FAIL", 3),
        (BIOS + "[    9.0] virt/tdx: initialization failed: the moon is full\n", "UNKNOWN", 0),
        (BIOS + "...\n", "UNKNOWN", 0),
        # A condition of KVM's own is no attempt.
        (BIOS + "[    9.1] kvm_intel: EPT is required for TDX\n", "FAIL", 2),
    ],
)
def test_silence_after_the_bioss_lines_is_no_attempt(text: str, verdict: str, line: int) -> None:
    found = outcome_of("init-attempt", text)
    assert (found.verdict.value, found.line.number if found.line else 0) == (verdict, line)


@pytest.mark.parametrize(
    ("check", "detail"),
    [
        ("kernel-support", "it makes SEAMCALLs"),
        ("boot", "the kernel got as far as an initialization"),
        ("vmx", "KVM is loaded"),
        ("init-attempt", "SEAMCALLs were made"),
        ("seam-enabled", "a SEAMCALL got through"),
        ("module-loaded", "a module answered"),
        ("hibernation", "the bring-up got past it"),
    ],
)
def test_of_seamcalls_that_fail_the_first_shows_how_far_it_got(check: CheckId, detail: str) -> None:
    """Expect line 2, of leaf 33: what comes before it is none of TDX."""
    log = f"[    0.0] Linux version 6.16.0 (a@b)\n{SYS_INIT_BUSY}{LP_INIT_BUSY}"
    assert told_of(check, log) == ("PASS", detail, 2)
