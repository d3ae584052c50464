# SPDX-License-Identifier: Apache-2.0
"""The machine's CPUs: which are present, in which package, and which are online."""

from __future__ import annotations

from tdxctl.platform.description import Cpus


class CpuSet:
    """Logical CPUs are numbered by their place among the MADT's enabled entries."""

    def __init__(self, cpus: Cpus) -> None:
        present = [entry for entry in cpus.madt if entry.enabled]
        self.apic_ids = tuple(entry.apic_id for entry in present)
        self.package_ids = tuple(entry.package for entry in present)
        self.disabled = cpus.disabled_cpus
        self.features = cpus.features
        self.family = cpus.model.family
        self.model = cpus.model.model
        self._at_power_on = frozenset(cpus.online)
        self._online = set(self._at_power_on)

    @property
    def present(self) -> int:
        """How many CPUs the MADT has enabled (num_processors)."""
        return len(self.apic_ids)

    @property
    def packages(self) -> int:
        """How many packages have a present CPU."""
        return len(set(self.package_ids))

    def online(self) -> list[int]:
        """The online logical CPUs, ascending."""
        return sorted(self._online)

    def is_online(self, cpu: int) -> bool:
        """Whether logical CPU cpu is online."""
        return cpu in self._online

    def set_online(self, cpu: int, online: bool) -> None:
        """Bring logical CPU cpu up or down."""
        (self._online.add if online else self._online.discard)(cpu)

    def as_at_power_on(self) -> None:
        """Those are online that a kernel which boots brings up."""
        self._online = set(self._at_power_on)
