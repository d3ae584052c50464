# SPDX-License-Identifier: Apache-2.0
"""A sweep as text, as a document, as JUnit XML and as a page: of runs made by hand."""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import replace

from tdxctl.events import LogLine
from tdxctl.linux.lookup import find_kernel
from tdxctl.platform.faults import AllocationFault, BootFault, SeamcallFault
from tdxctl.report import sweeps_junit
from tdxctl.report.html import sweep as html
from tdxctl.report.sweeps import Shown, scripted, to_json
from tdxctl.report.sweeps_text import shortest_input, to_text, told
from tdxctl.sweep.compare import Difference
from tdxctl.sweep.invariants import Violation
from tdxctl.sweep.run import Answer, Done, Run, Sweep

READY = Answer(0, "INITIALIZED", 9)
AGAIN = Answer(0, "INITIALIZED", 0)
REFUSED, RETRIED = Answer(-22, "UNKNOWN", 3), Answer(-22, "UNKNOWN", 2)
DEAD, STILL_DEAD = Answer(-14, "SHUTDOWN", 4), Answer(-14, "SHUTDOWN", 0)

#: TDH.SYS.INIT and TDH.SYS.CONFIG, and statuses that they return.
INIT_BUSY = SeamcallFault(33, 0x8000020200000000, call=2)
CONFIG_INVALID = SeamcallFault(45, 0xC000010000000000, times=3)


def _refused(point: str, cpu: int = 0) -> Run:
    return Run(point, REFUSED, RETRIED, faults=(replace(INIT_BUSY, cpu=cpu),))


CLEAN = Run("none", READY, AGAIN)
DIES = Run(
    "config: fails",
    DEAD,
    STILL_DEAD,
    events=(LogLine("info", "tdx: first"), LogLine("info", "x"), LogLine("err", "tdx: <last>")),
    done=Done(4, pamts=3, pamts_freed=2, wbinvd_on_all_cpus=1, wbinvd=5, movdir64b=6),
    left=(("tdmr_list", 1),),
    faults=(CONFIG_INVALID, AllocationFault("pamt", 2)),
    offline=(4, 5, 6, 7),
)
UNKNOWN = Run("msr: cannot be read", None, None, not_modelled="nobody knows", offline=(1,))
SWEEP = Sweep(
    platform="tiny",
    kernel=find_kernel("v5"),
    packages=(0, 0),
    clean=CLEAN,
    runs=(*(_refused(f"init {n}", n) for n in range(4)), DIES, UNKNOWN),
    points=6,
)
#: Of the other kernel: a point of its own, and none of msr.
OTHER = replace(SWEEP, kernel=find_kernel("v5-posted"), runs=(*SWEEP.runs[:5], _refused("new")))
VIOLATIONS = (
    Violation("pamts-freed", "config: fails", "1 PAMT is left"),
    *(Violation("final-is-silent", f"init {n}", "makes 2", "v5 asks again") for n in range(4)),
    Violation("final-is-silent", "config: fails", "makes 4"),
)
DIFFERENCES = [
    Difference("new", None, SWEEP.runs[0]),
    Difference("msr: cannot be read", UNKNOWN, None),
    Difference(
        "init 1",
        SWEEP.runs[1],
        SWEEP.runs[1],
        events=True,
        left_out=(("a WBINVD", 1),),
        added=(("b", 1), ("c", 2), ("d", 1), ("e", 1), ("f", 1)),
    ),
    Difference("init 2", SWEEP.runs[2], SWEEP.runs[2], events=True),
    *(Difference(f"init {n}", SWEEP.runs[n], DIES) for n in (0, 3)),
    Difference("config: fails", DIES, replace(DIES, second=Answer(-22, "SHUTDOWN", 0))),
]

OUTCOMES = """\
-22 (EINVAL), UNKNOWN; a second call: -22 (EINVAL), UNKNOWN: 4 points
  init 0
  init 1
  init 2
  and 1 more
-14 (EFAULT), SHUTDOWN; final: 1 point
  config: fails
not modelled (nobody knows): 1 point
  msr: cannot be read"""
