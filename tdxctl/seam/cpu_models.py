# SPDX-License-Identifier: Apache-2.0
"""Which CPU models have SEAM, and so the SEAMCALL instruction: family and model of CPUID leaf 1.

Sources: the CPUs that signed module releases name (their signature structures), and the model
numbers of arch/x86/include/asm/intel-family.h.
"""

from __future__ import annotations

#: Intel server CPUs, family 6, by the names of arch/x86/include/asm/intel-family.h.
CPU_MODELS = {
    "skylake-x": 0x55,
    "ice-lake-x": 0x6A,
    "ice-lake-d": 0x6C,
    "sapphire-rapids": 0x8F,
    "emerald-rapids": 0xCF,
    "granite-rapids": 0xAD,
    "granite-rapids-d": 0xAE,
    "sierra-forest": 0xAF,
    "clearwater-forest": 0xDD,
}
_INTEL = 6
#: Intel's family of the servers to come, of which nothing is known here.
_LATER_INTEL = 0x13

# Sapphire, Emerald and Granite Rapids (-D), Sierra and Clearwater Forest.
_WITH_SEAM = frozenset({0x8F, 0xCF, 0xAD, 0xAE, 0xAF, 0xDD})
# Servers before them: Nehalem to Ice Lake (-D), Xeon Phi.
_SERVERS_BEFORE = frozenset(
    {0x1A, 0x1E, 0x2C, 0x2D, 0x2E, 0x2F, 0x3E, 0x3F, 0x4F, 0x55, 0x56, 0x57, 0x6A, 0x6C, 0x85}
)
# Clients, Nehalem to Raptor Lake, none of which ever had it.
_CLIENTS = frozenset(
    {0x1F, 0x25, 0x2A, 0x3A, 0x3C, 0x3D, 0x45, 0x46, 0x47, 0x4E, 0x5E, 0x66, 0x7D, 0x7E}
    | {0x8C, 0x8D, 0x8E, 0x97, 0x9A, 0x9E, 0xA5, 0xA6, 0xA7, 0xB7, 0xBA, 0xBF}
)


def has_seam(family: int, model: int) -> bool | None:
    """Whether CPUs of that family and model have SEAM; None where that is not known here."""
    if family != _INTEL:
        return None if family == _LATER_INTEL else False
    if model in _WITH_SEAM:
        return True
    return False if model in _SERVERS_BEFORE | _CLIENTS else None


def family_and_model(cpuid: int) -> tuple[int, int]:
    """Family and model in CPUID leaf 1 EAX (Intel SDM, CPUID)."""
    family = cpuid >> 8 & 0xF
    if family == 0xF:
        family += cpuid >> 20 & 0xFF
    return family, cpuid >> 12 & 0xF0 | cpuid >> 4 & 0xF


def name_of(cpuid: int) -> str | None:
    """The name of the CPU with that CPUID leaf 1 EAX; None where it has none here."""
    family, model = family_and_model(cpuid)
    names = {number: name for name, number in CPU_MODELS.items()}
    return names.get(model) if family == _INTEL else None
