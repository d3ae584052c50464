# SPDX-License-Identifier: Apache-2.0
"""What decides where a log shows more, less or something else than a TDX host's bring-up."""

from __future__ import annotations

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.capture.inputs import read_bytes
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.diagnose.outcome import Diagnosis, Outcome, Verdict
from tdxctl.report.diagnosis import to_text

BIOS = (
    "[    0.31] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    "[    0.32] virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.\n"
)
DONE = "[    9.1] virt/tdx: 24636 KB allocated for PAMT\n[    9.2] virt/tdx: module initialized\n"
WITHOUT_TDX = "[    0.28] virt/tdx: TDX not supported by the host platform\n"
ASKED = "[    0.00] Command line: ro nohibernate kvm_intel.tdx=1\n"


def _diagnose(text: str) -> Diagnosis:
    return diagnose(read_log(text.encode(), "t"))


def _outcome(found: Diagnosis, check: str) -> Outcome:
    return next(result.outcome for result in found.results if result.check.id == check)


def _cpu(brand: str, family: int, model: int) -> str:
    numbers = f"family: {family:#x}, model: {model:#x}, stepping: 0x2"
    return f"[    0.30] smpboot: CPU0: {brand} ({numbers})\n"


@pytest.mark.parametrize(
    "cpu",
    [
        _cpu("12th Gen Intel(R) Core(TM) i9-12900K", 6, 0x97),
        _cpu("Intel(R) Core(TM) Ultra 9 285K", 6, 0xC6),
        _cpu("Intel(R) Xeon(R) CPU E5-2697 v2 @ 2.70GHz", 6, 0x3E),
        _cpu("Intel(R) Xeon(R) Platinum 8358 CPU @ 2.60GHz", 6, 0x6A),
        _cpu("Intel(R) N100", 6, 0xBE),
        "Model name:            13th Gen Intel(R) Core(TM) i7-1360P\n",
        "[    0.1] smpboot: CPU0: Intel(R) Xeon(R) CPU X5650 (fam: 06, model: 2c, stepping: 02)\n",
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        WITHOUT_TDX,
        "[    0.01] x86/tme: not enabled by BIOS\n",
        "[    0.400000] smp: Brought up 1 node, 4 CPUs\n",
    ],
)
def test_no_bios_option_is_named_on_a_cpu_without_tdx(cpu: str, line: str) -> None:
    found = _diagnose(line + cpu)
    assert found.deciding is not None
    assert (found.state, found.deciding.check.id) == ("not supported", "cpu")
    assert "nothing in the firmware or on the command line helps" in to_text(found)
    assert "TME" not in to_text(found)


@pytest.mark.parametrize(
    "line",
    [
        _cpu("AMD Ryzen 5 PRO 3500U w/ Radeon Vega Mobile Gfx", 0x17, 0x18),
        _cpu("AMD EPYC 9654 96-Core Processor", 0x19, 0x11),
        "[    9.0] kvm_amd: SEV enabled (ASIDs 100 - 509)\n",
        "[    9.0] kvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on CPU 3\n",
        "[    9.0] kvm: Nested Virtualization enabled\n",
        "[    9.0] kvm: SEV supported: 410 ASIDs\n",
        "[    0.9] pci 0000:40:00.2: AMD-Vi: Found IOMMU cap 0x40\n",
        "[    0.9] AMD-Vi: Interrupt remapping enabled\n",
    ],
)
def test_amds_are_told_that_they_are_amds(line: str) -> None:
    found = _diagnose(WITHOUT_TDX + line)
    assert found.state == "not supported"
    assert _outcome(found, "cpu").detail.endswith("AMD's, without TDX")
    assert "SEV-SNP" in _outcome(found, "cpu").causes[0].cause


def test_amds_kvm_on_another_cpu_tells_of_no_maker() -> None:
    """Expect the line that every machine without TDX has to be no fault."""
    found = _diagnose(WITHOUT_TDX + "[    9.0] kvm_amd: CPU 7 isn't AMD or Hygon\n")
    assert found.state == "not supported"
    assert _outcome(found, "cpu").verdict is Verdict.UNKNOWN
    assert "on every machine without: no fault there" in found.summary


