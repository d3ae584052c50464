# SPDX-License-Identifier: Apache-2.0
"""ACPI tables made in tests: headers, entries, checksums, and acpidump's text of them."""

from __future__ import annotations

import struct


def table(signature: bytes, revision: int, fixed: bytes, entries: list[bytes]) -> bytes:
    """A whole table with the right length and checksum; fixed follows the header."""
    body = fixed + b"".join(entries)
    header = struct.pack(
        "<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, b"OEM   ", b"TABLE   ", 1, b"C", 1
    )
    data = bytearray(header + body)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def madt(entries: list[bytes], *, revision: int = 4) -> bytes:
    return table(b"APIC", revision, struct.pack("<II", 0xFEE00000, 1), entries)


def lapic(uid: int, apic_id: int, flags: int = 1) -> bytes:
    return struct.pack("<BBBBI", 0, 8, uid, apic_id, flags)


def x2apic(uid: int, apic_id: int, flags: int = 1) -> bytes:
    return struct.pack("<BBHIII", 9, 16, 0, apic_id, flags, uid)


def srat(entries: list[bytes], *, revision: int = 3) -> bytes:
    return table(b"SRAT", revision, struct.pack("<IQ", 1, 0), entries)


def cpu_affinity(pxm: int, apic_id: int, flags: int = 1) -> bytes:
    low, high = pxm & 0xFF, (pxm >> 8).to_bytes(3, "little")
    return struct.pack("<BBBBIB3sI", 0, 16, low, apic_id, flags, 0, high, 0)


def x2apic_affinity(pxm: int, apic_id: int, flags: int = 1) -> bytes:
    return struct.pack("<BBHIIIII", 2, 24, 0, pxm, apic_id, flags, 0, 0)


def memory_affinity(pxm: int, base: int, size: int, flags: int = 1) -> bytes:
    return struct.pack("<BBIHQQIIQ", 1, 40, pxm, 0, base, size, 0, flags, 0)


def acpidump(*tables: bytes) -> str:
    """The text that acpidump prints of tables."""
    lines = []
    for data in tables:
        lines.append(f"{data[:4].decode()} @ 0x000000007FEE0000")
        for offset in range(0, len(data), 16):
            row = data[offset : offset + 16]
            pairs = " ".join(f"{byte:02X}" for byte in row)
            text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
            lines.append(f"    {offset:04X}: {pairs:<47}  {text}")
        lines.append("")
    return "\n".join(lines)
