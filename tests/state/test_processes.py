# SPDX-License-Identifier: Apache-2.0
"""Many processes at once, and processes that die. `make stress` runs more of both."""

from __future__ import annotations

from pathlib import Path

from tdxctl import lab
from tdxctl.lab import Asked
from tests.machines import small
from tests.state import processes


def test_eight_processes_get_one_initialization_and_equal_answers() -> None:
    lab.boot(Asked("small", small()))
    assert processes.all_at_once(8, "small") == [(0, 0, "INITIALIZED")] * 8
    assert processes.initializations("small") == 1


def test_processes_that_come_first_make_the_store_together() -> None:
    """Expect none refused when there is not even a folder yet."""
    running = [
        processes.start_init(f"m{i % 2}", "--platform", "small", "--format", "json")
        for i in range(6)
    ]
    assert processes.answers(running) == [(0, 0, "INITIALIZED")] * 6
    assert [processes.initializations(name) for name in ("m0", "m1")] == [1, 1]


def test_a_killed_process_leaves_the_store_whole(state: Path) -> None:
    """Expect every machine in the state before or after a call, and the next call to work."""
    killed = processes.kill_at_random_moments(20, seed=1, state=state)
    assert killed.processes == 20
    assert killed.inside > 0
    assert killed.committed > 0
