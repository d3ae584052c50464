# SPDX-License-Identifier: Apache-2.0
"""Which CPUs have SEAM, and so the SEAMCALL instruction: by family and model, or by their names.

Sources: the CPUs that signed module releases name (their signature structures), and the names and
numbers of arch/x86/include/asm/intel-family.h.
"""

from __future__ import annotations

import re

from msgspec import Struct


class _Model(Struct, frozen=True):
    # A model of Intel's family 6.
    name: str
    model: int
    seam: bool = False


#: Intel's family 6 from Nehalem on, by the names of arch/x86/include/asm/intel-family.h. An X is a
#: server, a D one of Xeon D, an L or H a notebook; Atoms stand behind.
_INTEL_MODELS = (
    _Model("nehalem", 0x1E),
    _Model("nehalem-g", 0x1F),
    _Model("nehalem-ep", 0x1A),
    _Model("nehalem-ex", 0x2E),
    _Model("westmere", 0x25),
    _Model("westmere-ep", 0x2C),
    _Model("westmere-ex", 0x2F),
    _Model("sandy-bridge", 0x2A),
    _Model("sandy-bridge-x", 0x2D),
    _Model("ivy-bridge", 0x3A),
    _Model("ivy-bridge-x", 0x3E),
    _Model("haswell", 0x3C),
    _Model("haswell-l", 0x45),
    _Model("haswell-g", 0x46),
    _Model("haswell-x", 0x3F),
    _Model("broadwell", 0x3D),
    _Model("broadwell-g", 0x47),
    _Model("broadwell-d", 0x56),
    _Model("broadwell-x", 0x4F),
    _Model("skylake", 0x5E),
    _Model("skylake-l", 0x4E),
    _Model("skylake-x", 0x55),
    _Model("kaby-lake", 0x9E),
    _Model("kaby-lake-l", 0x8E),
    _Model("cannon-lake-l", 0x66),
    _Model("comet-lake", 0xA5),
    _Model("comet-lake-l", 0xA6),
    _Model("ice-lake", 0x7D),
    _Model("ice-lake-l", 0x7E),
    _Model("ice-lake-nnpi", 0x9D),
    _Model("ice-lake-x", 0x6A),
    _Model("ice-lake-d", 0x6C),
    _Model("rocket-lake", 0xA7),
    _Model("tiger-lake", 0x8D),
    _Model("tiger-lake-l", 0x8C),
    _Model("lakefield", 0x8A),
    _Model("alder-lake", 0x97),
    _Model("alder-lake-l", 0x9A),
    _Model("raptor-lake", 0xB7),
    _Model("raptor-lake-p", 0xBA),
    _Model("raptor-lake-s", 0xBF),
    _Model("bartlett-lake", 0xD7),
    _Model("sapphire-rapids", 0x8F, seam=True),
    _Model("emerald-rapids", 0xCF, seam=True),
    _Model("granite-rapids", 0xAD, seam=True),
    _Model("granite-rapids-d", 0xAE, seam=True),
    _Model("meteor-lake", 0xAC),
    _Model("meteor-lake-l", 0xAA),
    _Model("arrow-lake", 0xC6),
    _Model("arrow-lake-h", 0xC5),
    _Model("arrow-lake-u", 0xB5),
    _Model("lunar-lake-m", 0xBD),
    _Model("panther-lake-l", 0xCC),
    _Model("wildcat-lake-l", 0xD5),
    _Model("sierra-forest", 0xAF, seam=True),
    _Model("clearwater-forest", 0xDD, seam=True),
    _Model("xeon-phi-knl", 0x57),
    _Model("xeon-phi-knm", 0x85),
    _Model("atom-bonnell", 0x1C),
    _Model("atom-bonnell-mid", 0x26),
    _Model("atom-saltwell", 0x36),
    _Model("atom-saltwell-mid", 0x27),
    _Model("atom-saltwell-tablet", 0x35),
    _Model("atom-silvermont", 0x37),
    _Model("atom-silvermont-d", 0x4D),
    _Model("atom-silvermont-mid", 0x4A),
    _Model("atom-airmont", 0x4C),
    _Model("atom-airmont-mid", 0x5A),
    _Model("atom-airmont-np", 0x75),
    _Model("atom-goldmont", 0x5C),
    _Model("atom-goldmont-d", 0x5F),
    _Model("atom-goldmont-plus", 0x7A),
    _Model("atom-tremont", 0x96),
    _Model("atom-tremont-d", 0x86),
    _Model("atom-tremont-l", 0x9C),
    _Model("atom-gracemont", 0xBE),
    _Model("atom-crestmont", 0xB6),
)
_OF_MODEL = {row.model: row for row in _INTEL_MODELS}
_INTEL = 6
_BEFORE_NEHALEM = range(0x1A)
#: The one before Nehalem whose number is larger than its first.
_DUNNINGTON = 0x1D
#: Intel's family of the servers to come, of which nothing is known here.
_LATER_INTEL = 0x13

