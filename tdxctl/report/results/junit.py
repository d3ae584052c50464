# SPDX-License-Identifier: Apache-2.0
"""A scenario run as JUnit XML, as Jenkins and GitLab read it.

A testsuite per file. No times but where they were asked for: the report is the same for the same
input. A waived failure is skipped, with its reason; what could not be run is an error.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tdxctl.report.results.summary import by_file, counts, findings
from tdxctl.scenario.description import BROKEN, FAILED, UNEXPECTED, WAIVED, Outcome
from tdxctl.units import printable_lines


def render(outcomes: list[Outcome]) -> str:
    """The document, without a newline at the end."""
    root = ET.Element("testsuites", _numbers(outcomes))
    root.set("name", "tdxctl")
    for file, group in by_file(outcomes):
        suite = ET.SubElement(root, "testsuite", {"name": _clean(file)} | _numbers(group))
        for outcome in group:
            suite.append(_case(outcome))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _numbers(outcomes: list[Outcome]) -> dict[str, str]:
    numbers = counts(outcomes)
    return {
        "tests": str(len(outcomes)),
        "failures": str(numbers[FAILED] + numbers[UNEXPECTED]),
        "errors": str(numbers[BROKEN]),
        "skipped": str(numbers[WAIVED]),
    } | _time(*outcomes)


def _time(*outcomes: Outcome) -> dict[str, str]:
    seconds = [outcome.seconds for outcome in outcomes if outcome.seconds is not None]
    return {"time": f"{sum(seconds):.3f}"} if seconds else {}


def _case(outcome: Outcome) -> ET.Element:
    attributes = {
        "classname": outcome.file,
        "name": outcome.name,
        "file": outcome.file,
        "line": str(outcome.line),
    } | _time(outcome)
    case = ET.Element("testcase", {key: _clean(value) for key, value in attributes.items()})
    if outcome.outcome == WAIVED:
        ET.SubElement(case, "skipped", {"message": _clean(outcome.reason or "")})
    elif outcome.is_bad:
        found = list(findings(outcome))
        tag = "error" if outcome.outcome == BROKEN else "failure"
        attributes = {"message": _clean(found[0].message), "type": found[0].rule}
        failure = ET.SubElement(case, tag, attributes)
        failure.text = _clean("\n".join(each.at_its_place for each in found))
    return case


def _clean(text: str) -> str:
    # No character that XML cannot hold, and nothing that whoever shows it would obey.
    return printable_lines(text)
