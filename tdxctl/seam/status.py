# SPDX-License-Identifier: Apache-2.0
"""SEAMCALL completion statuses: base codes, detail packing, decoding.

The codes here are those that code asks for; `codes` has every one that a module can return.

TDX module ABI 1.5, Interface Function Completion Status: bits 63 ERROR, 62
NON_RECOVERABLE, 61 FATAL, 60 HOST_RECOVERABILITY_HINT, 47:40 CLASS, 39:32 DETAILS_L1,
31:0 DETAILS_L2.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

_BASE_MASK = ~0xFFFFFFFF & ((1 << 64) - 1)


class Status(IntEnum):
    """Base codes, DETAILS_L2 zero: those of the bring-up."""

    TDX_SUCCESS = 0
    TDX_INTERRUPTED_RESUMABLE = 0x8000000300000000
    TDX_OPERAND_INVALID = 0xC000010000000000
    TDX_OPERAND_ADDR_RANGE_ERROR = 0xC000010100000000
    TDX_OPERAND_BUSY = 0x8000020000000000
    TDX_SYS_BUSY = 0x8000020200000000
    TDX_RND_NO_ENTROPY = 0x8000020300000000
    TDX_INTERRUPTED_BUSY = 0x8000020600000000
    TDX_PAGE_NOT_FREE = 0xC000030300000000
    TDX_HPA_RANGE_NOT_FREE = 0xC000030400000000
    TDX_NO_PAMT_PAGE_PAIR = 0xC000030500000000
    TDX_PAMT_PAGE_NOT_EMPTY = 0xC000030600000000
    TDX_MISSING_PAMT_PAGE_PAIR = 0x8000030800000000
    TDX_SYS_INIT_NOT_PENDING = 0xC000050000000000
    TDX_SYS_LP_INIT_NOT_DONE = 0xC000050200000000
    TDX_SYS_LP_INIT_DONE = 0xC000050300000000
    TDX_SYS_NOT_READY = 0xC000050500000000
    TDX_SYS_SHUTDOWN = 0xC000050600000000
    TDX_SYS_KEY_CONFIG_NOT_PENDING = 0xC000050700000000
    TDX_SYS_STATE_INCORRECT = 0xC000050800000000
    TDX_SYS_INVALID_HANDOFF = 0xC000050900000000
    TDX_SYS_INCOMPATIBLE_SIGSTRUCT = 0xC000050A00000000
    TDX_SYS_LP_INIT_NOT_PENDING = 0xC000050B00000000
    TDX_SYS_CONFIG_NOT_PENDING = 0xC000050C00000000
    TDX_INCOMPATIBLE_SEAM_CAPABILITIES = 0xC000050D00000000
    TDX_CRYPTO_SELF_TEST_FAILED = 0xC000051100000000
    TDX_UPDATE_COMPATIBILITY_SENSITIVE = 0x8000051200000000
    TDX_KEY_GENERATION_FAILED = 0x8000080000000000
    TDX_KEY_CONFIGURED = 0x0000081500000000
    TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED = 0xC000082500000000
    TDX_INCORRECT_CPUID_VALUE = 0xC000090000000000
    TDX_LIMIT_CPUID_MAXVAL_SET = 0xC000090100000000
    TDX_INCONSISTENT_CPUID_FIELD = 0xC000090200000000
    TDX_CPUID_LEAF_1F_FORMAT_UNRECOGNIZED = 0xC000090400000000
    TDX_INVALID_WBINVD_SCOPE = 0xC000090500000000
    TDX_INVALID_PKG_ID = 0xC000090600000000
    TDX_CPUID_LEAF_NOT_SUPPORTED = 0xC000090800000000
    TDX_SMRR_NOT_LOCKED = 0xC000091000000000
    TDX_INVALID_SMRR_CONFIGURATION = 0xC000091100000000
    TDX_SMRR_OVERLAPS_CMR = 0xC000091200000000
    TDX_SMRR_LOCK_NOT_SUPPORTED = 0xC000091300000000
    TDX_SMRR_NOT_SUPPORTED = 0xC000091400000000
    TDX_INCONSISTENT_MSR = 0xC000092000000000
    TDX_INCORRECT_MSR_VALUE = 0xC000092100000000
    TDX_INVALID_TDMR = 0xC0000A0000000000
    TDX_NON_ORDERED_TDMR = 0xC0000A0100000000
    TDX_TDMR_OUTSIDE_CMRS = 0xC0000A0200000000
    TDX_TDMR_ALREADY_INITIALIZED = 0x00000A0300000000
    TDX_INVALID_PAMT = 0xC0000A1000000000
    TDX_PAMT_OUTSIDE_CMRS = 0xC0000A1100000000
    TDX_PAMT_OVERLAP = 0xC0000A1200000000
    TDX_INVALID_RESERVED_IN_TDMR = 0xC0000A2000000000
    TDX_NON_ORDERED_RESERVED_IN_TDMR = 0xC0000A2100000000
    TDX_CMR_LIST_INVALID = 0xC0000A2200000000
    TDX_METADATA_FIELD_ID_INCORRECT = 0xC0000C0000000000
    TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT = 0x00000C0B00000000
    # P-SEAMLDR's, whole: they have no details.
    SEAMLDR_EBADPARAM = 0x8000000000000000
    SEAMLDR_EBADCALL = 0x8000000000000003
    SEAMLDR_EBADHANDOFF = 0x8000000000000004
    SEAMLDR_ECLEANUPREQ = 0x8000000000000005
    SEAMLDR_EUNSUPPORTED = 0x8000000000000006
    SEAMLDR_ENOMEM = 0x8000000000010002
    SEAMLDR_EUNSPECERR = 0x8000000000010003
    SEAMLDR_EUNSUPCPU = 0x8000000000010004
    SEAMLDR_EBADSIG = 0x8000000000020000
    SEAMLDR_EBADHASH = 0x8000000000020001
    SEAMLDR_EINTERRUPT = 0x8000000000030000
    SEAMLDR_ENOENTROPY = 0x8000000000030001
    # Not the module's: what Linux makes of a SEAMCALL that did not get through
    # (TDX_SEAMCALL_VMFAILINVALID and TDX_SW_ERROR | exception vector).
    VMFAILINVALID = 0x8000FF00FFFF0000
    GP = 0x8000FF000000000D
    UD = 0x8000FF0000000006

    @classmethod
    def parse(cls, value: int | str) -> int:
        """A 64-bit status from a name (details zero) or a number. Raises ValueError."""
        if isinstance(value, str):
            name = value.strip().upper()
            for candidate in (name, f"TDX_{name}"):
                if candidate in cls.__members__:
                    return int(cls[candidate])
            try:
                value = int(value, 0)
            except ValueError:
                value = _number_of(name)
        if not 0 <= value < 1 << 64:
            raise ValueError("is not a 64-bit status")
        return value


class Operand(IntEnum):
    """DETAILS_L2 of the operand codes: which operand was refused, of the bring-up's leaves."""

    RAX = 0
    RCX = 1
    RDX = 2
    R8 = 8
    R9 = 9
    R10 = 10
    KET = 187