def test_a_server_with_tdx_that_finds_none_is_sent_to_the_bios() -> None:
    found = _diagnose(WITHOUT_TDX + _cpu("INTEL(R) XEON(R) PLATINUM 8581C CPU", 6, 0xCF))
    assert (found.state, found.deciding and found.deciding.check.id) == ("not enabled", "keyids")
    causes = [cause.cause for cause in _outcome(found, "keyids").causes]
    assert causes[0].startswith("the BIOS is incomplete")
    # Its check passes: the generation has it in every model.
    assert [cause for cause in causes if "the CPU has no TDX" in cause] == []


@pytest.mark.parametrize("brand", ["Intel(R) Xeon(R) w3-2423", "Intel(R) Xeon(R) Gold 6421N"])
def test_of_sapphire_rapids_not_every_model_has_it(brand: str) -> None:
    found = _diagnose("[    0.0] x86/tme: not enabled by BIOS\n" + _cpu(brand, 6, 0x8F))
    assert _outcome(found, "cpu").verdict is Verdict.UNKNOWN
    causes = [cause.cause for cause in _outcome(found, "tme").causes]
    place = 0 if "w3" in brand else 1
    assert causes[place] == "the CPU has no TDX: not every model of a generation has it"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            BIOS + _cpu("12th Gen Intel(R) Core(TM) i9-12900K", 6, 0x97),
            "TDX on a CPU that has none",
        ),
        (BIOS + DONE + "[    9.0] kvm_amd: TSC scaling supported\n", "TDX on a CPU that has none"),
        (BIOS + DONE + "[    1.0] tdx: Guest detected\n", "of a host (line 1) and of a kernel in"),
    ],
)
def test_what_contradicts_itself_is_unknown(text: str, why: str) -> None:
    found = _diagnose(text)
    assert (found.state, found.deciding, found.healthy) == ("unknown", None, False)
    assert f"it contradicts itself: {why}" in found.summary or why in found.summary
    assert "take the log of one boot of one host" in to_text(found)


# Lines of kernels between v5 and 6.8, and of trees of 5.10 and 5.15.
@pytest.mark.parametrize(
    ("text", "state", "check", "detail"),
    [
        (
            "tdx: SEAMCALL failed: CPU 162 is not in VMX operation.\n"
            "tdx: TDX module initialization failed (-22)\n",
            *("failed", "vmx", "CPU 162 was not in VMX operation"),
        ),
        ("tdx: CPU is not in VMX operation.\n", "failed", "vmx", "a CPU was not in VMX operation"),
        (
            "tdx: BIOS enabled: private KeyID range [32, 64)\n"
            "tdx: SEAMCALL failed: TDX Module not loaded.\n"
            "tdx: module initialization failed (-19)\n",
            *("failed", "module-loaded", "no module answered"),
        ),
        (
            "tdx: TDX module is outdated. Use v1.0.3 or newer.\n",
            *("failed", "sys-init", "TDX_INCORRECT_CPUID_VALUE"),
        ),
        (
            "tdx: SEAMCALL[TDH_SYS_INIT] failed: TDX_SYSINIT_NOT_PENDING (0xc000050000000000)\n"
            "tdx: Failed to load TDX module.\n",
            *("failed", "module-loaded", "could not load the TDX module itself"),
        ),
        (
            "tdx: Loaded TDX module via P-SEAMLDR.\n"
            "tdx: SEAMCALL[TDH_SYS_CONFIG] failed: TDX_PAMT_OVERLAP (0xc0000a1100000000)\n"
            "tdx: Failed to initialize TDX module -5\n",
            *("failed", "sys-config", "TDH.SYS.CONFIG returned"),
        ),
        (
            "seam: No NP-SEAMLDR found. \"intel-seam/np-seamldr.acm\"\n",
            *("failed", "module-loaded", "was not found or did not start"),
        ),
        (
            "tdx: MKTME KeyID partioning inconsistent on CPU 3\n",
            *("failed", "lp-init", "MSR 0x87 differs between CPUs"),
        ),
        ("tdx: Cannot enable TDX with EPT disabled\n", "not started", "kvm-conditions", "EPT is"),
        ("tdx: Cannot enable TDX with SEAMRR disabled\n", "not enabled", "seamrr", "SEAMRR is not"),
        (
            "SEAM: CPU doesn't support EPT violation #VE\n",
            *("not supported", "kvm-conditions", "EPT violation #VE"),
        ),
        (
            "seam: SEAMRR is not enabled by BIOS\n",
            *("not enabled", "seamrr", "SEAMRR is not enabled"),
        ),
        (
            "tdx: Boot-time CPUs limited by 'maxcpus' kernel param, "
            "skipping TDX-SEAM load/config.\n"
            "tdx: can't load/init TDX module. disabling TDX feature.\n",
            *("not started", "cpus-online", "this kernel loads no module then"),
        ),
        (
            "tdx: e820 ram [0x6f800000 - 0x6fa00000] not covered by CMRs\n"
            "tdx: can't load/init TDX module. disabling TDX feature.\n",
            *("failed", "cmrs", "memory of the kernel's lies outside the CMRs"),
        ),
        (
            "seam: failed to load np-seamldr\n",
            *("failed", "module-loaded", "was not found or did not start"),
        ),
        # Words that are known nowhere.
        (
            "virt/tdx: initialization failed: the moon is full\n",
            *("failed", "initialized", "the kernel says: the moon is full"),
        ),
        (
            "tdx: Failed to enable TDX: no luck\n",
            *("failed", "initialized", "the kernel says: tdx: Failed to enable TDX: no luck"),
        ),
    ],
)  # fmt: skip
def test_a_generation_between_is_understood(text: str, state: str, check: str, detail: str) -> None:
    found = _diagnose(text)
    assert (found.state, found.deciding and found.deciding.check.id) == (state, check)
    assert detail in _outcome(found, check).detail
    assert _outcome(found, check).causes
    assert "cut" not in found.summary


