# SPDX-License-Identifier: Apache-2.0
"""The fake TDX module and its dispatch gate [tdx-module 1.4, 1.5]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from tdxctl.errors import NotModelledError
from tdxctl.memory import SparseMemory
from tdxctl.seam.conditions import Conditions, Halt
from tdxctl.seam.environment import Environment
from tdxctl.seam.handoff import Handoff, PamtMemory
from tdxctl.seam.leaves import Leaf, leaf_title
from tdxctl.seam.port import PhysicalMemory, Registers, seamcall_loop_each
from tdxctl.seam.state import ModuleInfo, ModulePlatform, ModuleState, SysState
from tdxctl.seam.status import Operand, Status, with_operand
from tdxctl.seam.sys_config import sys_config
from tdxctl.seam.sys_info import sys_info
from tdxctl.seam.sys_init import sys_init, sys_lp_init, sys_lp_init_each, sys_lp_shutdown
from tdxctl.seam.sys_key_config import sys_key_config
from tdxctl.seam.sys_tdmr_init import sys_tdmr_init, sys_tdmr_init_repeat
from tdxctl.units import U64_MASK

__all__ = ("ModuleInfo", "ModulePlatform", "TdxModule")

Handler = Callable[[ModuleState, int, Registers], Registers]

_HANDLERS: dict[int, Handler] = {
    Leaf.TDH_SYS_INIT: sys_init,
    Leaf.TDH_SYS_LP_INIT: sys_lp_init,
    Leaf.TDH_SYS_INFO: sys_info,
    Leaf.TDH_SYS_CONFIG: sys_config,
    Leaf.TDH_SYS_KEY_CONFIG: sys_key_config,
    Leaf.TDH_SYS_TDMR_INIT: sys_tdmr_init,
    Leaf.TDH_SYS_LP_SHUTDOWN: sys_lp_shutdown,
}


@cache
def _later_handlers() -> dict[int, Handler]:
    # Leaves that a v5 bring-up does not call: imported when one of them is.
    from tdxctl.seam.phymem import mng_create, page_rdmd, pamt_add, pamt_remove
    from tdxctl.seam.sys_rd import sys_rd, sys_rdall
    from tdxctl.seam.sys_update import sys_shutdown, sys_update

    return {
        Leaf.TDH_SYS_RD: sys_rd,
        Leaf.TDH_SYS_RDALL: sys_rdall,
        Leaf.TDH_SYS_SHUTDOWN: sys_shutdown,
        Leaf.TDH_SYS_UPDATE: sys_update,
        Leaf.TDH_PHYMEM_PAGE_RDMD: page_rdmd,
        Leaf.TDH_PHYMEM_PAMT_ADD: pamt_add,
        Leaf.TDH_PHYMEM_PAMT_REMOVE: pamt_remove,
        Leaf.TDH_MNG_CREATE: mng_create,
    }


# Leaves that a module may have and tdxctl leaves out: a TD's life cycle, service TDs.
# Of the numbers between them 46, 47 and 99 are known to be unknown to a module, and "54, 60, 61,
# 69, 98, 100: unknown leaf in every release run" [tdx-module-releases B].
_NOT_MODELLED = frozenset(range(99)) - {46, 47, 54, 60, 61, 69, 98}

# "leaf not in {31,32,33,34,35,37,44,45,53}" is not ready before SYS_READY.
_ALLOWED_BEFORE_READY = frozenset({31, 32, 33, 34, 35, 37, 44, 45, 53})


class TdxModule:
    """A TDX module image just loaded: SYSINIT_PENDING.

    version picks the image (`1.5.01`, `1.5.25`); info, where given, says what it reports
    instead. memory is the machine's physical memory, by default one of its own. environment
    holds MSRs and CPUID values that differ from the baseline, which passes every check.
    """

    def __init__(
        self,
        platform: ModulePlatform,
        version: str = "1.5.25",
        *,
        info: ModuleInfo | None = None,
        memory: PhysicalMemory | None = None,
        conditions: Conditions | None = None,
        environment: Environment | None = None,
    ) -> None:
        self._state = ModuleState(
            platform,
            info if info is not None else ModuleInfo.of_version(version),
            memory if memory is not None else SparseMemory(),
            conditions=conditions if conditions is not None else Conditions(),
            environment=environment if environment is not None else Environment(),
            handoff=Handoff(),
            pamt=PamtMemory(),
        )
        self._halted = False

    @property
    def conditions(self) -> Conditions:
        """Entropy, key generation, locks: what a test scripts."""
        return self._state.conditions

    @property
    def environment(self) -> Environment:
        """MSRs and CPUID values that differ from the baseline."""
        return self._state.environment

    @property
    def handoff(self) -> Handoff:
        """What a module hands over to the next one."""
        return self._state.handoff

    def install(
        self,
        info: ModuleInfo | None = None,
        *,
        platform: ModulePlatform | None = None,
        keep_handoff: bool = True,
    ) -> None:
        """P-SEAMLDR puts a fresh image in place; handoff data, if kept, and PAMT memory stay.

        info: the image, platform: what its signature structure changes; by default the same again.
        """
        old = self._state
        self._state = ModuleState(
            old.platform if platform is None else platform,
            old.info if info is None else info,
            old.memory,
            conditions=old.conditions,
            environment=old.environment,
            handoff=old.handoff if keep_handoff else Handoff(),
            pamt=old.pamt,
        )
        self._halted = False

    def halt(self) -> None:
        """The module shuts itself down, as on a fatal error; only install() helps."""
        self._halted = True

    @property
    def halted(self) -> bool:
        """Whether the module shut itself down."""
        return self._halted

    @property
    def state(self) -> ModuleState:
        """The module's global state, for tests and reports."""
        return self._state

    @property
    def memory(self) -> PhysicalMemory:
        """The physical memory that addresses in registers point into."""
        return self._state.memory

    @property
    def sys_state(self) -> str:
        """SYSINIT_PENDING, SYSINIT_DONE, SYSCONFIG_DONE, SYS_READY or SYS_SHUTDOWN."""
        return self._state.sys_state.name

    def seamcall(self, cpu: int, registers: Registers) -> Registers:
        """One SEAMCALL on logical processor cpu: the registers after it.

        Raises NotModelledError for leaves that the module has and tdxctl does not model,
        ValueError for an LP that the platform does not have.
        """
        if not 0 <= cpu < self._state.platform.callers:
            raise ValueError(f"no logical processor {cpu}")
        if min(registers) < 0 or max(registers) > U64_MASK:
            registers = Registers(*(value & U64_MASK for value in registers))
        if self._halted or cpu in self._state.shut_down_lps:
            return registers._replace(rax=Status.VMFAILINVALID)
        refused = self._gate(registers)
        if refused is not None:
            return registers._replace(rax=refused)
        leaf = registers.rax & 0xFFFF
        handler = _HANDLERS.get(leaf) or _later_handlers().get(leaf)
        unknown = leaf in self._state.profile.missing_leaves
        if handler is None or unknown:
            # 5. "unknown leaf in SYS_READY -> TDX_OPERAND_INVALID + RAX"; leaves that the module
            # knows and tdxctl does not are said to be not modelled.
            if leaf in _NOT_MODELLED and not unknown:
                raise NotModelledError(f"{leaf_title(leaf)} is not modelled")
            return registers._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RAX))
        try:
            return handler(self._state, cpu, registers)
        except Halt:
            self._halted = True
            return registers._replace(rax=Status.VMFAILINVALID)

    def seamcall_repeat(
        self, cpu: int, registers: Registers, until: int, limit: int | None = None
    ) -> tuple[Registers, int]:
        """TDH.SYS.TDMR.INIT while it returns 0 and RDX < until, at most limit calls.

        Returns the registers after the last call and the number of calls, at least 1; in
        arithmetic, whatever the size of the TDMR.
        """
        plain = registers.rax == Leaf.TDH_SYS_TDMR_INIT and 0 <= cpu < self._state.platform.callers
        out_of_use = self._halted or cpu in self._state.shut_down_lps
        if not plain or limit == 1 or out_of_use or self._gate(registers) is not None:
            return self._loop(cpu, registers, until, limit)
        return sys_tdmr_init_repeat(self._state, cpu, registers, until, limit)

    def _loop(
        self, cpu: int, registers: Registers, until: int, limit: int | None
    ) -> tuple[Registers, int]:
        calls = 0
        while True:
            out = self.seamcall(cpu, registers)
            calls += 1
            if out.rax != 0 or out.rdx >= until or calls == limit:
                return out, calls

    def seamcall_each(self, cpus: Sequence[int], registers: Registers) -> tuple[Registers, int]:
        """TDH.SYS.LP.INIT on each of cpus in turn, while it returns 0; cpus as in SeamcallPort.

        Returns the registers after the last call and the number of calls; those on LPs of which
        nothing keeps the module from its ordinary answer are made all at once.
        """
        plain = registers.rax == Leaf.TDH_SYS_LP_INIT and not self._state.shut_down_lps
        done = 0
        if plain and not self._halted and self._is_in_range(cpus, registers):
            done = sys_lp_init_each(self._state, cpus)
        if done == len(cpus):
            return registers._replace(rax=Status.TDX_SUCCESS, rcx=0, rdx=0, r8=0), done
        out, calls = seamcall_loop_each(self, cpus[done:], registers)
        return out, done + calls

    def _is_in_range(self, cpus: Sequence[int], registers: Registers) -> bool:
        in_platform = min(cpus) >= 0 and max(cpus) < self._state.platform.callers
        return in_platform and min(registers) >= 0 and max(registers) <= U64_MASK

    def _gate(self, registers: Registers) -> int | None:
        # The status of a call that does not get past the dispatcher, in its order.
        rax, state = registers.rax, self._state
        leaf, version = rax & 0xFFFF, rax >> 16 & 0xFF
        # 1. "reserved RAX bits (31:24, 63:32) not 0 -> TDX_OPERAND_INVALID + RAX(0)"
        if rax >> 24:
            return with_operand(Status.TDX_OPERAND_INVALID, Operand.RAX)
        # 2. "version > 0 and leaf is not one of {23, 3, 30, 11, 26} ([25] adds 22, 33, 53)"
        if version and leaf not in state.profile.leaves_with_versions:
            return with_operand(Status.TDX_OPERAND_INVALID, Operand.RAX)
        # 3. "SYS_STATE == SYS_SHUTDOWN and leaf != 44 -> TDX_SYS_SHUTDOWN"
        if state.sys_state is SysState.SYS_SHUTDOWN and leaf != Leaf.TDH_SYS_LP_SHUTDOWN:
            return Status.TDX_SYS_SHUTDOWN
        # 4. "SYS_STATE != SYS_READY and leaf not in {...} -> TDX_SYS_NOT_READY", unknown leaves
        # included. So hosts whose kernel is newer than their 1.0 module get it from TDH.SYS.RD.
        early = leaf in _ALLOWED_BEFORE_READY and leaf not in state.profile.missing_leaves
        if state.sys_state is not SysState.SYS_READY and not early:
            return Status.TDX_SYS_NOT_READY
        return None
