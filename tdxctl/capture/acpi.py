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
from itertools import islice

from tdxctl.capture.files import read_file, shown
from tdxctl.capture.text import decode, plain_lines
from tdxctl.errors import FirmwareDataError, UsageError
from tdxctl.units import printable

#: Larger than any table of a server by far.
MAX_TABLE_SIZE = 16 << 20
_MAX_FILES = 4096

_HEADER = "<4sIBB6s8sI4sI"
HEADER_SIZE = struct.calcsize(_HEADER)  # 36
# "ASF!" and "iBFT" are signatures too: four characters that print.
_SIGNATURE = re.compile(rb"[\x20-\x7e]{4}")
# The root pointer stands in dumps beside the tables, and has no header of one [ACPI 6.5, 5.2.5.3].
_ROOT_POINTER = b"RSD PTR "
_RSDP_SIZE, _RSDP_SIZE_OF_1_0 = 36, 20
# Tables of a binary file are looked for behind one whose length is wrong, so often at most.
_MAX_SEARCHED = 64
# `    0010: 41 50 49 43 ...`, `00000010  41 50 ...`, `00000010: 4150 4943 ...`
_HEX_LINE = re.compile(r"^\s{0,8}([0-9A-Fa-f]{4,8})(?::| ) ?((?:[0-9A-Fa-f]{2}){1,2}(?: .*)?)$")
_GROUP = re.compile(r"(?:[0-9A-Fa-f]{2}){1,2}(?=[ \t]|$)")
_HINT = "tables as acpidump or acpidump -b writes them, or of /sys/firmware/acpi/tables"
# A dump of acpidump's, quoted by mail or not; one of hexdump or xxd, which is of a table by its
# first bytes.
_DUMP_ANYWHERE = re.compile(
    rb"^[ \t>|]{0,16}(?:[^\s>|][^@\n]{2,7} ?@ (?:0x)?[0-9A-Fa-f]{1,16}[ \t\r]{0,8}$"
    rb"|0{4,8}(?::| ) {0,4}(?:41 ?50 49 ?43|53 ?52 41 ?54) )",
    re.MULTILINE,
)
_ACPIDUMP = re.compile(r"^\s{0,8}(\S[^@]{2,7}?) ?@ (?:0x)?[0-9A-Fa-f]{1,16}\s*$")


@dataclass(frozen=True, slots=True)
class AcpiTable:
    """A table: data is the whole of it, header included. where: its file, and the line there.

    problem: why it cannot be read; data is then what there is of it.
    """

    signature: str
    revision: int
    data: bytes
    where: str
    warnings: tuple[str, ...] = ()
    problem: FirmwareDataError | None = None

    def must_be_whole(self) -> None:
        """Raises FirmwareDataError where the table cannot be read."""
        if self.problem is not None:
            raise self.problem


@dataclass(frozen=True, slots=True)
class _Dump:
    # A hex dump in a text. heading: the signature that stands before it. gap: a line is missing.
    line: int
    data: bytes
    heading: str
    gap: FirmwareDataError | None = None


def read_tables(path: str) -> list[AcpiTable]:
    """The tables in a file or in the files of a folder, in order, those that are damaged too.

    Raises UsageError where it cannot be read, FirmwareDataError where it holds no table.
    """
    if not os.path.isdir(path):
        return tables_of(read_file(path, MAX_TABLE_SIZE), shown(path))
    try:
        names = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read '{printable(path)}': {reason}") from None
    tables: list[AcpiTable] = []
    unread: UsageError | None = None
    for name in names[:_MAX_FILES]:
        file = os.path.join(path, name)
        try:
            data = read_file(file, MAX_TABLE_SIZE)
        except FirmwareDataError as error:
            tables.append(AcpiTable(name[:4], 0, b"", file, problem=error))
            continue
        except UsageError as error:
            unread = unread or error
            continue
        # A folder may hold a README.
        if has_tables(data):
            tables += tables_of(data, file)
    if unread is not None and not tables:
        raise unread
    if not tables:
        raise FirmwareDataError("holds no ACPI table", file=path, hint=_HINT)
    return tables


def has_tables(data: bytes) -> bool:
    """Whether data is a table, or a text with dumps of some."""
    return _is_binary_table(data) or bool(_DUMP_ANYWHERE.search(data))


def _is_binary_table(data: bytes) -> bool:
    # A header of text, and a length or a revision that no text has.
    if data.startswith(_ROOT_POINTER):
        return data[15:16] < b"\t"  # its revision; a text goes on with "@"
    return len(data) > 8 and bool(_SIGNATURE.match(data)) and (data[8] < 9 or 0 in data[4:8])


