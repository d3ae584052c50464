# SPDX-License-Identifier: Apache-2.0
"""A SEAMCALL script's entries as operations on a machine, and what came of each."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from tdxctl.errors import NotModelledError, UsageError
from tdxctl.events import DirectSeamcall, MemoryData, OpResult
from tdxctl.operations import (
    FaultClear,
    FaultSet,
    MemoryRead,
    MemoryWrite,
    Operation,
    Seamcall,
)
from tdxctl.platform.calls import (
    CallEntry,
    Entry,
    FaultEntry,
    ReadEntry,
    Script,
    TableEntry,
    WriteEntry,
)
from tdxctl.seam.port import Registers
from tdxctl.units import printable, round_up

# Below 1 MiB, which no kernel gives to the TDX module: the array of pointers to TDMR_INFO
# tables, then the tables that have no address of their own.
_PA_ARRAY = 0x10000
_TABLES = 0x20000
_ALIGNMENT = 512
_ERROR = 1 << 63


class Done(Struct, frozen=True):
    """An entry, and the event of its operation; None where it made none."""

    entry: Entry
    event: DirectSeamcall | MemoryData | None

    @property
    def as_wanted(self) -> bool:
        """A call's status is the one expected, or, with none expected, not an error."""
        if not isinstance(self.entry, CallEntry) or not isinstance(self.event, DirectSeamcall):
            return True
        status, wanted = self.event.after[0], self.entry.expect
        return not status & _ERROR if wanted is None else wanted.is_met_by(status)


def run(script: Script, perform: Callable[[Iterable[Operation]], list[OpResult]]) -> list[Done]:
    """Each entry with what came of it, where perform() does operations on a machine.

    Raises UsageError where an entry asks for a CPU that cannot call, NotModelledError for a leaf
    that is not modelled, both with the entry's line.
    """
    found = operations(script)
    line = 0

    def each() -> Iterator[Operation]:
        nonlocal line
        for entry, steps in zip(script.entries, found, strict=True):
            line = entry.line
            yield from steps

    try:
        return _done(script, found, perform(each()))
    except (NotModelledError, UsageError) as error:
        place = f"{printable(script.file)}:{line}: " if line else ""
        raise type(error)(place + error.message, error.hint) from error


def operations(script: Script) -> list[list[Operation]]:
    """The operations of each entry; the last of an entry is the one that shows something."""
    addresses: dict[str, int] = {}
    free = _TABLES
    found: list[list[Operation]] = []
    for entry in script.entries:
        match entry:
            case TableEntry():
                data = _tdmr_info(entry)
                if entry.at is None and entry.name not in addresses:
                    addresses[entry.name] = free
                    free += round_up(len(data), _ALIGNMENT)
                elif entry.at is not None:
                    addresses[entry.name] = entry.at
                found.append([MemoryWrite(addresses[entry.name], data)])
            case CallEntry():
                found.append(list(_call(entry, addresses)))
            case WriteEntry():
                found.append([MemoryWrite(entry.at, entry.data)])
            case ReadEntry():
                found.append([MemoryRead(entry.at, entry.length)])
            case FaultEntry(fault=None):
                found.append([FaultClear()])
            case FaultEntry():
                assert entry.fault is not None
                found.append([FaultSet(entry.fault)])
    return found


def _done(script: Script, found: list[list[Operation]], results: list[OpResult]) -> list[Done]:
    each = iter(results)
    answered = []
    for entry, steps in zip(script.entries, found, strict=True):
        last = [next(each) for _ in steps][-1]
        event = next((e for e in last.events if isinstance(e, DirectSeamcall | MemoryData)), None)
        answered.append(Done(entry, event))
    return answered


def _call(entry: CallEntry, addresses: dict[str, int]) -> Iterator[Operation]:
    rcx, rdx = entry.rcx, entry.rdx
    if entry.tdmrs is not None:
        pointers = [addresses[name] for name in entry.tdmrs]
        if pointers:
            yield MemoryWrite(_PA_ARRAY, struct.pack(f"<{len(pointers)}Q", *pointers))
        rcx = _PA_ARRAY if rcx is None else rcx
        rdx = len(pointers) if rdx is None else rdx
    registers = Registers(entry.rax, rcx or 0, rdx or 0, entry.r8, entry.r9, entry.r10, entry.r11)
    yield Seamcall(entry.cpu, registers, entry.until)


def _tdmr_info(entry: TableEntry) -> bytes:
    # The fields in the order of the structure, then the reserved areas.
    ranges = (entry.pamt_1g, entry.pamt_2m, entry.pamt_4k, *entry.reserved)
    words = [entry.base, entry.size, *(word for pair in ranges for word in pair)]
    data = struct.pack(f"<{len(words)}Q", *words)
    # What follows the last area is empty areas, not what stood there before.
    return data.ljust(round_up(len(data) + 16, _ALIGNMENT), b"\0")
