# SPDX-License-Identifier: Apache-2.0
"""A diagnosis as text, short, in full, or as `tdxctl.diagnosis/1`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct

from tdxctl.advice.words import MORE, TO_DO
from tdxctl.diagnose.outcome import CheckResult, Diagnosis, Status, Verdict
from tdxctl.document import Document, Hex, one_of
from tdxctl.report.reasons import labelled
from tdxctl.units import printable

_TELLING = (Verdict.WARN, Verdict.FAIL)
_LABEL = 10


def to_text(
    diagnosis: Diagnosis, *, short: bool = False, verbose: bool = False, width: int | None = None
) -> str:
    """The state, the tree of checks, and for what failed the causes and the way out.

    short: only what is not well. verbose: every check with the line it rests on and what it
    looks at. width: of a terminal, whose lines are wrapped under their texts.
    """
    lines = [f"TDX is {diagnosis.state.upper()}: {printable(diagnosis.summary)}"]
    lines += [f"note: {printable(note)}" for note in diagnosis.notes]
    shown = [
        result
        for result in diagnosis.results
        if verbose or result.outcome.verdict in _TELLING or not short
    ]
    if shown:
        lines.append("")
    longest = max((len(result.check.id) for result in shown), default=0)
    for result in shown:
        lines += _check(result, longest, verbose=verbose)
    prediction = diagnosis.prediction
    if prediction is not None and prediction.differences:
        lines += ["", "  where the difference in what was predicted can come from:"]
        lines += [f"    {difference}" for difference in prediction.differences]
    deciding = diagnosis.deciding
    if deciding is not None and deciding.outcome.verdict is Verdict.FAIL:
        lines += ["", *labelled(_reason(deciding), _LABEL)]
    if diagnosis.to_do is not None:
        lines += ["", *labelled([(TO_DO, diagnosis.to_do)], _LABEL)]
    if width is not None:
        lines = [part for line in lines for part in _wrapped(line, width)]
    return "\n".join(lines)


def _wrapped(line: str, width: int) -> list[str]:
    # What follows goes under the text, which stands behind the last run of spaces of a label.
    from textwrap import wrap

    label = re.match(r" *(?:\S+:? {2,})*(?:\d+\. )?(?:to do: )?", line)
    indent = min(label.end() if label else 0, width // 2)
    return wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False) or [""]


def _check(result: CheckResult, width: int, *, verbose: bool) -> Iterator[str]:
    check, outcome = result.check, result.outcome
    detail = printable(outcome.detail)
    yield f"{outcome.verdict.value:<8}{check.id:<{width}}  {detail}"
    if not verbose:
        return
    after = f", after {check.parent}" if check.parent else ""
    yield f"        checks that {check.title}{after}"
    yield f"        looks at {check.looks_at}"
    if outcome.line is not None:
        yield f"        line {outcome.line.number}: {printable(outcome.line.text.strip())}"


def _reason(result: CheckResult) -> Iterator[tuple[str, str]]:
    outcome = result.outcome
    yield "check", f"{result.check.id}: {result.check.title}"
    if outcome.line is not None:
        yield f"line {outcome.line.number}", printable(outcome.line.text.strip())
    if outcome.status is not None:
        status = outcome.status
        yield "status", f"{status.name}, {status.value:#x}: {status.meaning}"
    for index, cause in enumerate(outcome.causes):
        yield "causes" if index == 0 else "", f"{index + 1}. {cause.and_how_often}"
        yield "", f"   {TO_DO}: {cause.to_do}"
    yield MORE, f"tdxctl explain {result.check.id}"


class Line(Struct, frozen=True):
    """A line of the log that was read."""

    number: int
    text: str


class Answer(Struct, frozen=True):
    """The status of a SEAMCALL that failed, with what it means and what to do."""

    leaf: int
    leaf_name: str
    value: Hex
    name: str
    details: str | None
    meaning: str
    to_do: str


class Cause(Struct, frozen=True):
    """What it can come from; seen: how many public reports show it."""

    cause: str
    to_do: str
    seen: int | None


class Check(Struct, frozen=True):
    """A check: what it says of this host, the line it rests on, and what to do."""

    id: str
    title: str
    parent: str | None
    verdict: Annotated[str, one_of("PASS", "WARN", "FAIL", "SKIP", "UNKNOWN")]
    detail: str
    line: Line | None
    status: Answer | None
    causes: tuple[Cause, ...]


class Prediction(Struct, frozen=True):
    """What tdxctl predicts of the PAMT beside what the kernel printed."""

    kernel: str
    basis: str
    printed_kib: int | None
    predicted_kib: int | None
    why: str | None
    agrees: bool
    differences: tuple[str, ...]


class Diagnosed(Document, frozen=True, tag="tdxctl.diagnosis/1"):
    """What the log of a host says of its bring-up; check is the id of the one that decides."""

    state: Annotated[
        str,
        one_of("initialized", "failed", "not started", "not enabled", "not supported", "unknown"),
    ]
    healthy: bool
    summary: str
    check: str | None
    kernel: str | None
    checks: tuple[Check, ...]
    prediction: Prediction | None
    notes: tuple[str, ...]


def to_json(diagnosis: Diagnosis) -> str:
    """The whole of it as one document."""
    prediction, deciding = diagnosis.prediction, diagnosis.deciding
    return Diagnosed(
        state=diagnosis.state,
        healthy=diagnosis.healthy,
        summary=diagnosis.summary,
        check=None if deciding is None else deciding.check.id,
        kernel=diagnosis.kernel,
        checks=tuple(map(_check_of, diagnosis.results)),
        prediction=None
        if prediction is None
        else Prediction(
            kernel=prediction.kernel,
            basis=prediction.basis,
            printed_kib=prediction.printed_kib,
            predicted_kib=prediction.predicted_kib,
            why=prediction.why,
            agrees=prediction.agrees,
            differences=tuple(prediction.differences),
        ),
        notes=diagnosis.notes,
    ).render()


def _check_of(result: CheckResult) -> Check:
    check, outcome = result.check, result.outcome
    line, status = outcome.line, outcome.status
    return Check(
        id=check.id,
        title=check.title,
        parent=check.parent,
        verdict=outcome.verdict.value,
        detail=outcome.detail,
        line=None if line is None else Line(line.number, line.text.strip()),
        status=None if status is None else _answer(status),
        causes=tuple(Cause(cause.cause, cause.to_do, cause.seen) for cause in outcome.causes),
    )


def _answer(status: Status) -> Answer:
    return Answer(
        leaf=status.leaf,
        leaf_name=status.leaf_name,
        value=hex(status.value),
        name=status.name,
        details=status.details,
        meaning=status.meaning,
        to_do=status.to_do,
    )
