# SPDX-License-Identifier: Apache-2.0
"""TDH.PHYMEM.PAGE.RDMD and Dynamic PAMT's PAMT.ADD and PAMT.REMOVE [tdx-module 1.5, 7]."""

from __future__ import annotations

from tdxctl.errors import NotModelledError
from tdxctl.seam.port import Registers
from tdxctl.seam.state import ModuleState, TdmrEntry
from tdxctl.seam.status import Operand, Status, with_operand
from tdxctl.units import MAX_PHYSICAL_ADDRESS, SZ_1G, SZ_2M, SZ_4K, round_down

_SIZES = (SZ_4K, SZ_2M, SZ_1G)
# Page types of RDMD.
_PT_NDA, _PT_RSVD, _PT_PAMT_PAGE = 0, 1, 15
# "RCX = 0x800000000000000F" for a range that has a page pair
_PAIR_ENTRY = 1 << 63 | _PT_PAMT_PAGE


def page_rdmd(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.PHYMEM.PAGE.RDMD. RCX: page; out: RCX type, RDX owner, R8 size."""
    out = registers._replace(rcx=0, rdx=0, r8=0, r9=0, r10=0, r11=0)
    pa, size = registers.rcx, 0
    if state.profile.rdmd_takes_a_size:
        # "[25]: RCX bits 2:0 = size wanted (0, 1, 2; must be 0 without Dynamic PAMT ...)"
        size = pa & 7
        pa &= ~7
        if size > (2 if state.dynamic_pamt else 0):
            return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
    if not _is_page(state, pa, _SIZES[size]):
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
    tdmr = _initialized_tdmr(state, pa)
    if tdmr is None:
        status = with_operand(Status.TDX_OPERAND_ADDR_RANGE_ERROR, Operand.RCX)
        return out._replace(rax=status)
    out = out._replace(rax=Status.TDX_SUCCESS)
    reserved = tdmr.is_reserved(pa)
    if not state.dynamic_pamt:
        return out._replace(rcx=_PT_RSVD if reserved else _PT_NDA)
    return _rdmd_dynamic(state, pa, size, out, reserved=reserved)


def _rdmd_dynamic(
    state: ModuleState, pa: int, size: int, out: Registers, *, reserved: bool
) -> Registers:
    pamt = state.pamt
    start = round_down(pa, SZ_2M)
    if size == 2:
        return out._replace(r8=2)
    if size == 0 and (reserved or pamt.is_pamt_page(pa)):
        return out._replace(rcx=_PT_PAMT_PAGE)
    if start in pamt.pairs:
        if size == 0:
            return out
        first, second = pamt.pairs[start]
        return out._replace(rcx=_PAIR_ENTRY, r8=1, r10=first, r11=second)
    # "type 0, size 1 (2M), RDX 0, but after a PAMT.REMOVE of that range RDX = HPA of the removed
    # first page << 4 (bits 51:0 ...)"
    leftover = pamt.removed.get(start, 0) << 4 & (MAX_PHYSICAL_ADDRESS - 1)
    return out._replace(rdx=leftover, r8=1)


def pamt_add(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.PHYMEM.PAMT.ADD. RCX: 2 MiB range | 1; RDX, R8: the two pages."""
    if not state.dynamic_pamt:
        return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RAX))
    start = _range_of(state, registers.rcx)
    if start is None:
        return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
    pages = ((registers.rdx, Operand.RDX), (registers.r8, Operand.R8))
    for page, operand in pages:
        if not _is_page(state, page, SZ_4K):
            return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, operand))
        if _initialized_tdmr(state, page) is None:
            status = with_operand(Status.TDX_OPERAND_ADDR_RANGE_ERROR, operand)
            return registers._replace(rax=status)
    if _initialized_tdmr(state, start) is None:
        status = with_operand(Status.TDX_OPERAND_ADDR_RANGE_ERROR, Operand.RCX)
        return registers._replace(rax=status)
    if start in state.pamt.pairs:
        status = with_operand(Status.TDX_HPA_RANGE_NOT_FREE, Operand.RCX)
        return registers._replace(rax=status)
    for page, operand in pages:
        # "page used by a TD, reserved, or already a PAMT page ... (same page twice -> +R8)"
        tdmr = _initialized_tdmr(state, page)
        twice = operand is Operand.R8 and page == registers.rdx
        if tdmr is None or tdmr.is_reserved(page) or state.pamt.is_pamt_page(page) or twice:
            return registers._replace(rax=with_operand(Status.TDX_PAGE_NOT_FREE, operand))
    state.pamt.pairs[start] = (registers.rdx, registers.r8)
    state.pamt.removed.pop(start, None)
    return registers._replace(rax=Status.TDX_SUCCESS)


def pamt_remove(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.PHYMEM.PAMT.REMOVE. RCX: 2 MiB range | 1; out: RDX, R8 the two pages."""
    if not state.dynamic_pamt:
        return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RAX))
    start = _range_of(state, registers.rcx)
    if start is None:
        return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
    if _initialized_tdmr(state, start) is None:
        status = with_operand(Status.TDX_OPERAND_ADDR_RANGE_ERROR, Operand.RCX)
        return registers._replace(rax=status)
    if start not in state.pamt.pairs:
        status = with_operand(Status.TDX_NO_PAMT_PAGE_PAIR, Operand.RCX)
        return registers._replace(rax=status)
    first, second = state.pamt.pairs.pop(start)
    state.pamt.removed[start] = first
    return registers._replace(rax=Status.TDX_SUCCESS, rdx=first, r8=second)


def mng_create(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.MNG.CREATE with a page outside every TDMR [tdx-module 1.4].

    Raises NotModelledError for a page that could become a TD's.
    """
    page = registers.rcx
    if not _is_page(state, page, SZ_4K) or _initialized_tdmr(state, page) is not None:
        raise NotModelledError("TDH.MNG.CREATE of a TD is not modelled")
    return registers._replace(rax=with_operand(Status.TDX_OPERAND_ADDR_RANGE_ERROR, Operand.RCX))


def _range_of(state: ModuleState, rcx: int) -> int | None:
    # "2 MiB-aligned HPA | level (must be 1)"
    start = rcx & ~7
    return start if rcx & 7 == 1 and _is_page(state, start, SZ_2M) else None


def _is_page(state: ModuleState, pa: int, size: int) -> bool:
    return pa % size == 0 and not state.has_hkid_bits(pa)


def _initialized_tdmr(state: ModuleState, pa: int) -> TdmrEntry | None:
    # The TDMR of pa, if its 1 GiB block is complete.
    for tdmr in state.tdmrs:
        if tdmr.base <= pa < tdmr.end and round_down(pa, SZ_1G) + SZ_1G <= tdmr.next:
            return tdmr
    return None
