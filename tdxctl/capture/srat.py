# SPDX-License-Identifier: Apache-2.0
"""The SRAT: which memory and which CPUs are of which NUMA node.

Source: ACPI specification 6.5, section 5.2.16; drivers/acpi/numa/srat.c (v6.8) for how
proximity domains become nodes.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum

from tdxctl.capture.acpi import AcpiTable
from tdxctl.capture.findings import Block, Findings
from tdxctl.capture.madt import NO_X2APIC, require_length, structures
from tdxctl.errors import FirmwareDataError
from tdxctl.platform.limits import MAX_RANGES
from tdxctl.units import MAX_PHYSICAL_ADDRESS

_FIRST_ENTRY = 48  # the header, 12 reserved bytes
_ENABLED, _HOTPLUG, _NONVOLATILE = 1, 2, 4


class EntryType(IntEnum):
    """The types of affinity structures that are read."""

    CPU = 0
    MEMORY = 1
    X2APIC_CPU = 2


_ENTRIES = {
    EntryType.CPU: "<BBBBIB3sI",
    EntryType.MEMORY: "<BBIHQQIIQ",
    EntryType.X2APIC_CPU: "<BBHIIIII",
}


@dataclass(frozen=True, slots=True)
class CpuAffinity:
    """A CPU's proximity domain."""

    pxm: int
    apic_id: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class MemoryAffinity:
    """Memory [base, end) in bytes of a proximity domain."""

    pxm: int
    base: int
    end: int
    enabled: bool
    hotplug: bool
    nonvolatile: bool


@dataclass(frozen=True, slots=True)
class Srat:
    """A SRAT. types: how many entries of each type, known or not."""

    revision: int
    cpus: tuple[CpuAffinity, ...]
    memory: tuple[MemoryAffinity, ...]
    types: tuple[tuple[int, int], ...]

    def nodes(self) -> dict[int, int]:
        """Proximity domain -> NUMA node: numbered as they appear, CPUs before memory."""
        domains = [cpu.pxm for cpu in self.cpus if cpu.enabled]
        domains += [memory.pxm for memory in self.memory if memory.enabled]
        return {pxm: node for node, pxm in enumerate(dict.fromkeys(domains))}


def parse_srat(table: AcpiTable) -> Srat:
    """The entries of table. Raises FirmwareDataError with offset, expected and got."""
    table.must_be_whole()
    if len(table.data) < _FIRST_ENTRY:
        raise FirmwareDataError(
            "SRAT: too short",
            file=table.where,
            detail=f"expected at least {_FIRST_ENTRY} bytes, got {len(table.data)}",
        )
    types: Counter[int] = Counter()
    cpus: list[CpuAffinity] = []
    memory: list[MemoryAffinity] = []
    for offset, kind, length in structures(table, "SRAT", _FIRST_ENTRY):
        types[kind] += 1
        if kind not in tuple(EntryType):
            continue
        layout = _ENTRIES[EntryType(kind)]
        require_length(table, "SRAT", offset, length, struct.calcsize(layout))
        fields = struct.unpack_from(layout, table.data, offset)
        match EntryType(kind):
            case EntryType.CPU:
                # type, length, domain 7:0, APIC id, flags, SAPIC EID, domain 31:8, clock
                _, _, low, apic_id, flags, _, high, _ = fields
                pxm = _domain(table, low | int.from_bytes(high, "little") << 8)
                cpus.append(CpuAffinity(pxm, apic_id, bool(flags & _ENABLED)))
            case EntryType.X2APIC_CPU:
                # type, length, reserved, domain, APIC id, flags, clock, reserved
                _, _, _, domain, apic_id, flags, _, _ = fields
                cpus.append(CpuAffinity(domain, apic_id, bool(flags & _ENABLED)))
            case EntryType.MEMORY:
                # type, length, domain, reserved, base, length, reserved, flags, reserved
                _, _, domain, _, base, size, _, flags, _ = fields
                memory.append(_memory(_domain(table, domain), base, size, flags))
        if len(memory) > MAX_RANGES:
            raise FirmwareDataError(
                "SRAT: more memory ranges than any machine has",
                file=table.where,
                detail=f"offset {offset:#x}: expected at most {MAX_RANGES}",
            )
    return Srat(table.revision, tuple(cpus), tuple(memory), tuple(sorted(types.items())))


def _domain(table: AcpiTable, domain: int) -> int:
    # Before revision 2 a proximity domain was a byte, what stands above it is reserved.
    return domain & 0xFF if table.revision < 2 else domain


def _memory(pxm: int, base: int, size: int, flags: int) -> MemoryAffinity:
    return MemoryAffinity(
        pxm,
        base,
        base + size,
        bool(flags & _ENABLED),
        bool(flags & _HOTPLUG),
        bool(flags & _NONVOLATILE),
    )


def srat_findings(table: AcpiTable) -> Findings:
    """What a SRAT shows: nodes of memory and of CPUs. Raises FirmwareDataError."""
    srat = parse_srat(table)
    nodes = srat.nodes()
    warnings = list(table.warnings)
    affinity = []
    for memory in srat.memory:
        if not memory.enabled or memory.base == memory.end:
            continue
        if memory.end > MAX_PHYSICAL_ADDRESS:
            warnings.append(f"the SRAT has memory beyond 2^52, at {memory.base:#x}: left out")
            continue
        affinity.append(Block(memory.base, memory.end, nodes[memory.pxm]))
    return Findings(
        source="the SRAT",
        affinity=tuple(affinity),
        cpu_nodes=tuple(
            (cpu.apic_id, nodes[cpu.pxm])
            for cpu in srat.cpus
            if cpu.enabled and cpu.apic_id != NO_X2APIC
        ),
        warnings=tuple(warnings),
    )
