# SPDX-License-Identifier: Apache-2.0
"""What Machine says to Python is what the command says, from one thread or several."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tdxctl import Machine, Platform
from tdxctl.errors import UsageError
from tdxctl.platform import shipped
from tests.cli.runner import tdxctl


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
