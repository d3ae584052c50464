# SPDX-License-Identifier: Apache-2.0
"""Every format of a scenario run, with text that would do harm if it were taken for markup."""

from __future__ import annotations

import json
import re
from typing import NamedTuple
from xml.etree import ElementTree as ET

import jsonschema
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog

from tdxctl.causes import TooFewKeyids
from tdxctl.errors import Diagnostic
from tdxctl.events import Failure
from tdxctl.report.results import as_json, github, gitlab, junit, ktap, sarif, text
from tdxctl.scenario.description import (
    BROKEN,
    FAILED,
    PASSED,
    UNEXPECTED,
    WAIVED,
    Difference,
    Ended,
    Outcome,
)

NASTY = "a.yaml"
OUTCOMES = [
    Outcome(NASTY, 1, "well", "v5", PASSED),
    Outcome(
        NASTY,
        1,
        'odd[x="<b>&\'#\x1b[31m\x00"]',
        "v5",
        FAILED,
        (
            Difference(7, "init", "status", "INITIALIZED", "SHUTDOWN"),
            Difference(9, "init", "log", "a line with '100 %, <x>'", "one\n::error::two\x0b]]>"),
        ),
    ),
    Outcome("dir/b,c:d.yaml", 2, "later", "6.8", WAIVED, (), "known | `bug` #12"),
    Outcome("dir/b,c:d.yaml", 2, "mended", "6.8", UNEXPECTED, (), "known\nbug"),
    Outcome("dir/b,c:d.yaml", 2, "crash", "v5", FAILED, (), "it would oops, not modelled"),
]

TEXT = """\
FAILED odd[x="<b>&'#\\x1b[31m\\x00"] (a.yaml)
  a.yaml:7: init: status
    - INITIALIZED
    + SHUTDOWN
  a.yaml:9: init: log
    - a line with '100 %, <x>'
    + one
    + :\\x3aerror::two\\x0b]]>

WAIVED later (dir/b,c:d.yaml): known | `bug` #12
UNEXPECTEDLY PASSED mended (dir/b,c:d.yaml): was expected to fail: known\\nbug

FAILED crash (dir/b,c:d.yaml): it would oops, not modelled

5 scenarios: 1 passed, 2 failed, 1 waived, 1 unexpectedly passed"""

JUNIT = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="5" failures="3" errors="0" skipped="1" name="tdxctl">
  <testsuite name="a.yaml" tests="2" failures="1" errors="0" skipped="0">
    <testcase classname="a.yaml" name="well" file="a.yaml" line="1" />
    <testcase classname="a.yaml" name="odd[x=&quot;&lt;b&gt;&amp;'#\\x1b[31m\\x00&quot;]" \
file="a.yaml" line="1">
      <failure message="init: status: expected INITIALIZED, got SHUTDOWN" type="expectation">\
a.yaml:7: init: status: expected INITIALIZED, got SHUTDOWN
a.yaml:9: init: log: expected a line with '100 %, &lt;x&gt;', got one
:\\x3aerror::two\\x0b]]&gt;</failure>
    </testcase>
  </testsuite>
  <testsuite name="dir/b,c:d.yaml" tests="3" failures="2" errors="0" skipped="1">
    <testcase classname="dir/b,c:d.yaml" name="later" file="dir/b,c:d.yaml" line="2">
      <skipped message="known | `bug` #12" />
    </testcase>
    <testcase classname="dir/b,c:d.yaml" name="mended" file="dir/b,c:d.yaml" line="2">
      <failure message="was expected to fail: known&#10;bug" type="unexpected-pass">\
dir/b,c:d.yaml:2: was expected to fail: known
bug</failure>
    </testcase>
    <testcase classname="dir/b,c:d.yaml" name="crash" file="dir/b,c:d.yaml" line="2">
      <failure message="it would oops, not modelled" type="not-run">\
dir/b,c:d.yaml:2: it would oops, not modelled</failure>
    </testcase>
  </testsuite>
</testsuites>"""

KTAP = """\
KTAP version 1
1..2
  KTAP version 1
  # Subtest: a.yaml
  1..2
  ok 1 well
  # a.yaml:7: init: status: expected INITIALIZED, got SHUTDOWN
  # a.yaml:9: init: log: expected a line with '100 %, <x>', got one
  # :\\x3aerror::two\\x0b]]>
  not ok 2 odd[x="<b>&'_\\x1b[31m\\x00"]
not ok 1 a.yaml
  KTAP version 1
  # Subtest: dir/b,c:d.yaml
  1..3
  not ok 1 later # XFAIL known | `bug` #12
  # dir/b,c:d.yaml:2: was expected to fail: known
  # bug
  not ok 2 mended
  # dir/b,c:d.yaml:2: it would oops, not modelled
  not ok 3 crash
