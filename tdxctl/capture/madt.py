# SPDX-License-Identifier: Apache-2.0
"""The MADT: local APICs, and which of them a kernel counts as disabled CPUs.

Source: ACPI specification 6.5, section 5.2.12; arch/x86/kernel/acpi/boot.c (v5.19, v6.8).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from tdxctl.capture.acpi import AcpiTable
from tdxctl.capture.findings import Findings, LocalApic
from tdxctl.errors import FirmwareDataError
from tdxctl.platform.limits import MAX_CPUS

_FIRST_ENTRY = 44  # the header, the local APICs' address, flags
_ENABLED, _ONLINE_CAPABLE = 1, 2
#: The APIC ids that mean none.
NO_LAPIC, NO_X2APIC = 0xFF, 0xFFFFFFFF
#: Revisions from this on say which slots that are not enabled can be brought online.
_ONLINE_CAPABLE_REVISION = 5


class EntryType(IntEnum):
    """The types of interrupt controller structures that are a CPU."""

    LAPIC = 0
    X2APIC = 9


_ENTRIES = {EntryType.LAPIC: "<BBBBI", EntryType.X2APIC: "<BBHIII"}


@dataclass(frozen=True, slots=True)
class ApicEntry:
    """A local APIC structure as it stands in the table; uid is the processor's."""

    type: EntryType
    uid: int
    apic_id: int
    enabled: bool
    online_capable: bool

    @property
    def has_id(self) -> bool:
        """Whether its APIC id is one: 0xff and 0xffffffff mean none."""
        return self.apic_id != (NO_LAPIC if self.type is EntryType.LAPIC else NO_X2APIC)


@dataclass(frozen=True, slots=True)
class Madt:
    """A MADT. types: how many entries of each type, known or not."""

    revision: int
    entries: tuple[ApicEntry, ...]
    types: tuple[tuple[int, int], ...]

    def slots(self) -> tuple[ApicEntry, ...]:
        """One entry a processor, in table order.

        "The same APIC id can stand in both the LAPIC and the x2APIC list" [field-notes 4]: it is
        enabled if one of them is. Without an APIC id it is the processor UID that tells.
        """
        merged: dict[int, ApicEntry] = {}
        for entry in self.entries:
            if entry.has_id:
                known = merged.get(entry.apic_id)
                if known is None or (entry.enabled and not known.enabled):
                    merged[entry.apic_id] = entry
        uids = {entry.uid for entry in merged.values()}
        without_id = {
            entry.uid: entry
            for entry in reversed(self.entries)
            if not entry.has_id and entry.uid not in uids
        }
        kept = {id(entry) for entry in (*merged.values(), *without_id.values())}
        return tuple(entry for entry in self.entries if id(entry) in kept)

    def disabled_cpus(self, *, later: bool) -> int:
        """How many entries a kernel counts as disabled: a v5-era one, or one since 6.3.

        "An entry with id 0xff (local APIC) or 0xffffffff (x2APIC) is no slot: not counted. Every
        other entry that is not enabled is counted, one each, repeated ids included"
        [field-notes 1.1]. A MADT of revision 5 says which are not online capable either: of local
        APICs no kernel counts those, of x2APICs "the same exception came only with" 6.3.
        """
        excepted = self._x2apics_never_online()
        return sum(self._is_slot(entry) for entry in self.entries) - (excepted if later else 0)

    def _is_slot(self, entry: ApicEntry) -> bool:
        # By the rule of the v5 era.
        if entry.enabled or not entry.has_id:
            return False
        return entry.type is EntryType.X2APIC or not self._is_never_online(entry)

    def _is_never_online(self, entry: ApicEntry) -> bool:
        return self.revision >= _ONLINE_CAPABLE_REVISION and not entry.online_capable

    def _x2apics_never_online(self) -> int:
        return sum(
            self._is_never_online(entry)
            for entry in self.entries
            if entry.type is EntryType.X2APIC and self._is_slot(entry)
        )

    def doubt(self) -> str | None:
        """What of the number that the v5 era counts no real kernel was seen to count."""
        if not (number := self._x2apics_never_online()):
            return None
        return (
            f"{number} of the disabled CPUs are x2APIC entries that can never be brought online: "
            "a v5-era kernel counts them by its source, which no log beside a table has shown yet; "
            "kernels since 6.3 do not"
        )


