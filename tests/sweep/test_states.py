# SPDX-License-Identifier: Apache-2.0
"""The states that a kernel can have the TDX module in, explored and drawn."""

from __future__ import annotations

import json
from array import array
from functools import cache
from types import SimpleNamespace
from typing import cast
from xml.etree import ElementTree as ET

import pytest

from tdxctl import Machine, Platform
from tdxctl.linux.lookup import find_kernel
from tdxctl.platform import shipped
from tdxctl.report import states_svg
from tdxctl.report.states import arrows, to_dot
from tdxctl.sweep.states import Fingerprint, States, _fingerprint, cut_down, explore
from tests.cli.runner import ROOT, tdxctl

HOST = cut_down(Platform.load(shipped.path_of("small")))
SVG = "{http://www.w3.org/2000/svg}"


@cache
def _states(kernel: str) -> States:
    return explore(HOST, find_kernel(kernel), 3)


#: What leads from a status to another, or is returned where it stays.
V5 = {
    ("UNKNOWN", "INITIALIZED"): ("init",),
    ("UNKNOWN", "SHUTDOWN"): ("module shutdown", "init: -14 (EFAULT)"),
    ("UNKNOWN", "NONE"): ("init: -19 (ENODEV)",),
    ("UNKNOWN", "UNKNOWN"): ("init: -22 (EINVAL)",),
    ("INITIALIZED", "INITIALIZED"): ("init",),
    ("INITIALIZED", "SHUTDOWN"): ("module shutdown",),
    ("INITIALIZED", "UNKNOWN"): ("module update", "kexec", "boot"),
    ("SHUTDOWN", "SHUTDOWN"): ("init: -14 (EFAULT)",),
    ("SHUTDOWN", "UNKNOWN"): ("module update", "kexec", "boot"),
    ("NONE", "NONE"): ("init: -19 (ENODEV)",),
    ("NONE", "SHUTDOWN"): ("module shutdown",),
    ("NONE", "UNKNOWN"): ("module update", "kexec", "boot"),
}


def test_v5_has_the_four_states_of_its_design() -> None:
    found = _states("v5")
    assert (found.initial, set(found.statuses)) == (
        "UNKNOWN",
        {"UNKNOWN", "NONE", "INITIALIZED", "SHUTDOWN"},
    )
    assert {(arrow.before, arrow.after): arrow.labels for arrow in arrows(found)} == V5


def test_the_series_as_posted_has_no_way_to_none() -> None:
    """Expect the review's comment as a picture: no box, and a call that stays at UNKNOWN."""
    found = _states("v5-posted")
    assert set(found.statuses) == {"UNKNOWN", "INITIALIZED", "SHUTDOWN"}
    [stays] = [arrow for arrow in arrows(found) if arrow.before == arrow.after == "UNKNOWN"]
    assert stays.labels == ("init: -19 (ENODEV)", "init: -22 (EINVAL)")


@pytest.mark.parametrize(
    ("kernel", "statuses"),
    [
        ("6.8", ("UNINITIALIZED", "INITIALIZED", "ERROR")),
        ("7.2", ("INITIALIZED", "NOT_INITIALIZED")),
    ],
)
def test_statuses_in_the_order_in_which_they_are_reached(
    kernel: str, statuses: tuple[str, ...]
) -> None:
    assert _states(kernel).statuses == statuses


def test_a_path_is_the_shortest_way_there() -> None:
    """Expect a path of operations that does what it says, done again."""
    [edge] = [
        edge
        for edge in _states("v5").edges
        if (edge.before, edge.after, edge.operation) == ("NONE", "SHUTDOWN", "module shutdown")
    ]
    assert edge.path == ("module unload", "init", "module shutdown")


def test_hosts_that_nobody_can_tell_apart_are_one_state() -> None:
    """Expect as many for one operation more where the last one found nothing new."""
    two, three = explore(HOST, find_kernel("v5"), 2), _states("v5")
    assert (two.states, two.transitions) == (21, 72)
    assert (three.states, three.transitions) == (49, 252)


def _of_a_part(**kept: object) -> Fingerprint:
    return _fingerprint(cast(Machine, SimpleNamespace(parts=(SimpleNamespace(**kept),))))


def test_a_state_is_told_by_what_a_part_keeps() -> None:
    """Expect arrays to be told by their elements, and what is no plain value not at all."""
    pages = array("Q", [0, 1, 2])
    assert _of_a_part(pages=pages) == _of_a_part(pages=array("Q", [0, 1, 2]))
    assert _of_a_part(pages=pages) != _of_a_part(pages=array("Q", [0, 1, 3]))
    assert _of_a_part(online={0, 1}, log=print) == _of_a_part(online={1, 0})
    assert _of_a_part(online={0, 1}, log=print) != _of_a_part(online={0, 1}, log=None)


def test_the_picture_has_a_box_per_status_and_every_label() -> None:
    root = ET.fromstring(states_svg.render(_states("v5")))
    assert len(root.findall(f".//{SVG}g/{SVG}rect")) == 4
    # Each label once, but for those of a status that stays, which have their mark.
    drawn = [(text.text or "").removeprefix("\u21ba ") for text in root.iter(f"{SVG}text")]
    labels = [label for some in V5.values() for label in some]
    assert sorted(text for text in drawn if text in labels) == sorted(labels)
    assert len(root.findall(f".//{SVG}path[@class='arrow']")) == 8


def test_dot_is_a_digraph() -> None:
    lines = to_dot(_states("6.8")).splitlines()
    assert (lines[0], lines[-1]) == ("digraph {", "}")
    assert '  "UNINITIALIZED" [peripheries=2];' in lines
    assert '  "UNINITIALIZED" -> "INITIALIZED" [label="init"];' in lines


def test_the_document_and_the_text_of_the_command() -> None:
    json_, text = (
        tdxctl("states", "--kernel", "v5", "--depth", "2", "--format", name)
        for name in ("json", "text")
    )
    document = json.loads(json_.stdout)
    assert (document["schema"], document["states"], document["initial"]) == (
        *("tdxctl.states/1", 21, "UNKNOWN"),
    )
    first = document["edges"][0]
    assert first == {
        "before": "UNKNOWN",
        "after": "INITIALIZED",
        "operation": "init",
        "returned": 0,
        "errno": None,
        "path": ["init"],
    }
    assert (json_.returncode, text.returncode) == (0, 0)
    assert "\n  -> NONE: init: -19 (ENODEV)\n" in text.stdout


def test_a_host_without_tdx_has_one_status() -> None:
    done = tdxctl("states", "--platform", "tdx-off", "--depth", "1", "--format", "svg")
    assert done.returncode == 0
    assert len(ET.fromstring(done.stdout).findall(f".//{SVG}g/{SVG}rect")) == 1


@pytest.mark.parametrize("kernel", ["v5", "6.8", "7.2"])
def test_the_pictures_of_the_page_are_of_today(kernel: str) -> None:
    """Renewed with: tdxctl states --kernel K --depth 3 --format svg > docs/states-K.svg"""
    drawn = (ROOT / "docs" / f"states-{kernel}.svg").read_text()
    assert drawn == states_svg.render(_states(kernel)) + "\n"
