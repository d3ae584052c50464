# SPDX-License-Identifier: Apache-2.0
"""A state machine as text, as DOT, as a document and as a picture: hand-made, of three statuses."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from tdxctl.linux.lookup import find_kernel
from tdxctl.report import states_svg
from tdxctl.report.states import to_dot, to_json, to_text
from tdxctl.sweep.states import Edge, States

SVG = "{http://www.w3.org/2000/svg}"
_FAILS = "boot, TDH.SYS.CONFIG fails"
FOUND = States(
    kernel=find_kernel("v5"),
    platform="tiny",
    depth=2,
    states=3,
    transitions=16,
    initial="UNKNOWN",
    statuses=("UNKNOWN", "INITIALIZED", "ERROR"),
    edges=(
        Edge("UNKNOWN", "INITIALIZED", "init", 0, ("init",)),
        Edge("UNKNOWN", "UNKNOWN", "offline 1", 0, ("offline 1",)),
        Edge("UNKNOWN", "UNKNOWN", "online 1", 0, ("offline 1", "online 1")),
        Edge("UNKNOWN", "UNKNOWN", "init", -22, ("offline 1", "init")),
        Edge("INITIALIZED", "UNKNOWN", "boot", 0, ("init", "boot")),
        Edge("INITIALIZED", "UNKNOWN", _FAILS, 0, ("init", _FAILS)),
        Edge("INITIALIZED", "INITIALIZED", "init", 0, ("init", "init")),
        Edge("INITIALIZED", "INITIALIZED", "init", -16, ("init", "init")),
        Edge("INITIALIZED", "INITIALIZED", "offline 0", -16, ("init", "offline 0")),
        Edge("INITIALIZED", "ERROR", 'echo "\\n"', 0, ("init", 'echo "\\n"')),
        Edge("INITIALIZED", "ERROR", "module update", -5, ("init", "module update")),
        Edge("UNKNOWN", "ERROR", "init", -5, (_FAILS, "init")),
        Edge("UNKNOWN", "ERROR", "kexec", 0, (_FAILS, "kexec")),
        Edge("ERROR", "INITIALIZED", "init", 0, (_FAILS, "init", "init")),
        Edge("ERROR", "UNKNOWN", _FAILS, 0, (_FAILS, "init", _FAILS)),
        Edge("ERROR", "UNKNOWN", "kexec", 0, (_FAILS, "init", "kexec")),
    ),
)

TEXT = """\
v5 on tiny, 2 operations deep: 3 states, 16 transitions, 3 statuses

UNKNOWN (after the boot): not initialized, and nothing is decided: tdx_init() may be called again
  -> ERROR: init: -5 (EIO)
  -> ERROR: kexec
  -> INITIALIZED: init
  stays: init: -22 (EINVAL)
  stays: offline 1, online 1

INITIALIZED: the TDX module is initialized and ready to run TDs
  -> ERROR: echo "\\n"
  -> ERROR: module update: -5 (EIO)
  -> UNKNOWN: boot
  -> UNKNOWN: boot, TDH.SYS.CONFIG fails
  stays: init
  stays: init: -16 (EBUSY)
  stays: offline 0: -16 (EBUSY)