def with_operand(status: Status, operand: Operand) -> int:
    """status with the operand in DETAILS_L2."""
    return status + operand


def with_bytes(status: Status, *details: int) -> int:
    """status with up to four detail bytes in DETAILS_L2, the first in bits 7:0."""
    return status + sum((detail & 0xFF) << (8 * i) for i, detail in enumerate(details))


_LEVELS = {0: "4K", 1: "2M", 2: "1G"}
_OPERAND_FORM = frozenset(
    {
        *(Status.TDX_OPERAND_INVALID, Status.TDX_OPERAND_ADDR_RANGE_ERROR, Status.TDX_OPERAND_BUSY),
        *(Status.TDX_HPA_RANGE_NOT_FREE, Status.TDX_PAGE_NOT_FREE, Status.TDX_NO_PAMT_PAGE_PAIR),
        Status.TDX_MISSING_PAMT_PAGE_PAIR,
    }
)
_BYTE_FORM: dict[Status, tuple[str, ...]] = {
    Status.TDX_INVALID_TDMR: ("TDMR",),
    Status.TDX_NON_ORDERED_TDMR: ("TDMR",),
    Status.TDX_TDMR_OUTSIDE_CMRS: ("TDMR",),
    Status.TDX_INVALID_PAMT: ("TDMR", "level"),
    Status.TDX_PAMT_OUTSIDE_CMRS: ("TDMR", "level"),
    Status.TDX_PAMT_OVERLAP: ("TDMR", "level", "with TDMR"),
    Status.TDX_INVALID_RESERVED_IN_TDMR: ("TDMR", "reserved area"),
    Status.TDX_NON_ORDERED_RESERVED_IN_TDMR: ("TDMR", "reserved area"),
    Status.TDX_SMRR_OVERLAPS_CMR: ("SMRR", "CMR"),
    Status.TDX_SMRR_NOT_LOCKED: ("SMRR",),
    Status.TDX_INVALID_SMRR_CONFIGURATION: ("SMRR",),
    Status.TDX_INVALID_PKG_ID: ("package",),
    Status.TDX_PAMT_PAGE_NOT_EMPTY: ("PAMT page",),
}
_MSR_FORM = frozenset({Status.TDX_INCONSISTENT_MSR, Status.TDX_INCORRECT_MSR_VALUE})


