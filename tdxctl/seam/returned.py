# SPDX-License-Identifier: Apache-2.0
"""The statuses that each leaf returns of its own [tdx-module 4, 5, 6] [tdx-module-releases B].

What the dispatcher answers whatever the leaf, success and what SEAMCALL itself answers are not
among them.
"""

from __future__ import annotations

from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Status

_S = Status

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

#: By leaf, in the order of its checks where that is known; leaves with none are left out.
RETURNS: dict[Leaf, tuple[Status, ...]] = {
    Leaf.TDH_MNG_CREATE: (_S.TDX_OPERAND_ADDR_RANGE_ERROR,),
    Leaf.TDH_PHYMEM_PAGE_RDMD: (
        _S.TDX_OPERAND_INVALID,
        _S.TDX_OPERAND_ADDR_RANGE_ERROR,
        _S.TDX_OPERAND_BUSY,
    ),
    Leaf.TDH_SYS_KEY_CONFIG: (
        _S.TDX_SYS_BUSY,
        _S.TDX_SYS_KEY_CONFIG_NOT_PENDING,
        _S.TDX_KEY_CONFIGURED,
        _S.TDX_KEY_GENERATION_FAILED,
        _S.TDX_OPERAND_BUSY,
    ),
    Leaf.TDH_SYS_INFO: _LP_NOT_DONE,
    Leaf.TDH_SYS_INIT: (
        _S.TDX_SYS_BUSY,
        _S.TDX_OPERAND_INVALID,
        _S.TDX_SYS_INIT_NOT_PENDING,
        *_PLATFORM,
        _S.TDX_SYS_INCOMPATIBLE_SIGSTRUCT,
        _S.TDX_RND_NO_ENTROPY,
    ),
    Leaf.TDH_SYS_RD: (
        _S.TDX_SYS_LP_INIT_NOT_DONE,
        _S.TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT,
        _S.TDX_METADATA_FIELD_ID_INCORRECT,
    ),
    Leaf.TDH_SYS_LP_INIT: (
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
    Leaf.TDH_SYS_TDMR_INIT: (
        _S.TDX_OPERAND_INVALID,
        _S.TDX_OPERAND_BUSY,
        _S.TDX_TDMR_ALREADY_INITIALIZED,
    ),
    Leaf.TDH_SYS_RDALL: (*_LP_NOT_DONE, _S.TDX_METADATA_FIELD_ID_INCORRECT),
    Leaf.TDH_SYS_CONFIG: (
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
    Leaf.TDH_SYS_SHUTDOWN: (
        _S.TDX_OPERAND_INVALID,
        _S.TDX_SYS_BUSY,
        _S.TDX_UPDATE_COMPATIBILITY_SENSITIVE,
    ),
    Leaf.TDH_SYS_UPDATE: (
        _S.TDX_SYS_BUSY,
        _S.TDX_SYS_STATE_INCORRECT,
        _S.TDX_SYS_INVALID_HANDOFF,
        _S.TDX_OPERAND_INVALID,
    ),
    Leaf.TDH_PHYMEM_PAMT_ADD: (
        _S.TDX_OPERAND_INVALID,
        _S.TDX_OPERAND_ADDR_RANGE_ERROR,
        _S.TDX_HPA_RANGE_NOT_FREE,
        _S.TDX_PAGE_NOT_FREE,
    ),
    Leaf.TDH_PHYMEM_PAMT_REMOVE: (
        _S.TDX_OPERAND_INVALID,
        _S.TDX_OPERAND_ADDR_RANGE_ERROR,
        _S.TDX_NO_PAMT_PAGE_PAIR,
        _S.TDX_PAMT_PAGE_NOT_EMPTY,
    ),
    Leaf.TDH_SYS_DISABLE: (_S.TDX_INTERRUPTED_RESUMABLE, _S.TDX_SYS_BUSY),
    Leaf.SEAMLDR_INFO: (_S.SEAMLDR_EBADPARAM,),
    Leaf.SEAMLDR_INSTALL: (
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
    Leaf.SEAMLDR_SHUTDOWN: (_S.SEAMLDR_EBADCALL, _S.SEAMLDR_ECLEANUPREQ),
}


def returns(leaf: Leaf) -> tuple[Status, ...]:
    """The statuses that leaf returns of its own."""
    return RETURNS.get(leaf, ())


def returned_by(status: Status) -> tuple[Leaf, ...]:
    """The leaves that return status as one of their own."""
    return tuple(leaf for leaf, own in RETURNS.items() if status in own)
