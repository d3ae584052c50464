# SPDX-License-Identifier: Apache-2.0
"""The part of a page that describes the platform."""

from __future__ import annotations

import json

from tdxctl.plan import PlatformPlan
from tdxctl.platform.canonical import plain
from tdxctl.platform.description import Platform
from tdxctl.report.blocks import Table
from tdxctl.report.html.elements import facts, lines, section, table
from tdxctl.units import approximate_size, counted, format_cpulist


def platform_section(plan: PlatformPlan) -> str:
    """CPUs, firmware, the module, memory, CMRs, and the faults that are scripted."""
    platform = plan.platform
    return section(
        2,
        "platform",
        "Platform",
        [
            facts([*_cpus(platform), *_firmware(platform), *_module(platform)]),
            table(_memory(plan)),
            table(_cmrs(platform)),
            table(_reserved(platform)) if platform.memory.reserved else "",
            _faults(platform),
        ],
    )


def _cpus(platform: Platform) -> list[tuple[str, str]]:
    cpus = platform.cpus
    enabled = [entry for entry in cpus.madt if entry.enabled]
    packages = len({entry.package for entry in enabled})
    missing = [name for name, there in plain(cpus.features).items() if not there]
    pairs = [
        ("CPUs", f"{counted(len(enabled), 'CPU')} in {counted(packages, 'package')}"),
        ("online", format_cpulist(cpus.online)),
        ("not enabled", f"{cpus.disabled_cpus} in the MADT"),
        ("CPU model", f"family {cpus.model.family}, model {cpus.model.model:#x}"),
    ]
    return [*pairs, ("CPU lacks", ", ".join(missing))] if missing else pairs


def _firmware(platform: Platform) -> list[tuple[str, str]]:
    firmware = platform.firmware
    seamrr = firmware.seamrr_range
    pairs = [
        ("SEAMRR", f"{firmware.seamrr.value}, [{seamrr.base:#x}, {seamrr.base + seamrr.size:#x})"),
        (
            "KeyIDs",
            f"{firmware.mktme_keyids} for MKTME, {firmware.tdx_keyids} for TDX, "
            f"{firmware.keyid_bits} bits",
        ),
    ]
    for msr in firmware.msrs:
        where = "all CPUs" if msr.cpu is None else f"CPU {msr.cpu}"
        pairs.append((f"MSR {msr.msr:#x}", f"{msr.value:#x} on {where}"))
    hibernation = "possible" if platform.kernel.hibernation else "not possible"
    return [*pairs, ("hibernation", hibernation)]


def _module(platform: Platform) -> list[tuple[str, str]]:
    module = platform.module
    loaded = f"version {module.version}" if module.loaded else "not loaded"
    sizes = ", ".join(map(str, plain(module.pamt_entry_size).values()))
    return [
        ("TDX module", loaded),
        ("TDX_FEATURES0", hex(module.features)),
        ("limits", f"{module.max_tdmrs} TDMRs, {module.max_reserved_per_tdmr} reserved areas each"),
        ("PAMT entries", f"{sizes} bytes for 4K, 2M and 1G pages"),
    ]


def _memory(plan: PlatformPlan) -> Table:
    total = approximate_size(sum(node.size for node in plan.nodes))
    return Table(
        title=f"Memory (memblock): {total} in {counted(len(plan.nodes), 'NUMA node')}",
        columns=("#", "start", "end", "size", "node"),
        rows=tuple(
            (str(i), hex(r.start), hex(r.end), approximate_size(r.end - r.start), str(r.node))
            for i, r in enumerate(plan.platform.memory.ranges)
        ),
        right=range(5),
    )


def _cmrs(platform: Platform) -> Table:
    cmrs = platform.memory.cmrs
    return Table(
        title=f"CMRs: {approximate_size(sum(cmr.size for cmr in cmrs))} of convertible memory",
        columns=("#", "start", "end", "size"),
        rows=tuple(
            (str(i), hex(cmr.base), hex(cmr.base + cmr.size), approximate_size(cmr.size))
            for i, cmr in enumerate(cmrs)
        ),
        right=range(4),
    )


def _reserved(platform: Platform) -> Table:
    return Table(
        title="Memory in use, where no PAMT can be",
        columns=("#", "start", "end", "size"),
        rows=tuple(
            (str(i), hex(r.start), hex(r.end), approximate_size(r.end - r.start))
            for i, r in enumerate(platform.memory.reserved)
        ),
        right=range(4),
    )


def _faults(platform: Platform) -> str:
    faults = [("", json.dumps(plain(fault))) for fault in platform.faults]
    return (
        section(3, "faults", "Faults that are scripted", [lines("Faults", faults)])
        if faults
        else ""
    )
