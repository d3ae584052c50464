# SPDX-License-Identifier: Apache-2.0
"""The pydantic model of a platform description: types, limits, defaults, JSON Schema.

What spans more than one value (order, overlap, existence) is in `checks`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from tdxctl.platform.description import (
    MAX_CMRS,
    MAX_CPUS,
    MAX_NODE,
    MAX_PACKAGE,
    MAX_RANGES,
    SCHEMA,
    Checks,
    Seamrr,
)
from tdxctl.platform.fields import (
    ADDRESS,
    BRANCH_MARK,
    CALL,
    CPU_MODELS,
    END,
    ERRNO,
    FLAG,
    LEAF,
    MAX_KEYID_BITS,
    MIN_KEYID_BITS,
    MSR,
    NAME,
    PCONFIG,
    SIZE,
    STATUS,
    TEXT,
    U16,
    U32,
    U64,
    Checked,
    auto,
    count,
    named,
    one_of,
    parse_apic_ids,
    parse_cpu_model,
    parse_features,
    parse_online,
    parse_version,
    plain_number,
)
from tdxctl.seam.msrs import CPUID_REGISTERS
from tdxctl.seam.versions import FEATURES0
from tdxctl.units import Cpulist


class Model(BaseModel):
    """The base of all: no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CpuidModel(Model):
    """A CPU by CPUID family and model."""

    family: Annotated[int, plain_number(0, 0xFF)]
    model: Annotated[int, plain_number(0, 0xFF)]


class FeaturesModel(Model):
    """CPU features that the bring-up looks at."""

    mtrr: Annotated[bool, FLAG] = True
    vmx: Annotated[bool, FLAG] = True
    xsave: Annotated[bool, FLAG] = True
    movdir64b: Annotated[bool, FLAG] = True
    self_snoop: Annotated[bool, FLAG] = True
    no_seamret_invd_vmcs: Annotated[bool, FLAG] = True


class MadtEntryModel(Model):
    """A local APIC structure of the MADT, or a range of alike ones."""

    apic_id: Annotated[Cpulist, named(parse_apic_ids, "a number or a range such as 0-63")]
    package: Annotated[int, count(0, MAX_PACKAGE)] = 0
    enabled: Annotated[bool, FLAG] = True


class CpuidValueModel(Model):
    """What CPUID reports in a register, on one logical CPU or on all."""

    leaf: Annotated[int, U32]
    subleaf: Annotated[int, U32] = 0
    register_: Annotated[str, one_of(*CPUID_REGISTERS)] = Field(alias="register")
    value: Annotated[int, U32]
    cpu: Annotated[int | None, count(0, MAX_CPUS - 1)] = None


class SeamopsModel(Model):
    """The SEAMOPS capabilities of one logical CPU or of all."""

    value: Annotated[int, U64]
    cpu: Annotated[int | None, count(0, MAX_CPUS - 1)] = None


def _cpu_model_branch(value: object) -> str:
    return "cpuid" if isinstance(value, dict | CpuidModel) else "name"


class CpusModel(Model):
    """The machine's CPUs."""

    model: Annotated[
        Annotated[CpuidModel, Tag(BRANCH_MARK + "cpuid")]
        | Annotated[
            int, Checked(parse_cpu_model, {"enum": list(CPU_MODELS)}), Tag(BRANCH_MARK + "name")
        ],
        Discriminator(lambda value: BRANCH_MARK + _cpu_model_branch(value)),
    ] = Field(default_factory=lambda: "granite-rapids", validate_default=True)
    features: FeaturesModel = Field(default_factory=dict, validate_default=True)
    madt: list[MadtEntryModel] = Field(min_length=1, max_length=MAX_CPUS, strict=True)
    online: Annotated[
        list[int] | None,
        Checked(parse_online, {"anyOf": [{"const": "all"}, {"type": ["string", "integer"]}]}),
    ] = None
    disabled_cpus: Annotated[int | None, auto(count(0, MAX_CPUS))] = None
    cpuid: list[CpuidValueModel] = Field(default_factory=list, max_length=MAX_RANGES, strict=True)
    seamops: list[SeamopsModel] = Field(default_factory=list, max_length=MAX_RANGES, strict=True)


