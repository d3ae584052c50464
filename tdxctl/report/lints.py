# SPDX-License-Identifier: Apache-2.0
"""What a log pattern says of hosts, as a document and as text."""

from __future__ import annotations

from msgspec import Struct

from tdxctl.document import Document
from tdxctl.lint import Linted, Matched, Report, Verdict
from tdxctl.units import counted, printable

#: So many of the lines that match too are shown.
_SHOWN = 3


class HostDocument(Struct, frozen=True):
    """A host that is not ready, and the first of its lines that matches."""

    host: str
    line: str


class KernelDocument(Struct, frozen=True):
    """A kernel. asked: whether it counts. found: the line of a ready host that matches, null where
    it is missed. says: the line that tells that it is ready. wrong: hosts that are not ready.
    """

    kernel: str
    asked: bool
    found: str | None
    says: str
    wrong: tuple[HostDocument, ...]


class WordingDocument(Struct, frozen=True):
    """Words of an initialized module that no modelled kernel has, and whose they are."""

    words: str
    of: str


class PatternDocument(Struct, frozen=True):
    """A pattern. wordings: those that it misses. others: lines that say something else, and match.

    right: whether it is, under the kernels that count.
    """

    pattern: str
    right: bool
    kernels: tuple[KernelDocument, ...]
    wordings: tuple[WordingDocument, ...]
    others: tuple[str, ...]


class LintDocument(Document, frozen=True, tag="tdxctl.lint/1"):
    """Patterns of a detector; right: whether all of them together are. suggestion: one that is."""

    right: bool
    patterns: tuple[PatternDocument, ...]
    together: PatternDocument
    suggestion: str


def to_json(report: Report) -> str:
    """`tdxctl.lint/1`."""
    return LintDocument(
        report.together.is_right,
        tuple(map(_pattern, report.patterns)),
        _pattern(report.together),
        report.suggestion,
    ).render()


def to_text(report: Report) -> str:
    """Each pattern with where it is right, what it misses and what it matches wrongly."""
    lines = []
    for linted in report.patterns:
        lines += [*_lines(linted), ""]
    if len(report.patterns) > 1:
        lines += [*_lines(report.together, "together"), ""]
    asked = ", ".join(each.kernel for each in report.together.verdicts if each.asked)
    if report.together.is_right:
        lines.append(f"right for {asked}")
    else:
        lines += [f"right for {asked}:", f"  {report.suggestion}"]
    return "\n".join(lines)


def _lines(linted: Linted, name: str = "") -> list[str]:
    verdicts = linted.verdicts
    lines = [name or printable(linted.pattern)]
    right = [each for each in verdicts if each.is_right]
    lines += [f"  right: {_kernels(right)}"] if right else []
    missed: dict[str, list[Verdict]] = {}
    for each in verdicts:
        if each.found is None:
            missed.setdefault(each.says, []).append(each)
    for says, some in missed.items():
        lines.append(f'  misses a ready host: {_kernels(some)}: it says "{says}"')
    wrong = [each for each in verdicts if each.wrong]
    if wrong:
        hosts = {found.host: found for each in wrong for found in each.wrong}
        lines.append(f"  matches hosts that are not ready: {_kernels(wrong)}")
        lines += [f'    {found.host}: "{found.line}"' for found in list(hosts.values())[:_SHOWN]]
        lines += _more(len(hosts) - _SHOWN, "such host")
    for words, of in linted.wordings:
        lines.append(f'  misses "{words}" of {of}')
    if linted.others:
        lines.append("  matches lines that say something else:")
        lines += [f'    "{line}"' for line in linted.others[:_SHOWN]]
        lines += _more(len(linted.others) - _SHOWN, "such line")
    return lines


def _more(count: int, what: str) -> list[str]:
    return [f"    and {counted(count, f'more {what}')}"] if count > 0 else []


def _kernels(verdicts: list[Verdict]) -> str:
    # Those that count have a mark.
    return ", ".join(each.kernel + ("*" if each.asked else "") for each in verdicts)


def _pattern(linted: Linted) -> PatternDocument:
    return PatternDocument(
        linted.pattern,
        linted.is_right,
        tuple(map(_kernel, linted.verdicts)),
        tuple(WordingDocument(words, of) for words, of in linted.wordings),
        linted.others,
    )


def _kernel(verdict: Verdict) -> KernelDocument:
    return KernelDocument(
        verdict.kernel,
        verdict.asked,
        None if verdict.found is None else verdict.found.line,
        verdict.says,
        tuple(map(_host, verdict.wrong)),
    )


def _host(found: Matched) -> HostDocument:
    return HostDocument(found.host, found.line)
