# SPDX-License-Identifier: Apache-2.0
"""What holds at every point of every kernel, as data: a sentence, and how it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from tdxctl.errnos import Errno
from tdxctl.events import FINAL_STATUSES, FreeContigRange, Seamcall, WbinvdOnAllCpus
from tdxctl.seam.leaves import Leaf
from tdxctl.sweep.run import Run

_INITIALIZED = "INITIALIZED"


class Invariant(Struct, frozen=True):
    """A law. broken: how a run breaks it, None where it holds."""

    id: str
    sentence: str
    broken: Callable[[Run], str | None]


class Violation(Struct, frozen=True):
    """A law that a point breaks."""

    invariant: str
    point: str
    how: str


def _zero_is_initialized(run: Run) -> str | None:
    assert run.first is not None
    if (run.first.returned == 0) == (run.first.status == _INITIALIZED):
        return None
    return f"returned {run.first.returned}, status {run.first.status}"


def _pamts_are_freed(run: Run) -> str | None:
    assert run.first is not None
    if run.first.status == _INITIALIZED or not run.pamts_left:
        return None
    return f"{run.pamts_left} PAMT chunks are not freed"


def _nothing_is_left(run: Run) -> str | None:
    assert run.first is not None
    if run.first.status == _INITIALIZED or not run.left:
        return None
    return "not freed: " + ", ".join(f"{name} ({count})" for name, count in run.left)


def _final_is_silent(run: Run) -> str | None:
    assert run.first is not None
    assert run.second is not None
    if run.first.status not in FINAL_STATUSES or run.second.seamcalls == 0:
        return None
    return f"{run.first.status}, and a second call makes {run.second.seamcalls} SEAMCALLs"


def _final_stays(run: Run) -> str | None:
    assert run.first is not None
    assert run.second is not None
    if run.first.status not in FINAL_STATUSES or run.second.status == run.first.status:
        return None
    return f"{run.first.status} becomes {run.second.status}"


def _flushed_before_freed(run: Run) -> str | None:
    # Every page that the module may have written to is flushed before it is freed.
    written = False
    for event in run.events:
        if isinstance(event, Seamcall) and event.leaf in {
            Leaf.TDH_SYS_KEY_CONFIG,
            Leaf.TDH_SYS_TDMR_INIT,
        }:
            written = True
        elif isinstance(event, WbinvdOnAllCpus):
            written = False
        elif isinstance(event, FreeContigRange) and written:
            return "a PAMT that the module may have written to is freed before a WBINVD"
    return None


def _keys_before_memory(run: Run) -> str | None:
    answers: dict[int, int] = {}
    for event in run.events:
        if not isinstance(event, Seamcall):
            continue
        if event.leaf == Leaf.TDH_SYS_KEY_CONFIG:
            answers[event.cpu] = event.ret
        elif event.leaf == Leaf.TDH_SYS_TDMR_INIT and (not answers or any(answers.values())):
            return "memory is initialized while a package has no key"
    return None


def _failure_is_told(run: Run) -> str | None:
    assert run.first is not None
    if run.first.returned == 0 or run.log or run.point.startswith("MSR 0x87"):
        # "fault or num == 0 -> silent return" [linux-host 1.3]: a host without TDX.
        return None
    return f"returned {run.first.returned} without a line"


def _v5_shuts_down(run: Run) -> str | None:
    assert run.first is not None
    if run.first.status != "UNKNOWN" or -run.first.returned in {0, Errno.ENODEV, Errno.EINVAL}:
        return None
    return f"returned {run.first.returned}, and the module is neither shut down nor usable"


INVARIANTS = (
    Invariant(
        "zero-is-initialized", "0 is returned if and only if INITIALIZED", _zero_is_initialized
    ),
    Invariant("pamts-freed", "after a failure every PAMT is freed", _pamts_are_freed),
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
    Invariant("failure-is-told", "a failure has a line in the log", _failure_is_told),
    Invariant(
        "never-half-way",
        "v5 leaves the module usable, not loaded or shut down",
        _v5_shuts_down,
    ),
)


def violations(runs: Iterable[Run]) -> tuple[Violation, ...]:
    """What runs break, law by law, in the order of the points."""
    known = [run for run in runs if run.first is not None]
    return tuple(
        Violation(invariant.id, run.point, how)
        for invariant in INVARIANTS
        for run in known
        if (how := invariant.broken(run)) is not None
    )