CONFIG_FAILS = (
    "faults: [{leaf: TDH.SYS.CONFIG, status: TDX_OPERAND_INVALID, times: 3}, "
    "{allocation: pamt, call: 2}], CPUs offline: 4, 5, 6, ..."
)
INIT_FAILS = "faults: [{leaf: TDH.SYS.INIT, status: TDX_SYS_BUSY, cpu: 0, call: 2}]"
LAWS = f"""\
BROKEN at 1 point: after a failure every PAMT is freed
  config: fails: 1 PAMT is left
    to see it: {CONFIG_FAILS}
BROKEN at 5 points: a final status makes no SEAMCALL any more
  config: fails: makes 4
    to see it: {CONFIG_FAILS}
  init 0: makes 2
  init 1: makes 2
  init 2: makes 2
  and 1 more
    to see it: {INIT_FAILS}
    the release does so too: v5 asks again
the other 8 invariants hold at every point"""
AGAINST = f"""\
v5-posted differs at 7 points of 6
between them: none-when-not-loaded, pamt-size-64bit
-22 (EINVAL), UNKNOWN; a second call: -22 (EINVAL), UNKNOWN -> -14 (EFAULT), SHUTDOWN; final: \
2 points
  init 0
  init 3
-14 (EFAULT), SHUTDOWN; final -> -14 (EFAULT), SHUTDOWN; \
final (-22 (EINVAL) to a second call): 1 point
  config: fails
the same outcome, without a WBINVD and with b, c, d and 2 more: 1 point
  init 1
the same outcome, in another order: 1 point
  init 2
only under v5: 1 point
  msr: cannot be read
only under v5-posted: 1 point
  new
under v5-posted:
BROKEN at 1 point: a final status stays
  new: goes
    to see it: {INIT_FAILS}"""
HEAD = (
    "tiny under v5: 6 points at which something fails\nwithout a fault: 0, INITIALIZED; final\n\n"
)
HOLDS = "all 10 invariants hold at every point\n\n"


def test_as_text_three_points_of_each_outcome_are_named_the_most_frequent_first() -> None:
    assert to_text(Shown(SWEEP, (), None, None)) == HEAD + HOLDS + OUTCOMES


def test_as_text_a_law_that_is_broken_has_the_shortest_way_to_see_it() -> None:
    """Expect what no release is known for before what one does too."""
    shown = Shown(SWEEP, VIOLATIONS, None, None)
    assert to_text(shown) == f"{HEAD}{LAWS}\n\n{OUTCOMES}"


def test_as_text_against_another_kernel_only_what_differs_is_shown() -> None:
    """Expect outcomes before events, and of the other's laws those that the first one keeps."""
    theirs = (VIOLATIONS[0], Violation("final-stays", "new", "goes"))
    shown = Shown(SWEEP, VIOLATIONS, OTHER, DIFFERENCES, theirs)
    assert to_text(shown) == f"{HEAD}{LAWS}\n\n{AGAINST}"
    same = Shown(SWEEP, (), SWEEP, [])
    assert to_text(same) == f"{HEAD}{HOLDS}v5 makes the same of every point"


def test_as_text_reasons_that_a_release_has_stand_in_order_and_three_points_with_each() -> None:
    """Expect no word of points more where three are all, and one where there is a fourth."""
    known = ("c", "a", "e", "b", "d", "f", "g")
    found = [Violation("pamts-freed", "init 0", "is left", each) for each in known]
    found += [Violation("pamts-freed", f"init {n}", "is left", "a") for n in (1, 2)]
    lines = to_text(Shown(SWEEP, tuple(found), None, None)).splitlines()
    told_of = "    the release does so too: "
    assert [line.removeprefix(told_of) for line in lines if line.startswith(told_of)] == [
        *("a", "b", "c", "d", "e", "f", "g")
    ]
    first, law = (
        lines.index(f"{told_of}a"),
        "BROKEN at 9 points: after a failure every PAMT is freed",
    )
    assert lines[lines.index(law) + 1 : first] == [
        *(f"  init {n}: is left" for n in range(3)),
        f"    to see it: {INIT_FAILS}",
    ]
    four = [Difference(f"init {n}", SWEEP.runs[n], DIES) for n in range(4)]
    assert to_text(Shown(SWEEP, (), OTHER, four)).splitlines()[-4:] == [
        *("  init 0", "  init 1", "  init 2", "  and 1 more")
    ]


