# SPDX-License-Identifier: Apache-2.0
"""TDH.SYS.CONFIG: every check in the module's order [tdx-module 3, 7].

Checks carry the numbers of the specification's table. Levels count as the module's detail
bytes do: 0 = 4K, 1 = 2M, 2 = 1G.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tdxctl.seam.port import Registers
from tdxctl.seam.state import ModuleState, Refused, SysState, TdmrEntry
from tdxctl.seam.status import Operand, Status, with_bytes, with_operand
from tdxctl.seam.tdmr_info import (
    PA_ARRAY_ALIGNMENT,
    TDMR_INFO_ALIGNMENT,
    parse,
    tdmr_info_size,
)
from tdxctl.units import SZ_1G, SZ_4K, U64_MASK

_R8_HKID = 0xFFFF
_R8_DYNAMIC_PAMT = 1 << 16
_DYNAMIC_PAMT_MAX_HKID_START_BIT = 48
_LEVELS = ((0, "4k", 12), (1, "2m", 21), (2, "1g", 30))

Int64s = npt.NDArray[np.int64]


def sys_config(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.CONFIG. RCX: array of TDMR_INFO pointers, RDX: TDMRs, R8: global KeyID."""
    try:
        _check_state_and_operands(state, registers)
        tdmrs = _read_tdmrs(state, registers.rcx, registers.rdx)
    except Refused as refused:
        return registers._replace(rax=refused.status)
    state.tdmrs = tdmrs
    # "SYSCONFIG_DONE, PKG_CONFIG_BITMAP = 0" [tdx-module 1.3]
    state.sys_state = SysState.SYSCONFIG_DONE
    state.package_config_bitmap = 0
    return registers._replace(rax=Status.TDX_SUCCESS)


