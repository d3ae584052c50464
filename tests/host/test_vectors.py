# SPDX-License-Identifier: Apache-2.0
"""Every platform on which the real kernel code was run: tdxctl gives the same, to the byte."""

from __future__ import annotations

import pytest

from tests.host import vectors

#: Kernel -> how many platforms.
CASES = {"v5": 624, "v5-posted": 624, "6.8": 650, "6.17": 671, "2026-06": 713}


@pytest.mark.parametrize(("kernel", "count"), CASES.items())
def test_every_golden_result_is_reproduced(kernel: str, count: int) -> None:
    """Expect equal returns, states, log lines, traces, TDMRs and PAMTs on all platforms."""
    cases = vectors.load(kernel)
    assert len(cases) == count
    differing = [
        case["input"]["id"]
        for case in cases
        if vectors.run(case["input"], kernel) != vectors.golden(case["output"])
    ]
    assert differing == []
