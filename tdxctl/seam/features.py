# SPDX-License-Identifier: Apache-2.0
"""TDX_FEATURES0: what a TDX module says it can do [tdx-module 3.7]."""

from __future__ import annotations

#: Names of its bits.
FEATURES0 = {
    "TD_MIGRATION": 0,
    "TD_PRESERVING": 1,
    "SERVICE_TD": 2,
    "TD_PARTITIONING": 7,
    "NO_RBP_MOD": 18,
    "L2_TLB_INVD_OPT": 19,
    "TOPOLOGY_ENUM": 20,
    "CLFLUSH_BEFORE_ALLOC": 23,
    "DYNAMIC_PAMT": 36,
    "EXT": 39,
    "UPDATE_COMPAT": 47,
}
