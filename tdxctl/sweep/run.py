# SPDX-License-Identifier: Apache-2.0
"""One bring-up for each point, a second call after it, and what both left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tdxctl.errors import NotModelledError
from tdxctl.events import (
    AllocContigPages,
    Event,
    FreeContigRange,
    LogLine,
    Movdir64b,
    OpResult,
    Seamcall,
    Wbinvd,
    WbinvdOnAllCpus,
)
from tdxctl.linux.releases import KernelId
from tdxctl.machine import Machine
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import Fault
from tdxctl.seam.leaves import Leaf
from tdxctl.sweep.points import Point, pairs_of, points_of

_COUNTED = (Seamcall, FreeContigRange, Wbinvd, WbinvdOnAllCpus)


class Answer(Struct, frozen=True):
    """What a caller gets: 0 or a negative errno, the status after it, SEAMCALLs made."""

    returned: int
    status: str
    seamcalls: int


class Done(Struct, frozen=True):
    """What a bring-up did to memory and caches.

    SEAMCALLs made, PAMT chunks obtained and freed, WBINVDs on all CPUs and on one, MOVDIR64Bs of a
    PAMT's reset.
    """

    seamcalls: int = 0
    pamts: int = 0
    pamts_freed: int = 0
    wbinvd_on_all_cpus: int = 0
    wbinvd: int = 0
    movdir64b: int = 0


class Run(Struct, frozen=True):
    """What became of one point.

    first: of the call that meets the fault. second: of a call after it, the fault being over.
    events: everything up to the end of the first, done: what of it counts. left: what else than
    PAMTs the kernel has allocated still, by name. faults, offline: the point's, the shortest input
    that gives this.
    not_modelled: why there is no answer.
    """

    point: str
    first: Answer | None
    second: Answer | None
    events: tuple[Event, ...] = ()
    done: Done = Done()
    left: tuple[tuple[str, int], ...] = ()
    faults: tuple[Fault, ...] = ()
    offline: tuple[int, ...] = ()
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

    @property
    def pamts_left(self) -> int:
        """PAMT chunks that are not freed."""
        return self.done.pamts - self.done.pamts_freed

    def after(self, clean: Run) -> tuple[Event, ...]:
        """The events from the first one on that the run without a fault does not have."""
        same = 0
        for ours, theirs in zip(self.events, clean.events, strict=False):
            if ours is not theirs and ours != theirs:
                break
            same += 1
        return self.events[same:]


class Sweep(Struct, frozen=True):
    """All points of a platform under a kernel, and the run without a fault.

    packages: of each logical CPU. points: how many there are, of which runs has those that were
    run before somebody ended it. pairs: whether they are pairs.
    """

    platform: str
    kernel: KernelId
    packages: tuple[int, ...]
    clean: Run
    runs: tuple[Run, ...]
    points: int
    pairs: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every point was run."""
        return len(self.runs) == self.points


class Pairs(Struct, frozen=True):
    """Which pairs of points to run: a seed of the draw, and how many at most."""

    seed: int
    budget: int


def sweep(
    platform: Platform,
    kernel: KernelId,
    leaf: Leaf | None = None,
    *,
    pairs: Pairs | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Run every point of kernel's bring-up on platform.

    leaf: only those of that leaf. pairs: instead of the points some pairs of them. told: is called
    before each with how many were run, of how many. Ctrl-C ends it with what there is.
    Raises NotModelledError where the run without a fault is not modelled.
    """
    machine = Machine.boot(platform, kernel)
    first = machine.tdx_init()
    points = [each for each in points_of(platform, machine) if leaf in (None, each.leaf)]
    clean = _called_again("no fault", Point("", ""), machine, first)
    if pairs is not None:
        points = pairs_of(points, pairs.seed, pairs.budget)
    runs = tuple(_runs(points, platform, kernel, told))
    packages = tuple(entry.package for entry in platform.cpus.madt if entry.enabled)
    return Sweep(platform.name, kernel, packages, clean, runs, len(points), pairs is not None)


def _runs(
    points: Sequence[Point],
    platform: Platform,
    kernel: KernelId,
    told: Callable[[int, int], None] | None,
) -> Iterator[Run]:
    try:
        for number, point in enumerate(points):
            if told is not None:
                told(number, len(points))
            yield _run(point, platform, kernel)
    except KeyboardInterrupt:
        # What there is is worth having; who reads it is told that it is not all.
        return


def _run(point: Point, platform: Platform, kernel: KernelId) -> Run:
    try:
        machine = Machine.boot(point.on(platform), kernel)
        if not point.at_boot:
            for cpu in point.offline:
                machine.cpu_offline(cpu)
        return _called_again(point.name, point, machine, machine.tdx_init())
    except NotModelledError as error:
        run = Run(point.name, None, None, not_modelled=error.message)
        return replace(run, faults=point.faults, offline=point.offline)


def _called_again(name: str, point: Point, machine: Machine, first: OpResult) -> Run:
    events, left = machine.events, tuple(sorted(machine.still_allocated.items()))
    done = _done(events)
    machine.clear_faults()
    for cpu in point.offline:
        machine.cpu_online(cpu)
    second = machine.tdx_init()
    return Run(
        name,
        Answer(first.returned, first.status, done.seamcalls),
        Answer(second.returned, second.status, _done(second.events).seamcalls),
        events,
        done,
        left,
        point.faults,
        point.offline,
    )


def _done(events: tuple[Event, ...]) -> Done:
    kinds: Counter[type] = Counter()
    stores = 0
    for event in events:
        if isinstance(event, _COUNTED):
            kinds[type(event)] += event.n
        elif isinstance(event, AllocContigPages) and event.base is not None:
            kinds[AllocContigPages] += event.n
        elif isinstance(event, Movdir64b):
            stores += event.stores * event.n
    return Done(
        kinds[Seamcall],
        kinds[AllocContigPages],
        kinds[FreeContigRange],
        kinds[WbinvdOnAllCpus],
        kinds[Wbinvd],
        stores,
    )
