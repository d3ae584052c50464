# SPDX-License-Identifier: Apache-2.0
"""Every platform on which the real kernel code was run: tdxctl gives the same, to the byte."""

from __future__ import annotations

import pytest

from tests import golden
from tests.golden import Golden
from tests.linux import vectors

#: Kernel -> how many platforms.
CASES = {"v5": 624, "v5-posted": 624, "6.8": 650, "6.17": 671, "2026-06": 713}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    golden.items(metafunc, "results", [vectors.results(kernel) for kernel in CASES])


def test_every_golden_result_is_reproduced(results: Golden) -> None:
    """Expect equal returns, states, log lines, traces, TDMRs and PAMTs on all platforms."""
    kernel = results.label
    played = golden.check(
        results,
        lambda case: golden.differences(
            vectors.run(case["input"], kernel), vectors.golden(case["output"])
        ),
    )
    assert played == (CASES[kernel] if results.only is None else 1)