def base_status(status: int) -> Status | None:
    """The base code of a 64-bit status, None where it is none of the bring-up's."""
    for candidate in (status, status & _BASE_MASK):
        try:
            base = Status(candidate)
        except ValueError:
            continue
        return base if base == status or base is not Status.SEAMLDR_EBADPARAM else None
    return None


def base_code(status: int) -> int | None:
    """The base code of a 64-bit status of any leaf, None where no release has one."""
    base = base_status(status)
    if base is not None:
        return int(base)
    from tdxctl.seam.codes import statuses

    return next((code.number for code in statuses(status)), None)


class Wanted(NamedTuple):
    """A status that is looked for: the whole of it, or any with the same base code."""

    status: int
    exact: bool

    def is_met_by(self, status: int) -> bool:
        """Whether status is the one."""
        if self.exact or status == self.status:
            return status == self.status
        return base_code(status) == base_code(self.status)

    def __str__(self) -> str:
        """The whole of it in hex, or the name."""
        return hex(self.status) if self.exact else status_name(self.status)


def parse_wanted(value: int | str) -> Wanted:
    """A status by name, details ignored, or by number, all of it. Raises ValueError."""
    by_name = isinstance(value, str) and not value.strip()[:1].isdigit()
    return Wanted(Status.parse(value), exact=not by_name)


def status_name(status: int) -> str:
    """The name of a status without its details, its hex value where it has none."""
    base = base_status(status)
    if base is not None:
        return base.name
    from tdxctl.seam.codes import statuses

    return next((code.name for code in statuses(status)), hex(status))


def status_details(status: int) -> str | None:
    """DETAILS_L2 in words: `RCX`, `TDMR 0, reserved area 3`, `MSR 0x87`; None without any."""
    base = base_status(status)
    if base is None:
        return _details_of_other(status)
    if base == status and base not in _OPERAND_FORM and base not in _BYTE_FORM:
        return None
    details = status - base
    if base in _OPERAND_FORM:
        return operand_name(details)
    if base in _BYTE_FORM:
        values = [(what, details >> (8 * i) & 0xFF) for i, what in enumerate(_BYTE_FORM[base])]
        return ", ".join(
            f"PAMT_{_LEVELS.get(value, value)}" if what == "level" else f"{what} {value}"
            for what, value in values
        )
    if base in _MSR_FORM:
        return f"MSR {hex(details)}"
    if base is Status.TDX_CPUID_LEAF_NOT_SUPPORTED:
        return f"CPUID leaf {hex(details)}"
    return hex(details)


def operand_of(status: int) -> int | None:
    """The id of the operand in DETAILS_L2, None where the code has no operand there."""
    base = base_status(status)
    if base is not None:
        return status - base if base in _OPERAND_FORM else None
    from tdxctl.seam.codes import statuses

    code = next(iter(statuses(status)), None)
    return status - code.number if code is not None and code.details == "operand" else None


def operand_name(number: int) -> str:
    """The name of an operand by its id: `RCX`, `CPUID_CONFIG`."""
    if number in Operand.__members__.values():
        return Operand(number).name
    from tdxctl.seam.codes import operand

    known = operand(number)
    return f"operand {number}" if known is None else known.name


def _number_of(name: str) -> int:
    # Of a name that is none of the bring-up's. Raises ValueError.
    from tdxctl.seam.codes import statuses_named

    for code in statuses_named(name):
        return code.number
    raise ValueError("is not the name of a SEAMCALL status")


def _details_of_other(status: int) -> str | None:
    # DETAILS_L2 of a code that is none of the bring-up's.
    from tdxctl.seam.codes import statuses

    code = next(iter(statuses(status)), None)
    if code is None:
        return None
    details = status - code.number
    if code.details == "operand":
        return operand_name(details)
    if code.details == "level":
        return f"level {_LEVELS.get(details, details)}"
    return hex(details) if details else None
