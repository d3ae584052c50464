# SPDX-License-Identifier: Apache-2.0
"""The entries of a SEAMCALL script, frozen. No third party here."""

from __future__ import annotations

from msgspec import Struct

from tdxctl.platform.faults import RuntimeFault
from tdxctl.seam.status import Wanted


class CallEntry(Struct, frozen=True):
    """One SEAMCALL, or TDH.SYS.TDMR.INIT again and again while RDX < until.

    rax holds leaf and version. tdmrs: names of tables; their addresses are written to an array
    that RCX then points to, RDX being their number, unless rcx or rdx is given.
    """

    line: int
    cpu: int
    rax: int
    rcx: int | None = None
    rdx: int | None = None
    r8: int = 0
    r9: int = 0
    r10: int = 0
    r11: int = 0
    until: int | None = None
    tdmrs: tuple[str, ...] | None = None
    expect: Wanted | None = None


class TableEntry(Struct, frozen=True):
    """A TDMR_INFO by name: (base, size) of each part in bytes, reserved as (offset, size).

    at: where in physical memory it is written, None where tdxctl chooses.
    """

    line: int
    name: str
    at: int | None
    base: int
    size: int
    pamt_1g: tuple[int, int]
    pamt_2m: tuple[int, int]
    pamt_4k: tuple[int, int]
    reserved: tuple[tuple[int, int], ...]


class WriteEntry(Struct, frozen=True):
    """data is stored at physical address at."""

    line: int
    at: int
    data: bytes


class ReadEntry(Struct, frozen=True):
    """length bytes at physical address at are shown."""

    line: int
    at: int
    length: int


class FaultEntry(Struct, frozen=True):
    """A fault is scripted; None clears them all."""

    line: int
    fault: RuntimeFault | None


Entry = CallEntry | TableEntry | WriteEntry | ReadEntry | FaultEntry


class Script(Struct, frozen=True):
    """file as it is shown in messages."""

    file: str
    entries: tuple[Entry, ...]