not ok 2 dir/b,c:d.yaml"""

GITHUB = """\
::error file=a.yaml,line=7,title=odd[x="<b>&'#\\x1b[31m\\x00"]%3A failed::init: status: expected \
INITIALIZED, got SHUTDOWN
::error file=a.yaml,line=9,title=odd[x="<b>&'#\\x1b[31m\\x00"]%3A failed::init: log: expected a \
line with '100 %25, <x>', got one%0A:\\x3aerror::two\\x0b]]>
::error file=dir/b%2Cc%3Ad.yaml,line=2,title=mended%3A unexpectedly passed::was expected to fail: \
known%0Abug
::error file=dir/b%2Cc%3Ad.yaml,line=2,title=crash%3A failed::it would oops, not modelled
::notice file=dir/b%2Cc%3Ad.yaml,line=2,title=later%3A waived::known | `bug` #12
5 scenarios: 1 passed, 2 failed, 1 waived, 1 unexpectedly passed"""


def test_text() -> None:
    assert text.render(OUTCOMES) == TEXT


def test_junit_is_xml_whatever_the_text() -> None:
    document = junit.render(OUTCOMES)
    assert document == JUNIT
    root = ET.fromstring(document)
    cases = root.findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == [
        *("well", 'odd[x="<b>&\'#\\x1b[31m\\x00"]', "later", "mended", "crash")
    ]
    # What Jenkins and GitLab read: counts of suites that are the sums of their cases.
    for suite in root.iter("testsuite"):
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))


class Result(NamedTuple):
    """A result line of KTAP and its subtests."""

    ok: bool
    number: int
    name: str
    directive: str | None
    diagnostics: list[str]
    children: list[Result]


def parse_ktap(document: str) -> list[Result]:
    """The results of a KTAP document, after ktap.rst: strict where it is."""
    lines = document.split("\n")
    assert lines.pop(0) == "KTAP version 1"
    return _level(lines, "")


def _level(lines: list[str], indent: str) -> list[Result]:
    while lines[0].startswith(f"{indent}# "):
        lines.pop(0)
    plan = re.fullmatch(rf"{indent}1\.\.(\d+)", lines.pop(0))
    assert plan is not None
    results: list[Result] = []
    diagnostics: list[str] = []
    children: list[Result] = []
    while lines and lines[0].startswith(indent) and len(results) < int(plan[1]):
        line = lines.pop(0)[len(indent) :]
        if line == "  KTAP version 1":
            children = _level(lines, indent + "  ")
        elif line.startswith("# "):
            diagnostics.append(line.removeprefix("# "))
        else:
            match = re.fullmatch(r"(not )?ok (\d+) ([^#]*?)(?: # (.+))?", line)
            assert match is not None, line
            assert int(match[2]) == len(results) + 1
            results.append(
                Result(match[1] is None, int(match[2]), match[3], match[4], diagnostics, children)
            )
            diagnostics, children = [], []
    assert len(results) == int(plan[1])
    return results


def test_ktap_is_what_its_reader_expects() -> None:
    document = ktap.render(OUTCOMES)
    assert document == KTAP
    first, second = parse_ktap(document)
    assert (first.ok, first.name, len(first.children)) == (False, "a.yaml", 2)
    assert [child.ok for child in first.children] == [True, False]
    assert first.children[1].diagnostics[2] == ":\\x3aerror::two\\x0b]]>"
    assert second.children[0].directive == "XFAIL known | `bug` #12"


def test_github_commands_cannot_be_smuggled_in() -> None:
    lines = github.render(OUTCOMES)
    assert lines == GITHUB
    assert sum(line.startswith("::") for line in lines.split("\n")) == 5
    many = [Outcome(NASTY, 1, f"n{i}", "v5", FAILED, (), "why") for i in range(12)]
    capped = github.render(many).split("\n")
    assert (len(capped), capped[9]) == (11, "::error::and 3 more, in the log")
    assert "| waived | later | dir/b,c:d.yaml | known \\| \\`bug\\` \\#12 |" in github.step_summary(
        OUTCOMES
    )


def test_json_and_json_lines_have_the_text_as_it_was() -> None:
    document = json.loads(as_json.render(OUTCOMES))
    assert document["schema"] == "tdxctl.test/1"
    assert document["summary"] == {
        "total": 5,
        "passed": 1,
        "failed": 2,
        "waived": 1,
        "unexpectedly_passed": 1,
        "broken": 0,
    }
    assert document["scenarios"][1]["name"] == 'odd[x="<b>&\'#\x1b[31m\x00"]'
    assert document["scenarios"][1]["differences"][1] == {
        "line": 9,
        "step": "init",
        "key": "log",
        "expected": "a line with '100 %, <x>'",
        "got": "one\n::error::two\x0b]]>",
    }
    head, *rest = map(json.loads, as_json.render_lines(OUTCOMES).split("\n"))
    assert head == {"schema": "tdxctl.test/1", "summary": document["summary"]}
    assert rest == document["scenarios"]


#: One that ended badly and says why, and one that could not be run.
TELLING = [
    Outcome(
        "s/one.yaml",
        1,
        "one",
        "v5",
        FAILED,
        (Difference(4, "init", "returned", "0", "-ENODEV"),),
        ended=Ended("init", -19, "NONE", Failure(None, TooFewKeyids(1), "ENODEV", "ENODEV")),
    ),
    Outcome(
        "s/two.yaml",
        3,
        "two",
        "",
        BROKEN,
        problems=(Diagnostic("unknown key", None, "init?", "s/two.yaml", 3, 10, "steps.0.innit"),),
    ),
]


def test_every_format_says_errno_why_and_what_to_do() -> None:
    why = "BIOS left 1 KeyIDs for TDX, at least 2 are needed"
    for render in (
        *(text.render, ktap.render, github.render, junit.render, gitlab.render, sarif.render),
        as_json.render,
    ):
        document = render(TELLING)
        assert why in document, render
        assert "raise the number of TDX KeyIDs in the BIOS" in document, render
        assert "ENODEV" in document, render
        assert "unknown key" in document, render
        assert "init?" in document, render


def test_a_failed_scenario_in_text() -> None:
    assert (
        text.render(TELLING)
        == """\
