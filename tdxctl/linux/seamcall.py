# SPDX-License-Identifier: Apache-2.0
"""What kernels make of a SEAMCALL's answer, as far as they share it [linux-host 3]."""

from __future__ import annotations

from tdxctl.seam.port import Registers
from tdxctl.seam.status import Status, base_status

_WITH_CPUID_IN_RCX = frozenset(
    {Status.TDX_INCORRECT_CPUID_VALUE, Status.TDX_INCONSISTENT_CPUID_FIELD}
)


def cpuid_named(out: Registers) -> int | None:
    """The CPUID leaf that the module names in RCX; a scripted status leaves RCX at 0."""
    return (out.rcx or None) if base_status(out.rax) in _WITH_CPUID_IN_RCX else None
