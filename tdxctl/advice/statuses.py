# SPDX-License-Identifier: Apache-2.0
"""What a SEAMCALL completion status means on a real host."""

from __future__ import annotations

from msgspec.structs import replace

from tdxctl.advice import to_do
from tdxctl.advice.bios import SET_UP_THE_BIOS
from tdxctl.advice.words import Advice
from tdxctl.seam.codes import StatusCode, statuses
from tdxctl.seam.status import (
    Status,
    base_status,
    operand_of,
    status_details,
    status_name,
)

_REPORT = f"{to_do.TELL_THE_VENDOR} with the status and the module's version"
_KERNEL = "a kernel bug or a kernel and a module that do not match: try a newer kernel"
_BIOS = to_do.UPDATE_THE_FIRMWARE
_GO_ON = "nothing: the caller goes on"
_RETRY = to_do.TRY_AGAIN
_KEYIDS = "set the BIOS key split so that KeyIDs are left for TDX, fewer than 2048 in all"
_UPDATE = f"a kernel bug, or an image that is not one: {to_do.TAKE_THE_IMAGE_AGAIN}"
_ANOTHER_IMAGE = "use an image that the CPU's vendor released for this CPU and module"

STATUSES: dict[Status, Advice] = {
    Status.TDX_SUCCESS: Advice("The call succeeded.", "nothing"),
    Status.TDX_OPERAND_INVALID: Advice(
        "A register holds a value that the leaf does not take.", _KERNEL
    ),
    Status.TDX_OPERAND_ADDR_RANGE_ERROR: Advice(
        "An address lies outside every initialized TDMR.", _KERNEL
    ),
    Status.TDX_OPERAND_BUSY: Advice("Another CPU holds what the operand names.", _RETRY),
    Status.TDX_SYS_BUSY: Advice(
        "Another CPU is inside a leaf that needs the whole module for itself.", _RETRY
    ),
    Status.TDX_RND_NO_ENTROPY: Advice("RDRAND had no entropy for the module.", _RETRY),
    Status.TDX_INTERRUPTED_BUSY: Advice(
        "The call was interrupted while something was busy.", _RETRY
    ),
    Status.TDX_INTERRUPTED_RESUMABLE: Advice(
        "An interrupt ended the call half-way; called again with the same inputs it goes on.",
        _RETRY,
    ),
    Status.TDX_PAGE_NOT_FREE: Advice("A page handed over is in use.", _KERNEL),
    Status.TDX_HPA_RANGE_NOT_FREE: Advice("The range already has a PAMT page pair.", _KERNEL),
    Status.TDX_NO_PAMT_PAGE_PAIR: Advice("The range has no PAMT page pair to remove.", _KERNEL),
    Status.TDX_PAMT_PAGE_NOT_EMPTY: Advice(
        "A page that the PAMT page pair describes is used by a TD.", _KERNEL
    ),
    Status.TDX_MISSING_PAMT_PAGE_PAIR: Advice("The page's range has no PAMT page pair.", _KERNEL),
    Status.TDX_SYS_INIT_NOT_PENDING: Advice(
        "The module is already initialized globally, perhaps by the kernel before a kexec.",
        "reboot: only a freshly loaded module can be initialized",
    ),
    Status.TDX_SYS_LP_INIT_NOT_DONE: Advice(
        "The CPU of the call has not done TDH.SYS.LP.INIT.", _KERNEL
    ),
    Status.TDX_SYS_LP_INIT_DONE: Advice("The CPU has done TDH.SYS.LP.INIT before.", _KERNEL),
    Status.TDX_SYS_NOT_READY: Advice(
        "The leaf is unknown to this module, as new leaves are to an old one, or the module is not "
        "initialized far enough for it.",
        to_do.MATCH_MODULE_AND_KERNEL,
    ),
    Status.TDX_SYS_SHUTDOWN: Advice(
        "The module was shut down, for an update or by a kernel before a kexec.",
        "reboot, or finish the update",
    ),
    Status.TDX_SYS_KEY_CONFIG_NOT_PENDING: Advice(
        "The module does not expect a key configuration in its state.", _KERNEL
    ),
    Status.TDX_SYS_STATE_INCORRECT: Advice(
        "The module is not in the state that the leaf needs.", _KERNEL
    ),
    Status.TDX_SYS_INVALID_HANDOFF: Advice(
        "The data handed over by the module before an update cannot be used.", to_do.REBOOT
    ),
    Status.TDX_SYS_INCOMPATIBLE_SIGSTRUCT: Advice(
        "The module's signature structure does not fit the module.", _BIOS
    ),
    Status.TDX_SYS_LP_INIT_NOT_PENDING: Advice(
        "The module does not expect TDH.SYS.LP.INIT in its state.", _KERNEL
    ),
    Status.TDX_SYS_CONFIG_NOT_PENDING: Advice(
        "TDH.SYS.CONFIG came too early or twice: TDH.SYS.LP.INIT must have been done on every "
        "logical processor that firmware counted.",
        to_do.BRING_EVERY_CPU_ONLINE,
    ),
    Status.TDX_INCOMPATIBLE_SEAM_CAPABILITIES: Advice(
        "The CPU's SEAM capabilities are not what the module needs, or differ between CPUs.", _BIOS
    ),
    Status.TDX_CRYPTO_SELF_TEST_FAILED: Advice(
        "The module's self test of its cryptography failed.", _REPORT
    ),
    Status.TDX_UPDATE_COMPATIBILITY_SENSITIVE: Advice(
        "An update now would break a TD under build or an interrupted migration.",
        "wait for it to finish, then update",
    ),
    Status.TDX_KEY_GENERATION_FAILED: Advice(
        "The CPU could not generate the package's key, for want of entropy.", _RETRY
    ),
    Status.TDX_KEY_CONFIGURED: Advice(
        "The package's key is configured already. Not an error to the module.", _GO_ON
    ),
    Status.TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED: Advice(
        "Firmware activated more KeyIDs than the module supports.", _KEYIDS
    ),
    Status.TDX_INCORRECT_CPUID_VALUE: Advice(
        "CPUID says something that the module does not accept: often BIOS or microcode older "
        "than the module.",
        to_do.MATCH_FIRMWARE_AND_MODULE,
    ),
    Status.TDX_LIMIT_CPUID_MAXVAL_SET: Advice(
        "IA32_MISC_ENABLE limits CPUID leaves.", "turn off 'Limit CPUID Maximum' in the BIOS"
    ),
    Status.TDX_INCONSISTENT_CPUID_FIELD: Advice("CPUID differs between CPUs.", _BIOS),
    Status.TDX_CPUID_LEAF_1F_FORMAT_UNRECOGNIZED: Advice(
        "CPUID leaf 0x1F has a form that the module does not know.", _BIOS
    ),
    Status.TDX_INVALID_WBINVD_SCOPE: Advice(
        "The last-level cache does not cover exactly a package.", _BIOS
    ),
    Status.TDX_INVALID_PKG_ID: Advice("The CPU's package number is 8 or more.", _REPORT),
    Status.TDX_CPUID_LEAF_NOT_SUPPORTED: Advice("A CPUID leaf the module needs is missing.", _BIOS),
    Status.TDX_SMRR_NOT_LOCKED: Advice("Firmware left an SMRR unlocked.", _BIOS),
    Status.TDX_INVALID_SMRR_CONFIGURATION: Advice("Firmware configured an SMRR wrongly.", _BIOS),
    Status.TDX_SMRR_OVERLAPS_CMR: Advice("An SMRR overlaps convertible memory.", _BIOS),
    Status.TDX_SMRR_LOCK_NOT_SUPPORTED: Advice("The CPU cannot lock its SMRR.", _REPORT),
    Status.TDX_SMRR_NOT_SUPPORTED: Advice("The CPU has no SMRR.", _REPORT),
    Status.TDX_INCONSISTENT_MSR: Advice("An MSR differs between CPUs.", _BIOS),
    Status.TDX_INCORRECT_MSR_VALUE: Advice(
        "An MSR holds a value that the module does not accept: often BIOS older than the module.",
        to_do.MATCH_FIRMWARE_AND_MODULE,
    ),
    Status.TDX_INVALID_TDMR: Advice(
        "A TDMR's base or size is refused: not in whole GiB, empty, or beyond the physical "
        "address width.",
        _KERNEL,
    ),
    Status.TDX_NON_ORDERED_TDMR: Advice("TDMRs overlap or are not in ascending order.", _KERNEL),
    Status.TDX_TDMR_OUTSIDE_CMRS: Advice(
        "A TDMR holds memory, not marked reserved, that is not convertible: the kernel uses "
        "memory that firmware did not report in a CMR.",
        to_do.KEEP_MEMORY_IN_CMRS,
    ),
    Status.TDX_TDMR_ALREADY_INITIALIZED: Advice(
        "The TDMR is initialized to its end. Not an error to the module.", _GO_ON
    ),
    Status.TDX_INVALID_PAMT: Advice(
        "A PAMT's place or size is refused; most likely it is too small for its TDMR.",
        "v5 as posted computes the size for a TDMR of 512 GiB or more in 32 bits: use a later "
        "kernel",
    ),
    Status.TDX_PAMT_OUTSIDE_CMRS: Advice(
        "A PAMT lies in memory that is not convertible.",
        to_do.KEEP_MEMORY_IN_CMRS,
    ),
    Status.TDX_PAMT_OVERLAP: Advice(
        "A PAMT overlaps another one, or a part of a TDMR that is not marked reserved.", _KERNEL
    ),
    Status.TDX_INVALID_RESERVED_IN_TDMR: Advice(
        "A reserved area is not in whole pages or not inside its TDMR.", _KERNEL
    ),
    Status.TDX_NON_ORDERED_RESERVED_IN_TDMR: Advice(
        "Reserved areas of a TDMR overlap or are not in ascending order, or an empty entry stands "
        "before a used one.",
        _KERNEL,
    ),
    Status.TDX_CMR_LIST_INVALID: Advice(
        "The firmware's CMR list is malformed: not ascending, overlapping, not in whole pages, or "
        "beyond the physical addresses that the KeyID bits leave.",
        _REPORT,
    ),
    Status.TDX_METADATA_FIELD_ID_INCORRECT: Advice(
        "The module does not know the metadata field: it is older than the kernel expects.",
        to_do.MATCH_MODULE_AND_KERNEL,
    ),
    Status.TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT: Advice(
        "The first metadata field id was asked for and returned. Not an error.", _GO_ON
    ),
    Status.SEAMLDR_EBADPARAM: Advice(
        "P-SEAMLDR refuses a parameter: an address, a field of the parameters, or the leaf.",
        _UPDATE,
    ),
    Status.SEAMLDR_EBADCALL: Advice(
        "P-SEAMLDR does not expect the call: another of its flows is under way, this CPU has "
        "called before, or no update is left.",
        "reboot: a loaded module can be updated so many times only",
    ),
    Status.SEAMLDR_EBADHANDOFF: Advice(
        "What the module in place hands over does not suit the new one. The old one stays, shut "
        "down.",
        "choose an image whose handoff versions include that of the module in place, and reboot",
    ),
    Status.SEAMLDR_ECLEANUPREQ: Advice(
        "Keys or caches still hold something of a module: P-SEAMLDR wants a CLEANUP first.",
        to_do.REBOOT,
    ),
    Status.SEAMLDR_EUNSUPPORTED: Advice(
        "The image's major security version is not one to go to from the module in place.",
        _ANOTHER_IMAGE,
    ),
    Status.SEAMLDR_ENOMEM: Advice(
        "The module range is too small for the image.", "reserve a larger SEAMRR in the BIOS"
    ),
    Status.SEAMLDR_EUNSPECERR: Advice("An error that P-SEAMLDR does not name.", _REPORT),
    Status.SEAMLDR_EUNSUPCPU: Advice("The image is not meant for this CPU.", _ANOTHER_IMAGE),
    Status.SEAMLDR_EBADSIG: Advice(
        "The image's signature structure is refused: a field, the signer, the signature, or a "
        "security version below that of the module in place.",
        _ANOTHER_IMAGE,
    ),
    Status.SEAMLDR_EBADHASH: Advice(
        "The image is not the one that was signed. The module that was in place is gone.",
        f"{to_do.TAKE_THE_IMAGE_AGAIN}, and reboot",
    ),
    Status.SEAMLDR_EINTERRUPT: Advice("P-SEAMLDR was interrupted.", _RETRY),
    Status.SEAMLDR_ENOENTROPY: Advice("RDRAND had no entropy for P-SEAMLDR.", _RETRY),
    Status.VMFAILINVALID: Advice(
        "The SEAMCALL did not reach a module: none is loaded, or it shut itself down on a fatal "
        "error.",
        to_do.LOAD_A_MODULE,
    ),
    Status.GP: Advice(
        "SEAMCALL raised #GP: SEAMRR is not enabled on this CPU, the BIOS left TDX off.",
        SET_UP_THE_BIOS,
    ),
    Status.UD: Advice(
        "SEAMCALL raised #UD: the CPU is one without TDX, which has no such instruction, or it is "
        "not in VMX operation.",
        to_do.LOAD_KVM,
    ),
}

