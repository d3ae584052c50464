# SPDX-License-Identifier: Apache-2.0
"""What a SEAMCALL script did, as text and as `tdxctl.seamcalls/1`."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from tdxctl.document import Count, Document, Hex
from tdxctl.events import DirectSeamcall, MemoryData
from tdxctl.platform.calls import CallEntry, FaultEntry, TableEntry, WriteEntry
from tdxctl.platform.canonical import plain
from tdxctl.report import evidence
from tdxctl.report.evidence import Module
from tdxctl.script import Done
from tdxctl.seam.leaves import leaf_title
from tdxctl.seam.status import base_status, status_details, status_name
from tdxctl.units import counted

_NAMES = ("rcx", "rdx", "r8", "r9", "r10", "r11")
_VERSION = 0xFF << 16
_BYTES_A_LINE = 16


def to_text(machine: str, module: Module, answered: list[Done]) -> str:
    """A line per entry with its status in words, changed registers below it, then the verdict."""
    lines = [text for done in answered for text in _lines(done)]
    differ = [done for done in answered if not done.as_wanted]
    calls = sum(isinstance(done.event, DirectSeamcall) for done in answered)
    state = _last_state(answered)
    lines += ["", f"{machine}: {counted(calls, 'call')}, module {state}", *evidence.lines(module)]
    if differ:
        places = ", ".join(str(done.entry.line) for done in differ)
        lines.append(f"not as wanted: line{'s' if len(differ) > 1 else ''} {places}")
        statuses = dict.fromkeys(
            hex(done.event.after[0]) for done in differ if isinstance(done.event, DirectSeamcall)
        )
        lines.append(f"more: tdxctl explain {' '.join(statuses)}")
    return "\n".join(lines)


def _lines(done: Done) -> list[str]:
    entry, event = done.entry, done.event
    place = f"{entry.line:>4}  "
    if isinstance(event, DirectSeamcall):
        return [place + _call_line(done, event), *(" " * 6 + text for text in _changes(event))]
    if isinstance(event, MemoryData) and not event.written:
        return [f"{place}memory at {event.at:#x}", *_hex_lines(event)]
    match entry:
        case TableEntry() if isinstance(event, MemoryData):
            return [f"{place}TDMR_INFO {entry.name} at {event.at:#x}"]
        case WriteEntry():
            return [f"{place}{counted(len(entry.data), 'byte')} written at {entry.at:#x}"]
        case FaultEntry(fault=None):
            return [f"{place}faults cleared"]
        case FaultEntry() if entry.fault is not None:
            pairs = " ".join(f"{k}={v}" for k, v in plain(entry.fault).items())
            return [f"{place}fault {pairs}"]
        case _:
            return []


def _call_line(done: Done, event: DirectSeamcall) -> str:
    status, times = event.after[0], f" x {event.n}" if event.n > 1 else ""
    words = [f"CPU {event.cpu}", _title(event.before[0])]
    words += [f"{name} {value:#x}" for name, value in _inputs(event) if value]
    details = status_details(status)
    shown = status_name(status) if status else "0"
    if status and base_status(status) is not None:
        shown = f"{status:#x} {shown}" + (f", {details}" if details else "")
    wanted = "" if done.as_wanted else f"  <- {_wanted(done)}"
    return " ".join(words) + f"{times} -> {shown}{wanted}"


def _wanted(done: Done) -> str:
    expect = done.entry.expect if isinstance(done.entry, CallEntry) else None
    if expect is None:
        return "an error"
    return f"not {expect}"


def _title(rax: int) -> str:
    if rax & ~_VERSION >> 16 << 16:
        return leaf_title(rax)
    version = (rax & _VERSION) >> 16
    return leaf_title(rax & 0xFFFF) + (f" version {version}" if version else "")


def _inputs(event: DirectSeamcall) -> list[tuple[str, int]]:
    return list(zip(_NAMES, event.before[1:], strict=True))


def _changes(event: DirectSeamcall) -> list[str]:
    return [
        f"{name} {after:#x}"
        for name, before, after in zip(_NAMES, event.before[1:], event.after[1:], strict=True)
        if before != after
    ]


def _hex_lines(event: MemoryData) -> list[str]:
    return [
        f"      +{at:#06x}  {event.data[at : at + _BYTES_A_LINE].hex(' ', 4)}"
        for at in range(0, len(event.data), _BYTES_A_LINE)
    ]


def _last_state(answered: list[Done]) -> str:
    states = [done.event.sys_state for done in answered if isinstance(done.event, DirectSeamcall)]
    return (states[-1] or "does not answer") if states else "not called"


class Called(Struct, frozen=True):
    """A call of the script: RAX and RCX to R11 before it, those that it changed, its status.

    calls: how many it took, for one that is repeated. expected: the status that the script wants.
    sys_state: the module's after it, null where none answers.
    """

    line: Count
    call: str
    cpu: Count
    registers: dict[str, Hex]
    calls: Count
    status: Hex
    status_name: str | None
    details: str | None
    changed: dict[str, Hex]
    expected: Hex | None
    as_wanted: bool
    sys_state: str | None


class Moved(Struct, frozen=True):
    """Memory that the script wrote, for a TDMR_INFO table with its name, or read: data in hex."""

    line: Count
    tdmr: str | UnsetType
    written: Hex | UnsetType
    read: Hex | UnsetType
    data: str


class Scripted(Struct, frozen=True):
    """A fault that the script sets, as a description has it, or `clear`."""

    line: Count
    fault: str | dict[str, Any]


class Seamcalls(Document, frozen=True, tag="tdxctl.seamcalls/1"):
    """What became of each entry of a script, in order."""

    machine: str
    module: Module
    entries: tuple[Called | Moved | Scripted, ...]


def to_json(machine: str, module: Module, answered: list[Done]) -> str:
    """One document: every entry in order."""
    return Seamcalls(machine, module, tuple(map(_entry, answered))).render()


def _entry(done: Done) -> Called | Moved | Scripted:
    entry, event = done.entry, done.event
    if isinstance(event, DirectSeamcall):
        return _called(done, event)
    if isinstance(event, MemoryData):
        at, data = hex(event.at), event.data.hex()
        name = entry.name if isinstance(entry, TableEntry) else UNSET
        written, read = (at, UNSET) if event.written else (UNSET, at)
        return Moved(entry.line, name, written, read, data)
    fault = entry.fault if isinstance(entry, FaultEntry) else None
    return Scripted(entry.line, "clear" if fault is None else plain(fault))


def _called(done: Done, event: DirectSeamcall) -> Called:
    entry, status = done.entry, event.after[0]
    pairs = zip(_NAMES, event.before[1:], event.after[1:], strict=True)
    expect = entry.expect if isinstance(entry, CallEntry) else None
    return Called(
        line=entry.line,
        call=_title(event.before[0]),
        cpu=event.cpu,
        registers={n: hex(v) for n, v in zip(("rax", *_NAMES), event.before, strict=True)},
        calls=event.n,
        status=hex(status),
        status_name=None if base_status(status) is None else status_name(status),
        details=status_details(status),
        changed={name: hex(after) for name, before, after in pairs if before != after},
        expected=None if expect is None else hex(expect.status),
        as_wanted=done.as_wanted,
        sys_state=event.sys_state,
    )
