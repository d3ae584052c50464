# SPDX-License-Identifier: Apache-2.0
"""What every check says of one small log, side by side: its verdict, its line and its words."""

from __future__ import annotations

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.diagnose.outcome import CheckResult, Verdict

BIOS = (
    "[    0.31] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    "[    0.32] virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.\n"
)
DONE = "[    9.1] virt/tdx: 24636 KB allocated for PAMT\n[    9.2] virt/tdx: module initialized\n"


def _shown(result: CheckResult) -> str:
    # `line 4: sys-config FAIL: ...`; line 0 is none.
    outcome = result.outcome
    number = 0 if outcome.line is None else outcome.line.number
    return f"{number} {result.check.id} {outcome.verdict.value}: {outcome.detail}"


def _tells(result: CheckResult) -> bool:
    # Whether it is neither left out, behind one that failed, nor without a line to go by.
    verdict, detail = result.outcome.verdict, result.outcome.detail
    if verdict is Verdict.SKIP:
        return not detail.endswith(" failed")
    return verdict is not Verdict.UNKNOWN


HEALTHY_6_16 = (
    "[    0.00] Linux version 6.16.0 (a@b)\n"
    "[    0.00] Command line: ro nohibernate kvm_intel.tdx=1\n"
    "[    0.28] x86/tme: enabled by BIOS\n"
    + BIOS
    + "[    0.40] smp: Brought up 2 nodes, 4 CPUs\n"
    + "[    0.50] sgx: EPC section 0x107f000000-0x107fefffff\n"
    + DONE
    + "[    9.3] kvm_intel: TDX is supported.\n"
    "[   99.0] virt/tdx: SEAMCALL (0x000000000000001c) failed: 0xc000030000000001\n"
)
TOLD_OF_HEALTHY_6_16 = """
0 host PASS: no line of a guest's kernel
8 cpu PASS: it has TDX
3 tme PASS: enabled by the BIOS
4 keyids PASS: KeyID 32 is the module's, 31 KeyIDs are for guests
7 sgx PASS: SGX is on: the BIOS gave it memory
4 kernel-support PASS: it prints lines on TDX
5 hibernation PASS: the bring-up got past it
0 x2apic SKIP: no check of the kernel that printed this log
5 memory-notifier PASS: the bring-up got past it
0 usable-memory SKIP: no check of the kernel that printed this log
11 boot PASS: the kernel got as far as an initialization
11 vmx PASS: KVM is loaded
2 command-line PASS: TDX was asked for
11 kvm-conditions PASS: KVM went on
0 cpus-online SKIP: no check of the kernel that printed this log
11 init-attempt PASS: SEAMCALLs were made
8 seam-enabled PASS: a SEAMCALL got through
8 module-loaded PASS: a module answered
10 sys-init PASS: done
10 lp-init PASS: done
10 system-info PASS: done
10 module-features PASS: done
10 cmrs PASS: the module accepted the memory
10 tdmrs PASS: done
10 reserved-areas PASS: done
8 pamt PASS: 24636 KiB (0.02 GiB)
10 sys-config PASS: done
10 key-config PASS: done
10 tdmr-init PASS: done
9 initialized PASS: initialized
10 kvm PASS: KVM says so
11 td-runtime WARN: TDH.PHYMEM.PAGE.RECLAIM returned TDX_PAGE_METADATA_INCORRECT (RCX)
0 kexec PASS: no refusal is shown
5 harmless PASS: with TDX the kernel does without suspend to RAM.
"""

