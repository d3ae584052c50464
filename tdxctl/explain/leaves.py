# SPDX-License-Identifier: Apache-2.0
"""What each leaf is for, and which statuses those of the bring-up return."""

from __future__ import annotations

from msgspec import Struct

from tdxctl.advice.statuses import STATUSES
from tdxctl.errnos import Errno
from tdxctl.explain.answer import Answer
from tdxctl.seam import codes
from tdxctl.seam.codes import LeafCode
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Status, base_status

_S = Status


class LeafWords(Struct, frozen=True):
    """purpose: what the leaf does and when the kernel calls it. returns: its own statuses."""

    purpose: str
    returns: tuple[Status, ...] = ()


_LP_NOT_DONE = (_S.TDX_SYS_LP_INIT_NOT_DONE, _S.TDX_OPERAND_INVALID)
_PLATFORM = (
    _S.TDX_INCORRECT_MSR_VALUE,
    _S.TDX_LIMIT_CPUID_MAXVAL_SET,
    _S.TDX_CPUID_LEAF_NOT_SUPPORTED,
    _S.TDX_INCORRECT_CPUID_VALUE,
    _S.TDX_CPUID_LEAF_1F_FORMAT_UNRECOGNIZED,
    _S.TDX_INVALID_WBINVD_SCOPE,
    _S.TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED,
    _S.TDX_CMR_LIST_INVALID,
    _S.TDX_SMRR_NOT_SUPPORTED,
    _S.TDX_SMRR_LOCK_NOT_SUPPORTED,
    _S.TDX_SMRR_NOT_LOCKED,
    _S.TDX_INVALID_SMRR_CONFIGURATION,
    _S.TDX_SMRR_OVERLAPS_CMR,
    _S.TDX_INCOMPATIBLE_SEAM_CAPABILITIES,
)

_P_SEAMLDRS = frozenset(leaf for leaf in Leaf if leaf >> 63)

