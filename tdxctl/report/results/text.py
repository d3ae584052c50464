# SPDX-License-Identifier: Apache-2.0
"""A scenario run for a person: what is not as expected as a diff, the summary at the end."""

from __future__ import annotations

from tdxctl.report.results.summary import counts, why
from tdxctl.scenario.description import PASSED, Outcome
from tdxctl.units import counted, printable


def render(outcomes: list[Outcome]) -> str:
    """Nothing of what passed but its number."""
    lines: list[str] = []
    for outcome in outcomes:
        if outcome.outcome != PASSED:
            lines += _block(outcome)
    numbers = [f"{n} {what}" for what, n in counts(outcomes).items() if n]
    return "\n".join([*lines, f"{counted(len(outcomes), 'scenario')}: {', '.join(numbers)}"])


def _block(outcome: Outcome) -> list[str]:
    file = printable(outcome.file)
    reason = why(outcome)
    head = f"{outcome.outcome.upper()} {printable(outcome.name)} ({file})"
    lines = [head + (f": {printable(reason)}" if reason else "")]
    if not outcome.is_bad:
        return lines
    for difference in outcome.differences:
        lines.append(f"  {file}:{difference.line}: {difference.step}: {difference.key}")
        lines.append(f"    - {printable(difference.expected)}")
        lines += [f"    + {printable(line)}" for line in difference.got.split("\n")]
    return [*lines, ""]
