# SPDX-License-Identifier: Apache-2.0
"""What checks find, and what all of them together say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tdxctl.advice.checks import Check
from tdxctl.advice.known_causes import KnownCause
from tdxctl.capture.wrapped import LogLine


class Verdict(StrEnum):
    """How a check ends."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Status:
    """A SEAMCALL's status: what was called, and what it means."""

    leaf: int
    leaf_name: str
    value: int
    name: str
    details: str | None
    meaning: str
    to_do: str

    @property
    def as_cause(self) -> KnownCause:
        """The status as the cause, where nothing more is known."""
        return KnownCause(self.meaning, self.to_do)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found: a sentence, the line it rests on, a status that the line holds.

    causes: likely ones, most often seen first; empty where nothing is wrong. state: what TDX is in
    where it is another than a failure of the check says.
    """

    verdict: Verdict
    detail: str
    line: LogLine | None = None
    status: Status | None = None
    causes: tuple[KnownCause, ...] = ()
    state: str | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check with its outcome."""

    check: Check
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Prediction:
    """The PAMT that tdxctl's own kernel allocates on the log's memory map, beside the printed one.

    kernel: which one. basis: what the map was taken from. printed_kib, predicted_kib: KiB;
    predicted_kib is None where that kernel fails, and why says so. agrees: with what the log
    shows. differences: where a difference can come from.
    """

    kernel: str
    basis: str
    printed_kib: int | None
    predicted_kib: int | None
    why: str | None
    agrees: bool
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What state TDX is in on the host of a log, and why.

    state: initialized, failed, not started, not enabled, not supported, unknown. deciding: the
    check that says so. to_do: what would tell, where nothing decides. notes: which of several boots
    it is, and what is doubtful about what decides.
    """

    state: str
    summary: str
    deciding: CheckResult | None
    results: tuple[CheckResult, ...]
    kernel: str | None
    prediction: Prediction | None
    to_do: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether TDX is initialized."""
        return self.state == "initialized"