class RangeModel(Model):
    """A memblock.memory region; end is exclusive."""

    start: Annotated[int, ADDRESS]
    end: Annotated[int | None, END] = None
    size: Annotated[int | None, SIZE] = None
    node: Annotated[int, count(0, MAX_NODE)] = 0


class ReservedModel(Model):
    """Memory in use; end is exclusive."""

    start: Annotated[int, ADDRESS]
    end: Annotated[int, END]


class BaseSizeModel(Model):
    """A range by base and size."""

    base: Annotated[int, ADDRESS]
    size: Annotated[int, SIZE]


class MemoryModel(Model):
    """The machine's memory."""

    ranges: list[RangeModel] = Field(max_length=MAX_RANGES, strict=True)
    reserved: list[ReservedModel] = Field(default_factory=list, max_length=MAX_RANGES, strict=True)
    cmrs: Annotated[
        Annotated[
            None,
            Checked(lambda _: None, {"const": "auto"}),
            Tag(BRANCH_MARK + "auto"),
        ]
        | Annotated[
            Annotated[list[BaseSizeModel], Field(max_length=MAX_CMRS, strict=True)],
            Tag(BRANCH_MARK + "list"),
        ],
        Discriminator(lambda value: BRANCH_MARK + ("auto" if value == "auto" else "list")),
    ] = None


class MsrValueModel(Model):
    """What an MSR holds, on one logical CPU or on all."""

    msr: Annotated[int, MSR]
    value: Annotated[int, U64]
    cpu: Annotated[int | None, count(0, MAX_CPUS - 1)] = None


class FirmwareModel(Model):
    """What firmware set up for TDX."""

    seamrr: Annotated[str, one_of(*(choice.value for choice in Seamrr))] = Seamrr.ENABLED.value
    mktme_keyids: Annotated[int, U32] = 31
    tdx_keyids: Annotated[int, U32] = 32
    keyid_bits: Annotated[int | None, auto(count(MIN_KEYID_BITS, MAX_KEYID_BITS))] = None
    seamrr_range: BaseSizeModel | None = None
    msrs: list[MsrValueModel] = Field(default_factory=list, max_length=MAX_RANGES, strict=True)
    tdx_without_integrity: Annotated[bool, FLAG] = False


class PamtEntrySizeModel(Model):
    """PAMT entry sizes in bytes."""

    size_4k: Annotated[int, U16] = Field(16, alias="4k")
    size_2m: Annotated[int, U16] = Field(16, alias="2m")
    size_1g: Annotated[int, U16] = Field(16, alias="1g")


class ModuleModel(Model):
    """The TDX module's image and what it reports."""

    loaded: Annotated[bool, FLAG] = True
    version: Annotated[str, Checked(parse_version, {"type": "string"})] = "1.5.25"
    build_date: Annotated[int | None, U32] = None
    build_num: Annotated[int | None, U16] = None
    vendor_id: Annotated[int, U32] = 0x8086
    features: Annotated[
        int | None,
        Checked(
            parse_features,
            {
                "anyOf": [
                    {"type": "integer"},
                    {"type": "string"},
                    {"type": "array", "items": {"enum": list(FEATURES0)}},
                ]
            },
        ),
    ] = None
    num_cpuid_config: Annotated[int | None, U16] = None
    max_tdmrs: Annotated[int, count(1, 0xFFFF)] = 64
    max_reserved_per_tdmr: Annotated[int, U16] = 16
    pamt_entry_size: PamtEntrySizeModel = Field(default_factory=dict, validate_default=True)
    pamt_page_bitmap_entry_bits: Annotated[int, count(0, 0xFF)] = 1
    sysinfo_cmr_entries: Annotated[int, count(0, MAX_CMRS)] = MAX_CMRS
    checks: Annotated[str, one_of(*(choice.value for choice in Checks))] = Checks.STRICT.value


class KernelModel(Model):
    """How the booted kernel was built and started."""

    hibernation: Annotated[bool, FLAG] = False


class SeamcallFaultModel(Model):
    """Calls of a SEAMCALL leaf that fail."""

    leaf: Annotated[int, LEAF]
    status: Annotated[int, STATUS]
    cpu: Annotated[int | None, count(0, MAX_CPUS - 1)] = None
    call: Annotated[int, CALL] = 1
    times: Annotated[int, CALL] = 1


