# SPDX-License-Identifier: Apache-2.0
"""What Machine says to Python is what the command says, from one thread or several."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tdxctl import Machine, Platform
from tdxctl.causes import BadImage
from tdxctl.errors import NotModelledError, UsageError
from tdxctl.linux.parts import UpdateImage
from tdxctl.platform import shipped
from tdxctl.platform.faults import (
    AllocationFault,
    BusyCpu,
    GlobalLock,
    HaltedModule,
    RdrandFault,
    RuntimeFault,
    SeamcallFault,
    TdmrLock,
)
from tests.cli.runner import tdxctl
from tests.machines import booted


def _booted(name: str, kernel: str) -> Machine:
    return Machine.boot(Platform.load(shipped.path_of(name)), kernel=kernel)


@pytest.mark.parametrize(
    ("name", "returned"),
    [
        ("small", 0),
        ("emr-2s-256g-fragmented", -28),
        ("key-generation-fails", -5),
        ("no-module", -19),
        ("offline-cpu", -5),
        ("one-keyid", -19),
        ("pamt-allocation-fails", -12),
    ],
)
@pytest.mark.parametrize("kernel", ["6.8", "6.18"])
def test_tdx_enable_says_what_the_command_says(name: str, returned: int, kernel: str) -> None:
    """Expect its caller, who enabled each CPU first, to get what `tdxctl init` prints."""
    machine = _booted(name, kernel)
    for cpu in range(machine.summary().cpus_present):
        if machine.is_online(cpu) and machine.tdx_cpu_enable(cpu).returned:
            break
    else:
        assert machine.tdx_enable().returned == returned
    init = tdxctl("init", "--once", "--platform", name, "--kernel", kernel, "--format", "json")
    document = json.loads(init.stdout)
    assert (document["returned"], document["status"]) == (returned, machine.status)


def test_tdx_enable_without_its_cpus_is_refused_by_the_module() -> None:
    """Expect why, counted as a call, and a next call that is told apart from it."""
    machine = _booted("small", "6.8")
    enabled = machine.tdx_enable()
    assert (enabled.returned, enabled.callers) == (-5, (-5,))
    assert enabled.failure is not None
    assert enabled.failure.errno == "EIO"
    assert enabled.failure.status == 0xC000050200000000  # TDX_SYS_LP_INIT_NOT_DONE
    assert machine.tdx_init().callers == (-22,)
    assert machine.summary().calls == 2


def test_a_kernel_without_tdx_enable_says_what_it_has() -> None:
    machine = _booted("offline-cpu", "7.2")
    with pytest.raises(UsageError, match=r"^this kernel has no tdx_enable\(\)") as refused:
        machine.tdx_enable()
    assert refused.value.hint == "tdx_init() is what brings TDX up on it"
    with pytest.raises(UsageError, match=r"^this kernel has no tdx_cpu_enable\(\)"):
        machine.tdx_cpu_enable(0)
    with pytest.raises(UsageError, match=r"^CPU 3 is offline: tdx_cpu_enable\(\) runs on"):
        _booted("offline-cpu", "6.8").tdx_cpu_enable(3)


@pytest.mark.parametrize(
    ("name", "kernel", "obtained", "held"),
    [
        ("small", "v5", 65672, 65672),
        ("small", "7.2", 65672, 65672),
        ("emr-2s-256g-fragmented", "6.8", 1050644, 0),
        ("pamt-allocation-fails", "6.8", 262664, 0),
        ("pamt-allocation-fails", "v5", 262664, 0),
        ("no-module", "6.8", 0, 0),
    ],
)
def test_what_a_bring_up_obtained_and_what_it_holds(
    name: str, kernel: str, obtained: int, held: int
) -> None:
    """Expect KiB; after a failure the kernel has given all of it back."""
    machine = _booted(name, kernel)
    machine.tdx_init()
    assert (machine.pamt_bytes >> 10, machine.pamt_held_bytes >> 10) == (obtained, held)


def test_threads_see_a_machine_between_two_operations() -> None:
    """Expect a status and calls that fit each other, and the log of whole operations."""
    machine = _booted("offline-cpu", "6.8")
    seen, lengths = set(), set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            summary = machine.summary()
            seen.add((summary.status, summary.calls > 0))
            lengths.add(len(machine.dmesg))

    with ThreadPoolExecutor(5) as pool:
        watcher = pool.submit(watch)
        calls = [pool.submit(machine.tdx_init) for _ in range(8)]
        returned = [call.result().returned for call in calls]
        done.set()
        watcher.result()
    assert sorted(returned) == [-22] * 7 + [-5]
    assert seen <= {("UNINITIALIZED", False), ("ERROR", True)}
    assert lengths <= {2, 4}


@pytest.mark.parametrize(
    ("kernel", "ask", "hint"),
    [
        (
            "v5",
            Machine.kvm_load,
            "6.16 and 6.17.4 and 6.18 and 7.1 and 7.2 and 7.2+dynamic-pamt have it",
        ),
        ("7.1", Machine.update_module, "7.2 and 7.2+dynamic-pamt have it"),
        ("7.2", lambda machine: machine.pamt("get", 0), "7.2+dynamic-pamt has it"),
        ("7.2", lambda machine: machine.cpu_online(4), "the machine has CPUs 0-3"),
        ("7.2", lambda machine: machine.cpu_offline(-1), "the machine has CPUs 0-3"),
        ("7.2", lambda machine: machine.set_fault(BusyCpu(9)), "the machine has CPUs 0-3"),
    ],
)
def test_what_a_machine_does_not_have_is_refused_with_what_has_it(
    kernel: str, ask: Callable[[Machine], object], hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        ask(booted(kernel))
    assert refused.value.hint == hint


@pytest.mark.parametrize("kernel", ["6.16", "7.2"])
def test_the_last_of_several_callers_is_kvm(kernel: str) -> None:
    """Expect one answer for each, and a kvm_intel that is loaded already to say so alone."""
    machine = booted(kernel)
    assert machine.init_host(3).callers == (0, 0, 0)
    assert machine.init_host().callers == (0,)
    again = machine.kvm_load()
    assert (again.returned, again.failure) == (-17, None)


@pytest.mark.parametrize(
    ("kernel", "sections", "returned", "failure", "host"),
    [
        ("6.16", {"kvm": {"ept_ad": False}}, -19, ("precondition", "kvm-lacks"), "tdx-off"),
        (
            "6.16",
            {"faults": [{"leaf": "TDH.SYS.KEY.CONFIG", "status": "TDX_SYS_BUSY"}]},
            *(-5, ("key-config", "seamcall"), "kvm-does-not-load"),
        ),
        # The boot brought the module up, or did not; KVM has its own tests, which are no step.
        ("7.2", {"kvm": {"ept_ad": False}}, 0, (None, "kvm-lacks"), "tdx-off"),
        (
            "7.2",
            {"firmware": {"tdx_keyids": 1}},
            -19,
            ("precondition", "too-few-keyids"),
            "tdx-off",
        ),
        (
            "7.2",
            {"module": {"max_vcpus_per_td": 1}},
            *(0, (None, "too-many-cpus-for-td"), "kvm-does-not-load"),
        ),
    ],
)
def test_a_host_is_not_ready_for_the_bring_up_s_reason_or_for_kvm_s_own(
    kernel: str,
    sections: dict[str, Any],
    returned: int,
    failure: tuple[str | None, str],
    host: str,
) -> None:
    result = booted(kernel, **sections).init_host()
    assert result.failure is not None
    assert result.host is not None
    assert (result.returned, result.host.id) == (returned, host)
    assert (result.failure.step, result.failure.cause.id) == failure


def test_a_second_load_of_kvm_fails_for_nothing_but_the_first() -> None:
    """Expect -EEXIST without a reason, where the first load had one to leave TDX off."""
    machine = booted("6.16", kvm={"ept_ad": False})
    first, second = machine.kvm_load(), machine.kvm_load()
    assert first.failure is not None
    assert (first.returned, first.failure.cause.id) == (0, "kvm-lacks")
    assert (second.returned, second.failure) == (-17, None)


def test_before_a_bring_up_there_are_no_tdmrs_and_no_pamts() -> None:
    machine = booted("6.16")
    assert (machine.tdmrs, machine.pamt_bytes, machine.pamt_held_bytes) == ((), 0, 0)


def test_what_cannot_be_answered_is_said_to_several_callers_too() -> None:
    """A CPU without the SEAMCALL instruction, on which v5 oopses in each of them."""
    machine = booted("v5", cpus={"model": {"family": 6, "model": 0x6A}})
    with pytest.raises(NotModelledError, match="SEAMCALL raises #UD on CPU 0"):
        machine.tdx_init(2)


@pytest.mark.parametrize(
    ("fault", "returned", "step"),
    [
        (AllocationFault("pamt"), -12, "configure"),
        (SeamcallFault(31, 0x8000020200000000, call=2), -5, "key-config"),
        (GlobalLock("exclusive"), -5, "global-init"),
        (GlobalLock("shared"), -5, "global-init"),
        (TdmrLock(0), -5, "memory-init"),
        (HaltedModule("halted"), -19, "global-init"),
        (RdrandFault("no_entropy", times=10), -5, "global-init"),
    ],
)
def test_a_fault_can_be_scripted_on_a_running_machine(
    fault: RuntimeFault, returned: int, step: str
) -> None:
    machine = booted("6.16")
    assert machine.set_fault(fault).returned == 0
    result = machine.tdx_init()
    assert result.failure is not None
    assert (result.returned, result.failure.step) == (returned, step)


def test_a_cpu_inside_the_module_is_in_the_way_of_its_shutdown_until_it_is_cleared() -> None:
    """Expect TDX_SYS_BUSY of TDH.SYS.SHUTDOWN, which an update begins with."""
    machine = booted("7.2")
    machine.set_fault(BusyCpu(1))
    result = machine.update_module()
    assert result.failure is not None
    assert (result.returned, result.failure.step) == (-5, "update-shutdown")
    assert result.failure.status == 0x8000020200000000
    machine.clear_faults()
    assert machine.update_module().returned == 0


def test_after_kexec_cpus_and_calls_are_as_at_power_on() -> None:
    machine = booted("6.18")
    for _ in range(2):
        machine.tdx_init()
    machine.cpu_offline(1)
    before = machine.summary()
    assert (before.calls, before.last is None, before.cpus_online) == (2, False, 3)
    assert machine.kexec().returned == 0
    after = machine.summary()
    assert (after.calls, after.last, after.cpus_online) == (0, None, 4)


def test_a_report_has_the_boot_s_events_where_it_was_booted_for_it() -> None:
    machine = booted("v5")
    result = machine.tdx_init()
    boot = machine.boot_result.events
    assert len(boot) == 3
    assert machine.init_report(result, with_boot=True).events == (*boot, *result.events)
    assert machine.init_report(result, with_boot=False).events == result.events


def test_p_seamldr_tells_of_itself_where_there_is_a_module() -> None:
    assert booted("7.2").seamldr == ("1.5.00", 64)
    assert booted("7.2", module={"loaded": False}).seamldr is None


@pytest.mark.parametrize("kernel", ["6.8", "7.2"])
def test_a_hotplug_that_a_kernel_does_not_refuse_is_not_modelled(kernel: str) -> None:
    """Expect 0 of add_memory() alone, which is refused when it is onlined."""
    machine = booted(kernel)
    assert machine.hotplug("add-memory", 4 << 40, 5 << 40).returned == 0
    with pytest.raises(NotModelledError, match="does not refuse this") as raised:
        machine.hotplug("cpu-add")
    assert raised.value.hint == "describe the machine with them"
    assert booted("v5").hotplug("cpu-add").returned == -22


def test_an_image_that_is_uploaded_is_looked_at() -> None:
    result = booted("7.2").update_module(image=UpdateImage(b"no header", 9))
    assert result.failure is not None
    assert (result.returned, result.failure.cause.id) == (-22, BadImage("its size").id)
    assert booted("7.2").update_module().returned == 0
