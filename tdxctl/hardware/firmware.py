# SPDX-License-Identifier: Apache-2.0
"""The model-specific registers that firmware leaves behind for TDX.

Intel SDM vol. 4: IA32_MTRRCAP, IA32_SEAMRR_PHYS_BASE/MASK, IA32_MKTME_KEYID_PARTITIONING.
"""

from __future__ import annotations

from tdxctl.platform.description import Firmware, Seamrr
from tdxctl.seam.msrs import (
    MSR_IA32_MKTME_KEYID_PARTITIONING,
    MSR_IA32_SEAMRR_PHYS_MASK,
    MSR_MTRRCAP,
    MTRRCAP_SEAMRR,
    SEAMRR_PHYS_MASK_ENABLED,
    SEAMRR_PHYS_MASK_LOCKED,
)


class MsrFault(Exception):
    """RDMSR raised #GP."""


class FirmwareRegisters:
    """RDMSR on the boot CPU of the described machine, and SEAMRR on any."""

    def __init__(self, firmware: Firmware, *, faulting: frozenset[int] = frozenset()) -> None:
        self._faulting = set(faulting)
        present = firmware.seamrr is not Seamrr.ABSENT
        enabled = firmware.seamrr is Seamrr.ENABLED
        locked_enabled = SEAMRR_PHYS_MASK_LOCKED | SEAMRR_PHYS_MASK_ENABLED
        size_mask = ((1 << 52) - 1) & ~(firmware.seamrr_range.size - 1)
        self._values = {
            MSR_MTRRCAP: MTRRCAP_SEAMRR if present else 0,
            MSR_IA32_MKTME_KEYID_PARTITIONING: firmware.mktme_keyids | firmware.tdx_keyids << 32,
            MSR_IA32_SEAMRR_PHYS_MASK: (size_mask | locked_enabled) if enabled else 0,
        }
        for entry in firmware.msrs:
            if entry.cpu in (None, 0) and entry.msr in self._values:
                self._values[entry.msr] = entry.value
        self._other_masks = {
            entry.cpu: entry.value
            for entry in firmware.msrs
            if entry.cpu is not None and entry.msr == MSR_IA32_SEAMRR_PHYS_MASK
        }

    def seamrr_is_enabled(self, cpu: int) -> bool:
        """Whether IA32_SEAMRR_PHYS_MASK of logical CPU cpu says so (bit 11)."""
        mask = self._other_masks.get(cpu, self._values[MSR_IA32_SEAMRR_PHYS_MASK])
        return bool(mask & SEAMRR_PHYS_MASK_ENABLED)

    def rdmsr_safe(self, msr: int) -> int | None:
        """The 64-bit value of msr, None where reading it raises #GP."""
        try:
            return self.rdmsr(msr)
        except MsrFault:
            return None

    def rdmsr(self, msr: int) -> int:
        """The 64-bit value of msr. Raises MsrFault where reading it raises #GP."""
        if msr in self._faulting or msr not in self._values:
            raise MsrFault(f"RDMSR {msr:#x}")
        return self._values[msr]
