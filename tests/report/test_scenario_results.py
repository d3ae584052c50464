# SPDX-License-Identifier: Apache-2.0
"""Scenarios that were run, listed or only checked, in each form: of outcomes made by hand."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from tdxctl.causes import VmxOff
from tdxctl.errors import Diagnostic
from tdxctl.events import Failure
from tdxctl.platform.description import Platform
from tdxctl.report import validated
from tdxctl.report.prose import BAD, GOOD, WARN
from tdxctl.report.results import as_json, github, gitlab, junit, ktap, listing, sarif, text
from tdxctl.report.results.summary import findings, told
from tdxctl.scenario.description import Case, Checked, Difference, Ended, Outcome


def _never() -> Platform:
    raise AssertionError("a scenario that is listed is not run")


PASSED = Outcome("a.yaml", 3, "healthy", "v5", "passed", seconds=0.5)
FAILED = Outcome(
    "a.yaml",
    9,
    "status\x1b",
    "v5",
    "failed",
    differences=(
        Difference(11, "init", "status", "INITIALIZED", "ERROR"),
        Difference(12, "init", "log", "one", "one\ntwo"),
    ),
    ended=Ended("init", -5, "ERROR", None),
    seconds=1.25,
)
WAIVED = Outcome("b.yaml", 4, "known", "6.18", "waived", reason="not fixed yet")
FIXED = Outcome("b.yaml", 8, "fixed #1", "6.18", "unexpectedly passed", reason="bug 7")
BROKEN = Outcome(
    "c d.yaml",
    1,
    "c d.yaml",
    "",
    "broken",
    problems=(
        Diagnostic("must be a number", "got 'x'", "write 1", "c d.yaml", 5, 7, "cpus.count"),
        Diagnostic("no such key", severity="warning"),
    ),
)
ALL = [PASSED, FAILED, WAIVED, FIXED, BROKEN]

TEXT = """\
FAILED status\\x1b (a.yaml)
  a.yaml:11: init: status
    - INITIALIZED
    + ERROR
  a.yaml:12: init: log
    - one
    + one
    + two
  ended:  init: -EIO, status ERROR

WAIVED known (b.yaml): not fixed yet
UNEXPECTEDLY PASSED fixed #1 (b.yaml): was expected to fail: bug 7

BROKEN c d.yaml (c d.yaml): 2 problems
  c d.yaml:5:7: cpus.count: must be a number (got 'x')
    hint: write 1
  warning: no such key

