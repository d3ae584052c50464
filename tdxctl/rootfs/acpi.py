# SPDX-License-Identifier: Apache-2.0
"""The MADT and the SRAT of a described machine, as its firmware would have them.

Source: ACPI specification 6.5, sections 5.2.6, 5.2.12 and 5.2.16.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tdxctl.rootfs.host import Host
from tdxctl.rootfs.tree import SECRET, File, Files
from tdxctl.units import SZ_4G

_HEADER = "<4sIBB6s8sI4sI"
_OEM, _OEM_TABLE, _CREATOR = b"TDXCTL", b"PLATFORM", b"TDXC"
_MADT_REVISION, _SRAT_REVISION = 5, 3
_LAPIC, _X2APIC = 0, 9
_CPU_AFFINITY, _MEMORY_AFFINITY, _X2APIC_AFFINITY = 0, 1, 2
_LOCAL_APICS = 0xFEE00000
_PCAT_COMPAT = 1
_ENABLED, _ONLINE_CAPABLE = 1, 2
#: A local APIC structure has a byte for the id, 255 being none, and one for the processor's UID.
_LAPIC_IDS = 0xFF


def acpi_files(host: Host) -> Iterator[Files]:
    """/sys/firmware/acpi/tables."""
    tables = "sys/firmware/acpi/tables"
    yield Files(
        f"{tables}/APIC",
        "the MADT: the CPUs in firmware's order, and which of them it enabled",
        ("cpus.madt", "cpus.disabled_cpus"),
        (File(f"{tables}/APIC", madt(host), SECRET),),
    )
    yield Files(
        f"{tables}/SRAT",
        "which memory and which CPUs are of which node",
        ("memory.ranges", "cpus.madt"),
        (File(f"{tables}/SRAT", srat(host), SECRET),),
        "nodes are spread over packages in their order, and a package's CPUs over its nodes",
    )


def madt(host: Host) -> bytes:
    """The MADT.

    Entries that are not enabled count as disabled CPUs for every kernel. Where more are described
    than there are, an enabled CPU's id stands a second time, not enabled, and where fewer are, the
    last can never be brought online: "repeated ids included" [field-notes 1.1].
    """
    cpus = host.platform.cpus
    listed = sum(not entry.enabled for entry in cpus.madt)
    more = max(cpus.disabled_cpus - listed, 0)
    never = max(listed - cpus.disabled_cpus, 0)
    repeated = next(entry.apic_id for entry in cpus.madt if entry.enabled)
    slots = [(entry.apic_id, entry.enabled) for entry in cpus.madt] + [(repeated, False)] * more
    x2apic = _needs_x2apic(host, len(slots))
    body = struct.pack("<II", _LOCAL_APICS, _PCAT_COMPAT)
    for uid, (apic_id, enabled) in enumerate(slots):
        flags = _ENABLED if enabled else _ONLINE_CAPABLE
        if not enabled and 0 < listed <= never:
            flags = 0
        listed -= not enabled
        if x2apic:
            body += struct.pack("<BBHIII", _X2APIC, 16, 0, apic_id, flags, uid)
        else:
            body += struct.pack("<BBBBI", _LAPIC, 8, uid, apic_id, flags)
    return _table(b"APIC", _MADT_REVISION, body)


def srat(host: Host) -> bytes:
    """The SRAT: CPUs by node, so that nodes are numbered as described; then memory."""
    x2apic = _needs_x2apic(host, len(host.cpus))
    body = struct.pack("<IQ", 1, 0)
    for cpu in sorted(host.cpus, key=lambda cpu: cpu.node):
        low, high = cpu.node & 0xFF, (cpu.node >> 8).to_bytes(3, "little")
        if x2apic:
            body += struct.pack(
                "<BBHIIIII", _X2APIC_AFFINITY, 24, 0, cpu.node, cpu.apic_id, _ENABLED, 0, 0
            )
        else:
            body += struct.pack(
                "<BBBBIB3sI", _CPU_AFFINITY, 16, low, cpu.apic_id, _ENABLED, 0, high, 0
            )
    for start, end, node in affinity(host):
        body += struct.pack(
            "<BBIHQQIIQ", _MEMORY_AFFINITY, 40, node, 0, start, end - start, 0, _ENABLED, 0
        )
    return _table(b"SRAT", _SRAT_REVISION, body)


def affinity(host: Host) -> list[tuple[int, int, int]]:
    """(start, end, node) of the SRAT's memory.

    A run of a node's ranges is one, below 4 GiB and above, as holes between them are nobody's.
    """
    runs: list[tuple[int, int, int]] = []
    for r in host.memory:
        start = 0 if not runs and r.start < SZ_4G else r.start
        if runs and runs[-1][2] == r.node and (runs[-1][0] < SZ_4G) == (start < SZ_4G):
            runs[-1] = (runs[-1][0], r.end, r.node)
        else:
            runs.append((start, r.end, r.node))
    return runs


def _needs_x2apic(host: Host, slots: int) -> bool:
    ids = [entry.apic_id for entry in host.platform.cpus.madt]
    return max(ids) >= _LAPIC_IDS or slots > _LAPIC_IDS


def _table(signature: bytes, revision: int, body: bytes) -> bytes:
    # The byte at 9 makes the sum of all zero.
    length = struct.calcsize(_HEADER) + len(body)
    head = struct.pack(_HEADER, signature, length, revision, 0, _OEM, _OEM_TABLE, 1, _CREATOR, 1)
    table = bytearray(head + body)
    table[9] = -sum(table) & 0xFF
    return bytes(table)
