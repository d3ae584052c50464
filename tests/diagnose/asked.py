# SPDX-License-Identifier: Apache-2.0
"""One check of diagnose, asked of a log that is written down in a test."""

from __future__ import annotations

from tdxctl.capture.bootlog import read_log
from tdxctl.diagnose.evidence import Evidence, gather
from tdxctl.diagnose.outcome import Outcome
from tdxctl.diagnose.rules import RULES
from tdxctl.messages.check_ids import CheckId


def evidence_of(text: str) -> Evidence:
    """What a log shows, whichever program its lines are of."""
    return gather(read_log(text.encode(), "t", of_a_kernel=False))


def outcome_of(check: CheckId, text: str) -> Outcome:
    """What a check makes of it alone, without those before it."""
    return RULES[check](evidence_of(text))


def told_of(check: CheckId, text: str) -> tuple[str, str, int]:
    """Its verdict, its words, and the number of the line that it rests on: 0 is none."""
    found = outcome_of(check, text)
    return found.verdict.value, found.detail, found.line.number if found.line else 0


def cpu_line(brand: str, family: int, model: int) -> str:
    """What the kernel prints of the boot CPU."""
    numbers = f"family: {family:#x}, model: {model:#x}, stepping: 0x2"
    return f"[    0.30] smpboot: CPU0: {brand} ({numbers})\n"
