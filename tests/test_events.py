# SPDX-License-Identifier: Apache-2.0
"""What happened, as records and as entries of `--format jsonl`."""

from __future__ import annotations

from typing import Any

import pytest

from tdxctl.errnos import Errno
from tdxctl.events import (
    AllocContigPages,
    DirectSeamcall,
    Event,
    FreeContigRange,
    Holds,
    Journal,
    LogLine,
    MemoryData,
    MemoryUse,
    Movdir64b,
    NodeMemory,
    PamtSummary,
    ReservedArea,
    Seamcall,
    StatusEvent,
    StepEvent,
    Wbinvd,
    WbinvdOnAllCpus,
    log_of,
    trace_of,
)
from tdxctl.verdicts import (
    IDS,
    HostVerdict,
    KvmDoesNotLoad,
    ModuleLost,
    NoCapacity,
    ReadyToRunTds,
    TdxOff,
)
from tests.machines import booted

MIB = 1 << 20


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (LogLine("info", "x"), {"ev": "log", "level": "info", "text": "x"}),
        (
            LogLine("err", "x", newline=False),
            {"ev": "log", "level": "err", "text": "x", "newline": False},
        ),
        (
            Seamcall(33, 2, 1, 2, 3, 4, 0x8000020300000000),
            {
                "ev": "seamcall", "leaf": 33, "cpu": 2, "rcx": "0x1", "rdx": "0x2", "r8": "0x3",
                "ret": "0x8000020300000000",
            },
        ),
        # Addresses of buffers are the kernel's own affair.
        (
            Seamcall(32, 0, 0x1000, 1024, 0x2000, 32, 0),
            {
                "ev": "seamcall", "leaf": 32, "cpu": 0, "rcx": "SYSINFO", "rdx": 1024,
                "r8": "CMR_ARRAY", "r9": 32, "ret": "0x0",
            },
        ),
        (
            Seamcall(45, 0, 0x1000, 3, 32, 0, 0),
            {
                "ev": "seamcall", "leaf": 45, "cpu": 0, "rcx": "TDMR_PA_ARRAY", "rdx": 3, "r8": 32,
                "ret": "0x0",
            },
        ),
        (
            Seamcall(1 << 63 | 1, 5, 0x1000, 0, 0, 0, 0, n=2),
            {
                "ev": "seamcall", "leaf": 0x80000001, "cpu": 5, "rcx": "PARAMS", "ret": "0x0",
                "n": 2,
            },
        ),
        (
            DirectSeamcall(1, (33, 0, 10), (0, 0, 11), "SYSINIT_DONE"),
            {
                "ev": "direct_seamcall", "cpu": 1, "in": ["0x21", "0x0", "0xa"],
                "out": ["0x0", "0x0", "0xb"], "sys_state": "SYSINIT_DONE",
            },
        ),
        (
            MemoryData(0x1000, b"\x01\xff", written=True),
            {"ev": "memory_write", "at": "0x1000", "data": "01ff"},
        ),
        (
            MemoryData(0x1000, b"\x01\xff", written=False, n=3),
            {"ev": "memory_read", "at": "0x1000", "data": "01ff", "n": 3},
        ),
        (
            AllocContigPages(1027, 1, 0, 1 << 32),
            {
                "ev": "alloc_contig_pages", "nr_pages": 1027, "nid": 1, "got_nid": 0,
                "base": "0x100000000",
            },
        ),
        (
            AllocContigPages(1027, 1, -1, None),
            {"ev": "alloc_contig_pages", "nr_pages": 1027, "nid": 1, "got_nid": -1, "base": None},
        ),
        (
            FreeContigRange(1 << 32, 1027),
            {"ev": "free_contig_range", "base": "0x100000000", "nr_pages": 1027},
        ),
        (WbinvdOnAllCpus(), {"ev": "wbinvd_on_all_cpus"}),
        (WbinvdOnAllCpus(2), {"ev": "wbinvd_on_all_cpus", "n": 2}),
        (Wbinvd(3), {"ev": "wbinvd", "cpu": 3}),
        (Movdir64b(64), {"ev": "movdir64b", "stores": 64}),
        (StatusEvent("ERROR"), {"ev": "status", "status": "ERROR"}),
        (StepEvent("configure"), {"ev": "step", "name": "configure", "outcome": None}),
        (
            StepEvent("configure", "passed"),
            {"ev": "step", "name": "configure", "outcome": "passed"},
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, dict) else value["ev"],
)  # fmt: skip
def test_an_event_is_an_entry(event: Event, entry: dict[str, Any]) -> None:
    assert event.to_dict() == entry


