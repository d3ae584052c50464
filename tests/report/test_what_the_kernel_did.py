# SPDX-License-Identifier: Apache-2.0
"""Pictures, pages and numbers tell what the kernel's run did: areas, PAMTs, usable memory."""

from __future__ import annotations

import pytest

from tdxctl import Machine, Platform
from tdxctl.causes import ReservedAreasExhausted
from tdxctl.events import Holds, NodeMemory, PamtRow, ReservedArea, StepEvent
from tdxctl.explain.failures import explain_failure
from tdxctl.linux.lookup import find_kernel
from tdxctl.plan import plan
from tdxctl.report.html.kernel import Shown
from tdxctl.report.html.page import render as render_page
from tdxctl.report.memory_map import svg, text
from tdxctl.report.view import init_view
from tests.report.maps import described, map_of

MIB, GIB = 1 << 20, 1 << 30


def _cmrs_wider_than_memory() -> Platform:
    """Memory in three pieces below 1 GiB, CMRs in three others, room for two reserved areas.

                0   1M        256M 300M    500M 512M        768M 800M  880M 896M  1G
    memory      .   [   node 0   )              [   node 0   )              [  0   )
    CMRs        .   [      CMR 0      )    [        CMR 1         )    [   CMR 2   )
    """
    return described(
        memory={
            "ranges": [
                {"start": "1MiB", "end": "256MiB"},
                {"start": "512MiB", "end": "768MiB"},
                {"start": "896MiB", "end": "1GiB"},
                {"start": "4GiB", "end": "8GiB"},
            ],
            "cmrs": [
                {"base": "1MiB", "size": "299MiB"},
                {"base": "500MiB", "size": "300MiB"},
                {"base": "880MiB", "size": "144MiB"},
                {"base": "4GiB", "size": "4GiB"},
            ],
        },
        module={"max_reserved_per_tdmr": 2},
    )


WALKED = """\
TDMR 0 needs 3 reserved areas and has 2; in the order the kernel met them:
   1  [0x0, 0x100000) hole between CMRs, 1 MiB
   2  [0x12c00000, 0x1f400000) hole between CMRs, 200 MiB  <- the last reserved area
   3  [0x32000000, 0x37000000) hole between CMRs, 80 MiB  <- none left"""
LISTED = """\
TDMR 0 needs 3 reserved areas and has 2; in the order the kernel met them:
   1  [0x0, 0x100000) hole, 1 MiB
   2  [0x10000000, 0x20000000) hole, 256 MiB  <- the last reserved area
   3  [0x30000000, 0x38000000) hole, 128 MiB  <- none left"""


@pytest.mark.parametrize(
    ("kernel", "lane", "words"),
    [
        ("6.8+cmr-walk", "reserved h                  LLL hole LLL                  !!!!!", WALKED),
        ("6.8", "reserved h               LLLLL hole LLLLL               ! hole !", LISTED),
        ("v5", "reserved h               LLLLL hole LLLLL               ! hole !", LISTED),
    ],
)
def test_the_map_has_the_areas_that_its_kernel_met(kernel: str, lane: str, words: str) -> None:
    """The CMRs reach over the memory, so that two lists of holes are equally long.

    memory   .[  node 0  )..............[  node 0  )......[ 0 )
    CMRs     .[     CMR 0    )......[     CMR 1     )..[ CMR 2 )

    Expect the holes between CMRs from the kernel that walks them, those between memory from others.
    """
    shown = text.render(map_of(_cmrs_wider_than_memory(), kernel), 72, unicode=False)
    assert lane in shown.splitlines()
    assert words in shown.split("\n\n")


def test_the_drawing_has_the_areas_that_the_kernel_met() -> None:
    drawn = svg.render(map_of(_cmrs_wider_than_memory(), "6.8+cmr-walk"))
    titles = [
        "<title>reserved area of TDMR 0: hole between CMRs [0x0, 0x100000), 1 MiB</title>",
        "<title>last reserved area of TDMR 0: hole between CMRs [0x12c00000, 0x1f400000), 200 MiB",
        "<title>no reserved area of TDMR 0: hole between CMRs [0x32000000, 0x37000000), 80 MiB",
    ]
    assert [drawn.count(title) for title in titles] == [1, 2, 2]
    assert "0x10000000, 0x20000000" not in drawn


def test_the_page_has_the_areas_that_the_kernel_met() -> None:
    """Expect the table of reserved areas to be the kernel's, and no advice to walk CMRs."""
    platform = _cmrs_wider_than_memory()
    machine = Machine.boot(platform, "6.8+cmr-walk")
    report = machine.init_report(machine.tdx_init(), with_boot=True)
    page = render_page(
        "hand-made",
        plan(platform, [find_kernel("6.8+cmr-walk")]),
        [Shown(machine.summary(), report, machine.dmesg)],
    )
    row = (
        '<tr><th scope="row" class="number">0</th><td class="number">0x12c00000</td>'
        '<td class="number">0x1f400000</td><td class="number">200 MiB</td>'
        "<td>hole between CMRs: took the last reserved area</td></tr>"
    )
    assert row in page
    assert '<td class="number">0x10000000</td><td class="number">0x20000000</td>' not in page
    assert "walking CMRs" not in page


