# SPDX-License-Identifier: Apache-2.0
"""The points of a bring-up, of calls and allocations that are written down here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from tdxctl import Machine, Platform
from tdxctl.events import Seamcall, TraceEvent
from tdxctl.platform.faults import AllocationFault, SeamcallFault
from tdxctl.seam.leaves import Leaf
from tdxctl.sweep.points import Point, pairs_of, points_of

#: Four CPUs, two in each of two packages.
PLATFORM = Platform.from_dict(
    {
        "schema": "tdxctl.platform/1",
        "cpus": {
            "madt": [{"apic_id": "0-1", "package": 0}, {"apic_id": "2-3", "package": 1}],
        },
        "memory": {"ranges": [{"start": "1MiB", "end": "2GiB"}]},
    }
)
CPU, PACKAGE = "the last CPU", "the last package"


def _points(trace: tuple[TraceEvent, ...] = (), allocations: tuple[str, ...] = ()) -> list[Point]:
    made = SimpleNamespace(trace=trace, allocations=allocations)
    return points_of(PLATFORM, cast(Machine, made))


def _tdmr_init(tdmr: int, n: int = 1, cpu: int = 0) -> Seamcall:
    return Seamcall(Leaf.TDH_SYS_TDMR_INIT, cpu, tdmr, 0, 0, 0, 0, n)


def test_calls_for_a_tdmr_are_counted_on_from_the_one_before() -> None:
    """Expect each TDMR's first, middle and last call by its number among all of the leaf's."""
    # Two calls for the first TDMR, five for the second.
    trace = (
        _tdmr_init(0, n=2),
        _tdmr_init(1 << 30, n=4),
        _tdmr_init(1 << 30, cpu=1),
    )
    calls = {}
    for point in _points(trace):
        for fault in point.faults:
            if isinstance(fault, SeamcallFault):
                calls[point.where] = fault.call
    assert calls == {
        "TDH.SYS.TDMR.INIT of the first TDMR, first call": 1,
        "TDH.SYS.TDMR.INIT of the first TDMR, last call": 2,
        "TDH.SYS.TDMR.INIT of the last TDMR, first call": 3,
        "TDH.SYS.TDMR.INIT of the last TDMR, middle call": 5,
        "TDH.SYS.TDMR.INIT of the last TDMR, last call": 7,
    }


def test_one_allocation_fails_at_a_time() -> None:
    found = _points(allocations=("the TDMR array", "a buffer", "a buffer"))
    assert {each.where: each.faults for each in found if each.where.startswith("allocation")} == {
        "allocation of the TDMR array": (AllocationFault("kernel", 1, 1),),
        "allocation of a buffer, first": (AllocationFault("kernel", 2, 1),),
        "allocation of a buffer, last": (AllocationFault("kernel", 3, 1),),
    }


def test_the_last_package_is_offline_with_all_its_cpus() -> None:
    assert [(each.where, each.offline, each.at_boot) for each in _points() if each.offline] == [
        (CPU, (3,), True),
        (CPU, (3,), False),
        (PACKAGE, (2, 3), True),
        (PACKAGE, (2, 3), False),
    ]


def test_pairs_are_of_two_places() -> None:
    """Expect no pair of two ways in which a call fails, and none of CPUs that are offline twice."""
    points = [
        Point("TDH.SYS.INIT", "TDX_SYS_BUSY"),
        Point("TDH.SYS.INIT", "GP"),
        Point(CPU, "is offline", offline=(3,), at_boot=True),
        Point(PACKAGE, "is offline", offline=(2, 3), at_boot=True),
    ]
    assert [pair.name for pair in pairs_of(points, seed=1, budget=100)] == [
        "TDH.SYS.INIT: TDX_SYS_BUSY: and the last CPU: is offline",
        "TDH.SYS.INIT: GP: and the last CPU: is offline",
        "TDH.SYS.INIT: TDX_SYS_BUSY: and the last package: is offline",
        "TDH.SYS.INIT: GP: and the last package: is offline",
    ]


def test_a_package_of_one_cpu_is_offline_by_itself() -> None:
    """Expect CPU 2, the last of its package, and no host without any CPU."""
    described = PLATFORM.to_dict()
    three = {"madt": [{"apic_id": "0-1", "package": 0}, {"apic_id": 2, "package": 1}]}
    platform = Platform.from_dict({**described, "cpus": three})
    made = cast(Machine, SimpleNamespace(trace=(), allocations=()))
    offline = {(each.where, each.offline) for each in points_of(platform, made) if each.offline}
    assert offline == {(CPU, (2,)), (PACKAGE, (2,))}
    one = Platform.from_dict({**described, "cpus": {"madt": [{"apic_id": 0}]}})
    assert not any(each.offline for each in points_of(one, made))


def test_a_pair_has_the_faults_and_the_leaf_of_either() -> None:
    gone = Point(CPU, "is offline", offline=(3,), at_boot=True)
    busy = Point("TDH.SYS.INIT", "TDX_SYS_BUSY", leaf=Leaf.TDH_SYS_INIT)
    (pair,) = pairs_of([gone, busy], seed=0, budget=1)
    assert (pair.where, pair.what) == (f"{CPU}: is offline", "and TDH.SYS.INIT: TDX_SYS_BUSY")
    assert (pair.offline, pair.at_boot, pair.leaf) == ((3,), True, Leaf.TDH_SYS_INIT)
    (other,) = pairs_of([busy, gone], seed=0, budget=1)
    assert (other.offline, other.at_boot, other.leaf) == ((3,), True, Leaf.TDH_SYS_INIT)
