# SPDX-License-Identifier: Apache-2.0
"""Every platform on which the real kernel code was run: tdxctl gives the same, to the byte."""

from __future__ import annotations

import pytest

from tests.host import vectors

CASES_PER_KERNEL = 624


@pytest.mark.parametrize("kernel", ["v5", "v5-posted"])
def test_every_golden_result_is_reproduced(kernel: str) -> None:
    """Expect equal returns, states, log lines, traces, TDMRs and PAMTs on all platforms."""
    cases = vectors.load(kernel)
    assert len(cases) == CASES_PER_KERNEL
    differing = [
        case["input"]["id"]
        for case in cases
        if vectors.run(case["input"], kernel) != vectors.golden(case["output"])
    ]
    assert differing == []
