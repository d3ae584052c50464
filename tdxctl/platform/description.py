# SPDX-License-Identifier: Apache-2.0
"""The platform description, declared once: what may be written, and what it then is.

A record is the description with every default and `auto` resolved: frozen, hashable, equal by
value; `msgspec.structs.replace` makes a changed one. An annotation says what its key means, how
what is written is read, and what it is where it is not given (`keys.Key`); the reader, the
canonical form and both JSON Schemas are made of these. What spans more than one key (order,
overlap, existence) is in `checks`. Addresses and sizes are bytes, ranges half-open.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Struct

from tdxctl.platform.canonical import built, plain
from tdxctl.platform.cmrs import auto_cmrs, auto_seamrr
from tdxctl.platform.faults import Fault
from tdxctl.platform.fields import (
    ADDRESS,
    APIC_IDS,
    CPU,
    END,
    FEATURES,
    FLAG,
    MSR,
    NAME,
    ONLINE,
    SIZE,
    TEXT,
    U8,
    U16,
    U32,
    VERSION,
    WORD32,
    WORD64,
    Checked,
    auto,
    constant,
    count,
    member_of,
    one_of,
    or_null,
    parse_cpu_model,
    plain_number,
)
from tdxctl.platform.keys import Instead, Key, Values
from tdxctl.platform.limits import (
    MAX_CMRS,
    MAX_CPUS,
    MAX_KEYID_BITS,
    MAX_NODE,
    MAX_PACKAGE,
    MAX_RANGES,
    MIN_KEYID_BITS,
)
from tdxctl.seam.cpu_models import CPU_MODELS
from tdxctl.seam.msrs import CPUID_REGISTERS
from tdxctl.seam.releases import Release, release_of

SCHEMA = "tdxctl.platform/1"

_ON_CPU = Key("The logical CPU that it is so on; without it every one.", CPU)


class Seamrr(StrEnum):
    """How firmware left the SEAM range registers."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    ABSENT = "absent"


class Checks(StrEnum):
    """How the module checks: strict, as Intel's does, or lax.

    lax: SYS.INIT accepts any firmware and SYS.CONFIG any TDMR, to reach host code that a
    strict module never reaches.
    """

    STRICT = "strict"
    LAX = "lax"


class CpuModel(Struct, frozen=True):
    """A CPU by family and model, as CPUID leaf 1 has them."""

    family: Annotated[int, Key("The CPUID family: 6 for Intel's servers.", plain_number(0, 0xFF))]
    model: Annotated[int, Key("The CPUID model, its extension included.", plain_number(0, 0xFF))]


class CpuFeatures(Struct, frozen=True):
    """CPU features that the bring-up looks at."""

    mtrr: Annotated[bool, Key("CPUID has MTRR: without it the kernel looks no further.", FLAG)] = (
        True
    )
    vmx: Annotated[bool, Key("VMX is there and on, which a SEAMCALL needs.", FLAG)] = True
    xsave: Annotated[bool, Key("XSAVE is there.", FLAG)] = True
    movdir64b: Annotated[
        bool, Key("MOVDIR64B is there, by which kernels reset the PAMT's pages.", FLAG)
    ] = True
    self_snoop: Annotated[bool, Key("The CPU snoops its own caches (SELFSNOOP).", FLAG)] = True
    no_seamret_invd_vmcs: Annotated[
        bool,
        Key("SEAMRET leaves the current VMCS alone; else there is no runtime update.", FLAG),
    ] = True


class MadtEntry(Struct, frozen=True):
    """A local APIC structure of the MADT, or a range of alike ones."""

    apic_id: Annotated[
        int,
        Key("The x2APIC id, or a list such as 0-63: one entry for each.", APIC_IDS, spread=True),
    ]
    package: Annotated[int, Key("The package (socket) it is in.", count(0, MAX_PACKAGE))] = 0
    enabled: Annotated[
        bool, Key("Whether firmware enabled it: one that is not has no logical CPU.", FLAG)
    ] = True


class CpuidValue(Struct, frozen=True, kw_only=True):
    """What CPUID reports in a register where it differs from the baseline CPU's."""

    leaf: Annotated[int, Key("The CPUID leaf, one that the module looks at.", U32)]
    subleaf: Annotated[int, Key("The sub-leaf, 0 where the leaf has none.", U32)] = 0
    register: Annotated[str, Key("Which register.", one_of(*CPUID_REGISTERS))]
    value: Annotated[int, Key("What is in it.", WORD32)]
    cpu: Annotated[int | None, _ON_CPU] = None


class SeamopsValue(Struct, frozen=True):
    """The SEAMOPS capabilities where they differ from the baseline CPU's."""

    value: Annotated[int, Key("The leaves of SEAMOPS that there are, one bit each.", WORD64)]
    cpu: Annotated[int | None, _ON_CPU] = None


