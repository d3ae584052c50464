# SPDX-License-Identifier: Apache-2.0
"""The MSRs that SYS.INIT and SYS.LP.INIT look at, by their names in the Intel SDM.

Those that others read too have names of their own, with their bits. And the registers of CPUID.
"""

from __future__ import annotations

MSR_IA32_MKTME_KEYID_PARTITIONING = 0x87
MSR_MTRRCAP = 0xFE
MSR_IA32_TME_CAPABILITY = 0x981
MSR_IA32_TME_ACTIVATE = 0x982
MSR_IA32_SEAMRR_PHYS_MASK = 0x1401

MTRRCAP_SEAMRR = 1 << 15
TME_ACTIVATE_ENABLED = 1 << 1
SEAMRR_PHYS_MASK_LOCKED = 1 << 10
SEAMRR_PHYS_MASK_ENABLED = 1 << 11

MSRS = {
    "IA32_TSC_ADJUST": 0x3B,
    "IA32_MKTME_KEYID_PARTITIONING": MSR_IA32_MKTME_KEYID_PARTITIONING,
    "IA32_WBINVDP": 0x98,
    "IA32_WBNOINVDP": 0x99,
    "IA32_MISC_PACKAGE_CTLS": 0xBC,
    "IA32_XAPIC_DISABLE_STATUS": 0xBD,
    "IA32_CORE_CAPABILITIES": 0xCF,
    "IA32_MTRRCAP": MSR_MTRRCAP,
    "IA32_ARCH_CAPABILITIES": 0x10A,
    "IA32_TSX_CTRL": 0x122,
    "IA32_MISC_ENABLE": 0x1A0,
    "IA32_SMRR_PHYSBASE": 0x1F2,
    "IA32_SMRR_PHYSMASK": 0x1F3,
    "IA32_SMRR2_PHYSBASE": 0x1F6,
    "IA32_SMRR2_PHYSMASK": 0x1F7,
    "IA32_PERF_CAPABILITIES": 0x345,
    "IA32_VMX_BASIC": 0x480,
    "IA32_VMX_MISC": 0x485,
    "IA32_VMX_CR0_FIXED0": 0x486,
    "IA32_VMX_CR0_FIXED1": 0x487,
    "IA32_VMX_CR4_FIXED0": 0x488,
    "IA32_VMX_CR4_FIXED1": 0x489,
    "IA32_VMX_PROCBASED_CTLS2": 0x48B,
    "IA32_VMX_EPT_VPID_CAP": 0x48C,
    "IA32_VMX_TRUE_PINBASED_CTLS": 0x48D,
    "IA32_VMX_TRUE_PROCBASED_CTLS": 0x48E,
    "IA32_VMX_TRUE_EXIT_CTLS": 0x48F,
    "IA32_VMX_TRUE_ENTRY_CTLS": 0x490,
    "IA32_VMX_PROCBASED_CTLS3": 0x492,
    "IA32_TME_CAPABILITY": MSR_IA32_TME_CAPABILITY,
    "IA32_TME_ACTIVATE": MSR_IA32_TME_ACTIVATE,
    "IA32_SEAMRR_PHYS_BASE": 0x1400,
    "IA32_SEAMRR_PHYS_MASK": MSR_IA32_SEAMRR_PHYS_MASK,
}
CPUID_REGISTERS = ("eax", "ebx", "ecx", "edx")

_NUMBERS = frozenset(MSRS.values())


def parse_msr(value: int | str) -> int:
    """An MSR's number from that or its name, `IA32_` optional. Raises ValueError."""
    if isinstance(value, str):
        name = value.strip().upper()
        for candidate in (name, f"IA32_{name}"):
            if candidate in MSRS:
                return MSRS[candidate]
        try:
            value = int(value, 0)
        except ValueError:
            raise ValueError("is not the name of an MSR that the TDX module looks at") from None
    if value not in _NUMBERS:
        raise ValueError("is not an MSR that the TDX module looks at")
    return value
