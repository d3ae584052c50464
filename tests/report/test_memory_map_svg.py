# SPDX-License-Identifier: Apache-2.0
"""A memory map as SVG: valid, complete, and no text over another."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from tdxctl.platform.load import load_file
from tdxctl.report.memory_map import svg
from tdxctl.report.memory_map.model import MemoryMap
from tests.cli.runner import ROOT
from tests.report.maps import described, map_of

NS = "{http://www.w3.org/2000/svg}"
PLATFORMS = sorted(file.stem for file in (ROOT / "platforms").glob("*.yaml"))


def _drawn(platform: str, kernel: str = "v5") -> str:
    # On a CPU with TDX, which two of them do not have: the memory is what is drawn.
    file = str(ROOT / "platforms" / f"{platform}.yaml")
    return svg.render(map_of(load_file(file, ("cpus.model=emerald-rapids",)), kernel))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_gives_a_valid_picture(platform: str) -> None:
    """Expect XML with a role, a title and a description, and a title for each segment drawn."""
    root = ET.fromstring(_drawn(platform))
    assert root.get("role") == "img"
    assert root.findtext(f"{NS}title") == f"Memory map of {platform}"
    assert platform in (root.findtext(f"{NS}desc") or "")
    ids = [element.get("id") for element in root.iter() if element.get("id") is not None]
    assert len(ids) == len(set(ids))
    assert set((root.get("aria-labelledby") or "").split()) <= set(ids)
    for group in root.iter(f"{NS}g"):
        assert group.findtext(f"{NS}title")
    # Outside the patterns nothing is drawn but the paper, the axis, and what has a title.
    for shape in root.findall(f"{NS}rect") + root.findall(f"{NS}path"):
        assert shape.get("class") in ("paper", "axis")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_text_lies_over_another(platform: str) -> None:
    """Expect boxes around all texts, as wide as wide letters make them, to be disjoint."""
    boxes = [_box(element) for element in ET.fromstring(_drawn(platform)).iter(f"{NS}text")]
    for a, b in combinations(boxes, 2):
        apart = a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]
        assert apart, (a, b)
    assert all(left >= 0 and right <= 960 for left, right, *_ in boxes)


def _box(element: ET.Element) -> tuple[float, float, int, int, str]:
    text, looks = element.text or "", (element.get("class") or "").split()
    x, y = int(element.get("x") or 0), int(element.get("y") or 0)
    wide = len(text) * (10.5 if "title" in looks else 7.5)
    left = x - wide / 2 if {"mid", "in"} & set(looks) else x
    return left, left + wide, y - 11, y + 3, text


def test_segments_say_what_they_are() -> None:
    root = ET.fromstring(_drawn("emr-2s-256g-fragmented"))
    titles = {group.findtext(f"{NS}title") for group in root.iter(f"{NS}g")}
    assert {
        "memory of node 3 [0x3080000000, 0x407c000000), 63.9 GiB",
        "CMR 0 [0x100000, 0x6f800000), 1.7 GiB",
        "TDMR 0 of node 0 [0x0, 0x80000000), 2 GiB",
        "PAMT of TDMR 1 [0x10f87d000, 0x11f0fa000), 248.5 MiB",
        "reserved area of TDMR 0: hole [0x0, 0x100000), 1 MiB",
        "last reserved area of TDMR 0: hole [0x6e9cf000, 0x6f7ff000), 14.2 MiB",
        "no reserved area of TDMR 0: hole [0x6f800000, 0x80000000), 264 MiB",
    } <= titles


def test_it_needs_nothing_beside_itself_and_knows_the_dark() -> None:
    drawn = _drawn("8s-64t")
    without_namespace = drawn.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in without_namespace
    assert "@import" not in drawn
    assert "url(#" in drawn
    assert drawn.count("url(") == drawn.count("url(#tdx-")
    assert "@media screen and (prefers-color-scheme:dark)" in drawn


def test_text_from_a_description_stays_text() -> None:
    platform = described(
        description="</title><script>alert(1)</script>&\x07\x00\ufffe",
        memory={"ranges": [{"start": "4GiB", "size": "1GiB"}]},
    )
    drawn = svg.render(map_of(platform))
    assert ET.fromstring(drawn).find(f".//{NS}script") is None
    assert "\\x07\\x00\\ufffe" in drawn


@pytest.mark.parametrize(
    "platform", [path.stem.removeprefix("map-") for path in (ROOT / "docs").glob("map-*.svg")]
)
def test_the_pictures_of_the_documentation_are_not_stale(platform: str) -> None:
    """Expect `tdxctl map --platform P --format svg > docs/map-P.svg` to change nothing."""
    shown = (ROOT / "docs" / f"map-{platform}.svg").read_text(encoding="utf-8")
    assert shown == _drawn(platform) + "\n"


@pytest.mark.parametrize(("letters", "lines"), [(116, 1), (117, 2)])
def test_a_verdict_is_as_wide_as_the_picture_at_most(letters: int, lines: int) -> None:
    """Letters of 8 pixels in 960, 16 of which are left free on each side."""
    picture = MemoryMap(
        name="hand-made",
        heading=("hand-made",),
        verdict=f"{'x' * (letters - 2)} y",
        problem=(),
        without_tdmrs="none",
        lanes=(),
        tdmrs=(),
        max_tdmrs=64,
        limit=16,
        areas=(),
        wanted=(),
    )
    texts = [each.text for each in ET.fromstring(svg.render(picture)).iter(f"{NS}text")]
    assert texts[0] == "hand-made"
    assert len([text for text in texts if text and text[-1] in "xy"]) == lines