def parse_madt(table: AcpiTable) -> Madt:
    """The entries of table. Raises FirmwareDataError with offset, expected and got."""
    table.must_be_whole()
    if len(table.data) < _FIRST_ENTRY:
        raise FirmwareDataError(
            "MADT: too short",
            file=table.where,
            detail=f"expected at least {_FIRST_ENTRY} bytes, got {len(table.data)}",
        )
    types: Counter[int] = Counter()
    entries: list[ApicEntry] = []
    for offset, kind, length in structures(table, "MADT", _FIRST_ENTRY):
        types[kind] += 1
        if kind not in tuple(EntryType):
            continue
        entry_type = EntryType(kind)
        layout = _ENTRIES[entry_type]
        require_length(table, "MADT", offset, length, struct.calcsize(layout))
        fields = struct.unpack_from(layout, table.data, offset)
        if entry_type is EntryType.LAPIC:
            _, _, uid, apic_id, flags = fields  # type, length, processor UID, APIC id, flags
        else:
            _, _, _, apic_id, flags, uid = fields  # type, length, reserved, id, flags, UID
        enabled, capable = bool(flags & _ENABLED), bool(flags & _ONLINE_CAPABLE)
        entries.append(ApicEntry(entry_type, uid, apic_id, enabled, capable))
        if len(entries) > MAX_CPUS * 2:
            raise FirmwareDataError(
                "MADT: more CPUs than any machine has",
                file=table.where,
                detail=f"offset {offset:#x}: expected at most {MAX_CPUS} local APICs",
            )
    return Madt(table.revision, tuple(entries), tuple(sorted(types.items())))


def structures(table: AcpiTable, name: str, first: int) -> Iterator[tuple[int, int, int]]:
    """(offset, type, length) of each structure of a table that is a list of them.

    Raises FirmwareDataError for a length that would not get on, or past the end.
    """
    end = len(table.data)
    offset = first
    while offset < end:
        if end - offset < 2:
            raise FirmwareDataError(
                f"{name}: bytes behind the last entry",
                file=table.where,
                detail=f"offset {offset:#x}: expected an entry of 2 bytes or more, "
                f"got {end - offset}",
            )
        kind, length = table.data[offset], table.data[offset + 1]
        # "a zero length byte exists" [field-notes 4]: it would never end.
        if length < 2 or offset + length > end:
            raise FirmwareDataError(
                f"{name}: an entry's length does not fit",
                file=table.where,
                detail=f"offset {offset + 1:#x}: expected 2 to {min(end - offset, 255)}, "
                f"got {length}",
            )
        yield offset, kind, length
        offset += length


def require_length(table: AcpiTable, name: str, offset: int, length: int, expected: int) -> None:
    """Raises FirmwareDataError where the entry at offset is shorter than its type is."""
    if length < expected:
        kind = table.data[offset]
        raise FirmwareDataError(
            f"{name}: an entry of type {kind} is too short",
            file=table.where,
            detail=f"offset {offset + 1:#x}: expected {expected} bytes, got {length}",
        )


def madt_findings(table: AcpiTable) -> Findings:
    """What a MADT shows: the CPUs. Raises FirmwareDataError."""
    madt = parse_madt(table)
    slots = madt.slots()
    if len(slots) > MAX_CPUS:
        raise FirmwareDataError(
            "MADT: more CPUs than any machine has",
            file=table.where,
            detail=f"expected at most {MAX_CPUS} APIC ids, got {len(slots)}",
        )
    doubt = madt.doubt()
    return Findings(
        source="the MADT",
        apics=tuple(LocalApic(slot.apic_id, slot.enabled) for slot in slots if slot.has_id),
        not_enabled=madt.disabled_cpus(later=False),
        not_enabled_later=madt.disabled_cpus(later=True),
        warnings=table.warnings if doubt is None else (*table.warnings, doubt),
    )
