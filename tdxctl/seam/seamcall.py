# SPDX-License-Identifier: Apache-2.0
"""What a SEAMCALL instruction reaches: a scripted fault, the loaded module, or nothing."""

from __future__ import annotations

from tdxctl.seam.faults import FaultScript
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.module import TdxModule
from tdxctl.seam.port import Registers, seamcall_loop
from tdxctl.seam.status import Status

_LEAF_MASK = 0xFFFF


class SeamcallInstruction:
    """The machine's side of the SEAMCALL port.

    module is None while no module is loaded: every SEAMCALL is then VMfailInvalid.
    """

    def __init__(self, module: TdxModule | None, faults: FaultScript) -> None:
        self.module = module
        self.faults = faults

    def seamcall(self, cpu: int, registers: Registers) -> Registers:
        """One SEAMCALL on logical CPU cpu."""
        # "a fired fault does not reach the module and leaves the registers"
        status = self.faults.next_call(_leaf(registers), cpu)
        if status is not None:
            return registers._replace(rax=status)
        if self.module is None:
            return registers._replace(rax=Status.VMFAILINVALID)
        return self.module.seamcall(cpu, registers)

    def seamcall_repeat(self, cpu: int, registers: Registers, until: int) -> tuple[Registers, int]:
        """TDH.SYS.TDMR.INIT until RDX reaches until, in arithmetic between scripted faults."""
        leaf = _leaf(registers)
        if leaf != Leaf.TDH_SYS_TDMR_INIT or self.module is None:
            return seamcall_loop(self, cpu, registers, until)
        total = 0
        while True:
            status, holds = self.faults.next_calls(leaf, cpu)
            if status is None:
                out, calls = self.module.seamcall_repeat(cpu, registers, until, holds)
            else:
                # A fired fault leaves the registers. One that says success goes on as long as it
                # holds, unless RDX is there already.
                out = registers._replace(rax=status)
                calls = holds if status == 0 and out.rdx < until and holds is not None else 1
            self.faults.count(leaf, cpu, calls)
            total += calls
            if out.rax != 0 or out.rdx >= until:
                return out, total


def _leaf(registers: Registers) -> int:
    # Bit 63 of RAX routes a SEAMCALL to P-SEAMLDR; its leaf is the whole of RAX.
    return registers.rax if registers.rax >> 63 else registers.rax & _LEAF_MASK