def test_as_text_pairs_are_called_so_and_those_that_were_not_run_are_counted() -> None:
    lines = to_text(Shown(replace(SWEEP, points=9, pairs=True), (), None, None)).splitlines()
    assert lines[0] == (
        "tiny under v5: 6 pairs at which something fails (interrupted: 3 of 9 were not run)"
    )
    assert lines[-2] == "not modelled (nobody knows): 1 pair"


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (READY, AGAIN, "0, INITIALIZED; final"),
        (REFUSED, READY, "-22 (EINVAL), UNKNOWN; a second call: 0, INITIALIZED"),
        (DEAD, AGAIN, "-14 (EFAULT), SHUTDOWN; final (0 to a second call)"),
        (None, None, "not modelled (nobody knows)"),
        (REFUSED, None, "not modelled (nobody knows)"),
        (None, REFUSED, "not modelled (nobody knows)"),
    ],
)
def test_an_outcome_is_what_both_calls_give(
    first: Answer | None, second: Answer | None, words: str
) -> None:
    assert told(Run("a point", first, second, not_modelled="nobody knows")) == words


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (CLEAN, ""),
        (UNKNOWN, "CPUs offline: 1"),
        (SWEEP.runs[0], INIT_FAILS),
        (replace(UNKNOWN, offline=(1, 2, 3)), "CPUs offline: 1, 2, 3"),
    ],
)
def test_the_shortest_input_is_what_a_description_says(run: Run, words: str) -> None:
    assert shortest_input(run) == words


def test_a_fault_is_shown_by_names_and_without_what_goes_without_saying() -> None:
    """The first call, once: neither is said."""
    assert scripted(SeamcallFault(33, 0x8000020200000000)) == {
        "leaf": "TDH.SYS.INIT",
        "status": "TDX_SYS_BUSY",
    }
    assert scripted(BootFault("memory_notifier", 12)) == {
        "boot": "memory_notifier",
        "errno": "ENOMEM",
    }


def _answered(returned: int, errno: str | None, status: str, seamcalls: int) -> dict[str, object]:
    return {"returned": returned, "errno": errno, "status": status, "seamcalls": seamcalls}


NOTHING = {"pamts": 0, "pamts_freed": 0, "wbinvd_on_all_cpus": 0, "wbinvd": 0, "movdir64b": 0}
SHUT_DOWN = {
    "point": "config: fails",
    "first": _answered(-14, "EFAULT", "SHUTDOWN", 4),
    "second": _answered(-14, "EFAULT", "SHUTDOWN", 0),
    "log": ["tdx: first", "x", "tdx: <last>"],
    "pamts_left": 1,
    "not_modelled": None,
    "faults": [
        {"leaf": "TDH.SYS.CONFIG", "status": "TDX_OPERAND_INVALID", "times": 3},
        {"allocation": "pamt", "call": 2},
    ],
    "offline": [4, 5, 6, 7],
    "done": {
        "pamts": 3,
        "pamts_freed": 2,
        "wbinvd_on_all_cpus": 1,
        "wbinvd": 5,
        "movdir64b": 6,
    },
    "left": {"tdmr_list": 1},
}
NOT_MODELLED = {
    "point": "msr: cannot be read",
    "first": None,
    "second": None,
    "log": [],
    "pamts_left": 0,
    "not_modelled": "nobody knows",
    "faults": [],
    "offline": [1],
    "done": NOTHING,
    "left": {},
}