5 scenarios: 1 passed, 1 failed, 1 waived, 1 unexpectedly passed, 1 broken"""


def test_as_text_what_passed_is_only_counted() -> None:
    """Expect what differs as a diff, and what is wrong in a file with what to try."""
    assert text.render(ALL) == TEXT


def test_as_text_each_that_passed_has_a_line_and_the_slowest_a_time_where_asked_for() -> None:
    """Expect problems that were told elsewhere to be counted only; what was not timed took none."""
    assert text.render([PASSED, FIXED, BROKEN], verbose=True, slowest=2, told=True) == (
        "PASSED healthy (a.yaml)\n"
        "UNEXPECTEDLY PASSED fixed #1 (b.yaml): was expected to fail: bug 7\n"
        "\n"
        "BROKEN c d.yaml (c d.yaml): 2 problems\n"
        "\n"
        "slowest:\n"
        "     0.500 s  healthy\n"
        "     0.000 s  fixed #1\n"
        "\n"
        "3 scenarios: 1 passed, 1 unexpectedly passed, 1 broken"
    )
    assert text.render([PASSED, FAILED], slowest=1).splitlines()[-4:] == [
        "slowest:",
        "     1.250 s  status\\x1b",
        "",
        "2 scenarios: 1 passed, 1 failed",
    ]


def test_as_text_the_role_of_an_outcome_is_good_bad_or_a_warning() -> None:
    lines = text.to_lines(ALL, verbose=True)
    assert [line.label_role for line in lines if line.label.isupper()] == [
        *(GOOD, BAD, WARN, BAD, BAD)
    ]
    assert lines[-1].role == BAD
    assert text.to_lines([PASSED, WAIVED])[-1].role == GOOD


def test_as_ktap_a_file_is_a_subtest_and_a_name_has_no_directive() -> None:
    assert ktap.render(ALL) == (
        "KTAP version 1\n"
        "1..3\n"
        "  KTAP version 1\n"
        "  # Subtest: a.yaml\n"
        "  1..2\n"
        "  ok 1 healthy\n"
        "  # a.yaml:11: init: status: expected INITIALIZED, got ERROR\n"
        "  # ended: init: -EIO, status ERROR\n"
        "  # a.yaml:12: init: log: expected one, got one\n"
        "  # two\n"
        "  not ok 2 status\\x1b\n"
        "not ok 1 a.yaml\n"
        "  KTAP version 1\n"
        "  # Subtest: b.yaml\n"
        "  1..2\n"
        "  not ok 1 known # XFAIL not fixed yet\n"
        "  # b.yaml:8: was expected to fail: bug 7\n"
        "  not ok 2 fixed _1\n"
        "not ok 2 b.yaml\n"
        "  KTAP version 1\n"
        "  # Subtest: c d.yaml\n"
        "  1..1\n"
        "  # c d.yaml:5:7: cpus.count: must be a number (got 'x')\n"
        "  # hint: write 1\n"
        "  # c d.yaml:1: no such key\n"
        "  not ok 1 c d.yaml\n"
        "not ok 3 c d.yaml"
    )
    assert ktap.render([PASSED]).endswith("\nok 1 a.yaml")


JUNIT = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="5" failures="2" errors="1" skipped="1" time="1.750" name="tdxctl">
  <testsuite name="a.yaml" tests="2" failures="1" errors="0" skipped="0" time="1.750">
    <testcase classname="a.yaml" name="healthy" file="a.yaml" line="3" time="0.500" />
    <testcase classname="a.yaml" name="status\\x1b" file="a.yaml" line="9" time="1.250">
      <failure message="init: status: expected INITIALIZED, got ERROR" type="expectation">\
a.yaml:11: init: status: expected INITIALIZED, got ERROR
ended: init: -EIO, status ERROR
a.yaml:12: init: log: expected one, got one
two</failure>
    </testcase>
  </testsuite>
  <testsuite name="b.yaml" tests="2" failures="1" errors="0" skipped="1">
    <testcase classname="b.yaml" name="known" file="b.yaml" line="4">
      <skipped message="not fixed yet" />
    </testcase>
    <testcase classname="b.yaml" name="fixed #1" file="b.yaml" line="8">
      <failure message="was expected to fail: bug 7" type="unexpected-pass">\
b.yaml:8: was expected to fail: bug 7</failure>
    </testcase>
  </testsuite>
  <testsuite name="c d.yaml" tests="1" failures="0" errors="1" skipped="0">
    <testcase classname="c d.yaml" name="c d.yaml" file="c d.yaml" line="1">
      <error message="cpus.count: must be a number (got 'x')" type="description">\
c d.yaml:5:7: cpus.count: must be a number (got 'x')
hint: write 1
c d.yaml:1: no such key</error>
    </testcase>
  </testsuite>
</testsuites>"""


def test_as_junit_there_are_times_where_they_were_taken() -> None:
    """Expect a waived failure to be skipped, and a file that is broken to be an error."""
    assert junit.render(ALL) == JUNIT


def test_for_github_errors_stand_before_warnings_and_notices() -> None:
    assert github.render(ALL).split("\n") == [
        "::error file=a.yaml,line=11,title=status\\x1b%3A failed::"
        "init: status: expected INITIALIZED, got ERROR%0Aended: init: -EIO, status ERROR",
        "::error file=a.yaml,line=12,title=status\\x1b%3A failed::"
        "init: log: expected one, got one%0Atwo",
        "::error file=b.yaml,line=8,title=fixed #1%3A unexpectedly passed::"
        "was expected to fail: bug 7",
        "::error file=c d.yaml,line=5,col=7,title=c d.yaml%3A broken::"
        "cpus.count: must be a number (got 'x')%0Ahint: write 1",
        "::warning file=c d.yaml,line=1,title=c d.yaml%3A broken::no such key",
        "::notice file=b.yaml,line=4,title=known%3A waived::not fixed yet",
        "5 scenarios: 1 passed, 1 failed, 1 waived, 1 unexpectedly passed, 1 broken",
    ]