class AllocationFaultModel(Model):
    """Allocations of the kernel that fail."""

    allocation: Annotated[str, one_of("pamt", "kernel")]
    call: Annotated[int, CALL] = 1
    times: Annotated[int, CALL] = 1


class BootFaultModel(Model):
    """A registration at boot that fails."""

    boot: Annotated[str, one_of("memory_notifier")]
    errno: Annotated[int, ERRNO]


def _the_msr(value: object) -> int:
    if value != 0x87 and (not isinstance(value, str) or value.lower() != "0x87"):
        raise ValueError("must be 0x87, the only MSR whose fault is modelled")
    return 0x87


class MsrFaultModel(Model):
    """An MSR that cannot be read."""

    msr: Annotated[int, Checked(_the_msr, {"const": 0x87})]
    fault: Annotated[bool, FLAG] = True


class PconfigFaultModel(Model):
    """PCONFIGs of the module that do not succeed."""

    pconfig: Annotated[int, PCONFIG]
    call: Annotated[int, CALL] = 1
    times: Annotated[int, CALL] = 1


class RdrandFaultModel(Model):
    """RDRANDs of the module, or of P-SEAMLDR, that have no entropy."""

    rdrand: Annotated[str, one_of("no_entropy")]
    call: Annotated[int, CALL] = 1
    times: Annotated[int, CALL] = 1


class GlobalLockModel(Model):
    """The module's global lock, held by another CPU."""

    global_lock: Annotated[str, one_of("exclusive", "shared")]


class TdmrLockModel(Model):
    """The lock of a TDMR, by its index, held by another CPU."""

    tdmr_lock: Annotated[int, U16]


class BusyCpuFaultModel(Model):
    """A CPU that is inside the module."""

    busy_cpu: Annotated[int, count(0, MAX_CPUS - 1)]


class ModuleFaultModel(Model):
    """A module that shut itself down on a fatal error."""

    module: Annotated[str, one_of("halted")]


FAULT_KEYS = (
    *("leaf", "allocation", "boot", "msr"),
    *("pconfig", "rdrand", "global_lock", "tdmr_lock", "busy_cpu", "module"),
)


def _fault_branch(value: object) -> str | None:
    keys = value if isinstance(value, dict) else {}
    return next((BRANCH_MARK + key for key in FAULT_KEYS if key in keys), None)


FaultModel = Annotated[
    Annotated[SeamcallFaultModel, Tag(BRANCH_MARK + "leaf")]
    | Annotated[AllocationFaultModel, Tag(BRANCH_MARK + "allocation")]
    | Annotated[BootFaultModel, Tag(BRANCH_MARK + "boot")]
    | Annotated[MsrFaultModel, Tag(BRANCH_MARK + "msr")]
    | Annotated[PconfigFaultModel, Tag(BRANCH_MARK + "pconfig")]
    | Annotated[RdrandFaultModel, Tag(BRANCH_MARK + "rdrand")]
    | Annotated[GlobalLockModel, Tag(BRANCH_MARK + "global_lock")]
    | Annotated[TdmrLockModel, Tag(BRANCH_MARK + "tdmr_lock")]
    | Annotated[BusyCpuFaultModel, Tag(BRANCH_MARK + "busy_cpu")]
    | Annotated[ModuleFaultModel, Tag(BRANCH_MARK + "module")],
    Discriminator(_fault_branch),
]


def _the_schema(value: object) -> str:
    if value != SCHEMA:
        raise ValueError("is not a schema that this tdxctl reads", f"it reads {SCHEMA}")
    return SCHEMA


class PlatformModel(Model):
    """A platform description."""

    schema_: Annotated[str, Checked(_the_schema, {"const": SCHEMA})] = Field(SCHEMA, alias="schema")
    name: Annotated[str | None, NAME] = None
    description: Annotated[str, TEXT] = ""
    cpus: CpusModel
    memory: MemoryModel
    firmware: FirmwareModel = Field(default_factory=dict, validate_default=True)
    module: ModuleModel = Field(default_factory=dict, validate_default=True)
    kernel: KernelModel = Field(default_factory=dict, validate_default=True)
    faults: list[FaultModel] = Field(default_factory=list, max_length=MAX_RANGES, strict=True)
