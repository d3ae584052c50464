# SPDX-License-Identifier: Apache-2.0
"""A stored machine is the machine: random operations on both, from two processes.

Each step is done on a Machine in memory and on a stored one, the stored one by this process or
by another; results and status must be equal after each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import chain
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tdxctl import Machine, __version__, lab, store
from tdxctl.events import OpResult
from tdxctl.lab import Asked
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.releases import KERNELS
from tdxctl.operations import (
    CpuOffline,
    CpuOnline,
    FaultClear,
    FaultSet,
    GuestKeyid,
    Hotplug,
    InitHost,
    Kexec,
    MemoryOnline,
    ModuleLoad,
    ModuleShutdown,
    ModuleUnload,
    ModuleUpdate,
    Operation,
    Seamcall,
)
from tdxctl.platform.canonical import built_one_of
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import RuntimeFault
from tdxctl.report import json_status
from tdxctl.seam.port import Registers
from tests.cli.runner import ROOT
from tests.machines import small

# Answers operations that come as JSON lines, as a process of its own.
WORKER = """
import json, sys
from tdxctl.operations import Operation
from tests.state import test_replay
for line in sys.stdin:
    operation = Operation.from_dict(json.loads(line))
    result = test_replay.perform_stored(operation)
    print(json.dumps(test_replay.shown(result)), flush=True)