# v5 counts pages, prints the CMRs, and says no more than that it shut the module down.
FAILED_V5 = (
    "tdx: SEAMRR enabled.\n"
    "tdx: TDX private KeyID range: [32, 64).\n"
    "tdx: TDX enabled by BIOS.\n"
    "tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, minor_version 0, "
    "build_date 20220101, build_num 100\n"
    "tdx: Kernel-checked-CMR : [0x100000, 0x80000000)\n"
    "tdx: Kernel-checked-CMR : [0x100000000, 0x200000000)\n"
    "tdx: Failed to initialize TDX module.  Shut it down.\n"
)
TOLD_OF_FAILED_V5 = """
0 host PASS: no line of a guest's kernel
4 cpu PASS: it has TDX
1 seamrr PASS: SEAMRR is enabled
2 keyids PASS: KeyID 32 is the module's, 31 KeyIDs are for guests
1 kernel-support PASS: it prints lines on TDX
0 hibernation SKIP: no check of the kernel that printed this log
0 x2apic SKIP: no check of the kernel that printed this log
0 cpu-features SKIP: no check of the kernel that printed this log
0 memory-notifier SKIP: no check of the kernel that printed this log
0 usable-memory SKIP: no check of the kernel that printed this log
4 boot PASS: the kernel got as far as an initialization
4 vmx PASS: KVM is loaded
4 cpus-online PASS: the initialization got past it
4 init-attempt PASS: SEAMCALLs were made
4 seam-enabled PASS: a SEAMCALL got through
4 module-loaded PASS: it is module 1.0 (build 20220101, number 100)
4 sys-init PASS: the initialization got past it
4 lp-init PASS: the initialization got past it
5 system-info PASS: the initialization got past it
5 cmrs PASS: 2 CMRs are printed
7 initialized FAIL: the initialization failed
0 harmless PASS: none is shown
"""

# 6.8 names the SEAMCALL, and the errno.
FAILED_6_8 = (
    "[    0.00] Linux version 6.8.0 (a@b)\n"
    + BIOS
    + "[    9.1] virt/tdx: SEAMCALL (0x000000000000002d) failed: 0xc000050c00000000\n"
    "[    9.2] virt/tdx: module initialization failed (-5)\n"
)
TOLD_OF_FAILED_6_8 = """
0 host PASS: no line of a guest's kernel
2 cpu PASS: it has KeyIDs for TDX: a generation with TDX
2 keyids PASS: KeyID 32 is the module's, 31 KeyIDs are for guests
2 kernel-support PASS: it prints lines on TDX
3 hibernation PASS: the bring-up got past it
0 x2apic SKIP: no check of the kernel that printed this log
3 memory-notifier PASS: the bring-up got past it
0 usable-memory SKIP: no check of the kernel that printed this log
4 boot PASS: the kernel got as far as an initialization
4 vmx PASS: KVM is loaded
4 kvm-conditions PASS: KVM went on
0 cpus-online SKIP: no check of the kernel that printed this log
4 init-attempt PASS: SEAMCALLs were made
4 seam-enabled PASS: a SEAMCALL got through
4 module-loaded PASS: a module answered
4 sys-init PASS: a later step was reached
4 lp-init PASS: a later step was reached
4 system-info PASS: a later step was reached
4 tdmrs PASS: a later step was reached
4 reserved-areas PASS: a later step was reached
4 pamt PASS: a later step was reached
4 sys-config FAIL: TDH.SYS.CONFIG returned TDX_SYS_CONFIG_NOT_PENDING
3 harmless PASS: with TDX the kernel does without suspend to RAM.
"""

# 7.1 brings TDX up at boot, whatever KVM is told.
FAILED_7_1 = (
    "[    0.00] Linux version 7.1.2 (a@b)\n"
    "[    0.00] Command line: ro\n"
    + BIOS
    + "[    9.1] virt/tdx: SEAMCALL (0x000000000000001f) failed: 0x8000020300000000\n"
)
TOLD_OF_FAILED_7_1 = """
0 host PASS: no line of a guest's kernel
3 cpu PASS: it has KeyIDs for TDX: a generation with TDX
3 keyids PASS: KeyID 32 is the module's, 31 KeyIDs are for guests
3 kernel-support PASS: it prints lines on TDX
4 hibernation PASS: the bring-up got past it
0 x2apic SKIP: no check of the kernel that printed this log
4 cpu-features PASS: the bring-up got past it
4 memory-notifier PASS: the bring-up got past it
0 usable-memory SKIP: no check of the kernel that printed this log
5 boot PASS: the kernel got as far as an initialization
5 vmx PASS: KVM is loaded
2 command-line PASS: this kernel initializes TDX at boot
0 kvm-conditions SKIP: this kernel initializes the module before KVM is asked
0 cpus-online SKIP: no check of the kernel that printed this log
5 init-attempt PASS: SEAMCALLs were made
5 seam-enabled PASS: a SEAMCALL got through
5 module-loaded PASS: a module answered
5 sys-init PASS: a later step was reached
5 lp-init PASS: a later step was reached
5 system-info PASS: a later step was reached
5 module-features PASS: a later step was reached
5 cmrs PASS: the module accepted the memory
5 tdmrs PASS: a later step was reached
5 reserved-areas PASS: a later step was reached
5 pamt PASS: a later step was reached
5 sys-config PASS: a later step was reached
5 key-config FAIL: TDH.SYS.KEY.CONFIG returned TDX_RND_NO_ENTROPY
4 harmless PASS: with TDX the kernel does without suspend to RAM.
"""

