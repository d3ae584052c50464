# SPDX-License-Identifier: Apache-2.0
"""The pydantic model of a platform description: types, limits, defaults, JSON Schema.

What spans more than one value (order, overlap, existence) is in `checks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tdxctl.errnos import Errno
from tdxctl.platform.description import SCHEMA, Checks, Seamrr
from tdxctl.platform.source import MAX_DIGITS, UNREADABLE
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Status
from tdxctl.seam.versions import FEATURES0, ModuleVersion
from tdxctl.units import (
    MAX_PHYSICAL_ADDRESS,
    U32_MASK,
    U64_MASK,
    format_size,
    parse_cpulist,
    parse_size,
)

MAX_CPUS = 8192
MAX_RANGES = 4096
MAX_CMRS = 32
MAX_NODE = 1023
MAX_PACKAGE = 31
MIN_KEYID_BITS, MAX_KEYID_BITS = 6, 15
#: 0xFFFFFFFF is the x2APIC broadcast id.
MAX_APIC_ID = U32_MASK - 1
FEATURES_HINT = f"features: {', '.join(FEATURES0)}"
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

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

# Marks the branches of a union in pydantic's error locations, which are not paths.
BRANCH_MARK = "\0"

_HEX_TEXT = "0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*"
_PLAIN_NUMBER_TEXT = f"^({_HEX_TEXT}|0|[1-9][0-9]*)$"
_NUMBER_TEXT = f"^({_HEX_TEXT}|(0|[1-9][0-9]*)([KMGT]iB)?)$"


@dataclass(frozen=True, slots=True, eq=False)  # hashable: it stands in type unions
class Checked:
    """Annotation of a field: parse gives its value or raises ValueError with what is wrong.

    The ValueError's second argument, where there is one, is the hint.
    """

    parse: Callable[[Any], object]
    schema: dict[str, Any]

    def _validate(self, value: object) -> object:
        if value is UNREADABLE:
            # Reported where it was read.
            raise PydanticCustomError("unreadable", "unreadable")
        try:
            return self.parse(value)
        except ValueError as error:
            summary, *hint = error.args
            raise PydanticCustomError(
                "tdxctl", "{summary}", {"summary": summary, "hint": hint[0] if hint else None}
            ) from None

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        return dict(self.schema)  # pydantic adds a title and a default to what it gets


def number(minimum: int, maximum: int, shown: Callable[[int], str] = str) -> Checked:
    """A number, also as 0x or KiB..TiB text; bounds inclusive, maximum shown by shown."""

    def parse(value: object) -> int:
        value = parse_size(value) if isinstance(value, str) else value
        return _bounded(value, minimum, maximum, shown)

    plain = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return Checked(parse, {"anyOf": [plain, {"type": "string", "pattern": _NUMBER_TEXT}]})


def plain_number(minimum: int, maximum: int) -> Checked:
    """A number that is no size, also as decimal or 0x text; bounds inclusive."""

    def parse(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(_PLAIN_NUMBER_TEXT, value, re.ASCII):
            if len(value) > MAX_DIGITS:
                raise ValueError("is too long for a number")
            value = parse_size(value)
        return _bounded(value, minimum, maximum, str)

    plain = {"type": "integer", "minimum": minimum, "maximum": maximum}
    text = {"type": "string", "pattern": _PLAIN_NUMBER_TEXT}
    return Checked(parse, {"anyOf": [plain, text]})


def count(minimum: int, maximum: int) -> Checked:
    """A plain whole number; bounds inclusive."""
    return Checked(
        lambda value: _bounded(value, minimum, maximum, str),
        {"type": "integer", "minimum": minimum, "maximum": maximum},
    )


def _bounded(value: object, minimum: int, maximum: int, shown: Callable[[int], str]) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    if value < minimum:
        raise ValueError(f"must be at least {minimum}")
    if value > maximum:
        raise ValueError(f"must be at most {shown(maximum)}")
    return value


def named(parse: Callable[[int | str], object], what: str) -> Checked:
    """A name or a number, turned into a value by parse."""

    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"must be {what}")
        return parse(value)

    return Checked(check, {"anyOf": [{"type": "integer"}, {"type": "string"}]})


def one_of(*choices: str) -> Checked:
    """One of a few words."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return value

    return Checked(parse, {"enum": list(choices)})