FAILED one (s/one.yaml)
  s/one.yaml:4: init: returned
    - 0
    + -ENODEV
  ended:  init: -ENODEV, status NONE
  why:    BIOS left 1 KeyIDs for TDX, at least 2 are needed
  to do:  raise the number of TDX KeyIDs in the BIOS (TME-MT/TDX key split)

BROKEN two (s/two.yaml): 1 problem
  s/two.yaml:3:10: steps.0.innit: unknown key
    hint: init?

2 scenarios: 1 failed, 1 broken"""
    )


def test_what_could_not_be_run_is_an_error_of_junit() -> None:
    root = ET.fromstring(junit.render(TELLING))
    assert (root.get("failures"), root.get("errors")) == ("1", "1")
    (error,) = root.findall("testsuite/testcase/error")
    assert error.get("message") == "steps.0.innit: unknown key"
    assert error.text == "s/two.yaml:3:10: steps.0.innit: unknown key\nhint: init?"


# The keys that GitLab reads, all of them required (docs.gitlab.com/ci/testing/code_quality).
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string"},
            "check_name": {"type": "string"},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def test_gitlab_gets_the_keys_that_it_reads() -> None:
    """Expect a finding for each difference and problem, no two with the same fingerprint."""
    document = json.loads(gitlab.render(OUTCOMES + TELLING))
    jsonschema.Draft202012Validator(GITLAB).validate(document)
    assert [(each["check_name"], each["severity"]) for each in document] == [
        ("tdxctl/expectation", "major"),
        ("tdxctl/expectation", "major"),
        ("tdxctl/waived", "info"),
        ("tdxctl/unexpected-pass", "major"),
        ("tdxctl/not-run", "major"),
        ("tdxctl/expectation", "major"),
        ("tdxctl/description", "major"),
    ]
    assert document[6]["location"] == {"path": "s/two.yaml", "lines": {"begin": 3}}
    assert len({each["fingerprint"] for each in document}) == 7
    assert gitlab.render(OUTCOMES[:1]) == "[]"


def test_a_finding_of_gitlab_that_moved_is_the_same() -> None:
    def fingerprint(line: int) -> str:
        moved = Difference(line, "init", "status", "NONE", "ERROR")
        outcome = Outcome("x.yaml", 1, "x", "v5", FAILED, (moved,))
        return str(json.loads(gitlab.render([outcome]))[0]["fingerprint"])

    assert fingerprint(4) == fingerprint(40)


def test_sarif_is_what_its_schema_says() -> None:
    document = sarif.render(OUTCOMES + TELLING)
    SarifLog.model_validate_json(document)
    (run,) = json.loads(document)["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [(r["ruleId"], rules[r["ruleIndex"]], r["level"]) for r in run["results"][-5:]] == [
        ("waived", "waived", "note"),
        ("unexpected-pass", "unexpected-pass", "error"),
        ("not-run", "not-run", "error"),
        ("expectation", "expectation", "error"),
        ("description", "description", "error"),
    ]
    place = run["results"][-1]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "s/two.yaml"}
    assert place["region"] == {"startLine": 3, "startColumn": 10}
    uri = run["results"][2]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "dir/b%2Cc%3Ad.yaml"