# The series of late 2022.
HEALTHY_V6 = (
    "tdx: TDX enabled by BIOS. TDX private KeyID range: [32, 64)\n"
    "tdx: TDX module initialized.\n"
    "kvm_intel: TDX is supported.\n"
)
TOLD_OF_HEALTHY_V6 = """
0 host PASS: no line of a guest's kernel
2 cpu PASS: it has TDX
1 keyids PASS: KeyID 32 is the module's, 31 KeyIDs are for guests
1 kernel-support PASS: it prints lines on TDX
0 hibernation SKIP: no check of the kernel that printed this log
2 x2apic PASS: the bring-up got past it
0 cpu-features SKIP: no check of the kernel that printed this log
0 memory-notifier SKIP: no check of the kernel that printed this log
2 usable-memory PASS: the bring-up got past it
2 boot PASS: the kernel got as far as an initialization
2 vmx PASS: KVM is loaded
2 cpus-online PASS: the initialization got past it
2 init-attempt PASS: SEAMCALLs were made
2 seam-enabled PASS: a SEAMCALL got through
2 module-loaded PASS: a module answered
3 sys-init PASS: done
3 lp-init PASS: done
3 system-info PASS: done
0 module-features SKIP: no check of the kernel that printed this log
3 cmrs PASS: done
3 tdmrs PASS: done
3 reserved-areas PASS: done
3 pamt PASS: done
3 sys-config PASS: done
3 key-config PASS: done
3 tdmr-init PASS: done
2 initialized PASS: initialized
3 kvm PASS: KVM says so
0 td-runtime PASS: no error at run time is shown
0 kexec PASS: no refusal is shown
0 harmless PASS: none is shown
"""

REPORT = (
    "SEAM_RR bit: 1\n"
    "MK_TME_ENABLED bit: 1\n"
    "NUM_TDX_PRIV_KEYS: 20\n"
    "SGX_AND_MCHECK_STATUS: 0\n"
    "CPU supports TDX according to /proc/cpuinfo\n"
)
TOLD_OF_REPORT = """
0 host PASS: no line of a guest's kernel
2 tme PASS: enabled by the BIOS
1 seamrr PASS: SEAMRR is enabled
3 keyids PASS: 32 KeyIDs (printed in hex), 31 for guests
4 sgx PASS: passed
5 kernel-support PASS: it has found TDX
0 td-runtime PASS: no error at run time is shown
0 kexec PASS: no refusal is shown
0 harmless PASS: none is shown
"""

# What is no failure, and worth a look.
WARNED = (
    BIOS
    + "[    9.0] virt/tdx: consumed TDMRs reaching limit: 60 used out of 64\n"
    + "[    9.1] virt/tdx: Enable Dynamic PAMT\n"
    "[    9.2] virt/tdx: 2101260 KB allocated for PAMT\n"
    "[   99.0] kexec: Not allowed on platform with tdx_pw_mce bug\n"
    "[   99.1] virt/tdx: SEAMCALL (0x0000000000000023) failed: 0xc000092000000122\n"
)
TOLD_OF_WARNED = """
0 host PASS: no line of a guest's kernel
3 cpu PASS: it has TDX
1 keyids PASS: KeyID 32 is the module's, 31 KeyIDs are for guests
1 kernel-support PASS: it prints lines on TDX
2 hibernation PASS: the bring-up got past it
0 x2apic SKIP: no check of the kernel that printed this log
2 cpu-features PASS: the bring-up got past it
2 memory-notifier PASS: the bring-up got past it
0 usable-memory SKIP: no check of the kernel that printed this log
7 boot PASS: the kernel got as far as an initialization
7 vmx PASS: KVM is loaded
0 kvm-conditions SKIP: this kernel initializes the module before KVM is asked
0 cpus-online SKIP: no check of the kernel that printed this log
7 init-attempt PASS: SEAMCALLs were made
3 seam-enabled PASS: a SEAMCALL got through
3 module-loaded PASS: a module answered
5 sys-init PASS: done
5 lp-init PASS: done
5 system-info PASS: done
5 module-features PASS: done
5 cmrs PASS: the module accepted the memory
3 tdmrs WARN: 60 of 64 TDMRs are used
5 reserved-areas PASS: done
5 pamt PASS: 2101260 KiB (2.00 GiB), the static part of Dynamic PAMT
5 sys-config PASS: done
5 key-config PASS: done
5 tdmr-init PASS: done
5 initialized PASS: this line comes when the initialization is done, or later
7 td-runtime WARN: TDH.SYS.LP.INIT returned TDX_INCONSISTENT_MSR (MSR 0x122)
6 kexec WARN: refused
2 harmless PASS: with TDX the kernel does without suspend to RAM.
"""