#: The servers that a description can name.
CPU_MODELS = {
    name: next(row.model for row in _INTEL_MODELS if row.name == name)
    for name in (
        "skylake-x",
        "ice-lake-x",
        "ice-lake-d",
        "sapphire-rapids",
        "emerald-rapids",
        "granite-rapids",
        "granite-rapids-d",
        "sierra-forest",
        "clearwater-forest",
    )
}

# Names in which no CPU with TDX is sold: clients, entry servers and workstations.
# Compiled when first asked for: who brings TDX up asks for no name.
_CLIENT = (
    r"\b(?:Core|Pentium|Celeron|Atom|Ultra [3579]|Intel\(R\) N\d+|[im][3579]-\d{3,5}\w*|"
    r"E3-\d+\w*)\b|\bXeon(?:\(R\))? E-\d"
)
_WORKSTATION = r"\bXeon(?:\(R\))? [Ww]\d?-\d"
_OTHER_VENDORS = {
    "AMD": r"\bAMD\b|AuthenticAMD|\b(?:EPYC|Ryzen|Opteron|Threadripper|Athlon)\b",
    "Hygon": r"\bHygon\b",
    "Zhaoxin": r"\b(?:ZHAOXIN|Zhaoxin|CentaurHauls|KaiXian|KH-\d+)\b",
}
#: Families that AMD numbers alone: from 10h on, but for those that Intel has too.
_AMD_FAMILIES = frozenset({0x10, 0x11, 0x14, 0x15, 0x16, 0x17, 0x19, 0x1A})


def has_seam(family: int, model: int) -> bool | None:
    """Whether CPUs of that family and model have SEAM; None where that is not known here."""
    if family != _INTEL:
        return None if family == _LATER_INTEL else False
    if (known := _OF_MODEL.get(model)) is not None:
        return known.seam
    return False if model in _BEFORE_NEHALEM or model == _DUNNINGTON else None


def is_sold_with_seam(brand: str) -> bool | None:
    """Whether CPUs of that name (`model name` of /proc/cpuinfo) have SEAM; None where it is open.

    Of a generation with SEAM, clients and workstations are sold without.
    """
    if vendor_of(brand) is not None or re.search(_CLIENT, brand):
        return False
    return False if re.search(_WORKSTATION, brand) else None


def vendor_of(brand: str, family: int | None = None) -> str | None:
    """The maker of a CPU of that name or family where it is none of Intel's; None where it may be.

    18h is Hygon's.
    """
    for vendor, names in _OTHER_VENDORS.items():
        if re.search(names, brand):
            return vendor
    if family == 0x18:
        return "Hygon"
    return "AMD" if family in _AMD_FAMILIES else None


def family_and_model(cpuid: int) -> tuple[int, int]:
    """Family and model in CPUID leaf 1 EAX (Intel SDM, CPUID)."""
    family = cpuid >> 8 & 0xF
    if family == 0xF:
        family += cpuid >> 20 & 0xFF
    return family, cpuid >> 12 & 0xF0 | cpuid >> 4 & 0xF


def name_of(cpuid: int) -> str | None:
    """The name of the CPU with that CPUID leaf 1 EAX; None where it has none here."""
    return model_name(*family_and_model(cpuid))


def model_name(family: int, model: int) -> str | None:
    """What intel-family.h calls that model of Intel's; None where it has no name here."""
    known = _OF_MODEL.get(model) if family == _INTEL else None
    return None if known is None else known.name
