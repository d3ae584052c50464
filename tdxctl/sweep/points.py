# SPDX-License-Identifier: Apache-2.0
"""The points of a bring-up at which something can fail, found in a run in which nothing does.

A point is named by what it means (a metadata field, a package, a TDMR), not by the number of a
call, so that two kernels that make different numbers of calls compare.
"""

from __future__ import annotations

import math
import random
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
FOR_EVER = 1 << 30
#: What SEAMCALL itself can answer, whatever the leaf.
_NOT_THROUGH = (Status.VMFAILINVALID, Status.GP, Status.UD)


class Point(Struct, frozen=True):
    """Something that fails: where and what in words, and how it is made to.

    where: the call, allocation or condition. what: the status, or how it fails. faults: what a
    description scripts for it. offline: CPUs that are not there, at boot or from then on until the
    first call. leaf: of the SEAMCALL that fails, where it is one.
    """

    where: str
    what: str
    faults: tuple[Fault, ...] = ()
    offline: tuple[int, ...] = ()
    at_boot: bool = False
    leaf: Leaf | None = None

    @property
    def name(self) -> str:
        """Both: what two kernels' points compare by."""
        return f"{self.where}: {self.what}"

    def on(self, platform: Platform) -> Platform:
        """The platform on which it fails."""
        cpus = platform.cpus
        if self.at_boot:
            online = tuple(cpu for cpu in cpus.online if cpu not in self.offline)
            cpus = replace(cpus, online=online)
        return replace(platform, cpus=cpus, faults=(*platform.faults, *self.faults))


class _Call(Struct, frozen=True):
    # A SEAMCALL of the fault-free run by its meaning: the call-th of its leaf (on that CPU).
    where: str
    leaf: Leaf
    call: int
    cpu: int | None = None


def points_of(platform: Platform, machine: Machine) -> list[Point]:
    """The points of the bring-up that machine, booted on platform, made without a fault."""
    found = [
        Point(call.where, what, (fault,), leaf=call.leaf)
        for call in _calls(machine)
        for what, fault in _faults_of(call)
    ]
    found += [Point(where, "fails", (fault,)) for where, fault in _allocations(machine)]
    notifier = BootFault("memory_notifier", Errno.ENOMEM)
    found.append(Point("the memory notifier", "fails", (notifier,)))
    found.append(Point("MSR 0x87", "cannot be read", (MsrReadFault(0x87),)))
    found += _cpus(platform)
    return found


def pairs_of(points: list[Point], seed: int, budget: int) -> list[Point]:
    """Two of points at once: budget of all pairs, drawn by seed, in their order.

    Two ways in which the same call fails are no pair, and are left out of those drawn.
    """
    count = len(points)
    every = count * (count - 1) // 2
    drawn = random.Random(seed).sample(range(every), min(budget, every))
    found = []
    for number in sorted(drawn):
        first, second = (points[i] for i in _pair(number))
        if first.where != second.where and not (first.offline and second.offline):
            found.append(_both(first, second))
    return found


def _pair(number: int) -> tuple[int, int]:
    # Of the pairs (0, 1), (0, 2), (1, 2), (0, 3), ... the one of that number.
    second = (1 + math.isqrt(1 + 8 * number)) // 2
    return number - second * (second - 1) // 2, second


def _both(first: Point, second: Point) -> Point:
    return Point(
        first.name,
        f"and {second.name}",
        (*first.faults, *second.faults),
        (*first.offline, *second.offline),
        at_boot=first.at_boot or second.at_boot,
        leaf=first.leaf or second.leaf,
    )


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
    for stays in (no_entropy, int(Status.TDX_INTERRUPTED_RESUMABLE)):
        name = f"{status_name(stays)} for ever"
        yield name, SeamcallFault(call.leaf, stays, call.cpu, call.call, FOR_EVER)


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


def _cpus(platform: Platform) -> Iterator[Point]:
    online = platform.cpus.online
    packages = [entry.package for entry in platform.cpus.madt if entry.enabled]
    gone = {"the last CPU": online[-1:]}
    if online:
        last = packages[online[-1]]
        gone["the last package"] = tuple(cpu for cpu in online if packages[cpu] == last)
    for where, cpus in gone.items():
        if 0 < len(cpus) < len(online):
            yield Point(where, "is offline", offline=cpus, at_boot=True)
            yield Point(where, "goes offline before the call", offline=cpus)


def _first_middle_last(items: Iterable[T]) -> Iterator[tuple[str, T]]:
    # Of one item only the first, of two the first and the last.
    found = list(items)
    places = {"first": 0, "middle": len(found) // 2, "last": len(found) - 1}
    seen = set[int]()
    for place, index in places.items():
        if found and index not in seen and not (place == "middle" and len(found) == 2):
            seen.add(index)
            yield place, found[index]
