# SPDX-License-Identifier: Apache-2.0
"""What a memory map shows, and how it looks as text."""

from __future__ import annotations

import pytest

from tdxctl import Platform
from tdxctl.report.memory_map import text
from tdxctl.report.memory_map.model import Kind, Lane, MemoryMap, Segment
from tests.cli.runner import ROOT
from tests.report.maps import described, map_of

MIB, GIB = 1 << 20, 1 << 30
RANGES = [
    {"start": "1MiB", "end": "512MiB", "node": 0},
    {"start": "768MiB", "end": "1GiB", "node": 0},
    {"start": "4GiB", "end": "20GiB", "node": 0},
    {"start": "1TiB", "size": "15GiB", "node": 1},
]


def _shipped(name: str) -> Platform:
    return Platform.load(ROOT / "platforms" / f"{name}.yaml")


ASCII = """\
hand-made: two nodes, far apart
Kernel: on-demand series v5 as reviewed, June 2022
Status INITIALIZED: the TDX module is initialized and ready to run TDs

         0x0                      0x20000000      0x40000000
         |------------------------+------------------------|
memory    ======== node 0 ========             == node 0 ===
CMRs      [-------------------- CMR 0 ---------------------]
TDMRs    [==================== TDMR 0 =====================]
PAMTs
reserved h                        hhh hole hhhh

         // 3 GiB of nothing //

         0x100000000           0x500000000     0x103c0000000
         |---------------------/1004 GiB/------------------|
memory   ======= node 0 =======/        /##### node 1 ######
CMRs     [------ CMR 1 -------]/        /[----- CMR 2 -----]
TDMRs    [====== TDMR 1 ======]/        /[==== TDMR 2 =====]
PAMTs    P P                   /        /P
reserved P P                   /        /P

from 0x0: 1 column is 20.5 MiB
from 0x100000000: 1 column is 852.9 MiB
not to scale: what is smaller than that has 1 column
not to scale: / / is an empty stretch, of the size written
on the axis
memory: = node 0; # node 1
reserved: h a hole, P a PAMT

3 of 64 TDMRs; areas: reserved areas used, of those it can
have
* 0 [0x0, 0x40000000)
    1 GiB, node 0, areas 2/16, PAMT 4.0 MiB at 0x100000000
  1 [0x100000000, 0x500000000)
    16 GiB, node 0, areas 2/16, PAMT 64.1 MiB at 0x104021000
  2 [0x10000000000, 0x103c0000000)
    15 GiB, node 1, areas 1/16, PAMT 60.1 MiB at
    0x10000000000
* the tightest TDMR: room for 14 further holes"""

UNICODE = """\
         0x100000000           0x500000000     0x103c0000000
         ├─────────────────────╱1004 GiB╱──────────────────┤
memory   ███████ node 0 ███████╱        ╱▓▓▓▓▓ node 1 ▓▓▓▓▓▓
CMRs     ├────── CMR 1 ───────┤╱        ╱├───── CMR 2 ─────┤
TDMRs    ┣━━━━━━ TDMR 1 ━━━━━━┫╱        ╱┣━━━━ TDMR 2 ━━━━━┫
PAMTs    P P                   ╱        ╱P
reserved P P                   ╱        ╱P"""  # noqa: RUF001  # box drawing


def _two_nodes() -> MemoryMap:
    return map_of(described(description="two nodes, far apart", memory={"ranges": RANGES}))


def test_a_small_map_as_ascii() -> None:
    """Expect lanes over one another, the hole reserved, and the terabyte between nodes cut out."""
    assert text.render(_two_nodes(), 60, unicode=False) == ASCII


def test_a_small_map_with_box_drawing() -> None:
    assert text.render(_two_nodes(), 60, unicode=True).split("\n\n")[3] == UNICODE


@pytest.mark.parametrize("columns", [40, 57, 80, 123, 300])
@pytest.mark.parametrize(
    "platform", ["spr-2s-512g", "emr-2s-256g-fragmented", "8s-64t", "seamrr-off", "tdmrs-exhausted"]
)
def test_the_drawing_fits_the_width(platform: str, columns: int) -> None:
    """Expect every line of every lane to end within the columns, and the widest to fill them."""
    names = ("memory ", "CMRs ", "TDMRs ", "PAMTs ", "reserved ", "     ")
    shown = text.render(map_of(_shipped(platform)), columns, unicode=True)
    drawn = [line for line in shown.splitlines() if line.startswith(names)]
    assert max(map(len, drawn)) == columns


