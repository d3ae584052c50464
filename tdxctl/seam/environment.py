# SPDX-License-Identifier: Apache-2.0
"""MSR and CPUID values that differ from the baseline platform [tdx-module 4.3]."""

from __future__ import annotations

from msgspec import Struct

#: A sub-leaf number that stands for every sub-leaf.
EVERY_SUBLEAF = 0xFFFFFFFF


class Environment(Struct):
    """Values that differ from the baseline. An lp of None is every logical processor."""

    without_integrity: bool = False
    msrs: dict[tuple[int | None, int], int] = {}
    cpuids: list[tuple[int | None, int, int, str, int]] = []
    seamops: dict[int | None, int] = {}

    @property
    def is_baseline(self) -> bool:
        """Whether nothing was set: then every check passes on every logical processor."""
        return not (self.msrs or self.cpuids or self.seamops)

    def set_msr(self, lp: int | None, msr: int, value: int) -> None:
        """The 64-bit value of an MSR; one set for one LP wins over one for all."""
        self.msrs[lp, msr] = value

    def set_cpuid(self, lp: int | None, leaf: int, subleaf: int, register: str, value: int) -> None:
        """The 32-bit value of a CPUID register; of several the last wins."""
        self.cpuids.append((lp, leaf, subleaf, register, value))

    def set_seamops(self, lp: int | None, capabilities: int) -> None:
        """The SEAMOPS capabilities; set for all, they replace what single LPs had."""
        if lp is None:
            self.seamops.clear()
        self.seamops[lp] = capabilities
