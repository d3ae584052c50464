# SPDX-License-Identifier: Apache-2.0
"""TDH.SYS.TDMR.INIT, one call or as many as it takes [tdx-module 5]."""

from __future__ import annotations

from tdxctl.seam.port import Registers
from tdxctl.seam.state import ModuleState, TdmrEntry
from tdxctl.seam.status import Operand, Status, with_operand
from tdxctl.units import SZ_1G, SZ_4M, SZ_16M, round_down, round_up

# "initialises 1024 PAMT_4K entries = 4 MiB of TDMR per call (256 calls per GiB; ..."
_BYTES_PER_CALL = SZ_4M
# "[25] Dynamic PAMT: 4096 entries = 16 MiB, 64 calls per GiB"
_BYTES_PER_CALL_DYNAMIC = SZ_16M


def sys_tdmr_init(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.TDMR.INIT. RCX: TDMR base; RDX out: next to initialise, 1 GiB aligned."""
    return sys_tdmr_init_repeat(state, cpu, registers, until=0, limit=1)[0]


def sys_tdmr_init_repeat(
    state: ModuleState, cpu: int, registers: Registers, until: int, limit: int | None
) -> tuple[Registers, int]:
    """The same call while it returns 0 and RDX < until, at most limit times."""
    pa = registers.rcx
    # "RCX 1 GiB aligned, < 2^52, no HKID bits" and "equals the base of a configured TDMR"
    tdmr = None if pa % SZ_1G or state.has_hkid_bits(pa) else _find(state, pa)
    if tdmr is None:
        status = with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX)
        return registers._replace(rax=status, rdx=0), 1
    locked = state.conditions.locked_tdmrs
    if locked and state.tdmrs.index(tdmr) in locked:
        status = with_operand(Status.TDX_OPERAND_BUSY, Operand.RCX)
        return registers._replace(rax=status, rdx=0), 1
    per_call = _BYTES_PER_CALL_DYNAMIC if state.dynamic_pamt else _BYTES_PER_CALL
    # "next >= base+size -> TDX_TDMR_ALREADY_INITIALIZED (not an error; RDX = 0)"
    left = -(-(tdmr.end - tdmr.next) // per_call)
    if left <= 0:
        return registers._replace(rax=Status.TDX_TDMR_ALREADY_INITIALIZED, rdx=0), 1
    # "RDX = next-to-initialise rounded down to 1 GiB": it reaches until when next does.
    wanted = max(1, -(-(round_up(until, SZ_1G) - tdmr.next) // per_call))
    calls = wanted if limit is None else min(wanted, limit)
    if calls > left:
        # until lies behind the TDMR: its last call succeeds, the one after it does not.
        state.pamt.initialize(tdmr.next, tdmr.end)
        tdmr.next = tdmr.end
        return registers._replace(rax=Status.TDX_TDMR_ALREADY_INITIALIZED, rdx=0), left + 1
    initialized = min(tdmr.next + calls * per_call, tdmr.end)
    state.pamt.initialize(tdmr.next, initialized)
    tdmr.next = initialized
    reached = round_down(tdmr.next, SZ_1G)
    return registers._replace(rax=Status.TDX_SUCCESS, rdx=reached), calls


def _find(state: ModuleState, base: int) -> TdmrEntry | None:
    return next((tdmr for tdmr in state.tdmrs if tdmr.base == base), None)
