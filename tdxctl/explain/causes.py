# SPDX-License-Identifier: Apache-2.0
"""Causes that several checks share, each with its way out.

`seen` is how many public reports show it (field notes, "Host bring-up failures").
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownCause:
    """Why a check fails, and the way out. seen: reports that show it, None where not counted.

    statuses: names of the only statuses that it ends in; none named is any. refuted_by: the check
    that, where it passes, shows that this is not the cause.
    """

    cause: str
    way_out: str
    seen: int | None = None
    statuses: tuple[str, ...] = ()
    refuted_by: str | None = None

    def can_end_in(self, status: str) -> bool:
        """Whether a SEAMCALL with a status of that name can come of it; of no name any can."""
        return not self.statuses or status in self.statuses or status.startswith("0x")


BIOS = KnownCause(
    "the BIOS is incomplete, or its options were set in the wrong order",
    "enable TME, then TME-MT, then TDX and the SEAM loader, then the key split, then SGX: save and "
    "reboot after each; memory not limited to 46 address bits, node interleaving off, x2APIC on; "
    "update the BIOS",
    12,
)
DIMMS = KnownCause(
    "the DIMMs are not populated symmetrically: TDX is greyed out in the BIOS",
    "repopulate the DIMMs as the board's manual says",
    5,
)
SKU = KnownCause(
    "the CPU has no TDX: not every model of a generation has it", "use a CPU with TDX", 4
)
SGX = KnownCause(
    "SGX is off: without it the CPU does not verify the SEAM loader",
    "enable SGX in the BIOS",
    4,
    refuted_by="sgx",
)
OLD_BIOS = KnownCause(
    "BIOS or microcode are too old for the TDX module",
    "update the BIOS, or use the module that came with it",
    3,
)
MISMATCH = KnownCause(
    "the TDX module is too old for this kernel, or the reverse",
    "use a module and a kernel that match: update the BIOS or load a newer module",
    6,
)
WRONG_KERNEL = KnownCause(
    "another kernel was booted than the one with TDX, often after an upgrade",
    "choose the kernel with TDX in the boot loader, and make it the default",
    6,
)
PARAMETER = KnownCause(
    "kvm_intel.tdx=1 is missing from the command line, or misspelt",
    "kvm_intel.tdx=1 nohibernate on the command line (compare with /proc/cmdline), or "
    "`options kvm_intel tdx=1` in /etc/modprobe.d",
    6,
    refuted_by="command-line",
)
HIBERNATION = KnownCause(
    "the kernel was booted without nohibernate", "add nohibernate to the kernel's command line", 6
)
