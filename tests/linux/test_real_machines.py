# SPDX-License-Identifier: Apache-2.0
"""PAMT sizes that real kernels printed, to the KB."""

from __future__ import annotations

import json
import re

import pytest

from tdxctl import Machine, Platform
from tdxctl.platform.shipped import path_of
from tests import real


def _pamt_kb(ranges: list[tuple[int, int]]) -> int:
    # A node per range; memory below 4 GiB is of the first one's.
    description = {
        "cpus": {"madt": [{"apic_id": 0}]},
        "memory": {
            "ranges": [
                {"start": start, "end": end, "node": max(0, i - 1)}
                for i, (start, end) in enumerate(ranges)
            ]
        },
    }
    machine = Machine.boot(Platform.from_dict(description))
    assert machine.tdx_init().returned == 0
    return machine.pamt_bytes >> 10


# The CMRs a log prints, taken as memory ranges, and `... KB allocated for PAMT` in that log.
@pytest.mark.parametrize(
    ("source", "cmrs", "printed_kb"),
    [
        (
            "canonical/tdx issue 135: 256 GiB, 4 nodes",
            [
                (0x100000, 0x6F800000),
                (0x100000000, 0x107A000000),
                (0x1080000000, 0x207C000000),
                (0x2080000000, 0x307C000000),
                (0x3080000000, 0x407C000000),
            ],
            1050644,
        ),
        (
            "canonical/tdx pull request 188 and issue 285: 256 GiB, 2 nodes",
            [(0x100000, 0x77800000), (0x100000000, 0x206E000000), (0x2080000000, 0x4070000000)],
            1050636,
        ),
        (
            "canonical/tdx issue 206: 512 GiB, 2 nodes",
            [(0x100000, 0x77800000), (0x100000000, 0x406E000000), (0x4080000000, 0x8070000000)],
            2101260,
        ),
    ],
)
def test_the_pamt_is_what_the_real_kernel_printed(
    source: str, cmrs: list[tuple[int, int]], printed_kb: int
) -> None:
    assert _pamt_kb(cmrs) == printed_kb


def test_the_shipped_sapphire_rapids_costs_what_a_real_one_does() -> None:
    machine = Machine.boot(Platform.load(path_of("spr-2s-512g")))
    machine.tdx_init()
    assert machine.pamt_bytes >> 10 == 2101260


def test_every_real_log_with_cmrs_and_a_printed_pamt_agrees() -> None:
    """Expect the KB printed in each log, from the CMRs printed in it."""
    logs = real.files("tdx-logs/pair-*.dmesg.txt")
    assert len(logs) >= 4
    for log in logs:
        text = log.read_text()
        cmrs = [
            (int(start, 16), int(end, 16))
            for start, end in re.findall(r"CMR: \[(0x\w+), (0x\w+)\)", text)
        ]
        printed = re.search(r"(\d+) KB allocated for PAMT", text)
        assert printed is not None, log.name
        assert _pamt_kb(cmrs) == int(printed[1]), log.name


@pytest.mark.parametrize("kernel", ["v5", "6.8"])
def test_every_real_memory_map_gives_the_expected_tdmrs(kernel: str) -> None:
    """Expect TDMRs, reserved areas and PAMT of each boot log's node ranges."""
    checked = 0
    for sidecar in real.files("dmesg/*.json"):
        expected = json.loads(sidecar.read_text()).get("expect_memory_only", {}).get(kernel)
        if expected is None:
            continue
        text = sidecar.with_suffix(".dmesg.txt").read_text(errors="replace")
        text = text.rpartition("Early memory node ranges")[2]  # of several boots the last
        ranges = re.findall(r"node\s+(\d+): \[mem (0x\w+)-(0x\w+)\]", text)
        description = {
            "cpus": {"madt": [{"apic_id": 0}]},
            "memory": {
                "ranges": [
                    {"start": int(a, 16), "end": int(b, 16) + 1, "node": int(node)}
                    for node, a, b in ranges
                ]
            },
        }
        machine = Machine.boot(Platform.from_dict(description), kernel=kernel)
        result = machine.tdx_init()
        assert (result.returned, result.status) == (expected["ret"], expected["status"])
        rows = [[hex(row.base), hex(row.size), len(row.reserved)] for row in machine.tdmrs]
        assert rows == expected["tdmrs"], sidecar.name
        assert machine.pamt_bytes >> 10 == expected["pamt_kb"], sidecar.name
        checked += 1
    assert checked >= 13
