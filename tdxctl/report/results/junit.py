# SPDX-License-Identifier: Apache-2.0
"""A scenario run as JUnit XML, as Jenkins and GitLab read it.

A testsuite per file. No times: the report is the same for the same input. A waived failure is
skipped, with its reason.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tdxctl.report.results.summary import by_file, counts, in_a_line, why
from tdxctl.scenario.description import FAILED, UNEXPECTED, WAIVED, Outcome
from tdxctl.units import printable, printable_lines


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
        "errors": "0",
        "skipped": str(numbers[WAIVED]),
    }


def _case(outcome: Outcome) -> ET.Element:
    attributes = {
        "classname": outcome.file,
        "name": outcome.name,
        "file": outcome.file,
        "line": str(outcome.line),
    }
    case = ET.Element("testcase", {key: _clean(value) for key, value in attributes.items()})
    reason = why(outcome)
    if outcome.outcome == WAIVED:
        ET.SubElement(case, "skipped", {"message": _clean(reason or "")})
    elif outcome.is_bad:
        texts = [
            f"{printable(outcome.file)}:{difference.line}: {in_a_line(difference)}"
            for difference in outcome.differences
        ]
        texts += [reason] if reason else []
        message = in_a_line(outcome.differences[0]) if outcome.differences else reason or ""
        attributes = {"message": _clean(message), "type": "expectation"}
        failure = ET.SubElement(case, "failure", attributes)
        failure.text = _clean("\n".join(texts))
    return case


def _clean(text: str) -> str:
    # No character that XML cannot hold, and nothing that whoever shows it would obey.
    return printable_lines(text)
