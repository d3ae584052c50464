# SPDX-License-Identifier: Apache-2.0
"""The PAMT tables of a plan: kernels share one where all that it shows is the same."""

from __future__ import annotations

from tdxctl.linux.lookup import find_kernel
from tdxctl.plan import plan
from tdxctl.platform.description import Platform
from tdxctl.platform.shipped import path_of
from tdxctl.report.plans import to_text


def test_kernels_that_had_another_pamt_before_have_a_table_of_their_own() -> None:
    """With 32 reserved areas 6.8 allocates what cmr-walk, which needs 3, did with 16 too."""
    kernels = [find_kernel(name) for name in ("6.8", "6.8+cmr-walk", "6.18")]
    platform = Platform.load(path_of("emr-2s-256g-fragmented"))
    described = platform.to_dict()
    module = described["module"]
    assert isinstance(module, dict)
    changed = Platform.from_dict({**described, "module": {**module, "max_reserved_per_tdmr": 32}})
    text = to_text(plan(platform, kernels), plan(changed, kernels))
    assert text[text.index("PAMT: ") :].split("\n\n")[:2] == [
        "PAMT: 6.8, 6.18\n"
        "             memory            PAMT           KiB     of memory\n"
        "  node 0   63.6 GiB  - -> 256.5 MiB   - -> 262664  - -> 0.394 %\n"
        "  node 1   63.9 GiB  - -> 256.5 MiB   - -> 262660  - -> 0.392 %\n"
        "  node 2   63.9 GiB  - -> 256.5 MiB   - -> 262660  - -> 0.392 %\n"
        "  node 3   63.9 GiB  - -> 256.5 MiB   - -> 262660  - -> 0.392 %\n"
        "  total   255.4 GiB    - -> 1.0 GiB  - -> 1050644  - -> 0.392 %",
        "PAMT: 6.8+cmr-walk\n"
        "             memory       PAMT      KiB  of memory\n"
        "  node 0   63.6 GiB  256.5 MiB   262664    0.394 %\n"
        "  node 1   63.9 GiB  256.5 MiB   262660    0.392 %\n"
        "  node 2   63.9 GiB  256.5 MiB   262660    0.392 %\n"
        "  node 3   63.9 GiB  256.5 MiB   262660    0.392 %\n"
        "  total   255.4 GiB    1.0 GiB  1050644    0.392 %",
    ]