def _enabled(cpus: Values, _: Values) -> int:
    return sum(entry.enabled for entry in cpus["madt"])


def _model_of(name: object) -> CpuModel:
    return CpuModel(6, parse_cpu_model(name))


class Cpus(Struct, frozen=True, kw_only=True):
    """The machine's CPUs. Logical CPUs are numbered by their place among the enabled entries."""

    model: Annotated[
        CpuModel,
        Key(
            "The CPU, by name or by family and model; decides the partial-write erratum.",
            short=Checked(_model_of, {"enum": list(CPU_MODELS)}),
        ),
    ] = CpuModel(6, CPU_MODELS["granite-rapids"])
    features: Annotated[CpuFeatures, Key("CPU features that the bring-up looks at.")] = (
        CpuFeatures()
    )
    madt: Annotated[
        tuple[MadtEntry, ...],
        Key("The MADT's local APIC structures, in table order.", least=1, most=MAX_CPUS),
    ]
    online: Annotated[
        tuple[int, ...],
        Key(
            "The logical CPUs that are online, as a kernel cpulist: all, or 0-63,65.",
            ONLINE,
            auto=lambda cpus, top: tuple(range(_enabled(cpus, top))),
        ),
    ]
    disabled_cpus: Annotated[
        int,
        Key(
            "How many CPUs the kernel counts as not enabled (disabled_cpus); auto counts entries.",
            auto(count(0, MAX_CPUS)),
            auto=lambda cpus, top: len(cpus["madt"]) - _enabled(cpus, top),
        ),
    ]
    cpuid: Annotated[
        tuple[CpuidValue, ...],
        Key("CPUID registers that differ from those of a CPU that passes.", most=MAX_RANGES),
    ] = ()
    seamops: Annotated[
        tuple[SeamopsValue, ...],
        Key("SEAMOPS capabilities that differ from those of a CPU that passes.", most=MAX_RANGES),
    ] = ()


class MemoryRange(Struct, frozen=True):
    """A memblock.memory region, as described: not yet cut to pages."""

    start: Annotated[int, Key("Its first byte.", ADDRESS)]
    end: Annotated[
        int,
        Key(
            "The first byte behind it.",
            END,
            instead=Instead(
                "size", "Its bytes, in place of end.", SIZE, lambda r, size: r["start"] + size
            ),
        ),
    ]
    node: Annotated[int, Key("The NUMA node it belongs to.", count(0, MAX_NODE))] = 0


class ReservedRange(Struct, frozen=True):
    """Memory that is in use already, where no PAMT can be placed."""

    start: Annotated[int, Key("Its first byte.", ADDRESS)]
    end: Annotated[int, Key("The first byte behind it.", END)]


class BaseSize(Struct, frozen=True):
    """A range as firmware tells it, by base and size."""

    base: Annotated[int, Key("Its first byte.", ADDRESS)]
    size: Annotated[int, Key("Its bytes.", SIZE)]


def _cmrs(memory: Values, _: Values) -> tuple[BaseSize, ...]:
    ranges = [(r.start, r.end) for r in memory["ranges"]]
    return tuple(BaseSize(base, size) for base, size in auto_cmrs(ranges))


class Memory(Struct, frozen=True, kw_only=True):
    """The machine's memory."""

    ranges: Annotated[
        tuple[MemoryRange, ...],
        Key(
            "memblock.memory: what the kernel's page allocator owns, ascending and disjoint.",
            most=MAX_RANGES,
        ),
    ]
    reserved: Annotated[
        tuple[ReservedRange, ...],
        Key("Memory in use, in any order, where no PAMT can be placed.", most=MAX_RANGES),
    ] = ()
    cmrs: Annotated[
        tuple[BaseSize, ...],
        Key(
            "The Convertible Memory Ranges, order and empty entries kept; auto makes those of "
            "real firmware: one below 4 GiB from 1 MiB on, and one for each run of memory above.",
            auto=_cmrs,
            most=MAX_CMRS,
        ),
    ]


class MsrValue(Struct, frozen=True):
    """What an MSR holds where it differs from the baseline, which passes every check."""

    msr: Annotated[int, Key("The MSR, by its name or number: one that the module looks at.", MSR)]
    value: Annotated[int, Key("What it holds.", WORD64)]
    cpu: Annotated[int | None, _ON_CPU] = None


def _keyid_bits(firmware: Values, _: Values) -> int:
    # "smallest n in 6..15 with 2^n > KeyIDs" [linux-releases 9]; 15 where there are more.
    needed = (firmware["mktme_keyids"] + firmware["tdx_keyids"]).bit_length()
    return int(min(max(needed, MIN_KEYID_BITS), MAX_KEYID_BITS))


