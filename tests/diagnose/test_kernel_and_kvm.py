# SPDX-License-Identifier: Apache-2.0
"""What a kernel and its KVM say of themselves before a bring-up, and after it, check by check."""

from __future__ import annotations

import pytest

from tdxctl.messages.check_ids import CheckId
from tests.diagnose.asked import outcome_of, told_of

VERSION = "[    0.0] Linux version {} (a@b)\n"
BIOS = "[    0.31] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
DONE = "[    9.2] virt/tdx: module initialized\n"
NOTHING = ("UNKNOWN", "the log does not show it", 0)
NEVER = ("SKIP", "no check of the kernel that printed this log", 0)
LP_INIT_BUSY = "[    8.2] virt/tdx: SEAMCALL (0x0000000000000023) failed: 0x8000020200000000\n"
DEBUG_FAILED = "[   99.0] virt/tdx: SEAMCALL (0x00000000000000fe) failed: 0xc000010000000000\n"
# Leaf 28, which a TD's owner calls.
RECLAIM_FAILED = "[   99.0] SEAMCALL (0x000000000000001c) failed: 0xc000030000000001\n"
PANIC = "[   20.0] Kernel panic - not syncing: VFS: no root\n"
OOPS = "[   20.0] BUG: unable to handle page fault for address: 0\n"
NO_ROOT = "[   20.0] You are in emergency mode\n"


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        ("usb 1-1: new device\n", "PASS", "no line of a guest's kernel", 0),
        ("tdx: Guest detected\n", "FAIL", "it is the log of a kernel inside a TD", 1),
        (
            "Memory Encryption Features active: Intel TDX\n",
            *("FAIL", "it is the log of a kernel inside a TD", 1),
        ),
        # Of a virtual machine, unless it shows a host's TDX: not so the line of every machine.
        (
            "Hypervisor detected: KVM\n",
            *("FAIL", "it is the log of a virtual machine (KVM)", 1),
        ),
        (
            "Hypervisor detected: KVM\nvirt/tdx: TDX not supported by the host platform\n",
            *("FAIL", "it is the log of a virtual machine (KVM)", 1),
        ),
        ("Hypervisor detected: KVM\n" + BIOS, "PASS", "no line of a guest's kernel", 0),
    ],
)
def test_a_guests_log_is_no_hosts(text: str, verdict: str, detail: str, line: int) -> None:
    assert told_of("host", text) == (verdict, detail, line)


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        ("usb 1-1: new device\n", *NOTHING),
        (DONE, "PASS", "the kernel got as far as an initialization", 1),
        (
            PANIC,
            *("FAIL", "the kernel panicked: VFS: no root, before an initialization was tried", 1),
        ),
        (
            OOPS,
            "FAIL",
            "the kernel crashed: page fault for address: 0, before an initialization was tried",
            1,
        ),
        (
            NO_ROOT,
            "FAIL",
            "the system did not find its root file system, before an initialization was tried",
            1,
        ),
        # The panic is what the crash came to.
        (
            OOPS + PANIC,
            *("FAIL", "the kernel panicked: VFS: no root, before an initialization was tried", 2),
        ),
        (
            DONE + PANIC,
            *("WARN", "the kernel panicked: VFS: no root, after an initialization was tried", 2),
        ),
        (
            LP_INIT_BUSY + OOPS,
            "WARN",
            "the kernel crashed: page fault for address: 0, after an initialization was tried",
            2,
        ),
    ],
)
def test_a_kernel_that_dies_before_anybody_tried_is_why(
    text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of("boot", text) == (verdict, detail, line)


VMX_OFF = "[    8.1] tdx: SEAMCALL failed: CPU 162 is not in VMX operation.\n"
DISABLED = "[    9.0] kvm: disabled by bios\n"


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        ("usb 1-1: new device\n", *NOTHING),
        (
            VMX_OFF,
            "FAIL",
            "CPU 162 was not in VMX operation: the SEAMCALL was refused (#UD)",
            1,
        ),
        (
            "tdx: CPU is not in VMX operation.\n",
            *("FAIL", "a CPU was not in VMX operation: the SEAMCALL was refused (#UD)", 1),
        ),
        (DISABLED, "FAIL", "VMX is off in the BIOS", 1),
        (DISABLED + DONE, "PASS", "KVM is loaded", 2),
        (DISABLED + LP_INIT_BUSY, "PASS", "KVM was loaded all the same", 2),
        (DONE + DISABLED, "PASS", "KVM was loaded all the same", 1),
    ],
)
def test_a_seamcall_needs_vmx(text: str, verdict: str, detail: str, line: int) -> None:
    assert told_of("vmx", text) == (verdict, detail, line)


