# SPDX-License-Identifier: Apache-2.0
"""The values of a description: how each is read, its bounds, its JSON Schema."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tdxctl.errnos import Errno
from tdxctl.platform.limits import MAX_CPUS
from tdxctl.platform.source import MAX_DIGITS, UNREADABLE
from tdxctl.seam.cpu_models import CPU_MODELS
from tdxctl.seam.features import FEATURES0
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.msrs import MSRS, parse_msr
from tdxctl.seam.releases import ModuleVersion, nearest
from tdxctl.seam.status import Status, parse_wanted
from tdxctl.units import (
    LONGEST_WORD,
    MAX_PHYSICAL_ADDRESS,
    NAME_PATTERN,
    U32_MASK,
    U64_MASK,
    Cpulist,
    did_you_mean,
    format_size,
    is_name,
    parse_cpulist,
    parse_runs,
    parse_size,
)

#: 0xFFFFFFFF is the x2APIC broadcast id.
MAX_APIC_ID = U32_MASK - 1
FEATURES_HINT = f"features: {', '.join(FEATURES0)}"

#: Completion codes of PCONFIG that the module tells apart; it takes any other for fatal.
PCONFIG_CODES = {"success": 0, "entropy_error": 2, "device_busy": 5}

# Marks the branches of a union in pydantic's error locations, which are not paths.
BRANCH_MARK = "\0"

_HEX_TEXT = "0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*"
_PLAIN_NUMBER_TEXT = f"^({_HEX_TEXT}|0|[1-9][0-9]*)$"
_NUMBER_TEXT = f"^({_HEX_TEXT}|(0|[1-9][0-9]*)([KMGT]iB)?)$"
_ANY_NUMBER_TEXT = "^-?(0[xX][0-9a-fA-F]+|[0-9]+)$"


class Form(Struct, frozen=True, eq=False):
    """How a value stands in the canonical description, where that is not as itself."""

    write: Callable[[Any], object]
    read: Callable[[Any], object]
    schema: dict[str, Any]


class Checked(Struct, frozen=True, eq=False):  # hashable: it stands in type unions
    """Annotation of a field: parse gives its value or raises ValueError with what is wrong.

    The ValueError's second argument, where there is one, is the hint or what makes it.
    schema is the JSON Schema of what is written, resolved that of the value, where they differ.
    form: where the canonical description has neither. each: of a list its entries, of which
    parse then makes the value, and most how many they may be.
    """

    parse: Callable[[Any], object]
    schema: dict[str, Any]
    resolved: dict[str, Any] | None = None
    form: Form | None = None
    each: Checked | None = None
    most: int | None = None

    def in_form(self, form: Form) -> Checked:
        """The same, written into canonical descriptions in that form."""
        return Checked(self.parse, self.schema, self.resolved, form, self.each, self.most)

    def check(self, value: object) -> object:
        """The value of what is written, for pydantic."""
        if value is UNREADABLE:
            return value  # reported where it was read
        try:
            return self.parse(value)
        except ValueError as error:
            summary, *hint = error.args
            raise complaint(summary, hint[0] if hint else None) from None

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        return dict(self.schema)  # pydantic adds a title and a default to what it gets


def complaint(summary: str, hint: object = None) -> Exception:
    """The error by which pydantic is told what is wrong with a value."""
    from pydantic_core import PydanticCustomError

    return PydanticCustomError("tdxctl", "{summary}", {"summary": summary, "hint": hint})


def number(minimum: int, maximum: int, shown: Callable[[int], str] = str) -> Checked:
    """A number, also as 0x or KiB..TiB text; bounds inclusive, maximum shown by shown."""

    def parse(value: object) -> int:
        value = parse_size(value) if isinstance(value, str) else value
        return _bounded(value, minimum, maximum, shown)

    plain = {"type": "integer", "minimum": minimum, "maximum": maximum}
    text = {"type": "string", "pattern": _NUMBER_TEXT}
    return Checked(parse, {"anyOf": [plain, text]}, plain)


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
    return Checked(parse, {"anyOf": [plain, text]}, plain)


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


def named(
    parse: Callable[[int | str], object],
    what: str,
    names: tuple[str, ...] = (),
    others: str | None = None,
) -> Checked:
    """A name, of names where these are given, or a number, turned into a value by parse.

    others: the pattern of further names, which the schema does not list.
    """

    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"must be {what}")
        try:
            return parse(value)
        except ValueError as error:
            if not isinstance(value, str) or len(error.args) > 1:
                raise
            # Looked for where it is shown: of a thousand wrong names few are.
            raise ValueError(*error.args, functools.partial(did_you_mean, value, names)) from None

    number = {"type": "integer"}
    text = {"type": "string", "pattern": _ANY_NUMBER_TEXT} if names else {"type": "string"}
    known: list[dict[str, Any]] = [{"enum": list(names)}] if names else []
    if others is not None:
        known.append({"type": "string", "pattern": others})
    return Checked(check, {"anyOf": [*known, number, text]}, number)


def one_of(*choices: str) -> Checked:
    """One of a few words."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return value

    return Checked(parse, {"enum": list(choices)})