FAILED = (
    "[    0.31] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    "[    9.20] virt/tdx: module initialization failed (-5)\n"
)


@pytest.mark.parametrize(
    "text", [f"Expected:\nvirt/tdx: module initialized\nActual:\n{FAILED}",
             f"{FAILED}Expected:\nvirt/tdx: module initialized\n"],
)  # fmt: skip
def test_what_somebody_expects_is_no_line_of_the_log(text: str) -> None:
    found = _diagnose(text)
    assert (found.state, found.deciding and found.deciding.check.id) == ("failed", "initialized")
    assert "is taken for no line of this log (virt/tdx: module initialized)" in found.notes[0]
    # Where no line has a time, it is a log like any other.
    assert _diagnose(
        "virt/tdx: 24636 KB allocated for PAMT\nvirt/tdx: module initialized\n"
    ).healthy


def test_a_manual_that_shows_either_end_is_no_log() -> None:
    found = _diagnose("  [..] virt/tdx: module not loaded\n\n  [..] virt/tdx: module initialized\n")
    assert (found.state, found.deciding) == ("unknown", None)
    assert "that no module is loaded (line 1) and that it is initialized (line 3)" in found.summary


@pytest.mark.parametrize("status", ["0xc0000a05", "0xc", "0xc00005050000000"])
def test_a_status_that_is_cut_is_not_decoded(status: str) -> None:
    """Expect no `the call succeeded` of the upper half of an error."""
    found = _diagnose(f"[   10.8] virt/tdx: SEAMCALL (0x000000000000002d) failed: {status}\n")
    assert (found.state, found.deciding) == ("unknown", None)
    assert status in found.summary


def test_what_the_bios_set_up_alone_is_no_log_without_tdx() -> None:
    found = _diagnose("SEAM_RR bit: 1\nNUM_TDX_PRIV_KEYS: 20\nSGX_AND_MCHECK_STATUS: 0\n")
    assert found.summary.endswith(
        "it shows what the BIOS set up, and no line of the kernel's on TDX"
    )
    assert "get the whole log of a boot" in to_text(found)