def test_a_cpu_without_vmx_is_a_bring_up_that_failed() -> None:
    """Expect it to have been tried, where VMX that is off in the BIOS keeps anybody from it."""
    assert (outcome_of("vmx", VMX_OFF).state, outcome_of("vmx", DISABLED).state) == ("failed", None)
    assert [cause.cause.split(":")[0] for cause in outcome_of("vmx", VMX_OFF).causes] == [
        "VMX was not switched on on that CPU",
        "virtualization (VT-x) is off in the BIOS",
    ]


NO_PARAMETER = "kvm_intel: unknown parameter 'tdx' ignored\n"


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        (
            BIOS + NO_PARAMETER,
            *("FAIL", "kvm_intel has no parameter tdx: the running kernel's KVM knows no TDX", 2),
        ),
        (NO_PARAMETER + DONE, "PASS", "it prints lines on TDX", 2),
        (BIOS + DONE, "PASS", "it prints lines on TDX", 1),
        (LP_INIT_BUSY, "PASS", "it makes SEAMCALLs", 1),
        ("CPU supports TDX according to /proc/cpuinfo\n", "PASS", "it has found TDX", 1),
        (
            "No TDX support in CPU according to /proc/cpuinfo\n",
            *("FAIL", "the firmware has TDX, and the running kernel has not found it", 1),
        ),
    ],
)
def test_the_kernel_knows_tdx(text: str, verdict: str, detail: str, line: int) -> None:
    assert told_of("kernel-support", text) == (verdict, detail, line)


