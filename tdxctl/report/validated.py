# SPDX-License-Identifier: Apache-2.0
"""Files that were checked, as text and as `tdxctl.validate/1`: one document, or a line per file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

from msgspec import Struct

from tdxctl.document import Count, Document, one_of
from tdxctl.errors import DescriptionError
from tdxctl.report import problems
from tdxctl.report.problems import Problem, problem_of
from tdxctl.report.prose import GOOD, Line, plain
from tdxctl.report.results.text import of_problem
from tdxctl.scenario.description import Checked
from tdxctl.units import counted, printable


class File(Struct, frozen=True):
    """A description and the name of its platform, or a scenario, its name and number of cases."""

    file: str
    name: str
    kind: Annotated[str, one_of("platform", "scenario")]
    cases: Count | None


class Validated(Document, frozen=True, tag="tdxctl.validate/1"):
    """Files that are right, and what in them no firmware makes. As JSON lines: a file a line."""

    valid: bool
    files: tuple[File, ...]
    warnings: tuple[Problem, ...]


def to_lines(checked: list[Checked]) -> list[Line]:
    """A line for each that is right, what is wrong with the others."""
    lines: list[Line] = []
    for each in checked:
        if each.is_bad:
            lines += [line for problem in each.problems for line in of_problem(problem)]
        else:
            cases = "" if each.cases is None else f", {counted(each.cases, 'case')}"
            lines.append(Line(f"valid{cases}", GOOD, f"{printable(each.file)}: ", ""))
    return lines


def to_text(checked: list[Checked]) -> str:
    """The lines as they are piped."""
    return plain(to_lines(checked))


def to_json(checked: list[Checked]) -> str:
    """One document: `tdxctl.error/1` where a file is wrong."""
    wrong = [problem for each in checked if each.is_bad for problem in each.problems]
    if wrong:
        return problems.error(DescriptionError.exit_code, tuple(wrong)).render()
    return _document(checked).render()


def to_jsonl(checked: list[Checked]) -> str:
    """A head line, then a line per file; an error is one line."""
    document = json.loads(to_json(checked))
    files = document.pop("files", [])
    return "\n".join(map(json.dumps, [document, *files]))


#: Format -> what prints it.
RENDERERS: dict[str, Callable[[list[Checked]], str]] = {
    "text": to_text,
    "json": to_json,
    "jsonl": to_jsonl,
}


def _document(checked: list[Checked]) -> Validated:
    files = tuple(
        File(each.file, each.name, "platform" if each.cases is None else "scenario", each.cases)
        for each in checked
    )
    warnings = tuple(problem_of(problem) for each in checked for problem in each.problems)
    return Validated(valid=True, files=files, warnings=warnings)
