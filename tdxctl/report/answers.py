# SPDX-License-Identifier: Apache-2.0
"""What `explain` found, as text and as `tdxctl.explain/1`."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Struct, UnsetType

from tdxctl.document import SPREAD, Document, spread
from tdxctl.explain.answer import Answer
from tdxctl.report.reasons import labelled
from tdxctl.units import printable


def to_text(answers: list[Answer]) -> str:
    """A block per answer: its name, then a line each."""
    return "\n\n".join(map(_block, answers))


def _block(answer: Answer) -> str:
    if not answer.known:
        near = f": near {', '.join(answer.nearest)}" if answer.nearest else ""
        head = f"{printable(answer.asked)}: unknown{near}"
    else:
        head = answer.name
    return "\n".join([head, *labelled(answer.lines)])


class Line(Struct, frozen=True):
    """A line of the answer."""

    label: str
    text: str


class Found(Struct, frozen=True):
    """What something is.

    Its labels are keys of their own (`to do` is to_do), but for a check and a line of a log, which
    have some of them more than once: there they are lines. nearest: names that look alike.
    """

    asked: str
    kind: str
    name: str
    facts: Annotated[dict[str, str], SPREAD]
    lines: tuple[Line, ...] | UnsetType
    nearest: tuple[str, ...]


class Explain(Document, frozen=True, tag="tdxctl.explain/1"):
    """An answer for each thing asked."""

    answers: tuple[Found, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON values."""
        values = super().to_dict()
        return values | {"answers": [spread(each, "facts") for each in values["answers"]]}


def to_json(answers: list[Answer]) -> str:
    """All answers as one document."""
    return Explain(tuple(map(_found, answers))).render()


def _found(answer: Answer) -> Found:
    asked, kind, name = answer.asked, answer.kind, answer.name
    if kind in ("check", "log-line"):
        lines = tuple(Line(label, text) for label, text in answer.lines)
        return Found(asked, kind, name, {}, lines, answer.nearest)
    facts = {label.replace(" ", "_"): text for label, text in answer.lines}
    return Found(asked, kind, name, facts, UNSET, answer.nearest)