def test_only_a_kernel_that_does_not_walk_cmrs_is_advised_to() -> None:
    hints = {}
    for kernel in ("v5", "6.8", "6.8+cmr-walk"):
        failure = Machine.boot(_cmrs_wider_than_memory(), kernel).tdx_init().failure
        assert failure is not None
        assert isinstance(failure.cause, ReservedAreasExhausted)
        hints[kernel] = explain_failure(failure).to_do
    other = (
        "fewer holes in low memory: a BIOS that keeps its tables together, or a kernel that finds "
        "holes by walking CMRs"
    )
    assert hints == {
        "v5": other,
        "6.8": other,
        "6.8+cmr-walk": "fewer holes between CMRs: a BIOS that keeps its tables together",
    }


def test_a_run_that_succeeds_says_what_each_reserved_area_holds() -> None:
    """A hole in each TDMR, and both PAMTs in the second.

                 0 1M               1G      4G                       20G  21G
    memory       .[     node 0      )       [         node 0          )....
    TDMRs        [      TDMR 0      )       [         TDMR 1               )
    reserved     h                          P P                       hhhhh

    Expect holes before PAMTs, as the kernel meets them, and each PAMT by its TDMR.
    """
    ranges = [{"start": "1MiB", "end": "1GiB"}, {"start": "4GiB", "end": 20 * GIB + 5 * MIB}]
    machine = Machine.boot(described(memory={"ranges": ranges}))
    machine.tdx_init()
    first, second = machine.summary().tdmrs
    assert first.areas == (ReservedArea(0, MIB, Holds.HOLE, None, reserved=True),)
    assert second.areas == (
        ReservedArea(0x500500000, 0x540000000, Holds.HOLE, None, reserved=True),
        ReservedArea(0x100000000, 0x100403000, Holds.PAMT, 0, reserved=True),
        ReservedArea(0x104423000, 0x108846000, Holds.PAMT, 1, reserved=True),
    )
    assert (first.pamt, second.pamt) == (
        PamtRow(0x100000000, 0x403000),
        PamtRow(0x104423000, 0x4423000),
    )
    assert machine.summary().tightest == (1, 3)


def test_usable_and_lost_memory_are_those_of_the_run() -> None:
    """Memory below 1 MiB and ends of pages, on two nodes.

    0 4K      636K+1  1M           1G+6K      4G            5G
    .[  node 0  )      [   node 1   )          [   node 0   )

    Expect node 0 to lose what is below 1 MiB, node 1 half a page.
    """
    ranges = [
        {"start": 0x1000, "end": 0x9F001, "node": 0},
        {"start": MIB, "end": GIB + 6144, "node": 1},
        {"start": 4 * GIB, "end": 5 * GIB, "node": 0},
    ]
    platform = described(memory={"ranges": ranges})
    nodes = (
        NodeMemory(0, 0x9E001 + GIB, GIB),
        NodeMemory(1, GIB - MIB + 6144, GIB - MIB + 4096),
    )
    machine = Machine.boot(platform)
    assert machine.summary().nodes == nodes
    assert [node.lost for node in nodes] == [0x9E001, 2048]
    planned = plan(platform, [find_kernel("v5")])
    assert (planned.nodes, planned.lost) == (nodes, 0x9E001 + 2048)


def test_the_end_of_the_step_that_covers_memory_carries_what_became_of_it() -> None:
    """Expect nothing of it in other steps, and areas up to the TDMR that ran out of them."""
    result = Machine.boot(_cmrs_wider_than_memory(), "6.8+cmr-walk").tdx_init()
    steps = [event.to_dict() for event in result.events if isinstance(event, StepEvent)]
    told = [step for step in steps if "memory" in step]
    hole = {"tdmr": 0, "holds": "cmr-gap", "pamt_of": None}
    assert told == [
        {
            "ev": "step",
            "name": "configure",
            "outcome": "failed",
            "memory": {
                "usable": {"0": 4965007360},
                "lost": {"0": 0},
                "areas": [
                    {**hole, "start": "0x0", "end": "0x100000", "reserved": True},
                    {**hole, "start": "0x12c00000", "end": "0x1f400000", "reserved": True},
                    {**hole, "start": "0x32000000", "end": "0x37000000", "reserved": False},
                ],
            },
        }
    ]


def test_a_pamt_that_was_not_obtained_is_not_shown() -> None:
    """The second PAMT finds no memory: 6.8 has its sizes by then, and no chunk for them.

    Expect the table of TDMRs to show no address and no size for it.
    """
    platform = described(
        memory={"ranges": [{"start": "4GiB", "end": "5GiB"}, {"start": "8GiB", "end": "9GiB"}]},
        faults=[{"allocation": "pamt", "call": 2}],
    )
    for kernel in ("v5", "6.18"):
        machine = Machine.boot(platform, kernel)
        report = machine.init_report(machine.tdx_init(), with_boot=False)
        tdmrs = init_view(report).tables[0]
        assert [row[4:6] for row in tdmrs.rows] == [("0x100000000", "4.0 MiB"), ("-", "-")]


def test_the_pamt_shown_is_the_chunk_obtained() -> None:
    """Series v5 as posted adds the sizes of 8188 GiB modulo 2^64, one of them being negative.

    Expect the 48 MiB that were allocated, not 16 EiB more.
    """
    platform = described(memory={"ranges": [{"start": "4GiB", "size": "8188GiB"}]})
    machine = Machine.boot(platform, "v5-posted")
    report = machine.init_report(machine.tdx_init(), with_boot=False)
    assert init_view(report).tables[0].rows[0][4:6] == ("0x100000000", "48.1 MiB")
