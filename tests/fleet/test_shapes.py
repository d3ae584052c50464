# SPDX-License-Identifier: Apache-2.0
"""What is equal is computed once, in whatever batch it comes; what only looks equal is not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tdxctl.fleet import pieces, shapes
from tdxctl.fleet.arrow import hosts_schema
from tdxctl.fleet.evaluate import Hosts, evaluate
from tdxctl.fleet.inputs import tasks
from tdxctl.fleet.places import Found, Place
from tdxctl.linux.lookup import find_kernel
from tests.fleet.random_hosts import random_host

GIB = 1 << 30


def host(*ends: int, **columns: Any) -> dict[str, Any]:
    """A host with a range of memory from each 4 GiB step on, so many GiB long."""
    starts = range(4, 4 + 100 * len(ends), 100)
    memory = [
        {"start": start * GIB, "end": (start + end) * GIB, "node": 0}
        for start, end in zip(starts, ends, strict=True)
    ]
    return {"host": "any", "memory": memory} | columns


def batch(*rows: dict[str, Any]) -> pa.RecordBatch:
    """Rows of hosts."""
    return pa.RecordBatch.from_pylist(list(rows), schema=hosts_schema())


CPUS = [{"package": 0, "cpus": 2, "online": 2, "not_enabled": 0}]
#: All different: the numbers that the rows below get.
A, B, NONE = host(8), host(8, 9), host()
A_NODE_1 = {"memory": [{"start": 4 * GIB, "end": 12 * GIB, "node": 1}]}
A_NO_NODE = {"memory": [{"start": 4 * GIB, "end": 12 * GIB, "node": None}]}
A_NO_END = {"memory": [{"start": 4 * GIB, "end": None, "node": 0}]}
A_END_0 = {"memory": [{"start": 4 * GIB, "end": 0, "node": 0}]}


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[A, B, A, host(8) | {"host": "other"}, NONE, B]], [[0, 1, 0, 0, 2, 1]]),
        # In whichever batch: the second one has a new one, which comes last.
        ([[A, B], [B, NONE, A, B], [NONE, A]], [[0, 1], [1, 2, 0, 1], [2, 0]]),
        # Each column tells, and a null is no value; but a node that is null is node 0.
        ([[A, host(8, cpus=CPUS), host(8, cpus=[]), A]], [[0, 1, 2, 0]]),
        ([[A, host(8, cmrs=[]), host(8, reserved=[{"start": 0, "end": 1}])]], [[0, 1, 2]]),
        ([[A, host(8, module="2.0.08")], [host(8, module="1.5.24"), A]], [[0, 1], [2, 0]]),
        ([[host(8, kvm=False), A, host(8, kvm=True), host(8, kvm=False)]], [[0, 1, 2, 0]]),
        ([[host(8, tdx_keyids=0), A], [A, host(8, tdx_keyids=0)]], [[0, 1], [1, 0]]),
        ([[A, A_NODE_1, A_NO_NODE]], [[0, 1, 0]]),
        ([[A_END_0, A], [A_NO_END, A_END_0]], [[0, 1], [2, 0]]),
        # No batch at all, and one without rows.
        ([[], [A]], [[], [0]]),
    ],
)
def test_rows_are_known_again(
    batches: list[list[dict[str, Any]]], expected: list[list[int]]
) -> None:
    hosts = Hosts()
    assert [hosts.add(batch(*rows)).tolist() for rows in batches] == expected
    assert len(hosts) == 1 + max(number for rows in expected for number in rows)


@pytest.mark.parametrize("numbers", [1, 2])
def test_what_has_the_same_number_is_compared(
    numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows have one of few numbers: a row that differs is a row of its own, and kept right."""

    def few(lists: Any, codes: Any) -> Any:
        return (np.arange(len(lists[0].given)) % numbers).astype(np.uint64)

    monkeypatch.setattr(shapes, "_numbers", few)
    rows = [random_host(random.Random(seed % 12), seed) for seed in range(30)]
    apart = pa.Table.from_batches(
        [evaluate(batch(row), [V7_1], first_row=i) for i, row in enumerate(rows)]
    )
    assert evaluate(batch(*rows), [V7_1]).to_pylist() == apart.to_pylist()


def test_a_list_knows_its_place_in_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 hosts of 1 to 9 ranges, twice: with blocks of 8 ranges each is known again."""
    monkeypatch.setattr(shapes, "_BLOCK", 8)
    rows = [host(*range(1 + number, 2 + number + number % 9)) for number in range(80)]
    hosts = Hosts()
    assert hosts.add(batch(*rows)).tolist() == list(range(80))
    assert hosts.add(batch(host(77), *reversed(rows))).tolist() == [80, *reversed(range(80))]


def test_rows_that_were_read_apart_are_told_together_up_to_a_size() -> None:
    """Expect as many in a piece as make five rows at most; what is wrong with one stays its."""
    waiting = [
        pieces._Rows(np.arange(rows), pa.array([f"{rows}"] * rows), {0: f"first of {rows}"})
        for rows in (2, 3, 4, 6, 1)
    ]
    together = list(pieces._together(waiting, 5))
    assert [each.names.to_pylist() for each in together] == [
        ["2", "2", "3", "3", "3"],
        ["4"] * 4,
        ["6"] * 6,
        ["1"],
    ]
    assert [each.wrong for each in together] == [
        {0: "first of 2", 2: "first of 3"},
        {0: "first of 4"},
        {0: "first of 6"},
        {0: "first of 1"},
    ]


V7_1 = find_kernel("7.1")
KERNELS = [V7_1, find_kernel("6.8")]


@pytest.mark.parametrize("few", [(4, 10, 100), (3, 1, 8), (64, 2, 1000), (1000, 1000, 1000)])
def test_pieces_of_a_task_are_the_whole(
    few: tuple[int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many hosts are read and judged at once, the verdicts are the same, in order."""
    for name, value in zip(("_FIRST", "_DIFFERING", "_RANGES"), few, strict=True):
        monkeypatch.setattr(pieces, name, value)
    monkeypatch.setattr(pieces, "_VERDICTS", 2 * few[0] + 1)
    rng = random.Random(7)
    kinds = [random_host(rng, number) for number in range(20)] + [host(3) | {"memory": None}]
    rows = [rng.choice(kinds[:4]) for _ in range(40)] + kinds + [rng.choice(kinds) for _ in kinds]
    whole = batch(*(row | {"host": f"host-{number}"} for number, row in enumerate(rows)))
    path = tmp_path / "hosts.parquet"
    pq.write_table(pa.Table.from_batches([whole]), path)
    place = Place(str(path))
    info = place.info()
    assert isinstance(info, Found)
    (task,) = tasks([info], len(rows))
    found, first = [], 0
    for judged, of, names, errors in pieces.pieces(task, KERNELS, None):
        found.append(judged.verdicts.rows(of, names, first, errors))
        first += len(of)
    assert pa.Table.from_batches(found).to_pylist() == evaluate(whole, KERNELS).to_pylist()
