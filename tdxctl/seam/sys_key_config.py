# SPDX-License-Identifier: Apache-2.0
"""TDH.SYS.KEY.CONFIG [tdx-module 5]."""

from __future__ import annotations

from tdxctl.seam.conditions import Halt, Pconfig
from tdxctl.seam.port import Registers
from tdxctl.seam.state import ModuleState, SysState
from tdxctl.seam.status import Operand, Status, with_operand


def sys_key_config(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.KEY.CONFIG: once on an LP of each package."""
    if not state.conditions.exclusive_lock:
        return registers._replace(rax=Status.TDX_SYS_BUSY)
    if state.sys_state is not SysState.SYSCONFIG_DONE:
        return registers._replace(rax=Status.TDX_SYS_KEY_CONFIG_NOT_PENDING)
    # An LP that never ran LP.INIT "silently counts for package 0" [tdx-module 1.5].
    package = state.lp_package.get(cpu, 0)
    if state.package_config_bitmap >> package & 1:
        return registers._replace(rax=Status.TDX_KEY_CONFIGURED)
    state.package_config_bitmap |= 1 << package
    match state.conditions.next_pconfig():
        case Pconfig.SUCCESS:
            pass
        case Pconfig.ENTROPY_ERROR:
            # Both clear the package bit again so the call can be retried.
            state.package_config_bitmap &= ~(1 << package)
            return registers._replace(rax=Status.TDX_KEY_GENERATION_FAILED)
        case Pconfig.DEVICE_BUSY:
            state.package_config_bitmap &= ~(1 << package)
            return registers._replace(rax=with_operand(Status.TDX_OPERAND_BUSY, Operand.KET))
        case _:
            # "any other PCONFIG code is fatal (...; the package bit then stays set"
            raise Halt
    state.initialized_packages += 1
    if state.initialized_packages == state.platform.packages:
        state.sys_state = SysState.SYS_READY
    return registers._replace(rax=Status.TDX_SUCCESS)
