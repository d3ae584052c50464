# SPDX-License-Identifier: Apache-2.0
"""What the kernel needs of the hardware under it."""

from __future__ import annotations

from typing import Protocol


class CpuFeatureFlags(Protocol):
    """X86_FEATURE_* flags the bring-up looks at."""

    @property
    def mtrr(self) -> bool: ...
    @property
    def vmx(self) -> bool: ...
    @property
    def xsave(self) -> bool: ...
    @property
    def movdir64b(self) -> bool: ...
    @property
    def self_snoop(self) -> bool: ...
    @property
    def no_seamret_invd_vmcs(self) -> bool: ...


class CpuTopology(Protocol):
    """CPUs as the kernel counts them: logical numbers over the MADT's enabled entries."""

    disabled: int
    family: int
    model: int

    @property
    def present(self) -> int: ...
    @property
    def features(self) -> CpuFeatureFlags: ...
    @property
    def package_ids(self) -> tuple[int, ...]: ...
    def online(self) -> list[int]: ...
    def is_online(self, cpu: int) -> bool: ...
    def set_online(self, cpu: int, online: bool) -> None: ...


class Msrs(Protocol):
    """RDMSR on the boot CPU."""

    def rdmsr(self, msr: int) -> int: ...
    def rdmsr_safe(self, msr: int) -> int | None: ...
