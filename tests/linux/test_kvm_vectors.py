# SPDX-License-Identifier: Apache-2.0
"""Every platform on which the real kernel code was run with KVM: tdxctl gives the same."""

from __future__ import annotations

import pytest

from tests import golden
from tests.golden import Golden
from tests.linux import kvm_vectors

#: Release -> how many platforms.
CASES = {"6.16": 172, "6.18": 168, "7.1": 169, "7.2": 169}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    golden.items(metafunc, "results", [kvm_vectors.results(release) for release in CASES])


def test_every_golden_result_is_reproduced(results: Golden) -> None:
    """Expect equal returns, states, lines, traces, parameters and capacities on all platforms."""
    release = results.label.removesuffix("-kvm")
    played = golden.check(
        results,
        lambda case: golden.differences(
            kvm_vectors.run(case["input"], release), kvm_vectors.golden(case["output"])
        ),
    )
    assert played == (CASES[release] if results.only is None else 1)