LEAVES: dict[Leaf, LeafWords] = {
    Leaf.TDH_MNG_CREATE: LeafWords(
        "Creates a TD. Part of a TD's life, not of the bring-up.",
        (_S.TDX_OPERAND_ADDR_RANGE_ERROR,),
    ),
    Leaf.TDH_PHYMEM_PAGE_RDMD: LeafWords(
        "Reads what the PAMT says of a page; Linux does so after a machine check.",
        (_S.TDX_OPERAND_INVALID, _S.TDX_OPERAND_ADDR_RANGE_ERROR, _S.TDX_OPERAND_BUSY),
    ),
    Leaf.TDH_SYS_KEY_CONFIG: LeafWords(
        "Generates the global key on one package. Step 5: once on a CPU of each package, one "
        "after the other.",
        (
            _S.TDX_SYS_BUSY,
            _S.TDX_SYS_KEY_CONFIG_NOT_PENDING,
            _S.TDX_KEY_CONFIGURED,
            _S.TDX_KEY_GENERATION_FAILED,
            _S.TDX_OPERAND_BUSY,
        ),
    ),
    Leaf.TDH_SYS_INFO: LeafWords(
        "Gives TDSYSINFO_STRUCT and the CMRs. Step 3 of the v5-era kernels.", _LP_NOT_DONE
    ),
    Leaf.TDH_SYS_INIT: LeafWords(
        "Initializes the module globally. Step 1: once, on any CPU.",
        (
            _S.TDX_SYS_BUSY,
            _S.TDX_OPERAND_INVALID,
            _S.TDX_SYS_INIT_NOT_PENDING,
            *_PLATFORM,
            _S.TDX_SYS_INCOMPATIBLE_SIGSTRUCT,
            _S.TDX_RND_NO_ENTROPY,
        ),
    ),
    Leaf.TDH_SYS_RD: LeafWords(
        "Reads a metadata field. Step 3 of later kernels.",
        (
            _S.TDX_SYS_LP_INIT_NOT_DONE,
            _S.TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT,
            _S.TDX_METADATA_FIELD_ID_INCORRECT,
        ),
    ),
    Leaf.TDH_SYS_LP_INIT: LeafWords(
        "Initializes a logical processor. Step 2: on every CPU.",
        (
            _S.TDX_SYS_BUSY,
            _S.TDX_SYS_LP_INIT_NOT_PENDING,
            _S.TDX_SYS_LP_INIT_DONE,
            _S.TDX_RND_NO_ENTROPY,
            _S.TDX_INCOMPATIBLE_SEAM_CAPABILITIES,
            _S.TDX_INCONSISTENT_MSR,
            _S.TDX_LIMIT_CPUID_MAXVAL_SET,
            _S.TDX_INCONSISTENT_CPUID_FIELD,
            _S.TDX_INVALID_PKG_ID,
        ),
    ),
    Leaf.TDH_SYS_TDMR_INIT: LeafWords(
        "Initializes the next 4 MiB of a TDMR's PAMT (16 MiB with Dynamic PAMT). Step 6: 256 "
        "calls a GiB.",
        (_S.TDX_OPERAND_INVALID, _S.TDX_OPERAND_BUSY, _S.TDX_TDMR_ALREADY_INITIALIZED),
    ),
    Leaf.TDH_SYS_RDALL: LeafWords(
        "Reads all metadata fields into a page.",
        (*_LP_NOT_DONE, _S.TDX_METADATA_FIELD_ID_INCORRECT),
    ),
    Leaf.TDH_PHYMEM_CACHE_WB: LeafWords("Writes caches back. Part of a TD's life."),
    Leaf.TDH_PHYMEM_PAGE_WBINVD: LeafWords("Flushes a page. Part of a TD's life."),
    Leaf.TDH_SYS_LP_SHUTDOWN: LeafWords(
        "Shut a logical processor's module down in the v5 era; 1.5 does nothing and succeeds."
    ),
    Leaf.TDH_SYS_CONFIG: LeafWords(
        "Takes the TDMRs and the global KeyID. Step 4: once.",
        (
            _S.TDX_SYS_BUSY,
            _S.TDX_SYS_CONFIG_NOT_PENDING,
            _S.TDX_OPERAND_INVALID,
            _S.TDX_INVALID_TDMR,
            _S.TDX_NON_ORDERED_TDMR,
            _S.TDX_INVALID_RESERVED_IN_TDMR,
            _S.TDX_NON_ORDERED_RESERVED_IN_TDMR,
            _S.TDX_INVALID_PAMT,
            _S.TDX_PAMT_OVERLAP,
            _S.TDX_PAMT_OUTSIDE_CMRS,
            _S.TDX_TDMR_OUTSIDE_CMRS,
        ),
    ),
    Leaf.TDH_SYS_SHUTDOWN: LeafWords(
        "Shuts the module down for an update and writes what it hands over.",
        (_S.TDX_OPERAND_INVALID, _S.TDX_SYS_BUSY, _S.TDX_UPDATE_COMPATIBILITY_SENSITIVE),
    ),
    Leaf.TDH_SYS_UPDATE: LeafWords(
        "Takes over what the module before an update handed over.",
        (
            _S.TDX_SYS_BUSY,
            _S.TDX_SYS_STATE_INCORRECT,
            _S.TDX_SYS_INVALID_HANDOFF,
            _S.TDX_OPERAND_INVALID,
        ),
    ),
    Leaf.TDH_PHYMEM_PAMT_ADD: LeafWords(
        "Dynamic PAMT: gives a 2 MiB range its pair of PAMT pages.",
        (
            _S.TDX_OPERAND_INVALID,
            _S.TDX_OPERAND_ADDR_RANGE_ERROR,
            _S.TDX_HPA_RANGE_NOT_FREE,
            _S.TDX_PAGE_NOT_FREE,
        ),
    ),
    Leaf.TDH_PHYMEM_PAMT_REMOVE: LeafWords(
        "Dynamic PAMT: takes a 2 MiB range's pair of PAMT pages back.",
        (
            _S.TDX_OPERAND_INVALID,
            _S.TDX_OPERAND_ADDR_RANGE_ERROR,
            _S.TDX_NO_PAMT_PAGE_PAIR,
            _S.TDX_PAMT_PAGE_NOT_EMPTY,
        ),
    ),
    Leaf.TDH_SYS_S4_END: LeafWords("Ends a hibernation, on newer modules."),
    Leaf.TDH_EXT_INIT: LeafWords("Initializes the module's extensions, on newer modules."),
    Leaf.TDH_EXT_MEM_ADD: LeafWords("Gives memory to the extensions, on newer modules."),
    Leaf.TDH_SYS_DISABLE: LeafWords(
        "Turns the module off before a kexec, on newer modules.",
        (_S.TDX_INTERRUPTED_RESUMABLE, _S.TDX_SYS_BUSY),
    ),
    Leaf.SEAMLDR_INFO: LeafWords(
        "P-SEAMLDR: what it is, and how many updates are left.", (_S.SEAMLDR_EBADPARAM,)
    ),
    Leaf.SEAMLDR_INSTALL: LeafWords(
        "P-SEAMLDR: puts a module image in place. Called on every CPU, one after the other; the "
        "last call does the work.",
        (
            _S.SEAMLDR_EBADPARAM,
            _S.SEAMLDR_EBADCALL,
            _S.SEAMLDR_EBADHANDOFF,
            _S.SEAMLDR_ECLEANUPREQ,
            _S.SEAMLDR_EUNSUPPORTED,
            _S.SEAMLDR_ENOMEM,
            _S.SEAMLDR_EUNSUPCPU,
            _S.SEAMLDR_EBADSIG,
            _S.SEAMLDR_EBADHASH,
            _S.SEAMLDR_ENOENTROPY,
        ),
    ),
    Leaf.SEAMLDR_SHUTDOWN: LeafWords(
        "P-SEAMLDR: ends itself. Called on every CPU, last on the one that launched it.",
        (_S.SEAMLDR_EBADCALL, _S.SEAMLDR_ECLEANUPREQ),
    ),
    Leaf.SEAMLDR_SEAMINFO: LeafWords("P-SEAMLDR: what the CPU knows of the module in place."),
    Leaf.SEAMLDR_CLEANUP: LeafWords("P-SEAMLDR: clears keys and caches of a module."),
}