ERROR: initialization failed; final until reboot
  -> INITIALIZED: init
  -> UNKNOWN: boot, TDH.SYS.CONFIG fails
  -> UNKNOWN: kexec"""

DOT = r"""digraph {
  rankdir=LR;
  node [shape=box, style=rounded, fontname="sans"];
  "UNKNOWN" [peripheries=2];
  "INITIALIZED";
  "ERROR";
  "UNKNOWN" -> "INITIALIZED" [label="init"];
  "UNKNOWN" -> "UNKNOWN" [label="init: -22 (EINVAL)"];
  "INITIALIZED" -> "UNKNOWN" [label="boot"];
  "INITIALIZED" -> "INITIALIZED" [label="init\ninit: -16 (EBUSY)"];
  "INITIALIZED" -> "ERROR" [label="echo \"\\n\"\nmodule update: -5 (EIO)"];
  "UNKNOWN" -> "ERROR" [label="init: -5 (EIO)\nkexec"];
  "ERROR" -> "INITIALIZED" [label="init"];
  "ERROR" -> "UNKNOWN" [label="boot, TDH.SYS.CONFIG fails\nkexec"];
}"""

#: What is written where: text, x and y of its line, look, and what of it stands at x.
TEXTS = [
    (
        "on-demand series v5 as reviewed, June 2022: states of the TDX module",
        "16",
        "28",
        "name",
        None,
    ),
    ("2 operations deep: 16 operations tried", "16", "48", "quiet", None),
    ("init", "326", "88", None, None),
    ("boot", "326", "126", None, None),
    ("kexec", "326", "230", None, None),
    ("init: -5 (EIO)", "326", "213", None, None),
    ("boot, TDH.SYS.CONFIG fails", "326", "268", None, None),
    ("kexec", "326", "285", None, None),
    ('echo "\\n"', "854", "173", None, None),
    ("module update: -5 (EIO)", "854", "190", None, None),
    ("init", "880", "190", None, None),
    ("INITIALIZED", "715", "107", "name", "middle"),
    ("↺ init", "624", "144", "quiet", None),
    ("↺ init: -16 (EBUSY)", "624", "161", "quiet", None),
    ("ERROR", "715", "249", "name", "middle"),
    ("UNKNOWN", "119", "175", "name", "middle"),
    ("after the boot", "119", "193", "quiet", "middle"),
    ("↺ init: -22 (EINVAL)", "28", "219", "quiet", None),
]
PATHS = [
    "M214 164C284 164 254 94 324 94L620 94",
    "M620 110L324 110C254 110 284 172 214 172",
    "M214 182C284 182 254 236 324 236L620 236",
    "M620 252L324 252C254 252 284 190 214 190",
    "M810 112C846 112 846 132 846 173S846 234 810 234",
    "M810 234C872 234 872 214 872 173S872 112 810 112",
]
SAID = (
    "UNKNOWN to INITIALIZED: init, UNKNOWN to UNKNOWN: init: -22 (EINVAL), "
    "INITIALIZED to UNKNOWN: boot, INITIALIZED to INITIALIZED: init; init: -16 (EBUSY), "
    'INITIALIZED to ERROR: echo "\\n"; module update: -5 (EIO), '
    "UNKNOWN to ERROR: init: -5 (EIO); kexec, ERROR to INITIALIZED: init, "
    "ERROR to UNKNOWN: boot, TDH.SYS.CONFIG fails; kexec"
)


def test_as_text_each_status_has_what_leads_away_before_what_it_stays_at() -> None:
    """Expect errnos by name, and what returns 0 and changes nothing together in a last line."""
    assert to_text(FOUND) == TEXT


def test_as_dot_a_boot_is_one_label_and_all_that_is_no_init_and_stays_is_left_out() -> None:
    """Expect the status after the boot with two borders, and quotes and backslashes escaped."""
    assert to_dot(FOUND) == DOT


def test_the_document_has_every_edge_with_the_way_to_it() -> None:
    """Expect null for the errno of what returned 0."""
    found = json.loads(to_json(FOUND))
    edges = found.pop("edges")
    assert found == {
        "schema": "tdxctl.states/1",
        "kernel": "v5",
        "platform": "tiny",
        "depth": 2,
        "states": 3,
        "transitions": 16,
        "initial": "UNKNOWN",
        "statuses": [
            {
                "status": "UNKNOWN",
                "meaning": "not initialized, and nothing is decided: tdx_init() may be called "
                "again",
            },
            {
                "status": "INITIALIZED",
                "meaning": "the TDX module is initialized and ready to run TDs",
            },
            {"status": "ERROR", "meaning": "initialization failed; final until reboot"},
        ],
    }
    assert len(edges) == 16
    assert [edges[0], edges[11]] == [
        {
            "before": "UNKNOWN",
            "after": "INITIALIZED",
            "operation": "init",
            "returned": 0,
            "errno": None,
            "path": ["init"],
        },
        {
            "before": "UNKNOWN",
            "after": "ERROR",
            "operation": "init",
            "returned": -5,
            "errno": "EIO",
            "path": ["boot, TDH.SYS.CONFIG fails", "init"],
        },
    ]


def test_as_a_picture_the_status_after_the_boot_stands_left_of_the_others() -> None:
    """Expect a lane beside the column for each arrow within it, and what stays below its box."""
    drawn = ET.fromstring(states_svg.render(FOUND, prefix="s-"))
    keys = ("x", "y", "class", "text-anchor")
    texts = [(each.text, *map(each.get, keys)) for each in drawn.findall(f".//{SVG}text")]
    paths = [each.get("d") for each in drawn.findall(f"{SVG}path")]
    assert (texts, paths) == (TEXTS, PATHS)
    boxes = [dict(each.attrib) for each in drawn.findall(f"{SVG}g/{SVG}rect")]
    size = {"width": "190", "height": "52", "rx": "10"}
    assert boxes == [
        {"class": "box good", "x": "620", "y": "76"} | size,
        {"class": "box", "x": "620", "y": "218"} | size,
        {"class": "box", "x": "24", "y": "151"} | size,
    ]
    meanings = [each.text for each in drawn.findall(f"{SVG}g/{SVG}title")]
    assert meanings[1] == "initialization failed; final until reboot"


def test_a_picture_says_in_words_what_it_shows_and_its_ids_begin_as_asked() -> None:
    """Expect the size of what was drawn, and every reference to be to an id of the picture."""
    root = ET.fromstring(states_svg.render(FOUND, prefix="s-"))
    assert root.attrib == {
        "class": "tdxctl-states",
        "role": "img",
        "aria-labelledby": "s-title s-desc",
        "width": "1080",
        "height": "318",
        "viewBox": "0 0 1080 318",
    }
    assert [root[0].text, root[1].text] == ["States of v5", SAID]
    assert [each.get("id") for each in root.iter() if each.get("id")] == [
        "s-title",
        "s-desc",
        "s-head",
    ]
    assert {each.get("marker-end") for each in root.findall(f"{SVG}path")} == {"url(#s-head)"}
    paper = root.find(f"{SVG}rect")
    assert paper is not None
    assert paper.attrib == {"class": "paper", "width": "1080", "height": "318"}


@pytest.mark.parametrize(
    ("statuses", "edges", "height", "y"),
    [
        (("UNKNOWN",), (Edge("UNKNOWN", "UNKNOWN", "init", -22, ("init",)),), "165", "76"),
        (("UNKNOWN", "NONE"), (Edge("UNKNOWN", "NONE", "init", -19, ("init",)),), "164", "76"),
    ],
)
def test_a_picture_is_as_high_as_what_stands_lowest(
    statuses: tuple[str, ...], edges: tuple[Edge, ...], height: str, y: str
) -> None:
    """A status alone has its labels below it; one that nothing leads away from needs no room."""
    found = replace(FOUND, statuses=statuses, edges=edges)
    drawn = ET.fromstring(states_svg.render(found))
    boxes = drawn.findall(f"{SVG}g/{SVG}rect")
    assert (drawn.get("height"), boxes[-1].get("y")) == (height, y)