def test_a_narrower_terminal_gets_the_narrowest_drawing() -> None:
    picture = _two_nodes()
    assert text.render(picture, 10, unicode=False) == text.render(picture, 40, unicode=False)
    assert text.render(picture, 999, unicode=False) == text.render(picture, 300, unicode=False)


def test_a_hole_of_one_page_is_drawn() -> None:
    """A page that firmware keeps in the middle of 16 GiB.

    [4G ......... 12G)[page][ ........ 20G)

    Expect a column without memory, and a reserved area in it.
    """
    hole = 12 << 30
    ranges = [
        {"start": "4GiB", "end": hole, "node": 0},
        {"start": hole + 4096, "end": "20GiB", "node": 0},
    ]
    shown = text.render(map_of(described(memory={"ranges": ranges})), 60, unicode=False)
    lanes = shown.split("\n\n")[1].splitlines()
    assert lanes[2] == "memory   ======== node 0 ========= ======== node 0 ========="
    assert lanes[6][34] == "h"


def _fragmented(kernel: str) -> MemoryMap:
    return map_of(_shipped("emr-2s-256g-fragmented"), kernel)


@pytest.mark.parametrize("kernel", ["v5", "6.8", "7.2+dynamic-pamt"])
def test_the_hole_that_found_no_reserved_area_is_marked(kernel: str) -> None:
    """Seventeen holes in TDMR 0, sixteen reserved areas.

    [hole ... hole  0x6e9cf000 hole 0x6f7ff000 [page] 0x6f800000 hole 0x80000000)

    Expect the sixteenth to be the last one, and the seventeenth to have none.
    """
    picture = _fragmented(kernel)
    assert len(picture.wanted) == 17
    by_kind = {
        kind: [
            (segment.start, segment.end)
            for lane in picture.lanes
            for segment in lane.segments
            if segment.kind is kind
        ]
        for kind in (Kind.LAST, Kind.LEFT_OUT)
    }
    assert by_kind == {
        Kind.LAST: [(0x6E9CF000, 0x6F7FF000)],
        Kind.LEFT_OUT: [(0x6F800000, 0x80000000)],
    }
    lines = text.render(picture, 80, unicode=False).splitlines()
    assert "TDMR 0 needs 17 reserved areas and has 16; in the order the kernel met them:" in lines
    assert "  16  [0x6e9cf000, 0x6f7ff000) hole, 14.2 MiB  <- the last reserved area" in lines
    assert "  17  [0x6f800000, 0x80000000) hole, 264 MiB  <- none left" in lines
    assert "  *0           0x0    0x80000000   2 GiB     0  17/16" in "\n".join(lines)
    assert "* the tightest TDMR: room for no further hole" in lines


def test_holes_that_are_found_by_walking_cmrs_fit() -> None:
    """Expect nothing to be left out with the kernel that gets by with three."""
    picture = _fragmented("6.8+cmr-walk")
    assert picture.wanted == ()
    assert Kind.LEFT_OUT not in picture.kinds
    assert [line.needed for line in picture.tdmrs] == [2, 3, 2, 2, 2]


def test_a_pamt_can_be_what_finds_no_reserved_area() -> None:
    """One reserved area, a hole, and two PAMTs in TDMR 1.

    [4G PAMT 0 ... PAMT 1 ... 19G) hole 20G)

    Expect the hole to take the last one, as the kernel finds holes first, and the PAMTs none.
    """
    platform = described(
        memory={"ranges": [{"start": "1GiB", "size": "1GiB"}, {"start": "4GiB", "end": "19GiB"}]},
        module={"max_reserved_per_tdmr": 1},
    )
    picture = map_of(platform)
    assert [(area.pamt_of, area.fate.name) for area in picture.wanted] == [
        (0, "LAST"),
        (1, "LEFT_OUT"),
    ]


