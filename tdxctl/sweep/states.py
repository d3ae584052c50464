# SPDX-License-Identifier: Apache-2.0
"""The state machine of a kernel: everything that can be done to a host, breadth first.

A machine is reached by doing its operations again: none can be copied. Two that later operations
cannot tell apart are one state, and an operation that leads nowhere is undone by nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from tdxctl import operations as ops
from tdxctl.errors import NotModelledError, UsageError
from tdxctl.events import OpResult
from tdxctl.linux.releases import KernelId
from tdxctl.linux.steps import KernelErrno
from tdxctl.machine import Machine
from tdxctl.operations import Operation
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import SeamcallFault
from tdxctl.seam.faults import Fault
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Status
from tdxctl.sweep.points import FOR_EVER

#: What fails where something fails: a step that every kernel takes.
FAULT = SeamcallFault(Leaf.TDH_SYS_CONFIG, int(Status.TDX_OPERAND_INVALID), None, 1, FOR_EVER)
#: CPUs of a host that is cut down: one that goes offline, and one that stays.
_CPUS = 2


class Reboot(Struct, frozen=True):
    """A boot from scratch; fault: one that is there from the first SEAMCALL on."""

    fault: SeamcallFault | None = None

    @property
    def label(self) -> str:
        """What it is called."""
        return "boot" if self.fault is None else "boot, TDH.SYS.CONFIG fails"


Step = Operation | Reboot
Fingerprint = tuple[object, ...]


class Edge(Struct, frozen=True):
    """An operation that leads from a status to one, and what it returned.

    path: the operations after the boot that lead there, it being the last; none is shorter.
    """

    before: str
    after: str
    operation: str
    returned: int
    path: tuple[str, ...]


class States(Struct, frozen=True):
    """What was found to a depth: how many states and transitions, and the statuses between them.

    initial: the status after the boot. statuses: in the order in which they were reached.
    """

    kernel: KernelId
    platform: str
    depth: int
    states: int
    transitions: int
    initial: str
    statuses: tuple[str, ...]
    edges: tuple[Edge, ...]


class _Found(Struct, frozen=True):
    # A state: what was done to reach it, its status, and what tells it from others.
    path: tuple[Step, ...]
    status: str
    fingerprint: Fingerprint


def cut_down(platform: Platform) -> Platform:
    """The same with the fewest CPUs and reads that have all states: of a kernel, not of a host."""
    cpus, module = platform.cpus, platform.module
    return replace(
        platform,
        name="two CPUs",
        cpus=replace(cpus, madt=cpus.madt[:_CPUS], online=tuple(range(_CPUS))),
        module=replace(module, num_cpuid_config=1),
    )


def explore(
    platform: Platform,
    kernel: KernelId,
    depth: int,
    told: Callable[[int, int], None] | None = None,
) -> States:
    """Do everything to a host that kernel was booted on, up to depth operations in a row.

    told: is called before each state with its depth and how many states there are. Raises
    NotModelledError where the boot is not modelled.
    """
    host = _Host(platform, kernel)
    start = host.booted(Reboot())
    first = _Found((), start.machine.status, start.fingerprint)
    seen = {first.fingerprint}
    level = [first]
    edges: dict[tuple[str, str, str, int], Edge] = {}
    transitions, statuses = 0, {first.status: None}
    for far in range(depth):
        following: list[_Found] = []
        for found in level:
            if told is not None:
                told(far, len(seen))
            for step, result, fingerprint in host.steps_from(found):
                transitions += 1
                path = (*found.path, step)
                edge = _edge(found.status, path, result)
                edges.setdefault((edge.before, edge.after, edge.operation, edge.returned), edge)
                statuses[edge.after] = None
                if fingerprint not in seen:
                    seen.add(fingerprint)
                    following.append(_Found(path, edge.after, fingerprint))
        level = following
    return States(
        kernel,
        platform.name,
        depth,
        len(seen),
        transitions,
        first.status,
        tuple(statuses),
        tuple(edges.values()),
    )


def _edge(before: str, path: tuple[Step, ...], result: OpResult) -> Edge:
    labels = tuple(step.label for step in path)
    return Edge(before, result.status, labels[-1], result.returned, labels)


class _Booted(Struct, frozen=True):
    # A machine that was just booted: each boot of the same is the same.
    machine: Machine
    fingerprint: Fingerprint


class _Host:
    """What is explored: a platform with a kernel, booted again for each way that is tried."""

    def __init__(self, platform: Platform, kernel: KernelId) -> None:
        self._platform = platform
        self._kernel = kernel
        self._steps = _steps(platform)
        self._boots: dict[Reboot, _Booted] = {}

    def booted(self, step: Reboot) -> _Booted:
        """A machine after that boot, which nobody may operate on."""
        if step not in self._boots:
            machine = self._boot(step)
            self._boots[step] = _Booted(machine, _fingerprint(machine))
        return self._boots[step]

    def steps_from(self, found: _Found) -> Iterator[tuple[Step, OpResult, Fingerprint]]:
        """What each step does to a state; what a kernel lacks or would crash at is left out."""
        machine: Machine | None = None
        for step in self._steps:
            try:
                if isinstance(step, Reboot):
                    booted = self.booted(step)
                    yield step, booted.machine.boot_result, booted.fingerprint
                    continue
                machine = machine or self._reached(found.path)
                result = step.perform(machine)
            except (NotModelledError, UsageError):
                machine = None
                continue
            fingerprint = _fingerprint(machine)
            if fingerprint != found.fingerprint:
                # It is in another state now: the next step needs one that is in this.
                machine = None
            yield step, result, fingerprint

    def _reached(self, path: tuple[Step, ...]) -> Machine:
        # Only what comes after the last boot made the machine what it is.
        last = max((i for i, step in enumerate(path) if isinstance(step, Reboot)), default=-1)
        step = path[last] if last >= 0 else Reboot()
        assert isinstance(step, Reboot), "that is how it was found"
        machine = self._boot(step)
        for later in path[last + 1 :]:
            assert isinstance(later, Operation), "the last boot is before it"
            later.perform(machine)
        return machine

    def _boot(self, step: Reboot) -> Machine:
        platform = self._platform
        if step.fault is not None:
            platform = replace(platform, faults=(*platform.faults, step.fault))
        return Machine.boot(platform, self._kernel)


def _steps(platform: Platform) -> tuple[Step, ...]:
    last = platform.cpus.online[-1] if platform.cpus.online else 0
    return (
        ops.Init(1),
        ops.ModuleLoad(),
        ops.ModuleUnload(),
        ops.ModuleShutdown(),
        ops.ModuleUpdate(),
        ops.CpuOffline(last),
        ops.CpuOnline(last),
        ops.FaultSet(FAULT),
        ops.FaultClear(),
        ops.Kexec(),
        Reboot(),
        Reboot(FAULT),
    )


# What tells two machines apart that later operations may tell apart: whatever a part keeps in
# plain values. What was recorded, and what is counted, makes no machine another.
_NO_MATTER: Final = frozenset(
    {
        *("_calls", "_attempts", "asked_for", "_kernel_next", "rdrands", "pconfigs"),
        *("_boot_steps", "_memory_by_node", "tdmrs", "failure", "_entry", "_by_leaf"),
    }
)


def _fingerprint(machine: Machine) -> Fingerprint:
    return tuple(_plain_parts(part) for part in machine.parts)


def _plain_parts(part: object) -> object:
    if part is None:
        return None
    names = getattr(type(part), "__slots__", None) or vars(part)
    values = ((name, _plain(getattr(part, name))) for name in names if name not in _NO_MATTER)
    return tuple((name, value) for name, value in values if value is not ...)


def _plain(value: Any) -> object:
    # Ellipsis for what is no plain value: another part, a function, a record of what happened.
    match value:
        case None | bool() | int() | str() | Enum():
            return value
        case set() | frozenset():
            return frozenset(map(_plain, value))
        case list():
            return tuple(map(_plain, value))
        case (Fault(), *_):
            # Scripted twice is scripted.
            return frozenset(value)
        case tuple():
            return tuple(map(_plain, value))
        case dict():
            return frozenset((_plain(key), _plain(each)) for key, each in value.items())
        case _ if hasattr(value, "tobytes"):
            # An array, by what is in it.
            return value.tobytes()
        case KernelErrno():
            return value.errno, type(value.cause).__name__
        case Fault():
            return value
        case _:
            return ...