def member_of(words: type[StrEnum]) -> Checked:
    """One of the words of an enumeration."""
    word = one_of(*(member.value for member in words))
    form = Form(lambda member: member.value, words, word.schema)
    return Checked(lambda value: words(str(word.parse(value))), word.schema, form=form)


def auto(inner: Checked) -> Checked:
    """`auto`, which becomes None, or the whole number that inner takes."""

    def parse(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            if value == "auto":
                return None
            raise ValueError("must be auto or a whole number")
        return inner.parse(value)

    return Checked(parse, {"anyOf": [{"const": "auto"}, inner.schema]}, inner.schema)


def or_null(inner: Checked) -> Checked:
    """Null, which is None, or what inner takes."""

    def parse(value: object) -> object:
        return None if value is None else inner.parse(value)

    null = {"type": "null"}
    resolved = {"anyOf": [null, inner.resolved or inner.schema]}
    return Checked(parse, {"anyOf": [null, inner.schema]}, resolved)


def parse_text(value: object) -> str:
    """Text. Raises ValueError, with the hint to quote what is a number."""
    if isinstance(value, str):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    raise ValueError("must be text", *(["quote it"] if number else []))


def parse_name(value: object) -> str:
    """A machine's name. Raises ValueError."""
    text = parse_text(value)
    if not is_name(text):
        raise ValueError(
            "must be 1 to 64 letters, digits, dots, underscores or hyphens, "
            "the first a letter or digit"
        )
    return text


def parse_version(value: object) -> str:
    """A module version that is modelled. Raises ValueError."""
    if isinstance(value, float):
        raise ValueError("must be text: quote it")
    text = parse_text(value)
    try:
        ModuleVersion.parse(text)
    except ValueError as error:
        raise ValueError(str(error), nearest(text)) from None
    return text


def _features(value: object) -> int:
    # TDX_FEATURES0 from a number, or from the bits that a list of names gave.
    if isinstance(value, list):
        return functools.reduce(operator.or_, value, 0)
    if isinstance(value, str):
        if not re.fullmatch(_PLAIN_NUMBER_TEXT, value, re.ASCII) or len(value) > MAX_DIGITS:
            raise ValueError("must be a number or a list of feature names", FEATURES_HINT)
        value = parse_size(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a number or a list of feature names", FEATURES_HINT)
    return _bounded(value, 0, U64_MASK, hex)


def _feature(name: object) -> int:
    if not isinstance(name, str) or name.upper() not in FEATURES0:
        raise ValueError("is not the name of a feature", FEATURES_HINT)
    return 1 << FEATURES0[name.upper()]


def _msr(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be an MSR's name or number")
    try:
        return parse_msr(value)
    except ValueError as error:
        raise ValueError(str(error), functools.partial(_near_msrs, str(value))) from None


def _near_msrs(asked: str) -> str:
    from difflib import get_close_matches

    known = [*MSRS, *map(hex, MSRS.values())]
    near = get_close_matches(asked[:LONGEST_WORD].upper().replace("0X", "0x"), known, n=3)
    return f"near: {', '.join(near)}" if near else "`tdxctl schema platform` lists them"


def parse_apic_ids(value: int | str) -> Cpulist:
    """APIC ids of one entry: a number or a cpulist. Raises ValueError."""
    ids = _one(value) if isinstance(value, int) else parse_cpulist_or_hex(value)
    if not len(ids):
        raise ValueError("must name at least one APIC id")
    if not ids.is_within(0, MAX_APIC_ID):
        raise ValueError(f"must be from 0 to {MAX_APIC_ID}")
    return ids


def _one(number: int) -> Cpulist:
    return Cpulist([(number, number, 1, 1)])


def parse_cpulist_or_hex(text: str) -> Cpulist:
    """A cpulist; a lone 0x number too. Raises ValueError."""
    if re.fullmatch(_HEX_TEXT, text, re.ASCII):
        return _one(parse_size(text))
    if text.lower().startswith("0x"):
        raise ValueError("must be a number, or a range of decimal numbers such as 0-63")
    return parse_runs(text, limit=MAX_CPUS)


def _online(value: object) -> tuple[int, ...] | None:
    # Ascending, None for all.
    if value == "all":
        return None
    negative = isinstance(value, int) and value < 0
    if isinstance(value, bool) or not isinstance(value, int | str) or negative:
        raise ValueError("must be all or a list such as 0-63,65")
    cpus = [value] if isinstance(value, int) else parse_cpulist(value, limit=MAX_CPUS)
    return tuple(sorted(set(cpus)))


def parse_cpu_model(value: object) -> int:
    """A CPU model of family 6 by its name. Raises ValueError."""
    if not isinstance(value, str) or value not in CPU_MODELS:
        raise ValueError(
            "must be a CPU's name or {family, model}", f"names: {', '.join(CPU_MODELS)}"
        )
    return CPU_MODELS[value]


def _pconfig(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a completion code's name or number")
    if isinstance(value, str) and value.lower() in PCONFIG_CODES:
        return PCONFIG_CODES[value.lower()]
    try:
        return _bounded(int(value, 0) if isinstance(value, str) else value, 0, U32_MASK, str)
    except ValueError:
        names = ", ".join(PCONFIG_CODES)
        raise ValueError("is not a completion code of PCONFIG", f"codes: {names}") from None


def _msr_0x87(value: object) -> int:
    if value != 0x87 and (not isinstance(value, str) or value.lower() != "0x87"):
        raise ValueError("must be 0x87, the only MSR whose fault is modelled")
    return 0x87


def constant(word: str, what: str, hint: str) -> Checked:
    """That word and no other."""

    def parse(value: object) -> str:
        if value != word:
            raise ValueError(what, hint)
        return word

    return Checked(parse, {"const": word})


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _from_hex(text: str) -> int:
    return int(text, 16)


def _cpus_of(text: str) -> tuple[int, ...]:
    return tuple(int(cpu) for cpu in text.split(","))


# 64-bit words are text in JSON, whose readers may have no more than 53 bits.
_HEX = Form(hex, _from_hex, {"type": "string", "pattern": "^0x[0-9a-f]+$"})
_CPUS = Form(
    lambda cpus: ",".join(map(str, cpus)),
    _cpus_of,
    {"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$"},
)

ADDRESS = number(0, MAX_PHYSICAL_ADDRESS - 1, hex)
END = number(0, MAX_PHYSICAL_ADDRESS, hex)
SIZE = number(0, MAX_PHYSICAL_ADDRESS, format_size)
U8 = count(0, 0xFF)
U16 = count(0, 0xFFFF)
U32 = plain_number(0, U32_MASK)
WORD32 = U32.in_form(_HEX)
_U64 = plain_number(0, U64_MASK)
WORD64 = _U64.in_form(_HEX)
_NUMBER = {"type": "integer"}
MSR = Checked(_msr, {"enum": [*MSRS, *MSRS.values(), *map(hex, MSRS.values())]}, _NUMBER)
MSR_0x87 = Checked(_msr_0x87, {"enum": [0x87, "0x87"]}, {"const": 0x87})
PCONFIG = Checked(_pconfig, {"anyOf": [{"enum": list(PCONFIG_CODES)}, U32.schema]}, U32.resolved)
CALL = count(1, U32_MASK)
CPU = count(0, MAX_CPUS - 1)
FLAG = Checked(_flag, {"type": "boolean"})
TEXT = Checked(parse_text, {"type": "string"})
NAME = Checked(parse_name, {"type": "string", "pattern": f"^{NAME_PATTERN}$"})
VERSION = Checked(parse_version, {"type": "string"})
FEATURE = Checked(_feature, {"enum": list(FEATURES0)})
_BITS = 64
FEATURES = Checked(
    _features,
    {
        "anyOf": [
            *_U64.schema["anyOf"],
            {"type": "array", "items": FEATURE.schema, "maxItems": _BITS},
        ]
    },
    _U64.resolved,
    each=FEATURE,
    most=_BITS,
)
APIC_IDS = named(parse_apic_ids, "a number or a range such as 0-63")
ONLINE = Checked(
    _online, {"anyOf": [{"const": "all"}, {"type": ["string", "integer"]}]}, form=_CPUS
)

LEAF = named(Leaf.parse, "a SEAMCALL leaf's name or number", tuple(leaf.title for leaf in Leaf))
_STATUSES = tuple(Status.__members__)
# Those of leaves that are none of the bring-up's: too many to read them for each description.
_OTHER_STATUSES = "^TDX_[A-Z0-9_]+$"
STATUS = named(
    Status.parse, "a SEAMCALL status's name or number", _STATUSES, _OTHER_STATUSES
).in_form(_HEX)
WANTED = named(parse_wanted, "a status's name or number", _STATUSES, _OTHER_STATUSES)
#: As a kernel returns them too, negative.
ERRNOS = (*Errno.__members__, *(f"-{name}" for name in Errno.__members__))
ERRNO = named(Errno.parse, "an errno's name or number", ERRNOS)
