# SPDX-License-Identifier: Apache-2.0
"""Many processes on stored machines, and processes that are killed: shared with `make stress`."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tdxctl import lab, store
from tdxctl.lab import Asked
from tdxctl.operations import Operation
from tdxctl.platform.description import Platform
from tests.cli.runner import ROOT
from tests.machines import small

SEAMCALL_SYS_INIT = 33


def start_init(machine: str, *arguments: str) -> subprocess.Popen[str]:
    """`tdxctl init` on a machine, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "tdxctl", "init", "--machine", machine, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def answers(processes: list[subprocess.Popen[str]]) -> list[tuple[int, int, str]]:
    """(exit code, returned, status) of each `init --format json`; errors show their text."""
    found = []
    for process in processes:
        stdout, stderr = process.communicate(timeout=300)
        assert stderr == "", stderr
        report = json.loads(stdout)
        found.append((process.returncode, report["returned"], report["status"]))
    return found


def initializations(machine: str) -> int:
    """How many TDH.SYS.INIT calls are in the machine's recorded events."""
    return sum(event.get("leaf") == SEAMCALL_SYS_INIT for event in recorded_events(machine))


def recorded_events(machine: str) -> list[dict[str, Any]]:
    """The machine's events since boot, as stored."""
    with store.reading() as rows:
        assert rows is not None
        return [e for op in rows.operations(machine) for e in json.loads(op.outcome)["events"]]


def operations(number: int) -> Iterator[Operation]:
    """A fixed series of operations that keeps changing the machine's state."""
    cycle: list[Operation] = [
        {"op": "cpu_offline", "cpu": 3},
        {"op": "init", "callers": 1},
        {"op": "fault_clear"},
        {"op": "cpu_online", "cpu": 3},
    ]
    for i in range(number):
        yield cycle[i % len(cycle)]


# Boots the machine `victim` and works through operations() until it is killed.
VICTIM = """
import sys
from tests.state import processes
from tdxctl import lab
print("ready", flush=True)
for operation in processes.operations(900):
    lab.operate("victim", [operation])
"""


def kill_at_random_moments(runs: int, seed: int, state: Path) -> int:
    """Kill a working process runs times; the store must be whole each time.

    Returns how many operations were committed in all, to show that the kills hit work.
    """
    chance = random.Random(seed)
    committed = 0
    os.environ["TDXCTL_STATE"] = str(state)
    for _ in range(runs):
        lab.boot(Asked("victim", _named("victim")))
        process = subprocess.Popen(
            [sys.executable, "-c", VICTIM],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        committed += _check_the_victim()
    return committed


def _check_the_victim() -> int:
    # The recorded operations are a beginning of the series, and replaying them gives the
    # recorded outcomes: the state is that before or after some operation, never between.
    with store.reading() as rows:
        assert rows is not None
        recorded = [json.loads(op.operation) for op in rows.operations("victim")]
    assert recorded == [{"op": "boot"}, *operations(len(recorded) - 1)]
    results = lab.operate("victim", [{"op": "fault_clear"}])
    assert results[0].returned == 0
    return len(recorded) - 1


def _named(name: str) -> Platform:
    return small(name=name)