@pytest.mark.parametrize(
    ("platform", "said"),
    [
        ("seamrr-off", "Status UNKNOWN: TDX is off, as the kernel found at boot"),
        (
            "no-module",
            "Status NONE: there is no TDX module; final until reboot or an update of the module",
        ),
        ("one-keyid", "why:   BIOS left 1 KeyIDs for TDX, at least 2 are needed"),
        ("outside-cmrs", "does not lie in one CMR"),
    ],
)
def test_without_tdmrs_memory_and_cmrs_are_drawn_and_the_reason_is_said(
    platform: str, said: str
) -> None:
    picture = map_of(_shipped(platform))
    assert [lane.name for lane in picture.lanes] == ["memory", "CMRs"]
    shown = text.render(picture, 80, unicode=False)
    assert "no TDMRs: the bring-up failed before there were any" in shown
    assert said in shown


def test_before_the_first_call_there_is_nothing_to_explain() -> None:
    picture = map_of(_shipped("small"), called=False)
    shown = text.render(picture, 80, unicode=False)
    assert "Status UNKNOWN: tdx_init() has not been called" in shown
    assert shown.endswith("no TDMRs: tdx_init() has not been called")


def test_cmrs_that_overlap_have_a_lane_each() -> None:
    """Firmware that reports a CMR inside another one, and the list not in order.

    [4G ................. 8G)
           [5G .. 6G)

    Expect two lanes, the second without a name.
    """
    cmrs = [{"base": "5GiB", "size": "1GiB"}, {"base": "4GiB", "size": "4GiB"}]
    memory = {"ranges": [{"start": "4GiB", "size": "4GiB"}], "cmrs": cmrs}
    lanes = map_of(described(memory=memory)).lanes
    assert [(lane.name, [s.number for s in lane.segments]) for lane in lanes[1:]] == [
        ("CMRs", [1]),
        ("", [0]),
    ]


def test_no_memory_at_all_is_said() -> None:
    shown = text.render(map_of(described(memory={"ranges": []})), 80, unicode=False)
    assert "no memory at all" in shown
    assert "why:   there is no valid CMR" in shown


def test_what_a_failure_left_undone_is_not_shown_as_none() -> None:
    """Expect no PAMT for the TDMR whose allocation failed, and no count of reserved areas."""
    picture = map_of(_shipped("pamt-allocation-fails"))
    assert [line.pamt is None for line in picture.tdmrs] == [False, False, True]
    assert [line.needed for line in picture.tdmrs] == [None, None, None]
    assert "-  256.5 MiB" not in text.render(picture, 80, unicode=False)


def test_text_from_a_description_cannot_steer_the_terminal() -> None:
    platform = described(description="\x1b[31mred\u202e", memory={"ranges": RANGES})
    first = text.render(map_of(platform), 80, unicode=True).splitlines()[0]
    assert first == "hand-made: \\x1b[31mred\\u202e"


def _cmr_over_4_gib(start: int, end: int) -> list[str]:
    # What a CMR looks like in the bands below and above 4 GiB: memory up to there, and 196 GiB.
    memory = tuple(
        Segment(*ends, Kind.MEMORY, node, f"node {node}", "")
        for node, ends in enumerate(((0, 4 * GIB), (4 * GIB, 200 * GIB)))
    )
    cmr = Segment(start, end, Kind.CMR, 0, "CMR 0", "")
    picture = MemoryMap(
        name="hand-made",
        heading=("hand-made",),
        verdict="UNKNOWN",
        problem=(),
        without_tdmrs="none",
        lanes=(Lane("memory", memory), Lane("CMRs", (cmr,))),
        tdmrs=(),
        max_tdmrs=64,
        limit=16,
        areas=(),
        wanted=(),
    )
    lines = text.render(picture, 40, unicode=False).splitlines()
    return [line.removeprefix("CMRs     ") for line in lines if line.startswith("CMRs")]


@pytest.mark.parametrize(
    ("start", "end", "below", "above"),
    [
        (0, 200 * GIB, "[----------- CMR 0 ------------", "------------ CMR 0 -----------]"),
        (2 * GIB, 70 * GIB, "               [--- CMR 0 -----", "- CMR 0 -]"),
        (4 * GIB - 300 * MIB, 24 * GIB, "                            [--", "--]"),
        (4 * GIB - 200 * MIB, 16 * GIB, "                             [-", "|"),
        (4 * GIB - MIB, 4 * GIB + MIB, "                              |", "|"),
    ],
)
def test_what_goes_on_in_another_band_has_no_end_here(
    start: int, end: int, below: str, above: str
) -> None:
    """Expect a line up to the edge, and a mark of one column to be the mark all the same."""
    assert _cmr_over_4_gib(start, end) == [below, above]
