# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.error/1`: why there is no answer."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from tdxctl.document import Document, one_of
from tdxctl.errors import Diagnostic


class Problem(Struct, frozen=True):
    """One thing that is wrong: what, where, what was found instead, what to try."""

    severity: Annotated[str, one_of("error", "warning")]
    summary: str
    detail: str | None
    hint: str | None
    file: str | None
    line: int | None
    column: int | None
    path: str | None


class Error(Document, frozen=True, tag="tdxctl.error/1"):
    """What is printed in place of an answer at every exit above 1."""

    exit: Annotated[int, one_of(2, 3, 4, 5, 70, 74)]
    diagnostics: tuple[Problem, ...]


def error(code: int, diagnostics: tuple[Diagnostic, ...]) -> Error:
    """The document of an exit."""
    return Error(code, tuple(map(problem_of, diagnostics)))


def problem_of(found: Diagnostic) -> Problem:
    """A diagnostic, part by part."""
    return Problem(
        severity=found.severity,
        summary=found.summary,
        detail=found.detail,
        hint=found.hint,
        file=found.file,
        line=found.line,
        column=found.column,
        path=found.path,
    )