@pytest.mark.parametrize(
    ("failures", "last"),
    [(10, "::error file=a,line=9,title=n9%3A failed::x"), (12, "::error::and 3 more, in the log")],
)
def test_for_github_there_are_at_most_ten_of_a_kind(failures: int, last: str) -> None:
    """Commas, colons and percents are of its own language."""
    found = [Outcome("a", n, f"n{n}", "v5", "failed", reason="x") for n in range(failures)]
    lines = github.render(found, "file").split("\n")
    assert (len(lines), lines[9]) == (11, last)
    assert lines[10] == f"{failures} files: {failures} failed"
    odd = Outcome("a,b:c", 1, "n", "v5", "failed", reason="50%")
    assert github.render([odd]).split("\n")[0] == (
        "::error file=a%2Cb%3Ac,line=1,title=n%3A failed::50%25"
    )


def test_the_summary_for_github_is_a_table_of_what_did_not_pass() -> None:
    """Expect no markup of others in its cells, and no table where all passed."""
    assert github.step_summary(ALL) == (
        "### tdxctl: 5 scenarios: 1 passed, 1 failed, 1 waived, 1 unexpectedly passed, 1 broken\n"
        "\n"
        "| outcome | scenario | file | why |\n"
        "|---|---|---|---|\n"
        "| failed | status\\\\x1b | a.yaml | init: status: expected INITIALIZED, got ERROR |\n"
        "| waived | known | b.yaml | not fixed yet |\n"
        "| unexpectedly passed | fixed \\#1 | b.yaml | was expected to fail: bug 7 |\n"
        "| broken | c d.yaml | c d.yaml | cpus.count: must be a number \\(got 'x'\\) |\n"
    )
    assert github.step_summary([PASSED], "file") == "### tdxctl: 1 file: 1 passed\n"


def test_for_gitlab_each_thing_that_is_said_has_a_fingerprint_of_its_own() -> None:
    """Expect the same said twice to be two, and what moved to another line to be the same."""
    twice = Outcome(
        "a.yaml",
        9,
        "n",
        "v5",
        "failed",
        differences=(Difference(11, "init", "k", "1", "2"), Difference(12, "init", "k", "1", "2")),
    )
    first, second = json.loads(gitlab.render([twice]))
    assert first["fingerprint"] != second["fingerprint"]
    assert first | {"fingerprint": ""} == {
        "description": "n: init: k: expected 1, got 2",
        "check_name": "tdxctl/expectation",
        "fingerprint": "",
        "severity": "major",
        "location": {"path": "a.yaml", "lines": {"begin": 11}},
    }
    # A run of another release says it again: the same.
    assert first["fingerprint"] == (
        "47ef3e25adbf41c0c3178b020c65d2a129059198f55bb9adc7de7b9e3f0502ca"
    )
    [moved, _] = json.loads(gitlab.render([replace(twice, differences=twice.differences[::-1])]))
    assert (moved["fingerprint"], moved["location"]["lines"]) == (
        first["fingerprint"],
        {"begin": 12},
    )
    assert [each["severity"] for each in json.loads(gitlab.render(ALL))] == [
        *("major", "major", "info", "major", "major", "minor")
    ]
    assert gitlab.render([PASSED]) == "[]"


