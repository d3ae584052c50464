# SPDX-License-Identifier: Apache-2.0
"""What a fleet comes to, counted: of hosts by hand, and of columns with their weights."""

from __future__ import annotations

import numpy as np

from tdxctl.fleet.counts import Counts, KernelCounts, Kind
from tdxctl.fleet.tally import _histogram, _sum
from tdxctl.fleet.verdicts import NULL


def test_hosts_that_are_wrong_are_neither_ready_nor_failing() -> None:
    """Expect three of four hosts to count, of which each kernel is asked by itself."""
    counts = Counts(hosts=4, wrong=1, kernels={"v5": KernelCounts(ready=3)})
    assert (counts.all_ready, counts.failing) == (True, 0)
    counts.kernels["6.8"] = KernelCounts(ready=1)
    assert (counts.all_ready, counts.failing) == (False, 2)


def test_counts_of_parts_add_up() -> None:
    one = Counts(
        hosts=3,
        wrong=1,
        errors={"memory": Kind(hosts=1)},
        kernels={"v5": KernelCounts(ready=2, tdmrs_left={60: 1, 61: 1})},
        changed={"a to b": Kind(hosts=1)},
    )
    one.add(
        Counts(
            hosts=5,
            wrong=2,
            errors={"memory": Kind(hosts=1), "cpus": Kind(hosts=1)},
            kernels={"v5": KernelCounts(ready=1, tdmrs_left={61: 2}), "6.8": KernelCounts(ready=3)},
        )
    )
    assert (one.hosts, one.wrong) == (8, 3)
    assert {key: kind.hosts for key, kind in one.errors.items()} == {"memory": 2, "cpus": 1}
    assert {key: kind.hosts for key, kind in one.changed.items()} == {"a to b": 1}
    assert {key: kernel.ready for key, kernel in one.kernels.items()} == {"v5": 3, "6.8": 3}
    assert one.kernels["v5"].tdmrs_left == {60: 1, 61: 3}


def test_columns_are_counted_with_their_weights_and_nulls_are_not() -> None:
    """
    value   5  NULL  7  5  9
    weight  2  3     1  4  0      hosts that are alike

    Expect 6 hosts with 5, one with 7, and 5 * 6 + 7 in all.
    """
    values = np.array([5, NULL, 7, 5, 9], np.int64)
    weight = np.array([2, 3, 1, 4, 0], np.int64)
    assert _histogram(values, weight) == {5: 6, 7: 1}
    assert _sum(values, weight) == 37


def test_more_bytes_than_63_bits_count_are_summed() -> None:
    half = 1 << 62
    values = np.array([half, half, half], np.int64)
    assert _sum(values, np.array([1, 2, 3], np.int64)) == 6 * half
