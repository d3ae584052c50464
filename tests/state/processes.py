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
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdxctl import database, lab, store
from tdxctl.lab import Asked
from tdxctl.operations import Boot, CpuOffline, CpuOnline, FaultClear, Init, Operation
from tdxctl.platform.description import Platform
from tests.cli.runner import ROOT
from tests.machines import small

SEAMCALL_SYS_INIT = 33


def start_init(machine: str, *arguments: str, gate: int | None = None) -> subprocess.Popen[str]:
    """`tdxctl init` on a machine, running, or about to once the pipe gate is closed."""
    command = [sys.executable, "-m", "tdxctl", "init", "--machine", machine, *arguments]
    if gate is not None:
        command = ["sh", "-c", 'read -r _; exec "$@" </dev/null', "sh", *command]
    return subprocess.Popen(
        command,
        stdin=gate,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def all_at_once(count: int, machine: str) -> list[tuple[int, int, str]]:
    """What count processes answer that call `tdxctl init` on a machine at the same moment."""
    waiting, go = os.pipe()
    running = [start_init(machine, "--format", "json", gate=waiting) for _ in range(count)]
    os.close(waiting)
    os.close(go)
    return answers(running)


def answers(processes: list[subprocess.Popen[str]]) -> list[tuple[int, int, str]]:
    """(exit code, returned, status) of each `init --format json`; none may say an error."""
    said = [process.communicate(timeout=1800) for process in processes]
    errors = Counter(stderr for _, stderr in said if stderr)
    assert not errors, errors
    reports = [json.loads(stdout) for stdout, _ in said]
    return [
        (process.returncode, report["returned"], report["status"])
        for process, report in zip(processes, reports, strict=True)
    ]


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
        CpuOffline(3),
        Init(1),
        FaultClear(),
        CpuOnline(3),
    ]
    for i in range(number):
        yield cycle[i % len(cycle)]


# Works through operations() on the machine `victim` until it is killed; says what is committed.
VICTIM = """
import sys
from tests.state import processes
from tdxctl import lab
print("ready", flush=True)
for operation in processes.operations(900):
    lab.operate("victim", [operation])
    print("committed", flush=True)
"""
# As a shell starts what is to run in the background.
_IN_THE_BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")


@dataclass
class Killed:
    """How many processes were killed, how many of them inside a transaction, what they did."""

    processes: int = 0
    inside: int = 0
    committed: int = 0


def kill_at_random_moments(runs: int, seed: int, state: Path) -> Killed:
    """Kill a working process runs times; the store must be whole each time.

    Every other one runs in a process group of its own with SIGINT ignored, and is killed with its
    group.
    """
    chance = random.Random(seed)
    killed = Killed()
    os.environ["TDXCTL_STATE"] = str(state)
    journal = Path(f"{database.store_file(str(state))}-journal")
    for number in range(runs):
        lab.boot(Asked("victim", _named("victim")))
        said = _killed(chance.uniform(0, 0.12), in_background=number % 2 == 1)
        killed.processes += 1
        killed.inside += journal.exists()
        killed.committed += _check_the_victim(said)
    return killed


def _killed(after: float, *, in_background: bool) -> int:
    # How many operations the process said to have committed when it was killed.
    process = subprocess.Popen(
        [*(_IN_THE_BACKGROUND if in_background else ()), sys.executable, "-c", VICTIM],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        process_group=0 if in_background else None,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(after)
    if in_background:
        os.killpg(process.pid, signal.SIGINT)  # which it does not hear
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGKILL)
    said = process.stdout.read().count(b"committed\n")
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return said


def _check_the_victim(said: int) -> int:
    # The recorded operations are a beginning of the series, and replaying them gives the
    # recorded outcomes: the state is that before or after some operation, never between. None
    # that was said to be committed is lost.
    with store.reading() as rows:
        assert rows is not None
        recorded = [
            Operation.from_dict(json.loads(op.operation)) for op in rows.operations("victim")
        ]
    assert recorded == [Boot(), *operations(len(recorded) - 1)]
    assert said <= len(recorded) - 1 <= said + 1
    results = lab.operate("victim", [FaultClear()])
    assert results[0].returned == 0
    return len(recorded) - 1


def _named(name: str) -> Platform:
    return small(name=name)