"""

PLATFORMS: dict[str, dict[str, Any]] = {
    "healthy": {},
    "offline": {"cpus": {"online": "0,2"}},
    "no module": {"module": {"loaded": False}},
    "disabled": {"cpus": {"disabled_cpus": 2}},
    "one keyid": {"firmware": {"tdx_keyids": 1}},
    "key fails": {"faults": [{"leaf": 31, "call": 2, "status": "TDX_KEY_GENERATION_FAILED"}]},
    "not loaded once": {"faults": [{"leaf": 33, "status": "VMFAILINVALID"}]},
}
ALL_KERNELS = [kernel.id for kernel in KERNELS]
FAULTS: list[dict[str, object]] = [
    {"leaf": 35, "cpu": 1, "call": 1, "times": 1, "status": "0x8000020300000000"},
    {"leaf": 36, "call": 300, "times": 1, "status": "0x8000020000000001"},
    {"leaf": 33, "call": 1, "times": 2, "status": "0x8000ff00ffff0000"},
    {"allocation": "pamt", "call": 2, "times": 1},
    {"allocation": "kernel", "call": 3, "times": 1},
    {"pconfig": 2, "call": 1, "times": 1},
    {"rdrand": "no_entropy", "call": 2, "times": 1},
    {"global_lock": "exclusive"},
    {"tdmr_lock": 0},
    {"busy_cpu": 1},
    {"module": "halted"},
]


def shown(result: OpResult) -> dict[str, Any]:
    """What a caller sees of a result."""
    return {
        "returned": result.returned,
        "status": result.status,
        "callers": list(result.callers),
        "trace": [event.to_dict() for event in result.trace],
        "log": [event.to_dict() for event in result.log],
        "events": [event.to_dict() for event in result.events],
        "steps": [[step.name, step.outcome, step.seamcalls] for step in result.steps],
        "failure": result.failure.cause.id if result.failure else None,
    }


def perform_stored(operation: Operation) -> OpResult:
    """An operation on the stored machine `m`."""
    if isinstance(operation, InitHost):
        return lab.init(Asked("m"), callers=operation.callers).result
    return lab.operate("m", [operation])[0]


class StoredAgainstMemory(RuleBasedStateMachine):
    """Operations a user can do, on both."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._before = os.environ.get("TDXCTL_STATE")
        os.environ["TDXCTL_STATE"] = os.path.join(self._folder.name, "state")
        self._worker = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def teardown(self) -> None:
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        self._worker.stdin.close()
        self._worker.wait()
        self._worker.stdout.close()
        if self._before is None:
            del os.environ["TDXCTL_STATE"]
        else:
            os.environ["TDXCTL_STATE"] = self._before
        self._folder.cleanup()

    def _boot(self, platform: Platform, kernel: str) -> None:
        self.machine = Machine.boot(platform, kernel=kernel, name="m")
        self.kernel = kernel
        result = lab.boot(Asked("m", platform, find_kernel(kernel)))
        assert shown(result) == shown(self.machine.boot_result)
        self._compare()

    def _compare(self) -> None:
        with store.reading() as rows:
            assert rows is not None
            row = rows.machine("m")
            recorded = [json.loads(op.outcome)["events"] for op in rows.operations("m")]
        assert row is not None
        assert json.loads(row.status) == json_status.to_dict(self.machine.summary(), __version__)
        assert list(chain.from_iterable(recorded)) == [
            event.to_dict() for event in self.machine.events
        ]

    def _do(self, operation: Operation, elsewhere: bool) -> None:
        expected = shown(operation.perform(self.machine))
        if elsewhere:
            assert self._worker.stdin is not None
            assert self._worker.stdout is not None
            self._worker.stdin.write(json.dumps(operation.to_dict()) + "\n")
            self._worker.stdin.flush()
            found = json.loads(self._worker.stdout.readline())
        else:
            found = shown(perform_stored(operation))
        assert found == json.loads(json.dumps(expected))
        self._compare()

    @initialize(name=st.sampled_from(sorted(PLATFORMS)), kernel=st.sampled_from(ALL_KERNELS))
    def first_boot(self, name: str, kernel: str) -> None:
        self._boot(small(**PLATFORMS[name]), kernel)

    @rule(name=st.sampled_from(sorted(PLATFORMS)), kernel=st.sampled_from(ALL_KERNELS))
    def boot(self, name: str, kernel: str) -> None:
        self._boot(small(**PLATFORMS[name]), kernel)

    @rule(callers=st.sampled_from([1, 1, 2, 5]), elsewhere=st.booleans())
    def init(self, callers: int, elsewhere: bool) -> None:
        self._do(InitHost(callers), elsewhere)

    @rule(
        action=st.sampled_from([CpuOnline, CpuOffline]),
        cpu=st.integers(0, 3),
        elsewhere=st.booleans(),
    )
    def cpu(self, action: Callable[[int], Operation], cpu: int, elsewhere: bool) -> None:
        self._do(action(cpu), elsewhere)

    @rule(
        action=st.sampled_from([ModuleLoad(), ModuleUnload(), ModuleShutdown()]),
        elsewhere=st.booleans(),
    )
    def module(self, action: Operation, elsewhere: bool) -> None:
        if action == ModuleShutdown() and not self.kernel.startswith("v5"):
            return  # refused: exit 2
        self._do(action, elsewhere)

    @rule(fault=st.sampled_from(FAULTS), elsewhere=st.booleans())
    def fault(self, fault: dict[str, object], elsewhere: bool) -> None:
        self._do(FaultSet(built_one_of(RuntimeFault, fault, canonical=True)), elsewhere)

    @rule(elsewhere=st.booleans())
    def clear(self, elsewhere: bool) -> None:
        self._do(FaultClear(), elsewhere)

    @rule(
        version=st.sampled_from(["1.5.01", "1.5.24", "1.5.25"]),
        force=st.booleans(),
        elsewhere=st.booleans(),
    )
    def update(self, version: str, force: bool, elsewhere: bool) -> None:
        if self.kernel in ("v5", "v5-posted", "7.2", "7.2+dynamic-pamt"):
            self._do(ModuleUpdate(force, version), elsewhere)

    @rule(elsewhere=st.booleans())
    def kexec(self, elsewhere: bool) -> None:
        self._do(Kexec(), elsewhere)

    @rule(action=st.sampled_from(["alloc", "free"]), elsewhere=st.booleans())
    def guest_keyid(self, action: str, elsewhere: bool) -> None:
        if not self.kernel.startswith("v5"):
            self._do(GuestKeyid(action), elsewhere)

    @rule(elsewhere=st.booleans())
    def add_memory(self, elsewhere: bool) -> None:
        self._do(Hotplug("add-memory", 1 << 37, 1 << 38), elsewhere)

    @rule(
        cpu=st.integers(0, 3),
        leaf=st.sampled_from([33, 34, 35, 52, 53, 0x8000000000000000]),
        elsewhere=st.booleans(),
    )
    def seamcall(self, cpu: int, leaf: int, elsewhere: bool) -> None:
        if self.machine.is_online(cpu):
            self._do(Seamcall(cpu, Registers(leaf, 0x8000)), elsewhere)

    @rule(elsewhere=st.booleans())
    def memory(self, elsewhere: bool) -> None:
        self._do(MemoryOnline(1 << 37, 1 << 38), elsewhere)


TestStoredAgainstMemory = StoredAgainstMemory.TestCase
TestStoredAgainstMemory.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
