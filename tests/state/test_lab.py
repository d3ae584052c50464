# SPDX-License-Identifier: Apache-2.0
"""What is recorded of operations on a stored machine."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from tdxctl import lab, store
from tdxctl.errors import StateError, UsageError
from tdxctl.events import OpResult
from tdxctl.lab import Asked
from tdxctl.linux.lookup import find_kernel
from tdxctl.machine import Machine
from tdxctl.operations import CpuOffline, Init, MemoryOnline
from tests.machines import small


def _operations(name: str) -> list[dict[str, object]]:
    with store.reading() as rows:
        assert rows is not None
        return [json.loads(row.operation) for row in rows.operations(name)]


def test_what_each_caller_got_is_part_of_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect a replay that tells one of the callers something else to be refused."""
    init = lab.init(Asked("m", small()), callers=3)
    assert init.result.callers == (0, 0, 0)

    def another(_: Init, machine: Machine) -> OpResult:
        return replace(machine.tdx_init(3), callers=(0, 0, -14))

    assert lab.restored("m").status == "INITIALIZED"
    monkeypatch.setattr(Init, "perform", another)
    with pytest.raises(StateError):
        lab.restored("m")


def test_nothing_is_done_after_an_operation_that_was_refused() -> None:
    """6.8: memory outside its list is refused, and CPU 3, named after it, stays online."""
    lab.init(Asked("m", small(), kernel=find_kernel("6.8")))
    refused = MemoryOnline(70 << 30, 71 << 30)
    results = lab.operate("m", [CpuOffline(2), refused, CpuOffline(3)])
    assert [result.returned for result in results] == [0, -1]
    assert [operation["op"] for operation in _operations("m")] == [
        "boot",
        "init",
        "cpu_offline",
        "memory_online",
    ]
    machine = lab.restored("m")
    assert [machine.is_online(cpu) for cpu in range(4)] == [True, True, False, True]


def test_what_is_restored_has_been_booted_before() -> None:
    """Expect the way to make one where there is none, and else the names there are."""
    with pytest.raises(UsageError, match="no such machine: 'm'") as raised:
        lab.restored("m")
    assert raised.value.hint == "there is none; `tdxctl boot --platform P` makes one"
    lab.boot(Asked("other", small()))
    with pytest.raises(UsageError, match="no such machine: 'm'") as raised:
        lab.restored("m")
    assert raised.value.hint == "machines: other"
    assert lab.restored("other").status == "UNKNOWN"


@pytest.mark.parametrize(
    ("kernel", "digest", "message"),
    [
        ("v5", None, None),
        ("6.8", None, "machine 'm' is running kernel 6.8, not v5"),
        ("v5", "0af1", "machine 'm' was booted with v5 of another file than this one"),
    ],
)
def test_a_kernel_of_one_s_own_is_the_same_file_or_another_kernel(
    kernel: str, digest: str | None, message: str | None
) -> None:
    row = store.MachineRow("m", "{}", kernel, "", digest, None, "0")
    if message is None:
        lab._refuse_another_kernel(find_kernel("v5"), row)
        return
    with pytest.raises(StateError) as raised:
        lab._refuse_another_kernel(find_kernel("v5"), row)
    assert raised.value.message == message
