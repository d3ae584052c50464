# SPDX-License-Identifier: Apache-2.0
"""One bring-up for each point, a second call after it, and what both left."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from tdxctl.errors import NotModelledError
from tdxctl.events import (
    AllocContigPages,
    Event,
    FreeContigRange,
    LogLine,
    OpResult,
    Seamcall,
)
from tdxctl.linux.releases import KernelId
from tdxctl.machine import Machine
from tdxctl.platform.description import Platform
from tdxctl.seam.leaves import Leaf
from tdxctl.sweep.points import Point, points_of


class Answer(Struct, frozen=True):
    """What a caller gets: 0 or a negative errno, the status after it, SEAMCALLs made."""

    returned: int
    status: str
    seamcalls: int


class Run(Struct, frozen=True):
    """What became of one point.

    first: of the call that meets the fault. second: of a call after it, the fault being over.
    events: everything up to the end of the first. pamts_left: PAMT chunks not freed. left: what
    else of the kernel's is allocated still, by name. not_modelled: why there is no answer.
    """

    point: str
    first: Answer | None
    second: Answer | None
    events: tuple[Event, ...] = ()
    pamts_left: int = 0
    left: tuple[tuple[str, int], ...] = ()
    not_modelled: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether a second call does nothing more."""
        return self.second is not None and self.second.seamcalls == 0

    @property
    def outcome(self) -> tuple[object, ...]:
        """What a user can tell: both answers."""
        if self.first is None or self.second is None:
            return ("not modelled",)
        return (self.first.returned, self.first.status, self.second.returned, self.second.status)

    @property
    def log(self) -> tuple[LogLine, ...]:
        """The kernel's lines."""
        return tuple(event for event in self.events if isinstance(event, LogLine))


class Sweep(Struct, frozen=True):
    """All points of a platform under a kernel, and the run without a fault."""

    platform: str
    kernel: str
    title: str
    clean: Run
    runs: tuple[Run, ...]


def sweep(platform: Platform, kernel: KernelId, leaf: Leaf | None = None) -> Sweep:
    """Run every point of kernel's bring-up on platform; leaf: only those of that leaf.

    Raises NotModelledError where the run without a fault is not modelled.
    """
    machine = Machine.boot(platform, kernel)
    first = machine.tdx_init()
    found = points_of(platform, machine)
    clean = _called_again("no fault", machine, first)
    runs = tuple(_run(point, kernel) for point in found if leaf in (None, point.leaf))
    return Sweep(platform.name, kernel.id, kernel.title, clean, runs)


def _run(point: Point, kernel: KernelId) -> Run:
    try:
        machine = Machine.boot(point.platform, kernel)
        return _called_again(point.name, machine, machine.tdx_init())
    except NotModelledError as error:
        return Run(point.name, None, None, not_modelled=error.message)


def _called_again(point: str, machine: Machine, first: OpResult) -> Run:
    events = machine.events
    pamts_left, left = _pamts_left(events), tuple(sorted(machine.still_allocated.items()))
    machine.clear_faults()
    second = machine.tdx_init()
    return Run(
        point,
        Answer(first.returned, first.status, _seamcalls(events)),
        Answer(second.returned, second.status, _seamcalls(second.events)),
        events,
        pamts_left,
        left,
    )


def _seamcalls(events: tuple[Event, ...]) -> int:
    return sum(event.n for event in events if isinstance(event, Seamcall))


def _pamts_left(events: tuple[Event, ...]) -> int:
    kinds: Counter[type] = Counter()
    for event in events:
        if isinstance(event, FreeContigRange) or (
            isinstance(event, AllocContigPages) and event.base is not None
        ):
            kinds[type(event)] += event.n
    return kinds[AllocContigPages] - kinds[FreeContigRange]