def returned_by(status: Status) -> tuple[Leaf, ...]:
    """The leaves that return status as one of their own."""
    return tuple(leaf for leaf, words in LEAVES.items() if status in words.returns)


def of_leaf(leaf: LeafCode) -> Leaf | None:
    """The leaf of the bring-up that it is, None for any other."""
    return Leaf.__members__.get(leaf.name.replace(".", "_"))


def purpose(leaf: LeafCode) -> str:
    """What the leaf does, in a sentence."""
    known = of_leaf(leaf)
    return leaf.does if known is None else LEAVES[known].purpose


def leaf_numbered(asked: str, number: int) -> Answer | None:
    """The leaf of that number: the host's, with what a TD's leaf of the number is."""
    if number in _P_SEAMLDRS:
        return _of_p_seamldr(asked, Leaf(number))
    leaves = codes.leaves(number)
    if not leaves:
        return None
    first, *others = leaves
    lines = _lines(first)
    posted = [leaf for leaf in others if not leaf.is_of_the_guest]
    lines += [("in patches", f"{leaf.name}: {purpose(leaf)}") for leaf in posted]
    guests = [leaf for leaf in others if leaf.is_of_the_guest]
    lines += [("in a TD", f"{leaf.name}, of TDCALL: {purpose(leaf)}") for leaf in guests]
    if not asked.startswith(("0x", "0X")) and number in set(Errno):
        lines.append(("as an errno", f"-{number} is {Errno(number).name}"))
    return Answer(asked, "leaf", first.name, tuple(lines))


def leaf_named(asked: str, name: str) -> Answer | None:
    """The leaf of that name."""
    leaf = codes.leaf_named(name)
    if leaf is not None:
        return Answer(asked, "leaf", leaf.name, tuple(_lines(leaf)))
    known = Leaf.__members__.get(name)
    return None if known is None else _of_p_seamldr(asked, known)


def _lines(leaf: LeafCode) -> list[tuple[str, str]]:
    side = " of TDCALL, which a TD calls: the guest's side" if leaf.is_of_the_guest else ""
    lines = [("leaf", f"{leaf.number:#x} ({leaf.number}){side}"), ("does", purpose(leaf))]
    if (since := leaf.first_seen) is not None:
        lines.append(("since", since))
    if leaf.inputs:
        lines.append(("takes", ", ".join(f"{name}: {what}" for name, what in leaf.inputs.items())))
    known = of_leaf(leaf)
    if known is not None and LEAVES[known].returns:
        lines.append(("returns", ", ".join(status.name for status in LEAVES[known].returns)))
    return lines


def _of_p_seamldr(asked: str, leaf: Leaf) -> Answer:
    words = LEAVES[leaf]
    lines = [("leaf", f"{leaf.value:#x} ({leaf.value})"), ("does", words.purpose)]
    if words.returns:
        lines.append(("returns", ", ".join(status.name for status in words.returns)))
    if (status := base_status(leaf)) is not None and int(status) == int(leaf):
        # P-SEAMLDR's leaves and statuses share numbers.
        also = STATUSES[status]
        lines.append(("also", f"the status {status.name}: {also.means} To do: {also.to_do}"))
    return Answer(asked, "leaf", leaf.title, tuple(lines))
