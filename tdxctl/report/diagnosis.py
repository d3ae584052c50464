# SPDX-License-Identifier: Apache-2.0
"""A diagnosis as text, short, in full, or as `tdxctl.diagnosis/1`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from tdxctl.advice.words import MORE, TO_DO
from tdxctl.diagnose.outcome import CheckResult, Diagnosis, Status, Verdict
from tdxctl.document import Document, Hex, one_of
from tdxctl.report import prose
from tdxctl.report.prose import BAD, DIM, GOOD, WARN
from tdxctl.report.signals import HostShown
from tdxctl.units import printable

_TELLING = (Verdict.WARN, Verdict.FAIL)
_LABEL = 10
_ROLES = {Verdict.PASS: GOOD, Verdict.WARN: WARN, Verdict.FAIL: BAD}
#: What is said of checks that are folded.
_FOLDED = {
    Verdict.PASS: "passed",
    Verdict.UNKNOWN: "not shown by what was given",
    Verdict.SKIP: "not reached or none of this kernel's",
}


def to_text(
    diagnosis: Diagnosis,
    *,
    short: bool = False,
    every: bool = False,
    verbose: bool = False,
    width: int | None = None,
) -> str:
    """The lines as they are piped, or in at most width columns."""
    lines = to_lines(diagnosis, short=short, every=every, verbose=verbose)
    return prose.plain(lines, width)


def to_lines(
    diagnosis: Diagnosis, *, short: bool = False, every: bool = False, verbose: bool = False
) -> list[prose.Line]:
    """The verdict, the check that decides and the line it rests on, what to do, and the tree.

    Of the tree what is not well, and how many the others are; short: without them, every: each of
    them, verbose: each with the line it rests on and what it looks at.
    """
    role = GOOD if diagnosis.healthy else WARN if diagnosis.state == "unknown" else BAD
    lines = [prose.Line(f"TDX is {diagnosis.state.upper()}: {printable(diagnosis.summary)}", role)]
    lines += [prose.Line(printable(note), WARN, "note: ") for note in diagnosis.notes]
    if diagnosis.deciding is not None:
        lines += [prose.Line(""), *prose.labelled(tuple(_reason(diagnosis.deciding)), _LABEL)]
    if diagnosis.to_do is not None:
        lines += [prose.Line(""), *prose.labelled(((TO_DO, diagnosis.to_do),), _LABEL)]
    prediction = diagnosis.prediction
    if prediction is not None and prediction.differences:
        what = "where the difference in what was predicted can come from:"
        lines += [prose.Line(""), prose.Line(what, label="  ")]
        lines += [prose.Line(each, label="    ") for each in prediction.differences]
    tree = list(_tree(diagnosis, every=every or verbose, verbose=verbose))
    folded = [] if short or every or verbose else _folded(diagnosis)
    return [*lines, prose.Line(""), *tree, *folded] if tree or folded else lines


def _tree(diagnosis: Diagnosis, *, every: bool, verbose: bool) -> Iterator[prose.Line]:
    results = [each for each in diagnosis.results if every or each.outcome.verdict in _TELLING]
    longest = max((len(result.check.id) for result in results), default=0)
    for result in results:
        yield from _check(result, longest, verbose=verbose)


def _folded(diagnosis: Diagnosis) -> list[prose.Line]:
    found = [result.outcome.verdict for result in diagnosis.results]
    told = [f"{found.count(verdict)} {what}" for verdict, what in _FOLDED.items()]
    return [prose.Line(f"{', '.join(told)}: --all shows them", DIM, "checks: ")]


def _check(result: CheckResult, width: int, *, verbose: bool) -> Iterator[prose.Line]:
    check, outcome = result.check, result.outcome
    label = f"{outcome.verdict.value:<8}{check.id:<{width}}  "
    yield prose.Line(printable(outcome.detail), "", label, _ROLES.get(outcome.verdict, DIM))
    if not verbose:
        return
    after = f", after {check.parent}" if check.parent else ""
    for text in (f"checks that {check.title}{after}", f"looks at {check.looks_at}"):
        yield prose.Line(text, DIM, f"{'':8}")
    if outcome.line is not None:
        text = printable(outcome.line.text.strip())
        yield prose.Line(text, "", f"{'':8}line {outcome.line.number}: ")


def _reason(result: CheckResult) -> Iterator[tuple[str, str]]:
    outcome = result.outcome
    yield "check", f"{result.check.id}: {result.check.title}"
    if outcome.line is not None:
        yield f"line {outcome.line.number}", printable(outcome.line.text.strip())
    if outcome.verdict is not Verdict.FAIL:
        return
    if outcome.status is not None:
        status = outcome.status
        yield "status", f"{status.name}, {status.value:#x}: {status.meaning}"
    for index, cause in enumerate(outcome.causes):
        yield "causes" if index == 0 else "", f"{index + 1}. {cause.and_how_often}"
        yield "", f"   {TO_DO}: {cause.to_do}"
    code = "" if outcome.status is None else f" {outcome.status.value:#x}"
    yield MORE, f"tdxctl explain {result.check.id}{code}"


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
    """What the log of a host says of its bring-up; check is the id of the one that decides.

    host: of --live and --root.
    """

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
    host: HostShown | UnsetType = UNSET


def to_json(diagnosis: Diagnosis, host: HostShown | None = None) -> str:
    """The whole of it as one document; host: what the files of a whole host say."""
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
        host=UNSET if host is None else host,
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
