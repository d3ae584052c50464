# SPDX-License-Identifier: Apache-2.0
"""What holds at every point of every kernel, as data: a sentence, and how it is looked at."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from tdxctl.events import (
    FINAL_STATUSES,
    AllocContigPages,
    FreeContigRange,
    Seamcall,
    WbinvdOnAllCpus,
)
from tdxctl.linux.changes import KVM_TELLS_OF_FAILURE, NONE_WHEN_NOT_LOADED, Change
from tdxctl.linux.releases import KernelId
from tdxctl.seam.leaves import Leaf
from tdxctl.sweep.run import Run, Sweep
from tdxctl.units import counted

_INITIALIZED = "INITIALIZED"
#: Leaves after which memory that was handed over may have been written to.
_WRITES = frozenset({Leaf.TDH_SYS_KEY_CONFIG, Leaf.TDH_SYS_TDMR_INIT})


class Invariant(Struct, frozen=True):
    """A law. broken: how a run of a sweep breaks it, None where it holds."""

    id: str
    sentence: str
    broken: Callable[[Run, Sweep], str | None]


class Violation(Struct, frozen=True):
    """A law that a point breaks. known: why a release of that kernel does so too, where it does."""

    invariant: str
    point: str
    how: str
    known: str | None = None


def _zero_is_initialized(run: Run, _: Sweep) -> str | None:
    assert run.first is not None
    if (run.first.returned == 0) == (run.first.status == _INITIALIZED):
        return None
    return f"returned {run.first.returned}, status {run.first.status}"


def _pamts_are_freed(run: Run, _: Sweep) -> str | None:
    assert run.first is not None
    if run.first.status == _INITIALIZED or run.pamts_left <= 0:
        return None
    return f"{counted(run.pamts_left, 'PAMT chunk')} not freed"


def _freed_once(run: Run, _: Sweep) -> str | None:
    live = set[int]()
    for event in run.events:
        if isinstance(event, AllocContigPages) and event.base is not None:
            live.add(event.base)
        elif isinstance(event, FreeContigRange):
            if event.n > 1 or event.base not in live:
                return f"the pages at {event.base:#x} are freed again"
            live.remove(event.base)
    return None


def _nothing_is_left(run: Run, _: Sweep) -> str | None:
    assert run.first is not None
    if run.first.status == _INITIALIZED or not run.left:
        return None
    return "not freed: " + ", ".join(f"{name} ({count})" for name, count in run.left)


def _final_is_silent(run: Run, _: Sweep) -> str | None:
    assert run.first is not None
    assert run.second is not None
    if run.first.status not in FINAL_STATUSES or run.second.seamcalls == 0:
        return None
    return (
        f"{run.first.status}, and a second call makes {counted(run.second.seamcalls, 'SEAMCALL')}"
    )


def _final_stays(run: Run, _: Sweep) -> str | None:
    assert run.first is not None
    assert run.second is not None
    if run.first.status not in FINAL_STATUSES or run.second.status == run.first.status:
        return None
    return f"{run.first.status} becomes {run.second.status}"


def _flushed_before_freed(run: Run, _: Sweep) -> str | None:
    # Every page that the module may have written to is flushed before it is freed.
    written = False
    for event in run.events:
        if isinstance(event, Seamcall) and event.leaf in _WRITES:
            written = True
        elif isinstance(event, WbinvdOnAllCpus):
            written = False
        elif isinstance(event, FreeContigRange) and written:
            return "a PAMT that the module may have written to is freed before a WBINVD"
    return None


def _keys_before_memory(run: Run, sweep: Sweep) -> str | None:
    without = set(sweep.packages)
    for event in run.events:
        if not isinstance(event, Seamcall):
            continue
        if event.leaf == Leaf.TDH_SYS_KEY_CONFIG and event.ret == 0:
            without.discard(sweep.packages[event.cpu])
        elif event.leaf == Leaf.TDH_SYS_TDMR_INIT and without:
            return f"memory is initialized while package {min(without)} has no key"
    return None


def _failure_is_told(run: Run, sweep: Sweep) -> str | None:
    assert run.first is not None
    assert sweep.clean.first is not None
    if run.first.returned == 0 or run.point.startswith("MSR 0x87"):
        # "fault or num == 0 -> silent return" [linux-host 1.3]: a host without TDX.
        return None
    # A platform that fails without a fault tells of that.
    ordinary = () if sweep.clean.first.returned else sweep.clean.log
    if {line.text for line in run.log} - {line.text for line in ordinary}:
        return None
    return f"returned {run.first.returned} without a line of its own"


def _v5_ends(run: Run, _: Sweep) -> str | None:
    assert run.first is not None
    if run.first.status != "UNKNOWN" or run.first.seamcalls == 0:
        return None
    called = counted(run.first.seamcalls, "SEAMCALL")
    return f"returned {run.first.returned} after {called}, and nothing is decided"


INVARIANTS = (
    Invariant(
        "zero-is-initialized", "0 is returned if and only if INITIALIZED", _zero_is_initialized
    ),
    Invariant("pamts-freed", "after a failure every PAMT is freed", _pamts_are_freed),
    Invariant("freed-once", "what is freed was allocated, and is freed once", _freed_once),
    Invariant("nothing-left", "after a failure nothing else stays allocated", _nothing_is_left),
    Invariant("final-is-silent", "a final status makes no SEAMCALL any more", _final_is_silent),
    Invariant("final-stays", "a final status stays", _final_stays),
    Invariant(
        "flushed-before-freed",
        "what the module may have written to is flushed before it is freed",
        _flushed_before_freed,
    ),
    Invariant(
        "keys-before-memory",
        "no memory is initialized before every package has its key",
        _keys_before_memory,
    ),
    Invariant("failure-is-told", "a failure has a line of its own in the log", _failure_is_told),
    Invariant(
        "never-half-way",
        "v5 leaves a module that it has called usable, shut down, or known to be none",
        _v5_ends,
    ),
)


class Finding(Struct, frozen=True):
    """What real releases break of a law: those with one of the engines, without the change.

    points: how the names of those at which they do so begin. why: in the words of who reads the
    source.
    """

    invariant: str
    points: tuple[str, ...]
    engines: frozenset[str]
    without: Change | None
    why: str

    def is_of(self, violation: Violation, kernel: KernelId) -> bool:
        """Whether it is what kernel's release breaks there."""
        return (
            self.invariant == violation.invariant
            and violation.point.startswith(self.points)
            and kernel.release.engine in self.engines
            and self.without not in kernel.changes
        )


