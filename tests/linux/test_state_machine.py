# SPDX-License-Identifier: Apache-2.0
"""The four states of v5 and every way between them [linux-host 2]."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tdxctl import Machine, causes
from tdxctl.errors import NotModelledError, UsageError
from tdxctl.explain.failures import explain_failure
from tests.machines import booted


def test_a_healthy_machine_initializes_once() -> None:
    """UNKNOWN -> INITIALIZED; a second call returns 0 without a SEAMCALL or a line."""
    machine = booted()
    assert machine.status == "UNKNOWN"
    assert machine.tdx_init().returned == 0
    assert machine.status == "INITIALIZED"
    again = machine.tdx_init()
    assert (again.returned, again.trace, again.log, again.steps) == (0, (), (), ())


def test_an_offline_cpu_can_come_online_and_the_call_be_repeated() -> None:
    """UNKNOWN -> UNKNOWN (-EINVAL) -> INITIALIZED."""
    machine = booted(cpus={"online": "0-2"})
    failed = machine.tdx_init()
    assert (failed.returned, failed.status) == (-22, "UNKNOWN")
    assert [line.text for line in failed.log] == [
        "tdx: Unable to initialize the TDX module when there's offline CPU(s)."
    ]
    assert machine.cpu_online(3).returned == 0
    assert machine.tdx_init().returned == 0


def test_slots_that_are_not_enabled_count_as_missing_cpus() -> None:
    machine = booted(cpus={"disabled_cpus": 4})
    result = machine.tdx_init()
    assert (result.returned, result.status) == (-22, "UNKNOWN")
    assert result.failure is not None
    assert result.failure.cause == causes.CpuDisabled(disabled=4, present=4)


def test_both_offline_cpus_and_empty_slots_are_named() -> None:
    """Expect advice that helps when followed: both, not the first one found."""
    result = booted(cpus={"online": "0-2", "disabled_cpus": 4}).tdx_init()
    assert result.failure is not None
    assert result.failure.cause == causes.CpuOfflineAndDisabled((3,), disabled=4, present=4)
    reason = explain_failure(result.failure).why
    assert "CPU 3, of 4" in reason
    assert "4 MADT slots" in reason


def test_v5_ends_in_none_without_a_module() -> None:
    """UNKNOWN -> NONE; the module appearing later changes nothing, no SEAMCALL is made."""
    machine = booted(module={"loaded": False})
    assert machine.tdx_init().returned == -19
    assert machine.status == "NONE"
    machine.load_module()
    again = machine.tdx_init()
    assert (again.returned, again.status, again.trace) == (-19, "NONE", ())


def test_v5_posted_finds_a_module_that_appears() -> None:
    """UNKNOWN -> UNKNOWN (-ENODEV, a line each time) -> INITIALIZED."""
    machine = booted("v5-posted", module={"loaded": False})
    for _ in range(2):
        result = machine.tdx_init()
        assert (result.returned, result.status) == (-19, "UNKNOWN")
        assert [line.text for line in result.log] == ["tdx: TDX module is not loaded."]
    machine.load_module()
    assert machine.tdx_init().returned == 0


def test_any_other_error_shuts_the_module_down_for_good() -> None:
    """UNKNOWN -> SHUTDOWN (-EFAULT), LP.SHUTDOWN on every CPU; then -EFAULT in silence."""
    machine = booted(faults=[{"leaf": "TDH.SYS.KEY.CONFIG", "status": "TDX_KEY_GENERATION_FAILED"}])
    result = machine.tdx_init()
    assert (result.returned, result.status) == (-14, "SHUTDOWN")
    shutdown = [event.to_dict() for event in result.trace][-4:]
    assert [(event["leaf"], event["cpu"]) for event in shutdown] == [
        (44, 0),
        (44, 1),
        (44, 2),
        (44, 3),
    ]
    machine.clear_faults()
    again = machine.tdx_init()
    assert (again.returned, again.trace, again.log) == (-14, (), ())


def test_shutting_down_by_hand_reaches_shutdown_too() -> None:
    """INITIALIZED -> SHUTDOWN -> -EFAULT."""
    machine = booted()
    machine.tdx_init()
    assert machine.shut_down_module().status == "SHUTDOWN"
    assert machine.tdx_init().returned == -14


def _pamts(machine: Machine) -> tuple[int, int]:
    """How many PAMTs were allocated, and how many of them freed."""
    kinds = [event.to_dict() for event in machine.trace]
    return (
        sum(event["ev"] == "alloc_contig_pages" for event in kinds),
        sum(event["ev"] == "free_contig_range" for event in kinds),
    )


def test_an_update_leads_on_from_every_state_of_v5() -> None:
    """INITIALIZED, SHUTDOWN, NONE -> UNKNOWN: it needs to be initialized again."""
    machine = booted()
    for before in ("INITIALIZED", "SHUTDOWN"):
        assert machine.tdx_init().status == "INITIALIZED"
        if before == "SHUTDOWN":
            machine.shut_down_module()
        assert machine.status == before
        assert (machine.update_module().returned, machine.status) == (0, "UNKNOWN")
    absent = booted(module={"loaded": False})
    assert absent.tdx_init().status == "NONE"
    assert absent.update_module().status == "UNKNOWN"
    assert absent.tdx_init().status == "INITIALIZED"


def test_eight_rounds_of_shutdown_and_update_free_what_they_allocate() -> None:
    """Three TDMRs: expect 24 PAMTs, each freed once, the caches written back before."""
    machine = booted()
    for _ in range(8):
        assert machine.tdx_init().status == "INITIALIZED"
        machine.shut_down_module()
        update = machine.update_module()
        assert [event.to_dict()["ev"] for event in update.trace] == [
            "wbinvd_on_all_cpus",
            "free_contig_range",
            "free_contig_range",
            "free_contig_range",
        ]
        assert machine.update_module().trace == ()
    assert _pamts(machine) == (24, 24)
    bases = [e.to_dict()["base"] for e in machine.trace if e.to_dict()["ev"] == "free_contig_range"]
    assert len(set(bases)) == 3


def test_an_update_after_a_failure_frees_nothing_twice() -> None:
    """A bring-up that fails frees its PAMTs itself."""
    machine = booted(faults=[{"leaf": "TDH.SYS.KEY.CONFIG", "status": "TDX_SYS_BUSY"}])
    assert machine.tdx_init().status == "SHUTDOWN"
    assert _pamts(machine) == (3, 3)
    assert (machine.update_module().trace, machine.status) == ((), "UNKNOWN")
    assert machine.tdx_init().status == "INITIALIZED"
    assert _pamts(machine) == (6, 3)


def test_where_seamcall_raises_v5_updates_nothing() -> None:
    machine = booted(firmware={"seamrr": "disabled"})
    with pytest.raises(NotModelledError, match="SEAMCALL raises #GP on CPU 0"):
        machine.update_module()


@pytest.mark.parametrize(
    ("sections", "returned", "cause"),
    [
        ({"firmware": {"seamrr": "absent"}}, -19, causes.SeamrrAbsent()),
        ({"firmware": {"seamrr": "disabled"}}, -19, causes.SeamrrDisabled()),
        ({"cpus": {"features": {"mtrr": False}}}, -19, causes.NoMtrr()),
        ({"firmware": {"tdx_keyids": 1}}, -22, causes.TooFewKeyids(1)),
        ({"firmware": {"tdx_keyids": 0}}, -22, causes.TooFewKeyids(0)),
        # low half + 1 wraps to 0 in 32 bits
        ({"firmware": {"mktme_keyids": 0xFFFFFFFF}}, -22, causes.KeyidStartWraps()),
    ],
)
def test_without_tdx_at_boot_there_is_no_call_to_the_module(
    sections: dict[str, Any], returned: int, cause: causes.Cause
) -> None:
    """Expect the boot's errno, then -ENODEV from tdx_init() in silence, UNKNOWN for ever."""
    machine = booted(**sections)
    assert machine.boot_result.returned == returned
    result = machine.tdx_init()
    assert (result.returned, result.status, result.trace, result.log) == (-19, "UNKNOWN", (), ())
    assert result.failure is not None
    assert result.failure.cause == cause