@pytest.mark.parametrize(
    ("line", "state", "check", "detail"),
    [
        (
            "virt/tdx: initialization failed: the moon is full",
            *("failed", "initialized", "the kernel says: the moon is full"),
        ),
        (
            "kvm_intel: disagrees about version of symbol module_layout",
            *("not started", "init-attempt", "it is none of this kernel's"),
        ),
        (
            "modprobe: FATAL: Module kvm_intel not found in directory /lib/modules/6.14.0",
            *("not started", "init-attempt", "it is none of this kernel's"),
        ),
        (
            "modprobe: ERROR: could not insert 'kvm_intel': Input/output error",
            *("not started", "init-attempt", "kvm_intel does not load: Input/output error"),
        ),
        (
            "kvm_intel: unknown parameter 'tdx' ignored",
            *("not supported", "kernel-support", "kvm_intel has no parameter tdx"),
        ),
        (
            "kvm: support for 'kvm_intel' disabled by bios",
            *("not started", "vmx", "VMX is off in the BIOS"),
        ),
        (
            "dracut-initqueue[300]: Warning: dracut-initqueue timeout - starting timeout scripts",
            *("not started", "boot", "the system did not find its root file system"),
        ),
        (
            "ALERT!  UUID=1 does not exist.  Dropping to a shell!",
            *("not started", "boot", "the system did not find its root file system"),
        ),
        (
            "BUG: unable to handle page fault for address: ffffffffa0000000",
            *("not started", "boot", "the kernel crashed: page fault for address"),
        ),
    ],
)
def test_what_comes_after_the_bioss_lines_is_not_called_nothing_at_all(
    line: str, state: str, check: str, detail: str
) -> None:
    found = _diagnose(f"{ASKED}{BIOS}[   20.0] {line}\n[   60.0] usb 1-1: new device\n")
    assert (found.state, found.deciding and found.deciding.check.id) == (state, check)
    assert detail in _outcome(found, check).detail
    assert "nothing at all" not in found.summary
    # Where the module is initialized it is another time's.
    assert _diagnose(f"{ASKED}{BIOS}[    5.0] {line}\n{DONE}").healthy


def test_that_the_bios_enabled_tdx_is_said_only_where_it_is_shown() -> None:
    line = "[    9.0] kvm: disabled by bios\n"
    assert _diagnose(line).summary == "no initialization of TDX was tried: VMX is off in the BIOS"
    assert _diagnose(BIOS + line).summary.startswith("TDX is enabled by the BIOS, and no ")


def test_memory_encryption_that_is_off_has_no_keyids() -> None:
    found = _diagnose(f"[    0.01] x86/tme: not enabled by BIOS\n{BIOS}")
    assert (found.state, found.deciding) == ("unknown", None)
    assert "that memory encryption is off (line 1) and that TDX has KeyIDs" in found.summary


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ("SEAM_RR bit: 0", "that SEAMRR is off"),
        ("MK_TME_ENABLED bit: 0", "that memory encryption is off"),
        ("NUM_TDX_PRIV_KEYS: 0", "that TDX has no KeyIDs"),
        ("SGX_AND_MCHECK_STATUS: 1861", "that MCHECK failed"),
    ],
)
def test_what_a_report_says_against_its_own_log_decides_nothing(report: str, words: str) -> None:
    found = _diagnose(f"{BIOS}{DONE}{report}\n")
    assert (found.state, found.deciding, words in found.summary) == ("unknown", None, True)


def _with_parameter(log: str, value: str) -> Diagnosis:
    shown = f"$ cat /sys/module/kvm_intel/parameters/tdx\n{value}\n"
    found = read_bytes((log + shown).encode(), "t")
    assert found.log is not None
    return diagnose(found.log, found.texts)


def test_kvms_parameter_beside_a_log_counts() -> None:
    off = _with_parameter(BIOS + DONE, "N")
    assert (off.state, off.deciding and off.deciding.check.id) == ("failed", "kvm")
    assert "the TDX module is initialized, and KVM cannot use it" in off.summary
    assert off.notes == ("kvm_intel's parameter tdx is N: KVM cannot use TDX, as it is loaded",)
    on = _with_parameter(BIOS + DONE, "Y")
    assert on.healthy
    assert on.notes == ("kvm_intel's parameter tdx is Y: KVM can use TDX",)
    contrary = _with_parameter(FAILED, "Y")
    assert (contrary.state, contrary.deciding) == ("unknown", None)
    assert _with_parameter(FAILED, "N").state == "failed"


