# SPDX-License-Identifier: Apache-2.0
"""What of a description no file of a host shows for sure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import astuple

from tdxctl.machine import Machine
from tdxctl.platform.cmrs import auto_cmrs
from tdxctl.platform.description import KvmConfig, Module, Seamrr
from tdxctl.seam.releases import by_build, release_of

#: The module that a description without one has.
_VERSION = "1.5.25"


def not_shown(machine: Machine) -> dict[str, Any]:
    """Path of the description -> value, of what differs from what would be taken without it.

    A log may show some of it: CMRs in v5's, the module's version in that of 7.1 on.
    """
    platform = machine.platform
    plain = platform.to_dict()
    ranges = [(r.start, r.end) for r in platform.memory.ranges]
    firmware, kvm = platform.firmware, platform.kvm
    differs = {
        "cpus.features": not platform.cpus.features.no_seamret_invd_vmcs,
        "cpus.cpuid": bool(platform.cpus.cpuid),
        "cpus.seamops": bool(platform.cpus.seamops),
        "memory.reserved": bool(platform.memory.reserved),
        "memory.cmrs": [astuple(cmr) for cmr in platform.memory.cmrs] != auto_cmrs(ranges),
        "firmware.msrs": bool(firmware.msrs),
        "firmware.tdx_without_integrity": firmware.tdx_without_integrity,
        "module.version": _build_names_another(machine),
        "module": platform.module != _default_module() or firmware.seamrr is not Seamrr.ENABLED,
        "kernel.tdx_host": not platform.kernel.tdx_host,
        "kvm": kvm != KvmConfig(),
        "faults": bool(platform.faults),
    }
    return {path: _at(plain, path) for path, is_so in differs.items() if is_so}


def _build_names_another(machine: Machine) -> bool:
    # A log with the build and a version of two numbers, where the build is of no known release.
    module = machine.platform.module
    built = by_build(module.build_date, module.build_num)
    is_known = built is not None and built.version == module.version
    return not is_known and any("build_date" in line.text for line in machine.dmesg)


def _default_module() -> Module:
    row = release_of(_VERSION, None, None)
    return Module(
        build_date=row.build_date,
        build_num=row.build_num_of(row.build_date),
        features=row.features0,
        num_cpuid_config=row.num_cpuid_config,
        max_vcpus_per_td=row.max_vcpus_per_td,
    )


def _at(values: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values