EPT = "[    9.1] kvm_intel: EPT is required for TDX\n"


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        (BIOS, *NOTHING),
        (BIOS + LP_INIT_BUSY, "PASS", "KVM went on", 2),
        (BIOS + EPT, "FAIL", "EPT is required, and is off", 2),
        (
            BIOS + "kvm_intel: tdx: tdx requires kvm.enable_virt_at_load=1\n",
            *("FAIL", "kvm.enable_virt_at_load=1 is required, and is off", 2),
        ),
        (
            BIOS + "kvm_intel: TDX requires TDP MMU.  Please enable TDP MMU for TDX.\n",
            *("FAIL", "the TDP MMU is required, and is off", 2),
        ),
        (
            "tdx: Cannot enable TDX with EPT disabled\n",
            *("FAIL", "EPT is required, and is off", 1),
        ),
        (BIOS + EPT + DONE, "PASS", "they held at the time", 3),
        (
            VERSION.format("7.1.2") + BIOS + EPT,
            *("SKIP", "this kernel initializes the module before KVM is asked", 0),
        ),
        (
            "SEAM: CPU doesn't support EPT violation #VE\n",
            "FAIL",
            "the CPU has no EPT violation #VE, or the hypervisor below does not show it",
            1,
        ),
    ],
)
def test_kvm_asks_for_ept_and_its_own_parameters(
    text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of("kvm-conditions", text) == (verdict, detail, line)


OFFLINE = "tdx: Unable to initialize the TDX module when there's offline CPU(s).\n"
LEFT_OUT = "tdx: Boot-time CPUs limited by 'maxcpus' kernel param, skipping TDX-SEAM load/config.\n"


@pytest.mark.parametrize(
    ("check", "text", "verdict", "detail", "line"),
    [
        ("cpus-online", OFFLINE, "FAIL", "v5 does not initialize the module then", 1),
        ("cpus-online", LEFT_OUT, "FAIL", "this kernel loads no module then", 1),
        ("cpus-online", VERSION.format("6.8.0") + DONE, *NEVER),
        (
            *("hibernation", "virt/tdx: initialization failed: Hibernation support is enabled\n"),
            *("FAIL", "hibernation is possible", 1),
        ),
        ("x2apic", "tdx: Disable TDX as X2APIC is not enabled.\n", "FAIL", "x2APIC is off", 1),
        (
            *("cpu-features", "virt/tdx: MOVDIR64B is required for TDX\n"),
            *("FAIL", "MOVDIR64B is missing", 1),
        ),
        (
            "memory-notifier",
            "virt/tdx: initialization failed: register_memory_notifier() failed (-12)\n",
            *("FAIL", "it failed with errno -12", 1),
        ),
        (
            *("usable-memory", "tdx: Build TDX-usable memory regions failed. Disable TDX.\n"),
            *("FAIL", "it failed", 1),
        ),
        ("usable-memory", VERSION.format("6.8.0") + DONE, *NEVER),
    ],
)
def test_what_stops_a_bring_up_at_boot_has_a_line_of_its_own(
    check: CheckId, text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of(check, text) == (verdict, detail, line)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("vmx", VMX_OFF),
        ("hibernation", "virt/tdx: initialization failed: Hibernation support is enabled\n"),
        ("cpu-features", VERSION.format("7.1.2") + "virt/tdx: MOVDIR64B is required for TDX\n"),
    ],
)
def test_what_stopped_an_attempt_is_mended_where_a_later_one_succeeds(
    check: CheckId, text: str
) -> None:
    assert (told_of(check, text)[0], told_of(check, text + DONE)[0]) == ("FAIL", "PASS")


SUPPORTED = "[   38.0] kvm_intel: TDX is supported.\n"
NOT_SUPPORTED = "[   38.1] kvm_intel: TDX is not supported.\n"
TOO_MANY = (
    "[   38.2] kvm_intel: Disable TDX: MAX_VCPU_PER_TD (576) smaller than number of logical CPUs "
    "(640).\n"
)
TDP_MMU = "[   38.3] kvm_intel: TDX requires TDP MMU.  Please enable TDP MMU for TDX.\n"
INVALID = "modprobe: ERROR: could not insert 'kvm_intel': Invalid argument\n"
IN_SILENCE = (
    "kvm_intel does not load, and the kernel says nothing: KVM cannot serve the module's "
    "attributes, XFAM or topology"
)