_UNKNOWN = Advice("tdxctl does not know this status.", "look it up in the TDX module's ABI")
_OF_A_TD = (
    "look at what KVM and the virtual machine monitor say of the TD: this is no matter of the "
    "bring-up"
)
_OF_A_DEVICE = "look at what the kernel says of the device: this is no matter of the bring-up"
_OF_THE_GUEST = "look at the log of the kernel in the TD: this is no matter of the host"
_CALLED_AGAIN = (
    "nothing: the caller tries again; where that does not help, look at what KVM and the virtual "
    "machine monitor say of the TD"
)
_ANOTHER_TD = (
    "have the virtual machine monitor ask for a TD that this CPU and module allow: other or fewer "
    "CPU features"
)
# Operands that are fields of TD_PARAMS.
_TD_PARAMS = range(64, 73)
# Classes of statuses: system state, platform, TDX Connect.
_OF_THE_PLATFORM, _TDX_CONNECT = frozenset({5, 9}), 15


def explain_status(status: int) -> Advice:
    """The words for a 64-bit status, details ignored."""
    base = base_status(status)
    if base is None:
        return next((explain_code(code) for code in statuses(status)), _UNKNOWN)
    if operand_of(status) in _TD_PARAMS:
        return replace(STATUSES[base], to_do=_ANOTHER_TD)
    return STATUSES[base]


def explain_code(code: StatusCode) -> Advice:
    """The words for a code of the whole table."""
    if code.name in Status.__members__:
        return STATUSES[Status[code.name]]
    return Advice(code.means, _what_to_do(code))


def _what_to_do(code: StatusCode) -> str:
    # By what bits 63 and 62 of the code say, ERROR and NON_RECOVERABLE, and by who meets it.
    ends, kind = code.number >> 62, code.number >> 40 & 0xFF
    if not ends:
        return _GO_ON
    if code.side == "guest":
        return _OF_THE_GUEST
    if kind in _OF_THE_PLATFORM or code.name.startswith("TDX_SMRR_"):
        return _BIOS
    if ends == 0b10:
        return _CALLED_AGAIN
    return _OF_A_DEVICE if kind == _TDX_CONNECT else _OF_A_TD


def describe_status(status: int) -> str:
    """`TDX_NON_ORDERED_RESERVED_IN_TDMR (TDMR 0, reserved area 3), 0xc0000a2100000300`."""
    details = status_details(status)
    name = status_name(status)
    if name == hex(status):
        return name
    return f"{name}{f' ({details})' if details else ''}, {status:#x}"
