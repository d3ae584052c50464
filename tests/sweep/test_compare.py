# SPDX-License-Identifier: Apache-2.0
"""Runs of a sweep compared and held against the laws, of events that are written down here."""

from __future__ import annotations

import pytest

from tdxctl.events import (
    AllocContigPages,
    Event,
    FreeContigRange,
    LogLine,
    Seamcall,
    StatusEvent,
    StepEvent,
    Wbinvd,
)
from tdxctl.linux.lookup import find_kernel
from tdxctl.seam.leaves import Leaf
from tdxctl.sweep.compare import differences, groups
from tdxctl.sweep.invariants import violations
from tdxctl.sweep.run import Answer, Run, Sweep

FAILED = Answer(-5, "ERROR", 3)
AGAIN = Answer(-22, "ERROR", 0)
READY = Answer(0, "INITIALIZED", 8)
ONCE_MORE = Answer(0, "INITIALIZED", 0)


def _run(
    point: str, *events: Event, first: Answer | None = FAILED, second: Answer | None = AGAIN
) -> Run:
    return Run(point, first, second, events)


def _call(leaf: Leaf, cpu: int = 0, ret: int = 0, n: int = 1) -> Seamcall:
    return Seamcall(leaf, cpu, 0, 0, 0, 0, ret, n)


def _sweep(*runs: Run, clean: Run | None = None, packages: tuple[int, ...] = (0,)) -> Sweep:
    without = _run("no fault", first=READY, second=ONCE_MORE) if clean is None else clean
    return Sweep("tiny", find_kernel("v5"), packages, without, runs, len(runs))


def test_the_largest_group_of_one_outcome_is_first() -> None:
    one = _run("TDH.SYS.INIT: GP", second=FAILED)
    two, three = _run("TDH.SYS.CONFIG: GP"), _run("TDH.SYS.CONFIG: UD")
    assert groups(_sweep(one, two, three)) == [(two, [two, three]), (one, [one])]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (_call(Leaf.TDH_SYS_LP_SHUTDOWN, n=2), ("TDH.SYS.LP.SHUTDOWN", 2)),
        (
            LogLine("err", "virt/tdx: module not loaded"),
            ('the line "virt/tdx: module not loaded"', 1),
        ),
        (StatusEvent("ERROR"), ("status ERROR", 1)),
        (AllocContigPages(512, 0, 0, 1 << 30), ("PAMT chunk", 1)),
        (FreeContigRange(1 << 30, 512), ("freed PAMT chunk", 1)),
        (Wbinvd(1), ("WBINVD", 1)),
    ],
)
def test_what_is_left_out_and_what_is_added_is_told_in_words(
    event: Event, words: tuple[str, int]
) -> None:
    """Expect the words and how often, of what only one of two kernels does after the fault."""
    with_it, without = _sweep(_run("p", event)), _sweep(_run("p"))
    (less,), (more,) = differences(with_it, without), differences(without, with_it)
    assert (less.what, less.left_out, less.added) == ("events", (words,), ())
    assert (more.what, more.left_out, more.added) == ("events", (), (words,))


def test_what_a_fault_adds_to_each_clean_run_alike_is_no_difference() -> None:
    """Expect a retry that both survive to be none; a fault that both fail at to be one."""
    call, flush = _call(Leaf.TDH_SYS_INIT), Wbinvd(0)
    begins = StepEvent("init")
    ours = _run("no fault", call, first=READY, second=ONCE_MORE)
    theirs = _run("no fault", call, flush, first=READY, second=ONCE_MORE)
    retried = _run("p", begins, call, call, first=READY, second=ONCE_MORE)
    retried_there = _run("p", begins, call, call, flush, first=READY, second=ONCE_MORE)
    assert differences(_sweep(retried, clean=ours), _sweep(retried_there, clean=theirs)) == []
    failed, failed_there = _run("p", begins, call), _run("p", begins, call, flush)
    (found,) = differences(_sweep(failed, clean=ours), _sweep(failed_there, clean=theirs))
    assert (found.what, found.left_out, found.added) == ("events", (), (("WBINVD", 1),))


@pytest.mark.parametrize(("first", "second"), [(None, None), (FAILED, None), (None, AGAIN)])
def test_a_point_without_both_answers_is_not_modelled(
    first: Answer | None, second: Answer | None
) -> None:
    """Expect its outcome to say so, and nothing to have been done to memory and caches."""
    run = _run("p", first=first, second=second)
    assert run.outcome == ("not modelled",)
    assert run.pamts_left == 0
    assert (run.done.seamcalls, run.done.movdir64b) == (0, 0)
    assert (run.done.wbinvd_on_all_cpus, run.done.wbinvd) == (0, 0)


def test_memory_before_keys_breaks_the_law_at_the_first_package_without() -> None:
    """Of packages 0 to 3, only 2 has its key: on CPU 2 TDH.SYS.KEY.CONFIG passed."""
    run = _run(
        "p",
        LogLine("err", "virt/tdx: module initialization failed (-5)"),
        _call(Leaf.TDH_SYS_KEY_CONFIG, cpu=2),
        _call(Leaf.TDH_SYS_KEY_CONFIG, cpu=3, ret=0x8000080000000000),
        _call(Leaf.TDH_SYS_TDMR_INIT),
    )
    (found,) = violations(_sweep(run, packages=(0, 1, 2, 3)))
    assert found.invariant == "keys-before-memory"
    assert found.how == "memory is initialized while package 0 has no key"
