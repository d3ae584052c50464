# SPDX-License-Identifier: Apache-2.0
"""Every platform on which the real kernel code was run: tdxctl gives the same, to the byte."""

from __future__ import annotations

import pytest

from tdxctl.linux.releases import RELEASES
from tests import golden
from tests.golden import Golden
from tests.linux import vectors

#: Kernel, or kernel and operation -> how many platforms.
CASES = {
    "v5": 804,
    "v5-posted": 804,
    "6.8": 830,
    "6.14": 851,
    "6.16": 851,
    "6.18": 851,
    "7.1": 859,
    "7.2": 907,
    "7.2-kexec": 35,
    "7.2+dynamic-pamt": 907,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "results" in metafunc.fixturenames:
        golden.items(metafunc, "results", [vectors.results(kernel) for kernel in CASES])


def test_every_golden_result_is_reproduced(results: Golden) -> None:
    """Expect equal returns, states, log lines, traces, TDMRs and PAMTs on all platforms."""
    kernel = results.label.removesuffix("-kexec")
    played = golden.check(
        results,
        lambda case: golden.differences(
            vectors.run(case["input"], kernel), vectors.golden(case["output"])
        ),
    )
    assert played == (CASES[results.label] if results.only is None else 1)


def test_a_release_says_on_how_many_platforms_it_was_executed() -> None:
    """Expect those of its bring-up, and with 7.2 those of its kexec."""
    said = {release.id: release.platforms for release in RELEASES if release.platforms}
    of_kexec = {"7.2": CASES["7.2-kexec"]}
    played = {kernel: cases for kernel, cases in CASES.items() if kernel != "7.2-kexec"}
    assert said == {kernel: cases + of_kexec.get(kernel, 0) for kernel, cases in played.items()}
