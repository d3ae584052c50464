# SPDX-License-Identifier: Apache-2.0
"""Maps of small described machines."""

from __future__ import annotations

from typing import Any

from tdxctl import Machine, Platform
from tdxctl.report.memory_map.model import MemoryMap, memory_map


def described(**sections: Any) -> Platform:
    """One CPU, and the sections given."""
    return Platform.from_dict({"name": "hand-made", "cpus": {"madt": [{"apic_id": 0}]}, **sections})


def map_of(platform: Platform, kernel: str = "v5", *, called: bool = True) -> MemoryMap:
    """The map after tdx_init(), or after the boot alone."""
    machine = Machine.boot(platform, kernel)
    if called:
        machine.tdx_init()
    return memory_map(platform, machine.summary())
