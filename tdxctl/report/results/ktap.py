# SPDX-License-Identifier: Apache-2.0
"""A scenario run as KTAP, version 1 (the kernel's Documentation/dev-tools/ktap.rst).

A subtest per file: its own version line, indented by two spaces, its result after its children.
What is to be said of a result stands before it, as diagnostic lines.
"""

from __future__ import annotations

from tdxctl.report.results.summary import by_file, findings
from tdxctl.scenario.description import WAIVED, Outcome
from tdxctl.units import printable

_VERSION = "KTAP version 1"


def render(outcomes: list[Outcome]) -> str:
    """The document, without a newline at the end."""
    files = by_file(outcomes)
    lines = [_VERSION, f"1..{len(files)}"]
    for number, (file, group) in enumerate(files, 1):
        inner = [_VERSION, f"# Subtest: {_name(file)}", f"1..{len(group)}"]
        for i, outcome in enumerate(group, 1):
            inner += _result(i, outcome)
        lines += [f"  {line}" for line in inner]
        bad = any(outcome.is_bad for outcome in group)
        lines.append(f"{'not ok' if bad else 'ok'} {number} {_name(file)}")
    return "\n".join(lines)


def _result(number: int, outcome: Outcome) -> list[str]:
    name = _name(outcome.name)
    if outcome.outcome == WAIVED:
        return [f"not ok {number} {name} # XFAIL {_text(outcome.reason or '')}"]
    lines = []
    for found in findings(outcome):
        lines += [f"# {_text(text)}" for text in found.at_its_place.split("\n")]
    return [*lines, f"{'not ok' if outcome.is_bad else 'ok'} {number} {name}"]


def _text(text: str) -> str:
    return printable(text)


def _name(text: str) -> str:
    # A name has no `#`: it begins a directive.
    return _text(text).replace("#", "_")