def test_the_document_has_each_point_and_each_outcome() -> None:
    """Expect no keys of another kernel where none was asked for."""
    found = json.loads(to_json(Shown(SWEEP, VIOLATIONS[:2], None, None)))
    assert found.pop("points")[4:] == [SHUT_DOWN, NOT_MODELLED]
    assert found.pop("clean") | {"second": None} == NOT_MODELLED | {
        "point": "none",
        "first": _answered(0, None, "INITIALIZED", 9),
        "not_modelled": None,
        "offline": [],
    }
    assert found == {
        "schema": "tdxctl.sweep/1",
        "platform": "tiny",
        "kernel": "v5",
        "groups": [
            {
                "first": _answered(-22, "EINVAL", "UNKNOWN", 3),
                "second": _answered(-22, "EINVAL", "UNKNOWN", 2),
                "final": False,
                "points": ["init 0", "init 1", "init 2", "init 3"],
            },
            {
                "first": _answered(-14, "EFAULT", "SHUTDOWN", 4),
                "second": _answered(-14, "EFAULT", "SHUTDOWN", 0),
                "final": True,
                "points": ["config: fails"],
            },
            {
                "first": None,
                "second": None,
                "final": False,
                "points": ["msr: cannot be read"],
            },
        ],
        "violations": [
            {
                "invariant": "pamts-freed",
                "point": "config: fails",
                "how": "1 PAMT is left",
                "known": None,
            },
            {
                "invariant": "final-is-silent",
                "point": "init 0",
                "how": "makes 2",
                "known": "v5 asks again",
            },
        ],
        "complete": True,
        "pairs": False,
    }


def test_the_document_has_what_another_kernel_makes_of_the_points() -> None:
    theirs = (Violation("final-stays", "new", "goes"),)
    found = json.loads(to_json(Shown(SWEEP, (), OTHER, DIFFERENCES, theirs)))
    assert (found["against"], found["changes"]) == (
        "v5-posted",
        ["none-when-not-loaded", "pamt-size-64bit"],
    )
    assert found["against_violations"] == [
        {"invariant": "final-stays", "point": "new", "how": "goes", "known": None}
    ]
    differs = found["differences"]
    assert [(each["point"], each["what"]) for each in differs[:3]] == [
        ("new", "only-there"),
        ("msr: cannot be read", "only-here"),
        ("init 1", "events"),
    ]
    assert differs[1] == {
        "point": "msr: cannot be read",
        "what": "only-here",
        "before": NOT_MODELLED,
        "after": None,
        "left_out": {},
        "added": {},
    }
    assert differs[2]["left_out"] == {"a WBINVD": 1}
    assert differs[2]["added"] == {"b": 1, "c": 2, "d": 1, "e": 1, "f": 1}
    assert (differs[0]["before"], differs[4]["after"]) == (None, SHUT_DOWN)


@pytest.mark.parametrize(
    ("points", "theirs", "complete"), [(6, 6, True), (7, 6, False), (6, 7, False)]
)
def test_the_document_is_complete_where_both_sweeps_are(
    points: int, theirs: int, complete: bool
) -> None:
    shown = Shown(replace(SWEEP, points=points), (), replace(OTHER, points=theirs), [])
    assert json.loads(to_json(shown))["complete"] is complete


def test_more_pamts_freed_than_obtained_leave_none() -> None:
    run = replace(DIES, done=Done(pamts=1, pamts_freed=2))
    found = json.loads(to_json(Shown(replace(SWEEP, runs=(run,)), (), None, None)))
    assert found["points"][0]["pamts_left"] == 0


JUNIT = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="tdxctl" tests="7" failures="3" errors="0" skipped="3">
  <testsuite name="sweep of tiny under v5" tests="7" failures="3" errors="0" skipped="3">
    <testcase classname="v5" name="init 0">
      <skipped message="final-is-silent: makes 2 (v5 asks again)" />
    </testcase>
    <testcase classname="v5" name="init 1">
      <failure message="against v5-posted: the same outcome, without a WBINVD and with b, c, d \
and 2 more" type="sweep">against v5-posted: the same outcome, without a WBINVD and with b, c, d \
and 2 more</failure>
    </testcase>
    <testcase classname="v5" name="init 2">
      <skipped message="final-is-silent: makes 2 (v5 asks again)" />
    </testcase>
    <testcase classname="v5" name="init 3">
      <skipped message="final-is-silent: makes 2 (v5 asks again)" />
    </testcase>
    <testcase classname="v5" name="config: fails">
      <failure message="pamts-freed: 1 PAMT is left" type="sweep">pamts-freed: 1 PAMT is left
final-is-silent: makes 4</failure>
    </testcase>
    <testcase classname="v5" name="msr: cannot be read" />
    <testcase classname="v5" name="new">
      <failure message="against v5-posted: only under v5-posted" type="sweep">\