def tables_of(data: bytes, name: str) -> list[AcpiTable]:
    """The tables in data, those that are damaged too. Raises FirmwareDataError for none."""
    if not data:
        raise FirmwareDataError("is empty", file=name, hint=_HINT)
    if _is_binary_table(data):
        return _concatenated(data, name)
    tables = [
        table for dump in _hex_dumps(decode(data, name), name) for table in _dumped(dump, name)
    ]
    if not tables:
        raise FirmwareDataError("holds no ACPI table", file=name, hint=_HINT)
    return tables


def _dumped(dump: _Dump, name: str) -> list[AcpiTable]:
    # The tables of a dump; what stands above it tells which one it is where its bytes do not.
    where = f"{name}:{dump.line}"
    tables = _concatenated(dump.data, where)
    first = tables[0]
    problem = first.problem or dump.gap
    if problem is None and len(dump.heading) == 4 and dump.heading != first.signature:
        problem = FirmwareDataError(
            f"{dump.heading}: another table's bytes",
            file=where,
            detail=f"offset 0x0: expected {dump.heading}, got {first.signature}",
        )
    if problem is not None:
        signature = dump.heading if len(dump.heading) == 4 else first.signature
        tables[0] = replace(first, signature=signature, problem=dump.gap or problem)
    return tables


def _concatenated(data: bytes, where: str) -> list[AcpiTable]:
    # One table, or several one behind the other as `cat` joins them; at least one.
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
        if tables[-1].problem is not None:
            # Where it ends is not known.
            return tables + list(_searched(data, offset + 4, where))
        offset += len(tables[-1].data)
    return tables


def _searched(data: bytes, start: int, where: str) -> Iterator[AcpiTable]:
    # The MADTs and SRATs behind a damaged table: whole ones, with a good checksum.
    for match in islice(re.finditer(rb"APIC|SRAT", data[start:]), _MAX_SEARCHED):
        table = _table(data, start + match.start(), where)
        if table.problem is None and not table.warnings:
            yield table


def _table(data: bytes, start: int, where: str) -> AcpiTable:
    # The table at start; offsets in messages count from there.
    available = len(data) - start
    if data.startswith(_ROOT_POINTER, start):
        size = _RSDP_SIZE if available > 15 and data[start + 15] else _RSDP_SIZE_OF_1_0
        return AcpiTable("RSD PTR", 0, data[start : start + size], where)
    signature = printable(data[start : start + 4].decode("latin-1"))
    damaged = AcpiTable(signature, 0, data[start:], where)
    if available < HEADER_SIZE:
        error = FirmwareDataError(
            "is too short for an ACPI table",
            file=where,
            detail=f"expected a header of {HEADER_SIZE} bytes, got {available}",
        )
        return replace(damaged, problem=error)
    raw, length, revision, *_ = struct.unpack_from(_HEADER, data, start)
    if not _SIGNATURE.fullmatch(raw):
        error = FirmwareDataError(
            "is not an ACPI table",
            file=where,
            detail=f"offset 0x0: expected a signature of four letters, got {raw.hex(' ')}",
        )
        return replace(damaged, problem=error)
    if not HEADER_SIZE <= length <= available:
        error = FirmwareDataError(
            f"{signature}: the table's length does not fit",
            file=where,
            detail=f"offset 0x4: expected {HEADER_SIZE} to {available} bytes, got {length}",
            hint="the file is cut short" if length > available else None,
        )
        return replace(damaged, problem=error)
    body = data[start : start + length]
    warnings: tuple[str, ...] = ()
    if total := sum(body) & 0xFF:
        # "tables with a bad checksum exist" [field-notes 4]
        warnings = (f"{signature}: the checksum is wrong (the bytes sum to {total:#04x}, not 0)",)
    return AcpiTable(signature, revision, body, where, warnings)


def _hex_dumps(text: str, name: str) -> Iterator[_Dump]:
    # Each dump in text, which begins at offset 0 and ends at a heading, an empty line or another.
    dump = bytearray()
    first, heading = 0, ""
    gap: FirmwareDataError | None = None
    for number, line in plain_lines(text):
        match = _HEX_LINE.match(line)
        if match is None:
            above = _ACPIDUMP.match(line)
            if dump and (above or not line.strip()):
                yield _Dump(first, bytes(dump), heading, gap)
                dump.clear()
                heading, gap = "", None
            if above:
                heading = above[1]
            continue
        offset = int(match[1], 16)
        if offset == 0 and dump:
            yield _Dump(first, bytes(dump), heading, gap)
            dump.clear()
            heading, gap = "", None
        if offset != len(dump):
            # Lines that look like a dump may be something else's.
            if dump and gap is None:
                gap = FirmwareDataError(
                    "the hex dump has a gap",
                    file=f"{name}:{number}",
                    detail=f"expected offset {len(dump):#x}, got {offset:#x}",
                    hint="the dump has lost lines, or its offsets are not in hex",
                )
            continue
        first = first if dump else number
        if gap is None:
            dump += _bytes_of(match[2])
    if dump:
        yield _Dump(first, bytes(dump), heading, gap)


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
