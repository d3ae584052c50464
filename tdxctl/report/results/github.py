# SPDX-License-Identifier: Apache-2.0
"""A scenario run as GitHub workflow commands, and as a step summary in Markdown."""

from __future__ import annotations

from tdxctl.report.results.summary import counts, in_a_line, why
from tdxctl.scenario.description import PASSED, Outcome
from tdxctl.units import counted, printable, printable_lines

# GitHub shows no more of a kind for a step.
_MAX_ANNOTATIONS = 10


def render(outcomes: list[Outcome]) -> str:
    """An annotation per expectation that did not hold, at its line; then the summary."""
    errors = [line for outcome in outcomes if outcome.is_bad for line in _errors(outcome)]
    notices = [_notice(o) for o in outcomes if not o.is_bad and o.outcome != PASSED]
    lines = [*_capped(errors, "error"), *_capped(notices, "notice")]
    return "\n".join([*lines, _summary(outcomes)])


def step_summary(outcomes: list[Outcome]) -> str:
    """Markdown for $GITHUB_STEP_SUMMARY: the numbers, and a table of what did not pass."""
    lines = [f"### tdxctl: {_summary(outcomes)}", ""]
    rows = [
        f"| {_cell(o.outcome)} | {_cell(o.name)} | {_cell(o.file)} | {_cell(_first(o))} |"
        for o in outcomes
        if o.outcome != PASSED
    ]
    if rows:
        lines += ["| outcome | scenario | file | why |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _summary(outcomes: list[Outcome]) -> str:
    numbers = [f"{n} {what}" for what, n in counts(outcomes).items() if n]
    return f"{counted(len(outcomes), 'scenario')}: {', '.join(numbers)}"


def _first(outcome: Outcome) -> str:
    if outcome.differences:
        return in_a_line(outcome.differences[0])
    return why(outcome) or ""


def _errors(outcome: Outcome) -> list[str]:
    title = f"{outcome.name}: {outcome.outcome}"
    lines = [
        _command("error", outcome.file, difference.line, title, in_a_line(difference))
        for difference in outcome.differences
    ]
    reason = why(outcome)
    if not lines or reason is not None:
        lines.append(_command("error", outcome.file, outcome.line, title, reason or ""))
    return lines


def _notice(outcome: Outcome) -> str:
    title = f"{outcome.name}: {outcome.outcome}"
    return _command("notice", outcome.file, outcome.line, title, outcome.reason or "")


def _capped(lines: list[str], kind: str) -> list[str]:
    if len(lines) <= _MAX_ANNOTATIONS:
        return lines
    more = len(lines) - _MAX_ANNOTATIONS + 1
    return [*lines[: _MAX_ANNOTATIONS - 1], f"::{kind}::and {more} more, in the log"]


def _command(kind: str, file: str, line: int, title: str, message: str) -> str:
    properties = f"file={_property(file)},line={line},title={_property(title)}"
    return f"::{kind} {properties}::{_data(printable_lines(message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    # Text in a cell of a table: neither markup nor another cell.
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~" else c for c in printable(text))
    return escaped.replace("\n", " ")