REFUSED_BY_KVM = (
    "[    0.00] Linux version 6.8.0 (a@b)\n"
    + BIOS
    + "[    9.1] kvm_intel: EPT is required for TDX\n"
)
TOLD_OF_REFUSED_BY_KVM = """
0 host PASS: no line of a guest's kernel
2 cpu PASS: it has KeyIDs for TDX: a generation with TDX
2 keyids PASS: KeyID 32 is the module's, 31 KeyIDs are for guests
2 kernel-support PASS: it prints lines on TDX
3 hibernation PASS: the bring-up got past it
0 x2apic SKIP: no check of the kernel that printed this log
3 memory-notifier PASS: the bring-up got past it
0 usable-memory SKIP: no check of the kernel that printed this log
4 kvm-conditions FAIL: EPT is required, and is off
3 harmless PASS: with TDX the kernel does without suspend to RAM.
"""

RESERVED_AREAS = (
    BIOS + "[    9.1] virt/tdx: initialization failed: TDMR [0x0, 0x80000000): reserved areas "
    "exhausted.\n[    9.2] virt/tdx: module initialization failed (-28)\n"
)
TOLD_OF_RESERVED_AREAS = """
0 host PASS: no line of a guest's kernel
3 cpu PASS: it has TDX
1 keyids PASS: KeyID 32 is the module's, 31 KeyIDs are for guests
1 kernel-support PASS: it prints lines on TDX
2 hibernation PASS: the bring-up got past it
0 x2apic SKIP: no check of the kernel that printed this log
2 memory-notifier PASS: the bring-up got past it
0 usable-memory SKIP: no check of the kernel that printed this log
3 boot PASS: the kernel got as far as an initialization
3 vmx PASS: KVM is loaded
3 kvm-conditions PASS: KVM went on
0 cpus-online SKIP: no check of the kernel that printed this log
3 init-attempt PASS: SEAMCALLs were made
3 seam-enabled PASS: a SEAMCALL got through
3 module-loaded PASS: a module answered
3 sys-init PASS: the initialization got past it
3 lp-init PASS: the initialization got past it
3 system-info PASS: the initialization got past it
3 tdmrs PASS: the initialization got past it
3 reserved-areas FAIL: TDMR [0x0, 0x80000000) has more holes than areas
2 harmless PASS: with TDX the kernel does without suspend to RAM.
"""


@pytest.mark.parametrize(
    ("log", "told"),
    [
        pytest.param(HEALTHY_6_16, TOLD_OF_HEALTHY_6_16, id="healthy-6.16"),
        pytest.param(FAILED_V5, TOLD_OF_FAILED_V5, id="failed-v5"),
        pytest.param(FAILED_6_8, TOLD_OF_FAILED_6_8, id="failed-6.8"),
        pytest.param(FAILED_7_1, TOLD_OF_FAILED_7_1, id="failed-7.1"),
        pytest.param(HEALTHY_V6, TOLD_OF_HEALTHY_V6, id="healthy-v6"),
        pytest.param(REPORT, TOLD_OF_REPORT, id="a-report"),
        pytest.param(WARNED, TOLD_OF_WARNED, id="warned"),
        pytest.param(REFUSED_BY_KVM, TOLD_OF_REFUSED_BY_KVM, id="refused-by-kvm"),
        pytest.param(RESERVED_AREAS, TOLD_OF_RESERVED_AREAS, id="reserved-areas"),
    ],
)
def test_every_check_says_what_it_found_and_in_which_line(log: str, told: str) -> None:
    """Expect those that tell, with line 0 where nothing but the whole log is the ground."""
    results = diagnose(read_log(log.encode(), "t")).results
    assert [_shown(result) for result in results if _tells(result)] == told.strip().split("\n")