def _seamrr_range(_: Values, top: Values) -> BaseSize:
    ranges = top["memory"].ranges
    return BaseSize(*auto_seamrr(ranges[-1].end if ranges else 0))


class Firmware(Struct, frozen=True, kw_only=True):
    """What firmware set up for TDX."""

    seamrr: Annotated[
        Seamrr,
        Key(
            "How the SEAM range registers were left; absent: MTRRCAP has no bit for them.",
            member_of(Seamrr),
        ),
    ] = Seamrr.ENABLED
    mktme_keyids: Annotated[
        int, Key("How many KeyIDs are for MKTME (MSR 0x87, low half).", U32)
    ] = 31
    tdx_keyids: Annotated[
        int, Key("How many KeyIDs are for TDX (MSR 0x87, high half), the global one first.", U32)
    ] = 32
    keyid_bits: Annotated[
        int,
        Key(
            "Address bits that hold a KeyID; auto takes the fewest that have room for all.",
            auto(count(MIN_KEYID_BITS, MAX_KEYID_BITS)),
            auto=_keyid_bits,
        ),
    ]
    seamrr_range: Annotated[
        BaseSize,
        Key("Where the SEAM range is; else 32 MiB behind the last memory.", auto=_seamrr_range),
    ]
    msrs: Annotated[
        tuple[MsrValue, ...],
        Key("MSRs that differ from those of firmware that passes every check.", most=MAX_RANGES),
    ] = ()
    tdx_without_integrity: Annotated[
        bool, Key("TME encrypts TDs without integrity (TDX_WITHOUT_INTEGRITY).", FLAG)
    ] = False


class PamtEntrySize(Struct, frozen=True, rename={f"size_{n}": n for n in ("4k", "2m", "1g")}):
    """Bytes of a PAMT entry, by the size of the page that it is for."""

    size_4k: Annotated[int, Key("Bytes for a 4 KiB page.", U16)] = 16
    size_2m: Annotated[int, Key("Bytes for a 2 MiB page.", U16)] = 16
    size_1g: Annotated[int, Key("Bytes for a 1 GiB page.", U16)] = 16


def _release(module: Values) -> Release:
    # Which release it is, from what is known of it so far.
    return release_of(module["version"], module.get("build_date"), module.get("build_num"))


def _reported(name: str) -> Any:
    # As the release reports it.
    return lambda module, _: getattr(_release(module), name)


class Module(Struct, frozen=True, kw_only=True):
    """The TDX module's image and what it reports."""

    loaded: Annotated[bool, Key("Whether firmware or P-SEAMLDR loaded it.", FLAG)] = True
    version: Annotated[
        str,
        Key(
            "Its release as quoted text: 1.0, 1.5.25, 2.0.08; or 1.5 or 2.0, of which build_date "
            "and build_num name one.",
            VERSION,
        ),
    ] = "1.5.25"
    build_date: Annotated[
        int,
        Key("BUILD_DATE as yyyymmdd; else the version's.", U32, auto=_reported("build_date")),
    ]
    build_num: Annotated[
        int,
        Key(
            "BUILD_NUM; else the version's.",
            U16,
            auto=lambda module, _: _release(module).build_num_of(module["build_date"]),
        ),
    ]
    vendor_id: Annotated[int, Key("The vendor that TDSYSINFO names: Intel's is 0x8086.", U32)] = (
        0x8086
    )
    features: Annotated[
        int,
        Key(
            "TDX_FEATURES0 as a number or a list of its bits' names; else the version's.",
            FEATURES,
            auto=_reported("features0"),
        ),
    ]
    num_cpuid_config: Annotated[
        int,
        Key(
            "How many CPUID_CONFIG entries it reports; else as many as the version.",
            U16,
            auto=_reported("num_cpuid_config"),
        ),
    ]
    max_vcpus_per_td: Annotated[
        int | None,
        Key(
            "MAX_VCPUS_PER_TD, null for a module without that field; else the version's.",
            or_null(U16),
            auto=lambda module, _: _release(module).max_vcpus_per_td,
            nullable=True,
        ),
    ]
    attributes_fixed0: Annotated[
        int | None, Key("ATTRIBUTES_FIXED0; else the version's.", WORD64)
    ] = None
    attributes_fixed1: Annotated[
        int | None, Key("ATTRIBUTES_FIXED1; else the version's.", WORD64)
    ] = None
    xfam_fixed0: Annotated[int | None, Key("XFAM_FIXED0; else the version's.", WORD64)] = None
    xfam_fixed1: Annotated[int | None, Key("XFAM_FIXED1; else the version's.", WORD64)] = None
    max_tdmrs: Annotated[int, Key("How many TDMRs it takes.", count(1, 0xFFFF))] = 64
    max_reserved_per_tdmr: Annotated[int, Key("How many reserved areas a TDMR can have.", U16)] = 16
    pamt_entry_size: Annotated[PamtEntrySize, Key("Size of its PAMT entries.")] = PamtEntrySize()
    pamt_page_bitmap_entry_bits: Annotated[
        int, Key("Bits for each 4 KiB page in the bitmap of Dynamic PAMT.", U8)
    ] = 1
    sysinfo_cmr_entries: Annotated[
        int, Key("How many entries of CMR_INFO TDH.SYS.INFO writes.", count(0, MAX_CMRS))
    ] = MAX_CMRS
    checks: Annotated[
        Checks,
        Key(
            "strict, as Intel's; lax accepts any firmware and any TDMR, to reach host code that "
            "a strict module never reaches.",
            member_of(Checks),
        ),
    ] = Checks.STRICT


