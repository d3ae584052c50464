# SPDX-License-Identifier: Apache-2.0
"""TDH.SYS.INIT, TDH.SYS.LP.INIT, TDH.SYS.LP.SHUTDOWN [tdx-module 1.5, 4, 6]."""

from __future__ import annotations

from collections.abc import Sequence

from tdxctl.seam.handoff import NEEDED_PAGES
from tdxctl.seam.port import Registers
from tdxctl.seam.state import MAX_KEYIDS, ModuleState, Refused, Samples, SysState
from tdxctl.seam.status import Operand, Status, with_operand
from tdxctl.units import MAX_PHYSICAL_ADDRESS


def sys_init(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.INIT: any LP, once."""
    # "RCX,RDX,R8,R9,R10 outputs cleared first"
    out = registers._replace(rcx=0, rdx=0, r8=0, r9=0, r10=0)
    # "[25]: version 0 or 1; version 2+ -> OPERAND_INVALID+RAX"
    version = registers.rax >> 16 & 0xFF
    if version > 1:
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RAX))
    if not state.conditions.exclusive_lock:
        return out._replace(rax=Status.TDX_SYS_BUSY)
    # "RCX (attributes) must be 0 else OPERAND_INVALID+RCX(1) - before the state test"
    if registers.rcx != 0:
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
    if state.sys_state is not SysState.SYSINIT_PENDING:
        return out._replace(rax=Status.TDX_SYS_INIT_NOT_PENDING)
    if state.info.strict:
        try:
            state.samples = _check_platform(state, cpu)
        except Refused as refused:
            return out._replace(rax=refused.status, **refused.registers)
    if not _handoff_values_fit(state):
        return out._replace(rax=Status.TDX_SYS_INCOMPATIBLE_SIGSTRUCT)
    if not state.conditions.rdrand():
        return out._replace(rax=Status.TDX_RND_NO_ENTROPY)
    if version == 1 and not _error_report_is_valid(state, registers.r8):
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.R8))
    state.sys_state = SysState.SYSINIT_DONE
    return out._replace(rax=Status.TDX_SUCCESS)


def _check_platform(state: ModuleState, lp: int) -> Samples | None:
    # None: the baseline platform, on which all other checks pass on every LP.
    if not state.environment.is_baseline:
        from tdxctl.seam.platform_checks import check_sys_init

        return check_sys_init(state, lp)
    # "NUM_MKTME_KIDS + NUM_TDX_KIDS >= 2048 ... NUM_ACTIVATED_HKIDS_NOT_SUPPORTED + 0x800"
    if state.platform.mktme_keyids + state.platform.tdx_keyids >= MAX_KEYIDS:
        raise Refused(Status.TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED + MAX_KEYIDS)
    if not state.cmr_list_is_valid():
        raise Refused(Status.TDX_CMR_LIST_INVALID)
    return None


def _handoff_values_fit(state: ModuleState) -> bool:
    # "SYSINFO.module_hv == built-in HV, min_update_hv >= built-in minimum, no_downgrade not weaker
    # than built-in, handoff pages >= needed"; the minimum built in is 0.
    platform = state.platform
    return (
        state.module_hv == state.profile.module_hv
        and state.no_downgrade >= state.profile.no_downgrade
        and platform.num_handoff_pages + 1 >= NEEDED_PAGES
    )


def _error_report_is_valid(state: ModuleState, r8: int) -> bool:
    # "Version 1 reads R8, a fatal-error reporting configuration: bits 5:0 and 53:52 must be 0;
    # bits 51:6 = HPA>>6 of a report line, all ones = none; bits 55:54 = notification ...;
    # bits 63:56 = vector. ... or notification 1 with a vector below 16"
    hpa = r8 & (MAX_PHYSICAL_ADDRESS - 1)
    none = MAX_PHYSICAL_ADDRESS - 64
    if r8 & 0x3F or r8 >> 52 & 3:
        return False
    if hpa != none and not state.is_shared_hpa(hpa, 64, 64):
        return False
    return not (r8 >> 54 & 3 == 1 and r8 >> 56 < 16)


def sys_lp_init(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.LP.INIT: once on each LP."""
    out = registers._replace(rcx=0, rdx=0, r8=0)
    if not state.conditions.shared_lock:
        return out._replace(rax=Status.TDX_SYS_BUSY)
    if state.sys_state is not SysState.SYSINIT_DONE:
        return out._replace(rax=Status.TDX_SYS_LP_INIT_NOT_PENDING)
    if cpu in state.initialized_lps:
        return out._replace(rax=Status.TDX_SYS_LP_INIT_DONE)
    # "RDRAND else TDX_RND_NO_ENTROPY ([25] dropped this step)"
    if state.profile.lp_init_draws_rdrand and not state.conditions.rdrand():
        return out._replace(rax=Status.TDX_RND_NO_ENTROPY)
    try:
        if state.samples is None:
            state.set_lp_package(cpu, state.platform.package_of(cpu))
        else:
            from tdxctl.seam.platform_checks import check_lp_init

            check_lp_init(state, cpu, state.samples)
    except Refused as refused:
        return out._replace(rax=refused.status, **refused.registers)
    state.initialized_lps.add(cpu)
    return out._replace(rax=Status.TDX_SUCCESS)


def sys_lp_init_each(state: ModuleState, cpus: Sequence[int]) -> int:
    """TDH.SYS.LP.INIT on each of cpus in turn, as far as all of it is sure to succeed: how many.

    What may come out otherwise (locks, entropy, a platform that is not the baseline, an LP that was
    initialized before or stands twice) is left to calls of their own.
    """
    conditions, profile = state.conditions, state.profile
    scripted = profile.lp_init_draws_rdrand and conditions.rdrand_is_scripted
    if state.sys_state is not SysState.SYSINIT_DONE or not conditions.shared_lock or scripted:
        return 0
    if state.samples is not None or len(set(cpus)) != len(cpus):
        return 0
    if not state.initialized_lps.isdisjoint(cpus):
        return 0
    for done, cpu in enumerate(cpus):
        try:
            state.set_lp_package(cpu, state.platform.package_of(cpu))
        except Refused:
            cpus = cpus[:done]
            break
    if profile.lp_init_draws_rdrand:
        conditions.rdrands += len(cpus)
    state.initialized_lps.update(cpus)
    return len(cpus)


def sys_lp_shutdown(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.LP.SHUTDOWN: "deprecated; always returns TDX_SUCCESS, changes nothing".

    Version 1.0, derived from observation: no later SEAMCALL enters the module on this LP.
    """
    if state.profile.lp_shutdown_is_final:
        state.shut_down_lps.add(cpu)
    return registers._replace(rax=Status.TDX_SUCCESS)
