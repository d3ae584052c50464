# SPDX-License-Identifier: Apache-2.0
"""Long runs on stored machines: `make stress`. Prints what was seen."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tdxctl import lab
from tdxctl.lab import Asked
from tests.machines import small
from tests.state import processes


def callers_on_one_machine(count: int) -> None:
    """count processes call init on a machine that none has initialized."""
    lab.boot(Asked("one", small(name="one")))
    started = time.perf_counter()
    running = [processes.start_init("one", "--format", "json") for _ in range(count)]
    found = processes.answers(running)
    elapsed = time.perf_counter() - started
    assert found == [(0, 0, "INITIALIZED")] * count, found
    assert processes.initializations("one") == 1
    print(f"{count} processes, one machine: one initialization, equal answers, {elapsed:.1f} s")


def callers_on_many_machines(count: int, machines: int, at_once: int) -> None:
    """count processes over machines machines, at_once running at any time."""
    names = [f"m{i}" for i in range(machines)]
    for name in names:
        lab.boot(Asked(name, small(name=name)))
    started = time.perf_counter()
    for first in range(0, count, at_once):
        batch = range(first, min(first + at_once, count))
        running = [processes.start_init(names[i % machines], "--format", "json") for i in batch]
        found = processes.answers(running)
        assert found == [(0, 0, "INITIALIZED")] * len(running), found
    elapsed = time.perf_counter() - started
    assert [processes.initializations(name) for name in names] == [1] * machines
    print(
        f"{count} processes, {machines} machines, {at_once} at once: one initialization each, "
        f"equal answers, {elapsed:.1f} s"
    )


def kills(runs: int, folder: Path) -> None:
    """runs working processes are killed with SIGKILL."""
    seed = int(time.time())
    committed = processes.kill_at_random_moments(runs, seed, folder)
    print(f"{runs} processes killed (seed {seed}): {committed} operations committed, all whole")


def main() -> int:
    """Run everything in a temporary state folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TDXCTL_STATE"] = os.path.join(folder, "state")
        callers_on_one_machine(64)
        callers_on_many_machines(options.processes, machines=10, at_once=100)
        kills(options.kills, Path(folder) / "kills")
    return 0


if __name__ == "__main__":
    sys.exit(main())