def test_a_backtrace_is_no_cut_in_a_log() -> None:
    """Expect the kernel's own `cut here` to be none, and its warning to be told."""
    trace = (
        "[   10.8] ------------[ cut here ]------------\n"
        "[   10.8] WARNING: CPU: 3 PID: 1 at arch/x86/virt/vmx/tdx/tdx.c:123 "
        "tdx_cpu_enable+0x1/0x2\n"
    )
    assert not read_log(trace.encode(), "t").elided
    found = _diagnose(BIOS + trace)
    assert (found.state, "the kernel warned in tdx_cpu_enable()" in found.summary) == (
        *("unknown", True),
    )
    assert _diagnose(BIOS + trace + DONE).healthy


def test_kvm_alone_does_not_tell_of_the_module() -> None:
    found = _diagnose("[   38.9] kvm_intel: TDX is not supported.\n")
    assert (found.state, found.deciding and found.deciding.check.id) == ("failed", "kvm")
    assert found.summary == ("KVM goes on without TDX; what became of the TDX module is not shown")
    assert (
        "is initialized, and KVM cannot use it"
        in _diagnose(f"{BIOS}{DONE}[   38.9] kvm_intel: TDX is not supported.\n").summary
    )


@pytest.mark.parametrize(
    "line", ["tdx: TDX initialized.", "kvm_intel: tdx: live migration supported"]
)
def test_other_words_of_an_initialized_module_are_known(line: str) -> None:
    assert _diagnose(f"[    9.0] {line}\n").healthy


def test_a_loader_that_is_in_place_is_no_initialized_module() -> None:
    """Expect the words of a tree of 5.12, which come before the module is loaded."""
    found = _diagnose("[    0.5] tdx: tdx module successfully initialized.\n")
    assert not found.healthy


def test_a_line_in_unknown_words_is_told_where_nothing_decides() -> None:
    found = _diagnose("[    0.3] virt/tdx: the widget is 3\n")
    assert found.summary == (
        "the log does not show what became of TDX: it says in words that are not known here: "
        "virt/tdx: the widget is 3"
    )


def test_a_log_that_goes_on_for_long_is_not_called_cut() -> None:
    found = _diagnose(
        "[    0.00] Linux version 6.17.0-5-generic\n"
        + _cpu("Intel(R) Xeon(R) 6960P of the future", 6, 0xFE)
        + "[    0.4] smp: Brought up 1 node, 4 CPUs\n[  120.0] systemd[1]: up\n"
    )
    assert "cut" not in found.summary
    assert "get the whole log" not in to_text(found)


@pytest.mark.parametrize(
    "line",
    ["x86/cpu: SGX disabled or unsupported by BIOS.", "sgx: There are zero EPC sections."],
)
def test_sgx_that_the_kernel_calls_off_is_why(line: str) -> None:
    found = _diagnose(f"{ASKED}[    0.14] {line}\n{BIOS}")
    assert (found.state, found.deciding and found.deciding.check.id) == ("not enabled", "sgx")
    # A machine that shows no TDX at all may have no use for SGX.
    assert _outcome(_diagnose(f"[    0.14] {line}\n"), "sgx").verdict is Verdict.WARN
    assert _diagnose(f"[    0.14] {line}\n{BIOS}{DONE}").healthy


def test_sgx_that_has_memory_is_no_cause() -> None:
    epc = "[    0.2] sgx: EPC section 0x107f000000-0x107fefffff\n"
    found = _diagnose(ASKED + BIOS + epc)
    assert _outcome(found, "sgx").verdict is Verdict.PASS
    assert "SGX is off" not in to_text(found)


def test_what_mcheck_says_of_the_registration_is_its_own_cause() -> None:
    found = _diagnose(f"{BIOS}SEAM_RR bit: 1\nSGX_AND_MCHECK_STATUS: 1861\n")
    assert "Factory Reset" in _outcome(found, "sgx").causes[0].to_do


