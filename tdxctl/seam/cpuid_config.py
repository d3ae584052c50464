# SPDX-License-Identifier: Apache-2.0
"""CPUID_CONFIG: what of CPUID a TD may configure [tdx-module 3.6]."""

from __future__ import annotations

from collections.abc import Sequence

from tdxctl.seam.platform_tables import tables
from tdxctl.seam.releases import CpuidConfig, Values
from tdxctl.seam.state import ModuleState

_NOT_APPLICABLE = 0xFFFFFFFF
_NOTHING: Values = (0, 0, 0, 0)


def leaf_and_subleaf(entry: CpuidConfig) -> int:
    """CPUID_CONFIG_LEAVES of an entry; a sub-leaf that does not apply is 0xFFFFFFFF."""
    return entry.leaf | subleaf(entry) << 32


def subleaf(entry: CpuidConfig) -> int:
    """The sub-leaf of an entry, 0xFFFFFFFF where it does not apply."""
    return _NOT_APPLICABLE if entry.subleaf is None else entry.subleaf


def with_native(state: ModuleState, entry: CpuidConfig) -> Sequence[int]:
    """EAX, EBX, ECX and EDX of an entry.

    "configurable | (allowed and native)" [tdx-module-releases C].
    """
    if not any(entry.native):
        return entry.configurable
    cpuid = native(state, entry.leaf, entry.subleaf)
    registers = zip(entry.configurable, entry.native, cpuid, strict=True)
    return [configurable | allowed & value for configurable, allowed, value in registers]


def native(state: ModuleState, leaf: int, subleaf: int | None) -> Values:
    """What SYS.INIT kept of a CPUID leaf: EAX, EBX, ECX and EDX."""
    if state.samples is None:
        return tables(state.profile.checks).baseline_cpuid.get((leaf, subleaf), _NOTHING)
    return state.samples.cpuid.get((leaf, subleaf), _NOTHING)
