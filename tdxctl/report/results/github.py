# SPDX-License-Identifier: Apache-2.0
"""A scenario run as GitHub workflow commands, and as a step summary in Markdown."""

from __future__ import annotations

from tdxctl.report.results.summary import Finding, findings, in_numbers
from tdxctl.scenario.description import PASSED, Outcome
from tdxctl.units import printable, printable_lines

_KINDS = {"error": "error", "warning": "warning", "note": "notice"}
# GitHub shows no more of a kind for a step.
_MAX_ANNOTATIONS = 10


def render(outcomes: list[Outcome], what: str = "scenario") -> str:
    """An annotation per expectation that did not hold, at its line; then the summary."""
    lines: dict[str, list[str]] = {kind: [] for kind in _KINDS.values()}
    for outcome in outcomes:
        for found in findings(outcome):
            kind = _KINDS[found.severity]
            lines[kind].append(_command(kind, found, f"{outcome.name}: {outcome.outcome}"))
    told = [line for kind, group in lines.items() for line in _capped(group, kind)]
    return "\n".join([*told, in_numbers(outcomes, what)])


def step_summary(outcomes: list[Outcome], what: str = "scenario") -> str:
    """Markdown for $GITHUB_STEP_SUMMARY: the numbers, and a table of what did not pass."""
    lines = [f"### tdxctl: {in_numbers(outcomes, what)}", ""]
    rows = [
        f"| {_cell(o.outcome)} | {_cell(o.name)} | {_cell(o.file)} | {_cell(_first(o))} |"
        for o in outcomes
        if o.outcome != PASSED
    ]
    if rows:
        lines += ["| outcome | scenario | file | why |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _first(outcome: Outcome) -> str:
    return next((found.message for found in findings(outcome)), "")


def _capped(lines: list[str], kind: str) -> list[str]:
    if len(lines) <= _MAX_ANNOTATIONS:
        return lines
    more = len(lines) - _MAX_ANNOTATIONS + 1
    return [*lines[: _MAX_ANNOTATIONS - 1], f"::{kind}::and {more} more, in the log"]


def _command(kind: str, found: Finding, title: str) -> str:
    column = "" if found.column is None else f",col={found.column}"
    place = f"file={_property(found.file)},line={found.line}{column}"
    message = _data(printable_lines(found.text))
    return f"::{kind} {place},title={_property(title)}::{message}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    # Text in a cell of a table: neither markup nor another cell.
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~" else c for c in printable(text))
    return escaped.replace("\n", " ")
