# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.events/1`: events as JSON lines have them, a record for each kind.

Register values, statuses and addresses are `0x` strings; counts, CPUs, leaves and sizes numbers.
n is how often an event came in a row, and left out where it is 1.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Struct, UnsetType, field, to_builtins

from tdxctl.document import ByNode, Count, Hex, one_of

Level = Annotated[str, one_of("info", "warn", "err", "WARN")]
Times = int | UnsetType


class Entry(Struct, frozen=True, tag_field="ev"):
    """An event: `ev` says of which kind."""

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON values."""
        values: dict[str, Any] = to_builtins(self)
        return values


class Head(Entry, frozen=True, tag="tdxctl.events/1"):
    """The first line: whose events they are."""

    machine: str
    kernel: str


class Log(Entry, frozen=True, tag="log"):
    """A line of the kernel's log; newline is there, and false, where the kernel printed none."""

    level: Level
    text: str
    newline: bool | UnsetType = UNSET


class Seamcall(Entry, frozen=True, kw_only=True, tag="seamcall"):
    """A SEAMCALL: its inputs and RAX after it.

    A register that points to a buffer has the buffer's name, one that holds a count is a number.
    A leaf of P-SEAMLDR is 0x80000000 + n.
    """

    leaf: Count
    cpu: Count
    rcx: str | UnsetType = UNSET
    rdx: Hex | Count | UnsetType = UNSET
    r8: str | Count | UnsetType = UNSET
    r9: Count | UnsetType = UNSET
    ret: Hex
    n: Times = UNSET


class DirectSeamcall(Entry, frozen=True, tag="direct_seamcall"):
    """SEAMCALLs that no kernel made: RAX, RCX, RDX, R8 to R11 before and after."""

    cpu: Count
    before: list[Hex] = field(name="in")
    after: list[Hex] = field(name="out")
    sys_state: str | None
    n: Times = UNSET


class MemoryWrite(Entry, frozen=True, tag="memory_write"):
    """Physical memory written by a script: data in hex."""

    at: Hex
    data: str
    n: Times = UNSET


class MemoryRead(Entry, frozen=True, tag="memory_read"):
    """Physical memory read by a script: data in hex."""

    at: Hex
    data: str
    n: Times = UNSET


class AllocContigPages(Entry, frozen=True, tag="alloc_contig_pages"):
    """alloc_contig_pages(): base is null, and got_nid -1, where it failed."""

    nr_pages: Count
    nid: int
    got_nid: int
    base: Hex | None
    n: Times = UNSET


class FreeContigRange(Entry, frozen=True, tag="free_contig_range"):
    """free_contig_range()."""

    base: Hex
    nr_pages: Count
    n: Times = UNSET


class WbinvdOnAllCpus(Entry, frozen=True, tag="wbinvd_on_all_cpus"):
    """wbinvd_on_all_cpus()."""

    n: Times = UNSET


class Wbinvd(Entry, frozen=True, tag="wbinvd"):
    """WBINVD on one logical CPU."""

    cpu: Count
    n: Times = UNSET


class Movdir64b(Entry, frozen=True, tag="movdir64b"):
    """A page range reset: how many stores of 64 bytes."""

    stores: Count
    n: Times = UNSET


class Area(Struct, frozen=True):
    """Where the kernel wanted a reserved area of a TDMR, what it holds, and whether it got one.

    pamt_of: the TDMR whose PAMT it is a part of.
    """

    tdmr: Count
    start: Hex
    end: Hex
    holds: Annotated[str, one_of("hole", "cmr-gap", "pamt")]
    pamt_of: int | None
    reserved: bool


class Memory(Struct, frozen=True):
    """What became of memory, in bytes by node, and the areas that the kernel left out."""

    usable: ByNode
    lost: ByNode
    areas: list[Area]


class Step(Entry, frozen=True, tag="step"):
    """A step begins (outcome null) or ends; memory: of the step that covers it with TDMRs."""

    name: str
    outcome: Annotated[str, one_of("passed", "failed")] | None
    memory: Memory | UnsetType = UNSET


class StatusChange(Entry, frozen=True, tag="status"):
    """The kernel's TDX status is set."""

    status: str


#: What stands on a line, the head on the first.
AnyEntry = (
    Head
    | Log
    | Seamcall
    | DirectSeamcall
    | MemoryWrite
    | MemoryRead
    | AllocContigPages
    | FreeContigRange
    | WbinvdOnAllCpus
    | Wbinvd
    | Movdir64b
    | Step
    | StatusChange
)
