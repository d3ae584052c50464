# SPDX-License-Identifier: Apache-2.0
"""What a SEAMCALL instruction reaches: a scripted fault, P-SEAMLDR, the module, or nothing.

Where the CPU raises an exception it reaches none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tdxctl.seam.faults import FaultScript
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.module import TdxModule
from tdxctl.seam.port import Registers, seamcall_loop, seamcall_loop_each
from tdxctl.seam.status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.seam.seamldr import PSeamldr

_LEAF_MASK = 0xFFFF


class SeamcallInstruction:
    """The machine's side of the SEAMCALL port.

    Without a module there is no P-SEAMLDR either: every SEAMCALL is then VMfailInvalid.
    raises: the exception (Status.GP or UD) that the instruction raises on a logical CPU, None where
    it gets through.
    """

    def __init__(
        self,
        module: TdxModule | None,
        faults: FaultScript,
        raises: Callable[[int], Status | None] = lambda _: None,
    ) -> None:
        self.faults = faults
        self._raises = raises
        self.load(module)

    def load(self, module: TdxModule | None) -> None:
        """Firmware puts module in place, with a P-SEAMLDR of its own, or takes both away."""
        self.module = module
        self._seamldr: PSeamldr | None = None

    @property
    def seamldr(self) -> PSeamldr | None:
        """The P-SEAMLDR that put the module in place."""
        if self._seamldr is None and self.module is not None:
            # Most machines never call it.
            from tdxctl.seam.seamldr import PSeamldr

            self._seamldr = PSeamldr(self.module)
        return self._seamldr

    def seamcall(self, cpu: int, registers: Registers) -> Registers:
        """One SEAMCALL on logical CPU cpu."""
        # An exception comes before anything is reached. A fired fault does not reach the module
        # and leaves the registers; calls are counted whether or not a fault fires.
        scripted = self.faults.next_call(_leaf(registers), cpu)
        raised = self._raises(cpu)
        status = scripted if raised is None else raised
        if status is not None:
            return registers._replace(rax=status)
        if registers.rax >> 63:
            seamldr = self.seamldr
            return seamldr.seamcall(cpu, registers) if seamldr else _fail_invalid(registers)
        module = self._ready_module()
        return module.seamcall(cpu, registers) if module else _fail_invalid(registers)

    @property
    def sys_state(self) -> str | None:
        """SYS_STATE of the module that answers the boot CPU's SEAMCALLs, None where none does."""
        module = self._ready_module()
        if module is None or module.halted or self._raises(0) is not None:
            return None
        return module.sys_state

    def _ready_module(self) -> TdxModule | None:
        # P-SEAMLDR clears SEAM_READY while it puts another module in place.
        return None if self._seamldr and not self._seamldr.seam_ready else self.module

    def seamcall_repeat(self, cpu: int, registers: Registers, until: int) -> tuple[Registers, int]:
        """TDH.SYS.TDMR.INIT until RDX reaches until, in arithmetic between scripted faults."""
        leaf = _leaf(registers)
        module = self._ready_module()
        raised = self._raises(cpu)
        if leaf != Leaf.TDH_SYS_TDMR_INIT or module is None or raised is not None:
            return seamcall_loop(self, cpu, registers, until)
        total = 0
        while True:
            status, holds = self.faults.next_calls(leaf, cpu)
            if status is None:
                out, calls = module.seamcall_repeat(cpu, registers, until, holds)
            else:
                # A fired fault leaves the registers. One that says success goes on as long as it
                # holds, unless RDX is there already.
                out = registers._replace(rax=status)
                calls = holds if status == 0 and out.rdx < until and holds is not None else 1
            self.faults.count(leaf, cpu, calls)
            total += calls
            if out.rax != 0 or out.rdx >= until:
                return out, total

    def seamcall_each(self, cpus: Sequence[int], registers: Registers) -> tuple[Registers, int]:
        """TDH.SYS.LP.INIT on each of cpus, in arithmetic between scripted faults."""
        leaf = _leaf(registers)
        module = self._ready_module()
        if leaf != Leaf.TDH_SYS_LP_INIT or module is None or any(map(self._raises, cpus)):
            return seamcall_loop_each(self, cpus, registers)
        done, out = 0, registers
        while done < len(cpus):
            free = cpus[done : done + self.faults.free_of(leaf, cpus[done:])]
            if free:
                out, calls = module.seamcall_each(free, registers)
                self.faults.count_each(leaf, free[:calls])
            else:
                out, calls = self.seamcall(cpus[done], registers), 1
            done += calls
            if out.rax != 0:
                break
        return out, done


def _fail_invalid(registers: Registers) -> Registers:
    return registers._replace(rax=Status.VMFAILINVALID)


def _leaf(registers: Registers) -> int:
    # Bit 63 of RAX routes a SEAMCALL to P-SEAMLDR; its leaf is the whole of RAX.
    return registers.rax if registers.rax >> 63 else registers.rax & _LEAF_MASK