FINDINGS = (
    Finding(
        "never-half-way",
        ("TDH.SYS.INIT: VMFAILINVALID",),
        frozenset({"v5"}),
        NONE_WHEN_NOT_LOADED,
        "the series as posted leaves UNKNOWN where no module is loaded: each call asks again",
    ),
    Finding(
        "failure-is-told",
        ("TDH.SYS.INIT: ", "TDH.SYS.LP.INIT of "),
        frozenset({"v6_8", "v7_1"}),
        KVM_TELLS_OF_FAILURE,
        "a SEAMCALL that does not get through prints nothing, and nobody above tdx_cpu_enable() "
        "does",
    ),
    Finding(
        "final-is-silent",
        ("the last CPU: ", "the last package: "),
        frozenset({"v6_8"}),
        None,
        "tdx_cpu_enable() does not ask whether tdx_enable() has failed: a CPU that comes online "
        "later makes its TDH.SYS.LP.INIT all the same",
    ),
)


def violations(sweep: Sweep) -> tuple[Violation, ...]:
    """What the runs of a sweep break, law by law, in the order of the points."""
    runs = [run for run in sweep.runs if run.first is not None]
    found = (
        Violation(invariant.id, run.point, how)
        for invariant in INVARIANTS
        for run in runs
        if (how := invariant.broken(run, sweep)) is not None
    )
    return tuple(replace(each, known=_known(each, sweep.kernel)) for each in found)


def _known(violation: Violation, kernel: KernelId) -> str | None:
    found = (finding.why for finding in FINDINGS if finding.is_of(violation, kernel))
    return next(found, None)
