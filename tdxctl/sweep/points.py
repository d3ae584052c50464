# SPDX-License-Identifier: Apache-2.0
"""The points of a bring-up at which something can fail, found in a run in which nothing does.

A point is named by what it means (a metadata field, a package, a TDMR), not by the number of a
call, so that two kernels that make different numbers of calls compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tdxctl.errnos import Errno
from tdxctl.events import AllocContigPages, Seamcall
from tdxctl.machine import Machine
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import AllocationFault, BootFault, Fault, MsrReadFault, SeamcallFault
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.metadata import field_with
from tdxctl.seam.returned import returns
from tdxctl.seam.status import Status, status_name

T = TypeVar("T")

#: More calls than any machine makes: a fault that stays.
_FOR_EVER = 1 << 30
#: What SEAMCALL itself can answer, whatever the leaf.
_NOT_THROUGH = (Status.VMFAILINVALID, Status.GP, Status.UD)


class Point(Struct, frozen=True):
    """Something that fails: where and what in words, and the platform on which it does.

    where: the call, allocation or condition. what: the status, or how it fails. leaf: of the
    SEAMCALL that fails, where it is one.
    """

    where: str
    what: str
    platform: Platform
    leaf: Leaf | None = None

    @property
    def name(self) -> str:
        """Both: what two kernels' points compare by."""
        return f"{self.where}: {self.what}"


class _Call(Struct, frozen=True):
    # A SEAMCALL of the fault-free run by its meaning: the call-th of its leaf (on that CPU).
    where: str
    leaf: Leaf
    call: int
    cpu: int | None = None


def points_of(platform: Platform, machine: Machine) -> list[Point]:
    """The points of the bring-up that machine, booted on platform, made without a fault."""
    found = [
        Point(call.where, what, _with(platform, fault), call.leaf)
        for call in _calls(machine)
        for what, fault in _faults_of(call)
    ]
    found += [
        Point(where, "fails", _with(platform, fault)) for where, fault in _allocations(machine)
    ]
    found += _at_boot(platform)
    return found


def _with(platform: Platform, fault: Fault) -> Platform:
    return replace(platform, faults=(*platform.faults, fault))


def _faults_of(call: _Call) -> Iterator[tuple[str, Fault]]:
    for status in dict.fromkeys((*returns(call.leaf), *_NOT_THROUGH)):
        if status not in {Status.TDX_SUCCESS, Status.TDX_RND_NO_ENTROPY}:
            yield (
                status_name(status),
                SeamcallFault(call.leaf, int(status), call.cpu, call.call, 1),
            )
    no_entropy = int(Status.TDX_RND_NO_ENTROPY)
    name = status_name(no_entropy)
    yield f"{name} once", SeamcallFault(call.leaf, no_entropy, call.cpu, call.call, 1)
    yield f"{name} for ever", SeamcallFault(call.leaf, no_entropy, call.cpu, call.call, _FOR_EVER)


def _calls(machine: Machine) -> Iterator[_Call]:
    calls = [event for event in machine.trace if isinstance(event, Seamcall)]
    for leaf in dict.fromkeys(call.leaf for call in calls):
        made = [call for call in calls if call.leaf == leaf]
        yield from _calls_of(Leaf(leaf), made)


def _calls_of(leaf: Leaf, made: list[Seamcall]) -> Iterator[_Call]:
    match leaf:
        case Leaf.TDH_SYS_RD:
            arrays: dict[str, list[int]] = {}
            for number, call in enumerate(made, 1):
                arrays.setdefault(_field(call.rdx), []).append(number)
            for field, numbers in arrays.items():
                for place, number in _first_middle_last(numbers):
                    which = field if len(numbers) == 1 else f"the {place} {field}"
                    yield _Call(f"{leaf.title} of {which}", leaf, number)
        case Leaf.TDH_SYS_LP_INIT:
            for place, call in _first_middle_last(made):
                yield _Call(f"{leaf.title} of the {place} CPU", leaf, 1, call.cpu)
        case Leaf.TDH_SYS_KEY_CONFIG:
            numbered = list(enumerate(made, 1))
            for place, (number, _) in _first_middle_last(numbered):
                yield _Call(f"{leaf.title} of the {place} package", leaf, number)
        case Leaf.TDH_SYS_TDMR_INIT:
            yield from _tdmr_inits(leaf, made)
        case _:
            yield _Call(leaf.title, leaf, 1)


def _field(field_id: int) -> str:
    # The field's name, or that of the array it is an element of.
    found = field_with(field_id)
    return hex(field_id) if found is None else found[0][1]


def _tdmr_inits(leaf: Leaf, made: list[Seamcall]) -> Iterator[_Call]:
    before = 0
    tdmrs = []
    for base in dict.fromkeys(call.rcx for call in made):
        calls = sum(call.n for call in made if call.rcx == base)
        tdmrs.append((before, calls))
        before += calls
    for place, (first, calls) in _first_middle_last(tdmrs):
        for at, offset in _first_middle_last(range(calls)):
            where = f"{leaf.title} of the {place} TDMR, {at} call"
            yield _Call(where, leaf, first + offset + 1)


def _allocations(machine: Machine) -> Iterator[tuple[str, Fault]]:
    by_name: dict[str, list[int]] = {}
    for number, name in enumerate(machine.allocations, 1):
        by_name.setdefault(name, []).append(number)
    for name, numbers in by_name.items():
        for place, number in _first_middle_last(numbers):
            where = f"allocation of {name}" + (f", {place}" if len(numbers) > 1 else "")
            yield where, AllocationFault("kernel", number, 1)
    pamts = [event for event in machine.trace if isinstance(event, AllocContigPages)]
    for place, number in _first_middle_last(range(1, len(pamts) + 1)):
        yield f"PAMT of the {place} TDMR", AllocationFault("pamt", number, 1)


def _at_boot(platform: Platform) -> Iterator[Point]:
    yield Point(
        "the memory notifier", "fails", _with(platform, BootFault("memory_notifier", Errno.ENOMEM))
    )
    yield Point("MSR 0x87", "cannot be read", _with(platform, MsrReadFault(0x87)))
    online = platform.cpus.online
    if len(online) > 1:
        cpus = replace(platform.cpus, online=online[:-1])
        yield Point("the last CPU", "is offline", replace(platform, cpus=cpus))


def _first_middle_last(items: Iterable[T]) -> Iterator[tuple[str, T]]:
    # Of one item only the first, of two the first and the last.
    found = list(items)
    places = {"first": 0, "middle": len(found) // 2, "last": len(found) - 1}
    seen = set[int]()
    for place, index in places.items():
        if found and index not in seen and not (place == "middle" and len(found) == 2):
            seen.add(index)
            yield place, found[index]
