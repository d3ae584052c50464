# SPDX-License-Identifier: Apache-2.0
"""Long runs on stored machines: `make stress`. Prints what was seen."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tdxctl import lab
from tdxctl.lab import Asked
from tests.machines import small
from tests.state import processes


def callers_on_one_machine(count: int, wait: int) -> None:
    """count processes call init at once on a machine that none has initialized."""
    os.environ["TDXCTL_WAIT"] = str(wait)
    lab.boot(Asked("one", small(name="one")))
    spent, started = _seconds_of_children(), time.perf_counter()
    found = processes.all_at_once(count, "one")
    elapsed, spent = time.perf_counter() - started, _seconds_of_children() - spent
    assert found == [(0, 0, "INITIALIZED")] * count, Counter(found)
    assert processes.initializations("one") == 1
    print(
        f"{count} processes at once, one machine, TDXCTL_WAIT={wait}: one initialization, equal "
        f"answers, {elapsed:.0f} s, {spent / count * 1000:.0f} ms of a CPU each"
    )


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
    killed = processes.kill_at_random_moments(runs, seed, folder)
    print(
        f"{killed.processes} processes killed (seed {seed}), {killed.inside} inside a transaction: "
        f"{killed.committed} operations committed, all whole, 0 lost"
    )


def main() -> int:
    """Run everything in a temporary state folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--callers", type=int, default=1000)
    parser.add_argument("--wait", type=int, default=120)
    parser.add_argument("--processes", type=int, default=200)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two pipes a process
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TDXCTL_STATE"] = os.path.join(folder, "state")
        if options.callers:
            callers_on_one_machine(options.callers, options.wait)
        callers_on_many_machines(options.processes, machines=10, at_once=100)
        kills(options.kills, Path(folder) / "kills")
    return 0


if __name__ == "__main__":
    sys.exit(main())