def test_what_became_of_memory_stands_with_its_step() -> None:
    """
    memory  |--- 1 MiB below 1 MiB is lost ---|--- usable, node 0 ---|
    TDMR 0  hole, PAMT of TDMR 1; TDMR 1: a gap for which no reserved area was left
    """
    use = MemoryUse(
        (NodeMemory(0, 64 * MIB, 63 * MIB),),
        (
            (
                ReservedArea(0, MIB, Holds.HOLE, None, reserved=True),
                ReservedArea(2 * MIB, 3 * MIB, Holds.PAMT, 1, reserved=True),
            ),
            (ReservedArea(4 * MIB, 5 * MIB, Holds.CMR_GAP, None, reserved=False),),
        ),
    )
    memory = StepEvent("configure", "failed", use).to_dict()["memory"]
    hole = {"tdmr": 0, "start": "0x0", "end": "0x100000", "holds": "hole", "pamt_of": None}
    pamt = {"tdmr": 0, "start": "0x200000", "end": "0x300000", "holds": "pamt", "pamt_of": 1}
    gap = {"tdmr": 1, "start": "0x400000", "end": "0x500000", "holds": "cmr-gap", "pamt_of": None}
    assert memory == {
        "usable": {"0": 63 * MIB},
        "lost": {"0": MIB},
        "areas": [hole | {"reserved": True}, pamt | {"reserved": True}, gap | {"reserved": False}],
    }


def test_equal_events_of_the_hardware_in_a_row_are_one_and_are_counted() -> None:
    """Expect lines and steps to stay as many as they were, and to part what is equal."""
    journal = Journal()
    line, call = LogLine("info", "again"), Seamcall(34, 0, 0, 1, 0, 0, 0)
    events: list[Event] = [
        call, call, Seamcall(34, 0, 0, 2, 0, 0, 0), line, line,
        Wbinvd(0), Wbinvd(1), Wbinvd(1, n=2), StepEvent("x"), StepEvent("x"),
    ]  # fmt: skip
    for event in events:
        journal.record(event)
    taken = journal.take()
    assert taken == (
        Seamcall(34, 0, 0, 1, 0, 0, 0, n=2), Seamcall(34, 0, 0, 2, 0, 0, 0), line, line,
        Wbinvd(0), Wbinvd(1, n=3), StepEvent("x"), StepEvent("x"),
    )  # fmt: skip
    assert journal.take() == ()
    assert log_of(taken) == (line, line)
    assert trace_of(events) == (
        Seamcall(34, 0, 0, 1, 0, 0, 0, n=2),
        Seamcall(34, 0, 0, 2, 0, 0, 0),
        Wbinvd(0),
        Wbinvd(1, n=3),
    )
    # What stood apart because of a line is one in a trace.
    assert trace_of([call, line, call]) == (Seamcall(34, 0, 0, 1, 0, 0, 0, n=2),)


def test_many_events_may_be_recorded_at_once() -> None:
    journal = Journal()
    journal.record(Wbinvd(0))
    journal.record_all([])
    journal.record_all([Wbinvd(0), Wbinvd(1)])
    assert journal.take() == (Wbinvd(0, n=2), Wbinvd(1))


def test_what_pamts_cost_is_told_in_pages_and_kib() -> None:
    summary = PamtSummary(5 * 4096, ((0, 5 * 4096),))
    assert (summary.pages, summary.kib) == (5, 20)


@pytest.mark.parametrize(
    ("kernel", "parts", "ready"),
    [
        ("6.8", {}, True),
        ("6.8", {"module": {"loaded": False}}, False),
        ("7.2", {}, True),
        ("7.2", {"kvm": {"ept": False}}, False),
        ("6.16", {"module": {"attributes_fixed1": 1}}, False),
    ],
)
def test_a_host_is_ready_where_the_module_is_initialized_and_kvm_agrees(
    kernel: str, parts: dict[str, Any], ready: bool
) -> None:
    machine = booted(kernel, **parts)
    result = machine.init_host() if machine.kvm is not None else machine.tdx_init()
    assert (result.status == "INITIALIZED" and result.host in {None, ReadyToRunTds(31)}) is ready
    assert machine.init_report(result, with_boot=False).is_ready is ready


@pytest.mark.parametrize(
    ("verdict", "name"),
    [
        (ReadyToRunTds(31), "ready"),
        (TdxOff(), "tdx-off"),
        (KvmDoesNotLoad(Errno.EIO), "kvm-does-not-load"),
        (NoCapacity(), "no-capacity"),
        (ModuleLost(), "module-lost"),
    ],
)
def test_verdicts_have_names_and_an_order(verdict: HostVerdict, name: str) -> None:
    assert verdict.id == name
    assert IDS == ("ready", "tdx-off", "kvm-does-not-load", "no-capacity", "module-lost")
