# SPDX-License-Identifier: Apache-2.0
"""TDH.SYS.SHUTDOWN and TDH.SYS.UPDATE [tdx-module 6]."""

from __future__ import annotations

from tdxctl.seam.conditions import Halt
from tdxctl.seam.handoff import HEADER_SIZE
from tdxctl.seam.port import Registers
from tdxctl.seam.state import ModuleState, SysState, TdmrEntry
from tdxctl.seam.status import Operand, Status, with_operand
from tdxctl.units import SZ_4K

_HV = 0xFFFF
_AVOID_COMPAT_SENSITIVE = 1 << 16


def sys_shutdown(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.SHUTDOWN. RCX: handoff version."""
    platform = state.platform
    version = registers.rcx
    if state.profile.shutdown_avoids_compat_sensitive:
        # "HV is bits 15:0, bit 16 AVOID_COMPAT_SENSITIVE, 63:17 reserved". Without TD life-cycle
        # leaves nothing is ever sensitive.
        version &= ~_AVOID_COMPAT_SENSITIVE
    # (1) "MIN_UPDATE_HV <= RCX <= MODULE_HV, and RCX == MODULE_HV if NO_DOWNGRADE, else
    # OPERAND_INVALID+RCX - checked before the lock"
    allowed = platform.min_update_hv <= version <= state.module_hv
    if not allowed or (state.no_downgrade and version != state.module_hv):
        return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
    # (2) the global lock; (3) "another LP inside -> state back to READY, SYS_BUSY"
    if not state.conditions.exclusive_lock or state.conditions.busy_lps - {cpu}:
        return registers._replace(rax=Status.TDX_SYS_BUSY)
    state.sys_state = SysState.SYS_SHUTDOWN
    handoff = state.handoff
    handoff.valid, handoff.hv = True, version & _HV
    handoff.size = state.profile.handoff_bytes
    handoff.tdmrs = [(t.base, t.size, t.next, t.reserved) for t in state.tdmrs]
    handoff.global_hkid = state.global_hkid
    handoff.package_config_bitmap = state.package_config_bitmap
    handoff.dynamic_pamt = state.dynamic_pamt
    return registers._replace(rax=Status.TDX_SUCCESS)


def sys_update(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.UPDATE: take over what the module before handed over."""
    version = registers.rax >> 16 & 0xFF
    if not state.conditions.exclusive_lock:
        return registers._replace(rax=Status.TDX_SYS_BUSY)
    # (2) "SYSINIT_DONE and all LPs initialised else TDX_SYS_STATE_INCORRECT"
    all_lps = len(state.initialized_lps) >= state.platform.lps
    if state.sys_state is not SysState.SYSINIT_DONE or not all_lps:
        return registers._replace(rax=Status.TDX_SYS_STATE_INCORRECT)
    # (3) "header valid and MIN_UPDATE_HV <= hv <= MODULE_HV else TDX_SYS_INVALID_HANDOFF"
    handoff = state.handoff
    platform = state.platform
    if not handoff.valid or not platform.min_update_hv <= handoff.hv <= state.module_hv:
        return registers._replace(rax=Status.TDX_SYS_INVALID_HANDOFF)
    # "size 0 or larger than the data area: fatal ...; [01] also: size below 53,386 fatal"
    area = (platform.num_handoff_pages + 1) * SZ_4K - HEADER_SIZE
    needed = state.profile.handoff_bytes if state.profile.handoff_bytes_are_a_minimum else 1
    if not needed <= handoff.size <= area:
        raise Halt
    # (4) "restore, invalidate header, SYS_READY"
    state.tdmrs = [TdmrEntry(*tdmr) for tdmr in handoff.tdmrs]
    state.global_hkid = handoff.global_hkid
    state.package_config_bitmap = handoff.package_config_bitmap
    state.dynamic_pamt = handoff.dynamic_pamt
    if version >= 2:
        return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RAX))
    if version == 1:
        # "checked after the handoff data has been consumed but state stays SYSINIT_DONE and
        # header valid, so a retry works"
        if registers.r9 & ~state.info.features0:
            return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.R9))
        if registers.r10:
            return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.R10))
    handoff.valid = False
    state.sys_state = SysState.SYS_READY
    return registers._replace(rax=Status.TDX_SUCCESS)