class KvmConfig(Struct, frozen=True):
    """How KVM is built and started, and what it finds: its own conditions for TDX."""

    tdx: Annotated[
        bool, Key("kvm_intel.tdx: whether KVM is loaded with TDX; kernels have it off.", FLAG)
    ] = True
    ept: Annotated[bool, Key("kvm_intel.ept: EPT is in use.", FLAG)] = True
    tdp_mmu: Annotated[bool, Key("kvm.tdp_mmu: the TDP MMU is in use.", FLAG)] = True
    mmio_caching: Annotated[bool, Key("kvm.mmio_caching: MMIO is cached.", FLAG)] = True
    ept_ad: Annotated[bool, Key("kvm_intel.eptad: EPT has accessed and dirty bits.", FLAG)] = True
    apicv: Annotated[bool, Key("kvm_intel.enable_apicv: APICv is in use.", FLAG)] = True
    osxsave: Annotated[bool, Key("The CPU has OSXSAVE.", FLAG)] = True
    enable_virt_at_load: Annotated[
        bool, Key("kvm.enable_virt_at_load: VMX is switched on with the load of KVM.", FLAG)
    ] = True
    xcr0: Annotated[int, Key("The bits of XCR0 that KVM has for guests.", WORD64)] = 0x602E7
    xss: Annotated[int, Key("The bits of IA32_XSS that KVM has for guests.", WORD64)] = 0


class KernelConfig(Struct, frozen=True):
    """How the booted kernel was built and started."""

    hibernation: Annotated[
        bool, Key("Whether hibernation is possible, which recent kernels refuse TDX for.", FLAG)
    ] = False
    tdx_host: Annotated[
        bool,
        Key("Whether the kernel was built for TDX hosts, with CONFIG_INTEL_TDX_HOST.", FLAG),
    ] = True


class Platform(Struct, frozen=True, kw_only=True):
    """A described machine."""

    schema: Annotated[
        str,
        Key(
            "What this is a description in the form of.",
            constant(SCHEMA, "is not a schema that this tdxctl reads", f"it reads {SCHEMA}"),
        ),
    ] = SCHEMA
    name: Annotated[
        str,
        Key("The machine's name; else the file's stem.", NAME, auto=lambda _, top: top["stem"]),
    ]
    description: Annotated[str, Key("Free text.", TEXT)] = ""
    cpus: Annotated[Cpus, Key("The machine's CPUs.")]
    memory: Annotated[Memory, Key("The machine's memory.")]
    firmware: Annotated[Firmware, Key("What firmware set up for TDX.", optional=True)]
    module: Annotated[Module, Key("The TDX module's image and what it reports.", optional=True)]
    kernel: Annotated[KernelConfig, Key("How the booted kernel was built and started.")] = (
        KernelConfig()
    )
    kvm: Annotated[KvmConfig, Key("How KVM is built and started, and what it finds.")] = KvmConfig()
    faults: Annotated[
        tuple[Fault, ...],
        Key("Faults that are scripted from boot on.", most=MAX_RANGES),
    ] = ()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Platform":
        """The description in a YAML or JSON file.

        Raises DescriptionError with every problem found, UsageError where there is no such
        file.
        """
        from tdxctl.platform.document import read_text_as
        from tdxctl.platform.text import read_text

        return read_text_as(cls, read_text(os.fspath(path)))

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Platform":
        """The description in a dict of the same keys. Raises DescriptionError."""
        from tdxctl.platform.document import described
        from tdxctl.platform.source import Source

        return described(cls, Source(file=None, data=dict(data)), default_name="platform")

    @classmethod
    def from_canonical(cls, data: dict[str, Any]) -> "Platform":
        """The Platform of a to_dict(), without any check: for what tdxctl itself wrote.

        What an earlier tdxctl did not know yet has its default.
        """
        return built(cls, data, canonical=True)

    def to_dict(self) -> dict[str, Any]:
        """The canonical description: every key present, nothing `auto`, JSON types only.

        It is a description again: Platform.from_dict() of it gives an equal Platform.
        """
        return plain(self)