def test_as_sarif_each_result_has_its_rule_and_its_place() -> None:
    """Expect a path as a URI, and a column where there is one."""
    document = json.loads(sarif.render(ALL))
    [run] = document["runs"]
    driver = run["tool"]["driver"]
    assert (document["version"], driver["name"]) == ("2.1.0", "tdxctl")
    rules = [rule["id"] for rule in driver["rules"]]
    found = run["results"]
    assert [(each["ruleId"], each["level"]) for each in found] == [
        ("expectation", "error"),
        ("expectation", "error"),
        ("waived", "note"),
        ("unexpected-pass", "error"),
        ("description", "error"),
        ("implausible", "warning"),
    ]
    assert [rules[each["ruleIndex"]] for each in found] == [each["ruleId"] for each in found]
    assert [found[4][key] for key in ("message", "locations")] == [
        {"text": "c d.yaml: cpus.count: must be a number (got 'x')\nhint: write 1"},
        [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "c%20d.yaml"},
                    "region": {"startLine": 5, "startColumn": 7},
                }
            }
        ],
    ]
    assert found[5]["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}


HEALTHY = {
    "file": "a.yaml",
    "line": 3,
    "name": "healthy",
    "kernel": "v5",
    "outcome": "passed",
    "reason": None,
    "differences": [],
    "ended": None,
    "problems": [],
    "seconds": 0.5,
}


def test_the_document_has_every_scenario() -> None:
    """Expect no seconds where none were asked for, and what is wrong in a file part by part."""
    found = json.loads(as_json.render(ALL))
    assert (found["schema"], found["summary"]) == (
        "tdxctl.test/1",
        {
            "total": 5,
            "passed": 1,
            "failed": 1,
            "waived": 1,
            "unexpectedly_passed": 1,
            "broken": 1,
        },
    )
    healthy, failed, waived, fixed, broken = found["scenarios"]
    assert healthy == HEALTHY
    assert failed == HEALTHY | {
        "line": 9,
        "name": "status\x1b",
        "outcome": "failed",
        "differences": [
            {
                "line": 11,
                "step": "init",
                "key": "status",
                "expected": "INITIALIZED",
                "got": "ERROR",
            },
            {"line": 12, "step": "init", "key": "log", "expected": "one", "got": "one\ntwo"},
        ],
        "ended": {
            "step": "init",
            "returned": -5,
            "errno": "EIO",
            "status": "ERROR",
            "failure": None,
        },
        "seconds": 1.25,
    }
    assert (waived["reason"], fixed["outcome"]) == ("not fixed yet", "unexpectedly_passed")
    assert "seconds" not in waived
    assert broken["problems"] == [PROBLEM, WARNING]


def test_as_json_lines_the_summary_is_the_first() -> None:
    head, one = map(
        json.loads, as_json.render_lines([replace(PASSED, seconds=0.12345)]).split("\n")
    )
    assert (head["summary"]["total"], "scenarios" in head) == (1, False)
    assert one == HEALTHY | {"seconds": 0.123}


PROBLEM = {
    "severity": "error",
    "summary": "must be a number",
    "detail": "got 'x'",
    "hint": "write 1",
    "file": "c d.yaml",
    "line": 5,
    "column": 7,
    "path": "cpus.count",
}
WARNING = {
    "severity": "warning",
    "summary": "no such key",
    "detail": None,
    "hint": None,
    "file": None,
    "line": None,
    "column": None,
    "path": None,
}


def test_scenarios_that_would_be_run_are_listed_by_name_and_place() -> None:
    cases = [
        Case("a.yaml", 3, "healthy\x1b", "boots", _never, "v5", (), None),
        Case("b.yaml", 4, "known", "", _never, "6.18", (), "not fixed yet"),
    ]
    assert listing.to_text(cases) == "healthy\\x1b (a.yaml:3)\nknown (b.yaml:4)"
    assert json.loads(listing.to_json(cases)) == {
        "schema": "tdxctl.scenarios/1",
        "scenarios": [
            {
                "file": "a.yaml",
                "line": 3,
                "name": "healthy\x1b",
                "kernel": "v5",
                "description": "boots",
                "waived": None,
            },
            {
                "file": "b.yaml",
                "line": 4,
                "name": "known",
                "kernel": "6.18",
                "description": "",
                "waived": "not fixed yet",
            },
        ],
    }


PLATFORM = Checked("p.yaml", 1, "p", "", "passed", problems=BROKEN.problems[1:])
SCENARIO = Checked("s\x1b.yaml", 1, "s", "", "passed", cases=2)
WRONG = Checked("c d.yaml", 1, "c d", "", "broken", problems=BROKEN.problems)


def test_of_files_that_were_checked_each_has_a_line() -> None:
    """Expect the number of cases of a scenario, and what is wrong in place of a verdict."""
    assert validated.to_text([PLATFORM, SCENARIO, WRONG]) == (
        "p.yaml: valid\n"
        "s\\x1b.yaml: valid, 2 cases\n"
        "c d.yaml:5:7: cpus.count: must be a number (got 'x')\n"
        "  hint: write 1\n"
        "warning: no such key"
    )
    assert [line.role for line in validated.to_lines([PLATFORM, SCENARIO])] == [GOOD, GOOD]


def test_the_document_of_files_that_are_right_has_what_no_firmware_makes() -> None:
    files = [
        {"file": "p.yaml", "name": "p", "kind": "platform", "cases": None},
        {"file": "s\x1b.yaml", "name": "s", "kind": "scenario", "cases": 2},
    ]
    head = {"schema": "tdxctl.validate/1", "valid": True, "warnings": [WARNING]}
    assert json.loads(validated.to_json([PLATFORM, SCENARIO])) == head | {"files": files}
    lines = validated.to_jsonl([PLATFORM, SCENARIO]).split("\n")
    assert [json.loads(line) for line in lines] == [head, *files]


def test_the_document_of_files_of_which_one_is_wrong_is_an_error() -> None:
    """Expect only what is wrong in it, as one line too."""
    error = {"schema": "tdxctl.error/1", "exit": 3, "diagnostics": [PROBLEM, WARNING]}
    assert json.loads(validated.to_json([PLATFORM, WRONG])) == error
    assert json.loads(validated.to_jsonl([PLATFORM, WRONG])) == error


OFF = Failure("global-init", VmxOff(), "EIO", "EIO")


@pytest.mark.parametrize(
    ("outcome", "ended", "said"),
    [
        ("failed", None, ()),
        ("failed", Ended("init", 0, "INITIALIZED", None), ()),
        ("passed", Ended("init", -5, "ERROR", OFF), ()),
        ("failed", Ended("init", -5, "ERROR", None), (("ended", "init: -EIO, status ERROR"),)),
        (
            "failed",
            Ended("kvm load", 0, "UNKNOWN", OFF),
            (
                ("ended", "kvm load: 0, status UNKNOWN, in step global-init"),
                ("why", "the CPU is not in VMX operation, and cannot enter it"),
                ("to do", "enable virtualization (VT-x) in the BIOS"),
            ),
        ),
        (
            "failed",
            Ended("boot", -19, "NONE", replace(OFF, step=None)),
            (
                ("ended", "boot: -ENODEV, status NONE"),
                ("why", "the CPU is not in VMX operation, and cannot enter it"),
                ("to do", "enable virtualization (VT-x) in the BIOS"),
            ),
        ),
    ],
)
def test_how_a_step_ended_is_told_where_it_ended_badly_and_was_not_to(
    outcome: str, ended: Ended | None, said: tuple[tuple[str, str], ...]
) -> None:
    assert told(Outcome("a.yaml", 1, "n", "v5", outcome, ended=ended)) == said


def test_a_problem_of_another_file_stands_in_that_file() -> None:
    """A scenario's platform is wrong: of what has no place of its own the scenario's is one."""
    problems = (Diagnostic("is odd", file="p.yaml", severity="warning"), Diagnostic("is wrong"))
    found = findings(Outcome("s.yaml", 4, "n", "v5", "broken", problems=problems))
    assert [(each.file, each.line, each.at_its_place) for each in found] == [
        ("p.yaml", 4, "p.yaml:4: is odd"),
        ("s.yaml", 4, "s.yaml:4: is wrong"),
    ]
    roles = [line.role for problem in problems for line in text.of_problem(problem)]
    assert roles == [WARN, ""]


def test_a_waiver_without_a_reason_says_nothing() -> None:
    waived = replace(WAIVED, reason=None)
    assert ktap.render([waived]).split("\n")[-2] == "  not ok 1 known # XFAIL "
    assert '<skipped message="" />' in junit.render([waived])
    assert [found.message for found in findings(waived)] == [""]