@pytest.mark.parametrize(
    "line",
    [
        "x86/cpu: VMX (outside TXT) disabled by BIOS",
        "kvm_intel: VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL on CPU 0",
        "kvm: disabled by bios",
        "kvm: no hardware support",
    ],
)
def test_virtualization_that_is_off_is_the_one_cause(line: str) -> None:
    found = _diagnose(f"{ASKED}{BIOS}[    9.0] {line}\n")
    assert (found.state, found.deciding and found.deciding.check.id) == ("not started", "vmx")
    assert [cause.cause for cause in _outcome(found, "vmx").causes] == [
        "virtualization (VT-x) is off in the BIOS"
    ]
    assert _diagnose(f"{ASKED}{BIOS}[    1.0] {line}\n{DONE}").healthy


def test_a_panic_before_kvm_is_loaded_is_no_matter_of_tdx() -> None:
    panic = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n"
    found = _diagnose(f"{BIOS}[   19.8] {panic}")
    assert (found.state, found.deciding and found.deciding.check.id) == ("not started", "boot")
    assert "VFS: Unable to mount root fs on unknown-block(0,0)" in found.summary
    assert "SGX" not in to_text(found)
    later = _diagnose(f"{BIOS}{DONE}[  900.0] {panic}")
    assert later.healthy
    assert _outcome(later, "boot").verdict is Verdict.WARN


def test_a_misspelt_parameter_does_not_hide_a_seamcall_that_fails() -> None:
    typo = ASKED.replace("kvm_intel", "kvm_inte")
    failing = "[    9.0] virt/tdx: SEAMCALL (0x0000000000000023) failed: 0xc000092000000122\n"
    found = _diagnose(typo + BIOS + failing)
    assert (found.state, found.deciding and found.deciding.check.id) == ("failed", "lp-init")
    assert _outcome(found, "command-line").verdict is Verdict.WARN
    assert "kvm_inte.tdx is misspelt" in to_text(found)
    # And where nothing follows, what else keeps KVM silent is told beside it.
    silent = _outcome(_diagnose(typo + BIOS), "command-line")
    assert [cause.cause.split(":")[0] for cause in silent.causes] == [
        "kvm_intel.tdx=1 is missing from the command line, or misspelt",
        "SGX is off",
        "KVM gave up early",
    ]


@pytest.mark.parametrize(
    ("uname", "check", "verdict"),
    [
        ("6.8.0-1015-intel", "module-features", "UNKNOWN"),
        ("6.14.0-1006-intel", "module-features", "PASS"),
        ("6.17.0-5-generic", "module-features", "PASS"),
        ("6.17.0-5-generic", "cpu-features", "UNKNOWN"),
        ("7.1.5-arch1-2", "cpu-features", "PASS"),
        # Newer than all that are known: as the newest.
        ("9.3.0", "cpu-features", "PASS"),
        ("9.3.0", "kvm-conditions", "SKIP"),
        # A tree of an older number with the words of 6.8.
        ("5.14.0-427.el9.x86_64", "hibernation", "PASS"),
        ("5.14.0-427.el9.x86_64", "cpus-online", "SKIP"),
    ],
)
def test_what_a_kernel_looks_at_is_its_releases(uname: str, check: str, verdict: str) -> None:
    found = _diagnose(f"[    0.0] Linux version {uname} (a@b)\n{BIOS}{DONE}")
    assert _outcome(found, check).verdict.value == verdict


def test_where_nobody_asks_for_tdx_that_is_the_first_cause() -> None:
    """Expect mainline's KVM of 6.8 not to know TDX, and a distribution's for it to."""
    silent = "[    0.0] Linux version {} (a@b)\n" + ASKED + BIOS
    for uname, first in (
        ("6.8.0-59-generic", "nobody brings TDX up on this kernel"),
        ("6.8.0-1015-intel", "SGX is off"),
        ("6.17.0-5-generic", "SGX is off"),
    ):
        causes = _outcome(_diagnose(silent.format(uname)), "init-attempt").causes
        assert causes[0].cause.startswith(first)