def _check_state_and_operands(state: ModuleState, registers: Registers) -> None:
    # 1. the global lock
    if not state.conditions.exclusive_lock:
        raise Refused(Status.TDX_SYS_BUSY)
    # 2. SYS_STATE == SYSINIT_DONE; 3. NUM_INIT_LPS >= NUM_LPS
    if (
        state.sys_state is not SysState.SYSINIT_DONE
        or len(state.initialized_lps) < state.platform.lps
    ):
        raise Refused(Status.TDX_SYS_CONFIG_NOT_PENDING)
    # 4. the pointer array
    if not state.is_shared_hpa(registers.rcx, PA_ARRAY_ALIGNMENT, PA_ARRAY_ALIGNMENT):
        raise Refused(with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
    # 5. "RDX <= 64 (unsigned 64-bit) then RDX >= 1"; 64 is what the module reports
    if not 1 <= registers.rdx <= state.info.max_tdmrs:
        raise Refused(with_operand(Status.TDX_OPERAND_INVALID, Operand.RDX))
    # 6. "R8 reserved bits 0 and private_hkid_min <= HKID <= private_hkid_max"
    hkid = registers.r8 & _R8_HKID
    allowed = _R8_HKID | (_R8_DYNAMIC_PAMT if state.profile.sys_config_takes_bit_16 else 0)
    bad_bits = registers.r8 & ~allowed
    if bad_bits or not state.private_hkid_min <= hkid <= state.private_hkid_max:
        raise Refused(with_operand(Status.TDX_OPERAND_INVALID, Operand.R8))
    # "global HKID stored - kept even if a later check ... fails"
    state.global_hkid = hkid
    # 6b. [25] "Dynamic PAMT requested and hkid_start_bit > 48"; [16]: bit 16 is accepted and
    # without effect.
    dynamic_pamt = state.profile.dynamic_pamt and bool(registers.r8 & _R8_DYNAMIC_PAMT)
    if dynamic_pamt and state.hkid_start_bit > _DYNAMIC_PAMT_MAX_HKID_START_BIT:
        raise Refused(with_operand(Status.TDX_OPERAND_INVALID, Operand.R8))
    # What an earlier call asked for, one that failed later on, is forgotten.
    state.dynamic_pamt = dynamic_pamt


def _read_tdmrs(state: ModuleState, array_pa: int, count: int) -> list[TdmrEntry]:
    pointers = np.frombuffer(
        state.memory.read(state.without_hkid(array_pa), 8 * count), "<u8"
    ).tolist()
    checks = _TdmrChecks(state) if state.info.strict else None
    max_reserved = state.info.max_reserved_per_tdmr
    tdmrs: list[TdmrEntry] = []
    for pointer in pointers:
        # 7. "entry i+1 is not even read if entry i fails"
        if checks and not state.is_shared_hpa(pointer, TDMR_INFO_ALIGNMENT, TDMR_INFO_ALIGNMENT):
            raise Refused(with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
        data = state.memory.read(state.without_hkid(pointer), tdmr_info_size(max_reserved))
        info = parse(data, max_reserved)[0]
        if checks:
            checks.check(info)
        base = int(info["base"])
        areas = zip(
            info["reserved"]["offset"].tolist(), info["reserved"]["size"].tolist(), strict=True
        )
        reserved = tuple((offset, size) for offset, size in areas if size)
        tdmrs.append(TdmrEntry(base, int(info["size"]), next=base, reserved=reserved))
    return tdmrs


class _TdmrChecks:
    """Checks 8 to 20 on one TDMR after the other, the later ones against all before."""

    def __init__(self, state: ModuleState) -> None:
        self._state = state
        self._count = 0
        self._previous_end = 0
        # PAMTs so far, shape (tdmrs, 3), level order 4K, 2M, 1G.
        self._pamt_starts: Int64s = np.empty((0, 3), np.int64)
        self._pamt_ends: Int64s = np.empty((0, 3), np.int64)
        # Non-reserved parts so far, shape (parts,), and the TDMR of each.
        self._part_starts: Int64s = np.empty(0, np.int64)
        self._part_ends: Int64s = np.empty(0, np.int64)
        self._part_tdmr: Int64s = np.empty(0, np.int64)
        self._cmr_starts, self._cmr_ends = _merged_cmrs(state)

    def check(self, info: np.void) -> None:
        """Raise Refused where the next TDMR is refused."""
        i = self._count
        base, size = int(info["base"]), int(info["size"])
        self._check_base_and_size(i, base, size)
        parts = _check_reserved(i, base, size, info["reserved"])
        starts, ends = self._check_pamts(i, size, info)
        self._pamt_starts = np.concatenate((self._pamt_starts, starts[None]))
        self._pamt_ends = np.concatenate((self._pamt_ends, ends[None]))
        self._check_pamt_overlap(i)
        self._part_starts = np.concatenate((self._part_starts, parts[:, 0]))
        self._part_ends = np.concatenate((self._part_ends, parts[:, 1]))
        self._part_tdmr = np.concatenate((self._part_tdmr, np.full(len(parts), i)))
        self._check_pamts_in_tdmrs(i)
        self._check_inside_cmrs(i, starts, ends, parts)
        self._previous_end = base + size
        self._count += 1

    def _check_base_and_size(self, i: int, base: int, size: int) -> None:
        state = self._state
        # 8. "BASE + SIZE does not wrap 2^64"
        if base + size > U64_MASK:
            raise Refused(with_bytes(Status.TDX_INVALID_TDMR, i))
        # 9. "BASE_i >= BASE_{i-1}" 10. "BASE_i >= BASE_{i-1}+SIZE_{i-1}"
        if base < self._previous_end:
            raise Refused(with_bytes(Status.TDX_NON_ORDERED_TDMR, i))
        # 11. "BASE and SIZE multiples of 1 GiB, SIZE > 0" 12. "BASE < 2^52 and HKID bits of
        # BASE 0" 13. "BASE+SIZE-1 < 2^52 and its HKID bits 0"
        if (
            base % SZ_1G
            or size % SZ_1G
            or size == 0
            or state.has_hkid_bits(base)
            or state.has_hkid_bits(base + size - 1)
        ):
            raise Refused(with_bytes(Status.TDX_INVALID_TDMR, i))

    def _check_pamts(self, i: int, size: int, info: np.void) -> tuple[Int64s, Int64s]:
        # 15. "PAMT address/size for 1G, then 2M, then 4K": "base+size wraps; base or size not
        # 4 KiB multiple; base >= 2^52 or HKID bits; base+size-1 >= 2^52 or HKID bits ...; size <
        # minimum"
        state = self._state
        starts, ends = np.empty(3, np.int64), np.empty(3, np.int64)
        for level, name, shift in reversed(_LEVELS):
            pamt_base = int(info[f"pamt_{name}_base"])
            pamt_size = int(info[f"pamt_{name}_size"])
            minimum = (size >> shift) * state.info.pamt_entry_sizes[level]
            if level == 0 and state.dynamic_pamt:
                # "a bitmap: minimum size (TDMR_SIZE/4K)/8 bytes"
                minimum = (size >> shift) // 8 * state.info.pamt_page_bitmap_entry_bits
            if (
                pamt_base + pamt_size > U64_MASK
                or pamt_base % SZ_4K
                or pamt_size % SZ_4K
                or state.has_hkid_bits(pamt_base)
                or state.has_hkid_bits((pamt_base + pamt_size - 1) & U64_MASK)
                or pamt_size < minimum
            ):
                raise Refused(with_bytes(Status.TDX_INVALID_PAMT, i, level))
            starts[level], ends[level] = pamt_base, pamt_base + pamt_size
        return starts, ends

    def _check_pamt_overlap(self, i: int) -> None:
        starts, ends = self._pamt_starts[i], self._pamt_ends[i]
        # 16. "for j < i: PAMT_4K_i, then 2M_i, then 1G_i against all three PAMTs of TDMR j"
        hits = (starts[None, :, None] < self._pamt_ends[:i, None, :]) & (
            self._pamt_starts[:i, None, :] < ends[None, :, None]
        )
        if hits.any():
            j, level = np.argwhere(hits.any(axis=2))[0].tolist()
            raise Refused(with_bytes(Status.TDX_PAMT_OVERLAP, i, level, j))
        # 17. "own PAMTs: 4K/2M -> (i,0,i); 4K/1G -> (i,0,i); 2M/1G -> (i,1,i)"
        for a, b in ((0, 1), (0, 2), (1, 2)):
            if starts[a] < ends[b] and starts[b] < ends[a]:
                raise Refused(with_bytes(Status.TDX_PAMT_OVERLAP, i, a, i))

    def _check_pamts_in_tdmrs(self, i: int) -> None:
        # 18. "for j = 0..i: (a) PAMT_4K_i,2M_i,1G_i must not touch a non-reserved part of TDMR
        # j -> (i, level, j); (b) if j<i: PAMT_4K_j,2M_j,1G_j must not touch a non-reserved part of
        # TDMR i -> (j, level, i)"
        own = self._part_tdmr == i
        ours = (self._pamt_starts[i] < self._part_ends[:, None]) & (
            self._part_starts[:, None] < self._pamt_ends[i]
        )
        theirs = (self._pamt_starts[:i, :, None] < self._part_ends[own]) & (
            self._part_starts[own] < self._pamt_ends[:i, :, None]
        )
        if not ours.any() and not theirs.any():
            return
        hit_ours = np.zeros((i + 1, 3), bool)
        np.logical_or.at(hit_ours, self._part_tdmr, ours)
        hit_theirs = theirs.any(axis=2)
        for j in range(i + 1):
            if hit_ours[j].any():
                level = int(hit_ours[j].argmax())
                raise Refused(with_bytes(Status.TDX_PAMT_OVERLAP, i, level, j))
            if j < i and hit_theirs[j].any():
                level = int(hit_theirs[j].argmax())
                raise Refused(with_bytes(Status.TDX_PAMT_OVERLAP, j, level, i))

    def _check_inside_cmrs(self, i: int, starts: Int64s, ends: Int64s, parts: Int64s) -> None:
        # 19. "PAMT 1G, 2M, 4K fully inside one (merged) CMR"
        inside = self._inside_one_cmr(starts, ends)
        for level, _, _ in reversed(_LEVELS):
            if not inside[level]:
                raise Refused(with_bytes(Status.TDX_PAMT_OUTSIDE_CMRS, i, level))
        # 20. "every non-reserved part of TDMR i fully inside one (merged) CMR"
        if not self._inside_one_cmr(parts[:, 0], parts[:, 1]).all():
            raise Refused(with_bytes(Status.TDX_TDMR_OUTSIDE_CMRS, i))

    def _inside_one_cmr(self, starts: Int64s, ends: Int64s) -> npt.NDArray[np.bool_]:
        # "Area [a,b) ok if a >= merged start and b <= merged end."
        if not len(self._cmr_starts):
            return np.zeros(len(starts), bool)
        cmr = np.searchsorted(self._cmr_starts, starts, side="right") - 1
        return (cmr >= 0) & (ends <= self._cmr_ends[np.maximum(cmr, 0)])


def _check_reserved(i: int, base: int, size: int, areas: npt.NDArray[np.void]) -> Int64s:
    # 14. Returns the parts of the TDMR that no area covers, shape (parts, 2): start, end.
    parts: list[tuple[int, int]] = []
    offsets, sizes = areas["offset"].tolist(), areas["size"].tolist()
    previous_offset = previous_end = 0
    for j, (offset, area) in enumerate(zip(offsets, sizes, strict=True)):
        if area == 0:
            # "size 0 (null): if j < 15 and size[j+1] != 0 -> NON_ORDERED_RESERVED (i, j ..."
            if j + 1 < len(sizes) and sizes[j + 1] != 0:
                raise Refused(with_bytes(Status.TDX_NON_ORDERED_RESERVED_IN_TDMR, i, j))
            continue
        if offset + area > U64_MASK:
            raise Refused(with_bytes(Status.TDX_INVALID_RESERVED_IN_TDMR, i, j))
        # "j>0 and offset < previous offset -> NON_ORDERED_RESERVED(i,j); j>0 and offset < previous
        # end -> NON_ORDERED_RESERVED(i,j) (touching is fine)"
        if j > 0 and (offset < previous_offset or offset < previous_end):
            raise Refused(with_bytes(Status.TDX_NON_ORDERED_RESERVED_IN_TDMR, i, j))
        if offset % SZ_4K or area % SZ_4K or offset + area > size:
            raise Refused(with_bytes(Status.TDX_INVALID_RESERVED_IN_TDMR, i, j))
        if offset > previous_end:
            parts.append((base + previous_end, base + offset))
        previous_offset, previous_end = offset, offset + area
    if previous_end < size:
        parts.append((base + previous_end, base + size))
    return np.array(parts, np.int64).reshape(-1, 2)


def _merged_cmrs(state: ModuleState) -> tuple[Int64s, Int64s]:
    # "null (size 0) entries are skipped and do not break adjacency; a CMR starting exactly at
    # the end of the previous non-null CMR is merged with it"
    merged: list[list[int]] = []
    for base, size in state.platform.cmrs:
        if size == 0:
            continue
        if merged and merged[-1][1] == base:
            merged[-1][1] = base + size
        else:
            merged.append([base, base + size])
    array = np.array(merged, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]