against v5-posted: only under v5-posted</failure>
    </testcase>
  </testsuite>
</testsuites>"""


def test_as_junit_what_a_release_does_too_is_skipped_unless_something_else_is_wrong() -> None:
    """Expect a case for a point that only the other kernel has, and none without a failure."""
    shown = Shown(SWEEP, VIOLATIONS, OTHER, [DIFFERENCES[0], DIFFERENCES[2]])
    assert sweeps_junit.render(shown) == JUNIT
    known = (*VIOLATIONS[1:2], Violation("final-stays", "init 0", "goes", "it does"))
    assert '<skipped message="final-is-silent: makes 2 (v5 asks again)" />' in sweeps_junit.render(
        Shown(SWEEP, known, None, None)
    )
    alone = sweeps_junit.render(Shown(SWEEP, (), None, None))
    assert '<testsuites name="tdxctl" tests="6" failures="0" errors="0" skipped="0">' in alone
    assert alone.count("<testcase") == 6


def test_the_page_has_laws_differences_outcomes_and_points() -> None:
    """Expect what is broken to stand out, each point with the last line of its log."""
    page = html.render(Shown(SWEEP, VIOLATIONS, OTHER, DIFFERENCES[:2]))
    assert re.findall("<(?:h1|h2[^>]*|p[^>]*|span)>(.*?)</", page) == [
        "tiny under v5: every error path",
        "6 points at which something fails. Without a fault: 0, INITIALIZED; final.",
        "Invariants",
        "What has to hold at every point",
        "Against v5-posted",
        "Differs at 2 points of 6",
        "Between them: none-when-not-loaded, pamt-size-64bit.",
        "Outcomes",
        "Outcomes, the most frequent first",
        "Every point",
        "Points",
        "Made by tdxctl from a description: a fake machine, not a real one.",
    ]
    assert re.findall('<a href="#(.*?)">', page) == ["laws", "differences", "outcomes", "points"]
    freed, silent = re.findall('<tr class="bad">(.*)</tr>', page)
    assert freed == (
        '<th scope="row">after a failure every PAMT is freed</th><td>broken at 1 point</td>'
        f"<td>config: fails: 1 PAMT is left</td><td>{CONFIG_FAILS}</td><td></td>"
    )
    assert silent == (
        '<th scope="row">a final status makes no SEAMCALL any more</th><td>broken at 5 points</td>'
        f"<td>init 0: makes 2</td><td>{INIT_FAILS}</td><td>v5 asks again</td>"
    )
    rows = re.findall("<tr>(<th scope=.row.*)</tr>", page)
    assert rows[1] == (
        '<th scope="row">what is freed was allocated, and is freed once</th><td>yes</td>'
        "<td></td><td></td><td></td>"
    )
    assert rows[8:13] == [
        '<th scope="row">msr: cannot be read</th><td>only under v5</td>',
        '<th scope="row">new</th><td>only under v5-posted</td>',
        '<th scope="row">-22 (EINVAL), UNKNOWN; a second call: -22 (EINVAL), UNKNOWN</th>'
        '<td class="number">4</td>',
        '<th scope="row">-14 (EFAULT), SHUTDOWN; final</th><td class="number">1</td>',
        '<th scope="row">not modelled (nobody knows)</th><td class="number">1</td>',
    ]
    assert rows[-2:] == [
        '<th scope="row">config: fails</th><td>-14 (EFAULT), SHUTDOWN; final</td>'
        f"<td>tdx: &lt;last&gt;</td><td>{CONFIG_FAILS}</td>",
        '<th scope="row">msr: cannot be read</th><td>not modelled (nobody knows)</td>'
        "<td></td><td>CPUs offline: 1</td>",
    ]


def test_the_page_of_a_sweep_alone_has_no_section_of_differences() -> None:
    page = html.render(Shown(SWEEP, (), None, None))
    assert re.findall('<a href="#(.*?)">', page) == ["laws", "outcomes", "points"]
    same = html.render(Shown(SWEEP, (), SWEEP, []))
    assert "<p>It makes the same of every point.</p>" in same
    assert "Between them" not in html.render(Shown(SWEEP, (), SWEEP, DIFFERENCES[3:4]))
