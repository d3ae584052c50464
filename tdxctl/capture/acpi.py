# SPDX-License-Identifier: Apache-2.0
"""ACPI tables out of files: binaries, folders of them, hex dumps of acpidump and its like.

Source: ACPI specification 6.5, section 5.2.6 (the header of every table).
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tdxctl.capture.bootlog import decode
from tdxctl.capture.files import read_file, shown
from tdxctl.errors import FirmwareDataError, UsageError
from tdxctl.units import printable

#: Larger than any table of a server by far.
MAX_TABLE_SIZE = 16 << 20
_MAX_FILES = 4096

_HEADER = "<4sIBB6s8sI4sI"
HEADER_SIZE = struct.calcsize(_HEADER)  # 36
_SIGNATURE = re.compile(rb"[A-Z0-9_]{4}")
# `    0010: 41 50 49 43 ...`, `00000010  41 50 ...`, `00000010: 4150 4943 ...`
_HEX_LINE = re.compile(r"^\s{0,8}([0-9A-Fa-f]{4,8})(?::| ) ?((?:[0-9A-Fa-f]{2}){1,2}(?: .*)?)$")
_GROUP = re.compile(r"(?:[0-9A-Fa-f]{2}){1,2}(?=[ \t]|$)")
_HINT = "tables as acpidump or acpidump -b writes them, or of /sys/firmware/acpi/tables"
_ACPIDUMP_ANYWHERE = re.compile(rb"(?m)^\s{0,8}\S{4} @ (?:0x)?[0-9A-Fa-f]{1,16}\s*$")
_ACPIDUMP = re.compile(r"^\s{0,8}(\S{4}) @ (?:0x)?[0-9A-Fa-f]{1,16}\s*$")


@dataclass(frozen=True, slots=True)
class AcpiTable:
    """A table: data is the whole of it, header included. where: its file, and the line there."""

    signature: str
    revision: int
    data: bytes
    where: str
    warnings: tuple[str, ...]


def read_tables(path: str) -> list[AcpiTable]:
    """The tables in a file or in the files of a folder, in order.

    Raises UsageError where it cannot be read, FirmwareDataError where it is damaged or holds
    no table.
    """
    if not os.path.isdir(path):
        return tables_of(read_file(path, MAX_TABLE_SIZE), shown(path))
    try:
        names = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read '{printable(path)}': {reason}") from None
    tables: list[AcpiTable] = []
    for name in names[:_MAX_FILES]:
        file = os.path.join(path, name)
        data = read_file(file, MAX_TABLE_SIZE)
        # A folder may hold a README; a table that is damaged is an error all the same.
        if _is_binary_table(data) or _ACPIDUMP_ANYWHERE.search(data):
            tables += tables_of(data, file)
    if not tables:
        raise FirmwareDataError("holds no ACPI table", file=path, hint=_HINT)
    return tables


def _is_binary_table(data: bytes) -> bool:
    # A header of text, and a revision, which no text has.
    return len(data) > 8 and bool(_SIGNATURE.match(data)) and (data[8] < 0x20 or 0 in data[4:8])


def tables_of(data: bytes, name: str) -> list[AcpiTable]:
    """The tables in data. Raises FirmwareDataError."""
    if not data:
        raise FirmwareDataError("is empty", file=name, hint=_HINT)
    if _is_binary_table(data):
        return _concatenated(data, name)
    tables = [
        table
        for line, dumped in _hex_dumps(decode(data, name), name)
        for table in _concatenated(dumped, f"{name}:{line}")
    ]
    if not tables:
        raise FirmwareDataError("holds no ACPI table", file=name, hint=_HINT)
    return tables


def _concatenated(data: bytes, where: str) -> list[AcpiTable]:
    # One table, or several one behind the other as `cat` joins them.
    tables: list[AcpiTable] = []
    offset = 0
    while offset < len(data):
        if tables and not _is_binary_table(data[offset : offset + HEADER_SIZE]):
            left = len(data) - offset
            last = tables[-1]
            note = f"{last.signature}: {left} bytes behind the table are ignored"
            tables[-1] = replace(last, warnings=(*last.warnings, note))
            break
        tables.append(_table(data, offset, where))
        offset += len(tables[-1].data)
    return tables


def _table(data: bytes, start: int, where: str) -> AcpiTable:
    # The table at start; offsets in messages count from there.
    available = len(data) - start
    if available < HEADER_SIZE:
        raise FirmwareDataError(
            "is too short for an ACPI table",
            file=where,
            detail=f"expected a header of {HEADER_SIZE} bytes, got {available}",
        )
    signature, length, revision, *_ = struct.unpack_from(_HEADER, data, start)
    if not _SIGNATURE.fullmatch(signature):
        raise FirmwareDataError(
            "is not an ACPI table",
            file=where,
            detail=f"offset 0x0: expected a signature of four letters, got {signature.hex(' ')}",
        )
    name = signature.decode("ascii")
    if not HEADER_SIZE <= length <= available:
        raise FirmwareDataError(
            f"{name}: the table's length does not fit",
            file=where,
            detail=f"offset 0x4: expected {HEADER_SIZE} to {available} bytes, got {length}",
            hint="the file is cut short" if length > available else None,
        )
    body = data[start : start + length]
    warnings: tuple[str, ...] = ()
    if total := sum(body) & 0xFF:
        # "tables with a bad checksum exist" [field-notes 4]
        warnings = (f"{name}: the checksum is wrong (the bytes sum to {total:#04x}, not 0)",)
    return AcpiTable(name, revision, body, where, warnings)


def _hex_dumps(text: str, name: str) -> Iterator[tuple[int, bytes]]:
    # (line, bytes) of each dump in text. A dump begins at offset 0.
    dump = bytearray()
    first = 0
    for number, line in enumerate(text.split("\n"), start=1):
        match = _HEX_LINE.match(line)
        if match is None:
            if dump and (_ACPIDUMP.match(line) or not line.strip()):
                yield first, bytes(dump)
                dump.clear()
            continue
        offset = int(match[1], 16)
        if offset == 0 and dump:
            yield first, bytes(dump)
            dump.clear()
        if offset != len(dump):
            if not dump:
                continue  # lines that look like a dump, in something else
            raise FirmwareDataError(
                "the hex dump has a gap",
                file=f"{name}:{number}",
                detail=f"expected offset {len(dump):#x}, got {offset:#x}",
                hint="the dump has lost lines, or its offsets are not in hex",
            )
        first = first if dump else number
        dump += _bytes_of(match[2])
    if dump:
        yield first, bytes(dump)


def _bytes_of(text: str) -> bytes:
    # Up to 16 bytes in groups of one or two, each a space apart; two spaces begin the text
    # column, but in the middle of a `hexdump -C` line.
    found = bytearray()
    at = 0
    while at < len(text) and len(found) < 16:
        digits = _GROUP.match(text, at)
        if digits is None:
            break
        found += bytes.fromhex(digits[0])
        at = digits.end() + 1
        if len(found) == 8 and "|" in text and text[at : at + 1] == " ":
            at += 1
    return bytes(found)