@pytest.mark.parametrize(
    ("text", "verdict", "detail", "line"),
    [
        ("usb 1-1: new device\n", *NOTHING),
        (SUPPORTED, "PASS", "KVM says so", 1),
        (DONE + NOT_SUPPORTED + SUPPORTED, "PASS", "KVM says so", 3),
        (DONE + NOT_SUPPORTED, "FAIL", "KVM goes on without TDX", 2),
        (DONE + SUPPORTED + NOT_SUPPORTED, "FAIL", "KVM goes on without TDX", 3),
        (NOT_SUPPORTED + DONE, *NOTHING),
        (RECLAIM_FAILED + NOT_SUPPORTED, "FAIL", "KVM goes on without TDX", 2),
        (DONE + EPT, "FAIL", "KVM goes on without TDX", 2),
        (DONE + TDP_MMU, "WARN", "KVM's TDP MMU is off", 2),
        # Its errno is its only word, where the module was initialized before it and it named none.
        (DONE + INVALID, "FAIL", IN_SILENCE, 2),
        (INVALID + DONE, *NOTHING),
        (INVALID, *NOTHING),
        (DONE + TOO_MANY + INVALID, "FAIL", "KVM goes on without TDX", 2),
    ],
)
def test_kvms_last_word_after_the_initialization_counts(
    text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of("kvm", text) == (verdict, detail, line)


WARNED = (
    "[  900.0] WARNING: CPU: 1 PID: 24908 at arch/x86/kvm/vmx/tdx.c:1494 "
    "tdx_mem_page_aug+0x102/0x1d0 [kvm_intel]\n"
)
KVM_WARNED = "KVM warned while a TD ran: tdx_mem_page_aug(), arch/x86/kvm/vmx/tdx.c:1494"
NO_ERROR = ("PASS", "no error at run time is shown", 0)


@pytest.mark.parametrize(
    ("check", "text", "verdict", "detail", "line"),
    [
        ("td-runtime", LP_INIT_BUSY, *NO_ERROR),
        ("td-runtime", LP_INIT_BUSY + DONE, *NO_ERROR),
        ("td-runtime", DONE + DEBUG_FAILED, *NO_ERROR),
        (
            *("td-runtime", DONE + LP_INIT_BUSY + RECLAIM_FAILED),
            *("WARN", "TDH.SYS.LP.INIT returned TDX_SYS_BUSY", 2),
        ),
        (
            *("td-runtime", RECLAIM_FAILED, "WARN"),
            "TDH.PHYMEM.PAGE.RECLAIM returned TDX_PAGE_METADATA_INCORRECT (RCX)",
            1,
        ),
        ("td-runtime", DONE + WARNED, "WARN", KVM_WARNED, 2),
        # A SEAMCALL tells more than the warning beside it.
        (
            *("td-runtime", DONE + WARNED + LP_INIT_BUSY),
            *("WARN", "TDH.SYS.LP.INIT returned TDX_SYS_BUSY", 3),
        ),
        ("kexec", DONE, "PASS", "no refusal is shown", 0),
        ("kexec", "kexec: Not allowed on platform with tdx_pw_mce bug\n", "WARN", "refused", 1),
        ("harmless", "usb 1-1: new device\n", "PASS", "none is shown", 0),
        (
            *("harmless", LP_INIT_BUSY + DEBUG_FAILED),
            *("PASS", "leaf 254 is one for debugging: production modules lack it", 2),
        ),
        (
            *("harmless", "tdx: TDDEBUGCONFIG isn't supported.\n"),
            *("PASS", "a debug interface that production modules do not have.", 1),
        ),
        (
            *("harmless", "kvm_intel: no symbol version for module_layout\n"),
            *("PASS", "kvm_intel was built apart from the kernel.", 1),
        ),
    ],
)
def test_what_comes_after_a_bring_up_is_no_failure_of_it(
    check: CheckId, text: str, verdict: str, detail: str, line: int
) -> None:
    assert told_of(check, text) == (verdict, detail, line)


MISMATCH = "the TDX module is too old for this kernel, or the reverse"
PARAMETER = "a parameter of kvm or kvm_intel turned off what TDX needs"
CPUS = "the machine has more CPUs than a TD may have (MAX_VCPUS_PER_TD)"


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        (DONE + NOT_SUPPORTED, [PARAMETER, MISMATCH, CPUS]),
        (DONE + TDP_MMU, [PARAMETER, MISMATCH, CPUS]),
        # Where KVM names its reason the others are none.
        (DONE + TOO_MANY, [CPUS]),
        (DONE + INVALID, [MISMATCH]),
        (DONE + EPT, [PARAMETER, "the BIOS turned a virtualization feature off"]),
        (
            DONE + "[   38.4] kvm_intel: tdx: tdx requires kvm.enable_virt_at_load=1\n",
            [PARAMETER, "the BIOS turned a virtualization feature off"],
        ),
    ],
)
def test_why_kvm_goes_on_without_tdx(text: str, causes: list[str]) -> None:
    assert [cause.cause for cause in outcome_of("kvm", text).causes] == causes