def test_a_warning_of_kvms_names_the_function() -> None:
    line = "WARNING: CPU: 1 PID: 24908 at arch/x86/kvm/vmx/tdx.c:1494 tdx_mem_page_aug+0x102/0x1d0"
    found = _diagnose(f"{BIOS}{DONE}[  900.0] {line} [kvm_intel]\n")
    assert found.healthy
    assert _outcome(found, "td-runtime").detail == (
        "KVM warned while a TD ran: tdx_mem_page_aug(), arch/x86/kvm/vmx/tdx.c:1494"
    )


def test_a_month_of_any_language_stands_before_a_line() -> None:
    found = _diagnose("ستمبر 10 09:09:55 host kernel: virt/tdx: module not loaded\n")
    assert (found.state, found.deciding and found.deciding.check.id) == ("failed", "module-loaded")


@pytest.mark.parametrize("words", ["KVM", "VMware", "Microsoft Hyper-V"])
def test_a_virtual_machine_is_told_that_it_is_one(words: str) -> None:
    vm = f"[    0.0] Hypervisor detected: {words}\n"
    sapphire_rapids = _cpu("Intel Xeon Processor (SapphireRapids)", 6, 0x8F)
    found = _diagnose(vm + WITHOUT_TDX + sapphire_rapids)
    assert (found.state, found.deciding and found.deciding.check.id) == ("not supported", "host")
    assert _outcome(found, "host").detail == f"it is the log of a virtual machine ({words})"
    # A host that has TDX shows it, whatever runs below.
    assert _diagnose(vm + BIOS + DONE).healthy


def test_a_kernel_from_before_the_code_is_told_so() -> None:
    found = _diagnose(
        "[    0.000000] Linux version 5.15.0-91-generic (a@b)\n"
        + _cpu("Intel(R) Xeon(R) Platinum 8558", 6, 0xCF)
        + "[    0.400000] smp: Brought up 2 nodes, 4 CPUs\n"
    )
    assert (found.state, found.deciding and found.deciding.check.id) == (
        *("not supported", "kernel-support"),
    )
    assert "Linux 5.15.0 has no TDX host code: mainline has it from 6.8 on" in found.summary


def _causes_of(line: str, check: str) -> list[str]:
    return [cause.cause for cause in _outcome(_diagnose(BIOS + line), check).causes]


@pytest.mark.parametrize(
    ("leaf", "status", "check", "first"),
    [
        # It did not reach a module: nothing is too old.
        (0x23, 0x8000FF00FFFF0000, "lp-init", "the firmware carries no TDX module"),
        (0x21, 0x8000FF000000000D, "sys-init", "SGX is off"),
        (0x21, 0x8000FF0000000006, "sys-init", "VMX was not switched on"),
        # The status says all.
        (0x21, 0x8000020300000000, "sys-init", "RDRAND had no entropy"),
        (0x23, 0xC000050600000000, "lp-init", "The module was shut down"),
        # And of the platform: firmware older than the module.
        (0x21, 0xC000090000000000, "sys-init", "BIOS or microcode are too old"),
    ],
)
def test_a_status_rules_causes_out(leaf: int, status: int, check: str, first: str) -> None:
    line = f"[    8.2] virt/tdx: SEAMCALL (0x{leaf:016x}) failed: 0x{status:016x}\n"
    causes = _causes_of(line, check)
    assert causes[0].startswith(first)
    assert ("too old" in " ".join(causes)) == first.startswith("BIOS or microcode")


def test_what_kvm_names_itself_is_the_one_cause() -> None:
    too_many = (
        "kvm_intel: Disable TDX: MAX_VCPU_PER_TD (576) smaller than number of logical CPUs (640)."
    )
    assert _causes_of(f"{DONE}{too_many}\n", "kvm") == [
        "the machine has more CPUs than a TD may have (MAX_VCPUS_PER_TD)"
    ]
    assert _causes_of(f"{DONE}kvm_intel: EPT is required for TDX\n", "kvm")[0].startswith(
        "a parameter of kvm or kvm_intel turned off"
    )


def test_a_kernel_that_loads_the_module_itself_is_not_sent_to_the_firmware() -> None:
    found = _diagnose("seam: failed to load TDX P-SEAMLDR\n")
    assert "intel-seam/np-seamldr.acm" in _outcome(found, "module-loaded").causes[0].cause
