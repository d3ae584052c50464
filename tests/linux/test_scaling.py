# SPDX-License-Identifier: Apache-2.0
"""Work does not grow with memory; numbers do."""

from __future__ import annotations

import pytest

from tdxctl import Machine, Platform
from tdxctl.events import Seamcall
from tdxctl.platform.shipped import path_of
from tests.machines import of_size


def _calls_of_leaf(machine: Machine, leaf: int) -> int:
    return sum(
        event.n for event in machine.trace if isinstance(event, Seamcall) and event.leaf == leaf
    )


@pytest.mark.parametrize("gib", [1, 64, 1024, 32768])
def test_a_gibibyte_takes_256_calls_and_a_tdmr_takes_one_event(gib: int) -> None:
    machine = Machine.boot(of_size(gib))
    assert machine.tdx_init().returned == 0
    assert _calls_of_leaf(machine, 36) == 256 * gib
    assert len(machine.events) == len(Machine.boot(of_size(1)).tdx_init().events) + 3


def test_64_tebibytes_take_their_exact_number_of_calls() -> None:
    """Expect 256 calls for each of the 65534 GiB that the nine TDMRs cover."""
    machine = Machine.boot(Platform.load(path_of("8s-64t")))
    assert machine.tdx_init().returned == 0
    assert sum(row.size for row in machine.tdmrs) == 65534 << 30
    assert _calls_of_leaf(machine, 36) == 65534 * 256 == 16776704