def auto(inner: Checked) -> Checked:
    """`auto`, which becomes None, or the whole number that inner takes."""

    def parse(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            if value == "auto":
                return None
            raise ValueError("must be auto or a whole number")
        return inner.parse(value)

    return Checked(parse, {"anyOf": [{"const": "auto"}, inner.schema]})


def parse_text(value: object) -> str:
    """Text. Raises ValueError, with the hint to quote what is a number."""
    if isinstance(value, str):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    raise ValueError("must be text", *(["quote it"] if number else []))


def parse_name(value: object) -> str:
    """A machine's name. Raises ValueError."""
    text = parse_text(value)
    if not re.fullmatch(NAME_PATTERN, text, re.ASCII):
        raise ValueError(
            "must be 1 to 64 letters, digits, dots, underscores or hyphens, "
            "the first a letter or digit"
        )
    return text


def parse_version(value: object) -> str:
    """A module version that is modelled. Raises ValueError."""
    if isinstance(value, float):
        raise ValueError("must be text: quote it", f'write "{value}"')
    text = parse_text(value)
    try:
        ModuleVersion.parse(text)
    except ValueError as error:
        raise ValueError(str(error), "modelled are 1.0, and 1.5.0 and later 1.5 ones") from None
    return text


def parse_features(value: object) -> int:
    """TDX_FEATURES0 from a number or a list of bit names. Raises ValueError.

    Names that do not exist are left to `checks`, which has a place for each.
    """
    if isinstance(value, str):
        if not re.fullmatch(_PLAIN_NUMBER_TEXT, value, re.ASCII) or len(value) > MAX_DIGITS:
            raise ValueError("must be a number or a list of feature names", FEATURES_HINT)
        value = parse_size(value)
    if isinstance(value, list):
        known = {str(name).upper() for name in value if is_feature(name)}
        return sum(1 << FEATURES0[name] for name in known)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a number or a list of feature names", FEATURES_HINT)
    return _bounded(value, 0, U64_MASK, hex)


def is_feature(name: object) -> bool:
    """Whether name is that of a TDX_FEATURES0 bit."""
    return isinstance(name, str) and name.upper() in FEATURES0


def parse_apic_ids(value: int | str) -> list[int]:
    """APIC ids of one entry: a number or a cpulist. Raises ValueError."""
    ids = [value] if isinstance(value, int) else parse_cpulist_or_hex(value)
    if not ids:
        raise ValueError("must name at least one APIC id")
    if not all(0 <= apic_id <= MAX_APIC_ID for apic_id in ids):
        raise ValueError(f"must be from 0 to {MAX_APIC_ID}")
    return ids


def parse_cpulist_or_hex(text: str) -> list[int]:
    """A cpulist; a lone 0x number too. Raises ValueError."""
    if re.fullmatch(_HEX_TEXT, text, re.ASCII):
        return [parse_size(text)]
    if text.lower().startswith("0x"):
        raise ValueError("must be a number, or a range of decimal numbers such as 0-63")
    return parse_cpulist(text, limit=MAX_CPUS)


def parse_online(value: object) -> list[int] | None:
    """Online CPUs: None for `all`. Raises ValueError."""
    if value == "all":
        return None
    negative = isinstance(value, int) and value < 0
    if isinstance(value, bool) or not isinstance(value, int | str) or negative:
        raise ValueError("must be all or a list such as 0-63,65")
    return [value] if isinstance(value, int) else parse_cpulist(value, limit=MAX_CPUS)


def parse_cpu_model(value: object) -> int:
    """A CPU model by its name. Raises ValueError."""
    if not isinstance(value, str) or value not in CPU_MODELS:
        raise ValueError(
            "must be a CPU's name or {family, model}", f"names: {', '.join(CPU_MODELS)}"
        )
    return CPU_MODELS[value]


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


ADDRESS = number(0, MAX_PHYSICAL_ADDRESS - 1, hex)
END = number(0, MAX_PHYSICAL_ADDRESS, hex)
SIZE = number(0, MAX_PHYSICAL_ADDRESS, format_size)
U16 = count(0, 0xFFFF)
U32 = plain_number(0, U32_MASK)
CALL = count(1, U32_MASK)
FLAG = Checked(_flag, {"type": "boolean"})
TEXT = Checked(parse_text, {"type": "string"})
NAME = Checked(parse_name, {"type": "string", "pattern": f"^{NAME_PATTERN}$"})


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CpuidModel(_Model):
    """A CPU by CPUID family and model."""

    family: Annotated[int, plain_number(0, 0xFF)]
    model: Annotated[int, plain_number(0, 0xFF)]


class FeaturesModel(_Model):
    """CPU features that the bring-up looks at."""

    mtrr: Annotated[bool, FLAG] = True
    vmx: Annotated[bool, FLAG] = True
    xsave: Annotated[bool, FLAG] = True
    movdir64b: Annotated[bool, FLAG] = True
    self_snoop: Annotated[bool, FLAG] = True


class MadtEntryModel(_Model):
    """A local APIC structure of the MADT, or a range of alike ones."""

    apic_id: Annotated[list[int], named(parse_apic_ids, "a number or a range such as 0-63")]
    package: Annotated[int, count(0, MAX_PACKAGE)] = 0
    enabled: Annotated[bool, FLAG] = True


def _cpu_model_branch(value: object) -> str:
    return "cpuid" if isinstance(value, dict | CpuidModel) else "name"


class CpusModel(_Model):
    """The machine's CPUs."""

    model: Annotated[
        Annotated[CpuidModel, Tag(BRANCH_MARK + "cpuid")]
        | Annotated[
            int, Checked(parse_cpu_model, {"enum": list(CPU_MODELS)}), Tag(BRANCH_MARK + "name")
        ],
        Discriminator(lambda value: BRANCH_MARK + _cpu_model_branch(value)),
    ] = Field(default_factory=lambda: CpuidModel(family=6, model=CPU_MODELS["granite-rapids"]))
    features: FeaturesModel = Field(default_factory=FeaturesModel)
    madt: list[MadtEntryModel] = Field(min_length=1, max_length=MAX_CPUS, strict=True)
    online: Annotated[
        list[int] | None,
        Checked(parse_online, {"anyOf": [{"const": "all"}, {"type": ["string", "integer"]}]}),
    ] = None
    disabled_cpus: Annotated[int | None, auto(count(0, MAX_CPUS))] = None


class RangeModel(_Model):
    """A memblock.memory region; end is exclusive."""

    start: Annotated[int, ADDRESS]
    end: Annotated[int | None, END] = None
    size: Annotated[int | None, SIZE] = None
    node: Annotated[int, count(0, MAX_NODE)] = 0


class ReservedModel(_Model):
    """Memory in use; end is exclusive."""

    start: Annotated[int, ADDRESS]
    end: Annotated[int, END]


class BaseSizeModel(_Model):
    """A range by base and size."""

    base: Annotated[int, ADDRESS]
    size: Annotated[int, SIZE]


class MemoryModel(_Model):
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


class FirmwareModel(_Model):
    """What firmware set up for TDX."""

    seamrr: Annotated[str, one_of(*(choice.value for choice in Seamrr))] = Seamrr.ENABLED.value
    mktme_keyids: Annotated[int, U32] = 31
    tdx_keyids: Annotated[int, U32] = 32
    keyid_bits: Annotated[int | None, auto(count(MIN_KEYID_BITS, MAX_KEYID_BITS))] = None
    seamrr_range: BaseSizeModel | None = None


class PamtEntrySizeModel(_Model):
    """PAMT entry sizes in bytes."""

    size_4k: Annotated[int, U16] = Field(16, alias="4k")
    size_2m: Annotated[int, U16] = Field(16, alias="2m")
    size_1g: Annotated[int, U16] = Field(16, alias="1g")


class ModuleModel(_Model):
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
    pamt_entry_size: PamtEntrySizeModel = Field(
        default_factory=lambda: PamtEntrySizeModel.model_validate({})
    )
    pamt_page_bitmap_entry_bits: Annotated[int, count(0, 0xFF)] = 1
    sysinfo_cmr_entries: Annotated[int, count(0, MAX_CMRS)] = MAX_CMRS
    checks: Annotated[str, one_of(*(choice.value for choice in Checks))] = Checks.STRICT.value


class KernelModel(_Model):
    """How the booted kernel was built and started."""

    hibernation: Annotated[bool, FLAG] = False


class SeamcallFaultModel(_Model):
    """Calls of a SEAMCALL leaf that fail."""

    leaf: Annotated[int, named(Leaf.parse, "a SEAMCALL leaf's name or number")]
    status: Annotated[int, named(Status.parse, "a SEAMCALL status's name or number")]
    cpu: Annotated[int | None, count(0, MAX_CPUS - 1)] = None
    call: Annotated[int, CALL] = 1
    times: Annotated[int, CALL] = 1


class AllocationFaultModel(_Model):
    """Allocations of the kernel that fail."""

    allocation: Annotated[str, one_of("pamt", "kernel")]
    call: Annotated[int, CALL] = 1
    times: Annotated[int, CALL] = 1


class BootFaultModel(_Model):
    """A registration at boot that fails."""

    boot: Annotated[str, one_of("memory_notifier")]
    errno: Annotated[int, named(Errno.parse, "an errno's name or number")]


def _the_msr(value: object) -> int:
    if value != 0x87 and (not isinstance(value, str) or value.lower() != "0x87"):
        raise ValueError("must be 0x87, the only MSR whose fault is modelled")
    return 0x87


class MsrFaultModel(_Model):
    """An MSR that cannot be read."""

    msr: Annotated[int, Checked(_the_msr, {"const": 0x87})]
    fault: Annotated[bool, FLAG] = True


_FAULT_KEYS = ("leaf", "allocation", "boot", "msr")


def _fault_branch(value: object) -> str | None:
    keys = value if isinstance(value, dict) else {}
    return next((BRANCH_MARK + key for key in _FAULT_KEYS if key in keys), None)


FaultModel = Annotated[
    Annotated[SeamcallFaultModel, Tag(BRANCH_MARK + "leaf")]
    | Annotated[AllocationFaultModel, Tag(BRANCH_MARK + "allocation")]
    | Annotated[BootFaultModel, Tag(BRANCH_MARK + "boot")]
    | Annotated[MsrFaultModel, Tag(BRANCH_MARK + "msr")],
    Discriminator(_fault_branch),
]


def _the_schema(value: object) -> str:
    if value != SCHEMA:
        raise ValueError("is not a schema that this tdxctl reads", f"it reads {SCHEMA}")
    return SCHEMA


class PlatformModel(_Model):
    """A platform description."""

    schema_: Annotated[str, Checked(_the_schema, {"const": SCHEMA})] = Field(SCHEMA, alias="schema")
    name: Annotated[str | None, NAME] = None
    description: Annotated[str, TEXT] = ""
    cpus: CpusModel
    memory: MemoryModel
    firmware: FirmwareModel = Field(default_factory=FirmwareModel)
    module: ModuleModel = Field(default_factory=ModuleModel)
    kernel: KernelModel = Field(default_factory=KernelModel)
    faults: list[FaultModel] = Field(default_factory=list, max_length=MAX_RANGES, strict=True)