def test_the_keyid_line_is_printed_before_the_check() -> None:
    machine = booted(firmware={"mktme_keyids": 0xFFFFFFFF, "tdx_keyids": 5})
    assert [(line.level, line.text) for line in machine.boot_result.log] == [
        ("info", "tdx: SEAMRR enabled."),
        ("info", "tdx: TDX private KeyID range: [0, 5)."),
        ("WARN", "WARN_ON(!tdx_keyid_start || tdx_keyid_num < 2) in detect_tdx_keyids"),
    ]


def test_concurrent_callers_get_the_first_ones_result() -> None:
    """Expect one initialization, and 0 for all of eight threads."""
    machine = booted()
    returned: list[int] = []
    threads = [
        threading.Thread(target=lambda: returned.append(machine.tdx_init().returned))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert returned == [0] * 8
    inits = [event for event in machine.trace if event.to_dict().get("leaf") == 33]
    assert len(inits) == 1


@pytest.mark.parametrize("callers", [1, 2, 3])
@pytest.mark.parametrize("kernel", ["v5", "6.8"])
def test_each_of_several_callers_is_told_what_it_got(kernel: str, callers: int) -> None:
    assert booted(kernel).tdx_init(callers).callers == (0,) * callers


def test_callers_after_a_failure_get_the_final_answer_and_the_steps_are_the_first_ones() -> None:
    """Expect SYS.CONFIG's step to be told, which only the first of three callers came to."""
    config = {"leaf": "TDH.SYS.CONFIG", "status": "TDX_OPERAND_INVALID"}
    result = booted(faults=[config]).tdx_init(3)
    assert result.callers == (-14, -14, -14)
    outcomes = [step.outcome for step in result.steps]
    assert (outcomes.count("failed"), result.steps[-1].name) == (1, "shutdown")
    assert result.failure is not None
    assert result.failure.leaf == 45


def test_an_update_that_worked_has_no_failure_whatever_was_before() -> None:
    config = {"leaf": "TDH.SYS.CONFIG", "status": "TDX_OPERAND_INVALID"}
    machine = booted(faults=[config])
    assert machine.tdx_init().failure is not None
    updated = machine.update_module()
    assert (updated.returned, updated.failure) == (0, None)


def test_who_asked_for_tdx_is_the_kernels_own_call_where_kvm_did_not_refuse() -> None:
    assert booted("6.8").summary().entry == "tdx_enable()"
    refused = booted("6.16", cpus={"features": {"movdir64b": False}})
    refused.init_host()
    assert refused.summary().entry == "KVM's own checks"
    ready = booted("6.16")
    ready.init_host()
    assert ready.summary().entry == "tdx_enable()"


def test_what_would_crash_the_kernel_is_said_not_modelled() -> None:
    with pytest.raises(NotModelledError, match="oops"):
        booted(faults=[{"msr": 0x87, "fault": True}])
    machine = booted(cpus={"features": {"vmx": False}})
    with pytest.raises(NotModelledError, match="oopses at its first SEAMCALL"):
        machine.tdx_init()


def test_cpus_that_do_not_exist_cannot_be_brought_online() -> None:
    with pytest.raises(UsageError, match="no such CPU: 4"):
        booted().cpu_online(4)


def test_the_last_cpu_stays_online() -> None:
    machine = booted(cpus={"online": "2"})
    assert machine.cpu_offline(2).returned == -16
