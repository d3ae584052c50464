# SPDX-License-Identifier: Apache-2.0
"""Which hosts have a machine booted for each, where setup and layout do not tell what becomes."""

from __future__ import annotations

from typing import Any

import pytest

from tdxctl.fleet.evaluate import evaluate
from tdxctl.fleet.setups import References
from tdxctl.linux.lookup import find_kernel
from tests.fleet.test_shapes import GIB, batch

V7_1 = find_kernel("7.1")


def _host(start: int = 4 * GIB, **columns: Any) -> dict[str, Any]:
    memory = [{"start": start, "end": start + 2 * GIB, "node": 0}]
    return {"host": "any", "memory": memory} | columns


def _cmrs(*cmrs: tuple[int, int]) -> dict[str, Any]:
    return _host(cmrs=[{"base": base, "size": size} for base, size in cmrs])


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        (_host(), 0),
        # CMRs of whole pages, one behind the other; and others.
        (_cmrs((4 * GIB, 2 * GIB)), 0),
        (_cmrs((4 * GIB, GIB), (5 * GIB, GIB)), 0),
        (_cmrs((4 * GIB, 2 * GIB), (5 * GIB, GIB)), 1),
        (_cmrs((4 * GIB, 2 * GIB + 1)), 1),
        (_cmrs((4 * GIB + 1, 2 * GIB - 1)), 1),
        (_cmrs(), 1),
        # What no column and no layout tells.
        (_host(settings='{"module": {"sysinfo_cmr_entries": 32}}'), 0),
        (_host(settings='{"module": {"sysinfo_cmr_entries": 31}}'), 1),
        (_host(settings='{"cpus": {"seamops": [{"value": 3}]}}'), 1),
        (_host(settings='{"faults": [{"leaf": "TDH.SYS.INIT", "status": "GP"}]}'), 1),
    ],
)
def test_only_an_odd_host_has_a_machine_of_its_own(host: dict[str, Any], alone: int) -> None:
    references = References()
    evaluate(batch(host), [V7_1], references=references)
    assert references.alone == alone


def test_a_host_that_no_machine_can_be_is_a_wrong_row() -> None:
    """Expect memory that ends at 2^52 to be refused where `auto` makes the CMRs."""
    (row,) = evaluate(batch(_host((1 << 52) - 2 * GIB)), [V7_1]).to_pylist()
    assert row["error"] == "memory: memory.ranges.0 leaves no room behind it for the SEAM range"
    assert row["status"] is None
