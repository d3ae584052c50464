# SPDX-License-Identifier: Apache-2.0
"""What `explain` found, as text and as `tdxctl.explain/1`."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Struct, UnsetType

from tdxctl.document import SPREAD, Document, spread
from tdxctl.explain.answer import Answer
from tdxctl.report import prose
from tdxctl.units import printable


def to_lines(answers: list[Answer]) -> list[prose.Line]:
    """A block per answer: its name, then a line each; an empty line between them."""
    lines: list[prose.Line] = []
    for answer in answers:
        lines += [prose.Line(""), *_block(answer)] if lines else _block(answer)
    return lines


def _block(answer: Answer) -> list[prose.Line]:
    if answer.known:
        return [prose.Line(answer.name, prose.HEAD), *prose.labelled(answer.lines)]
    near = f": near {', '.join(answer.nearest)}" if answer.nearest else ""
    return [
        prose.Line(f"{printable(answer.asked)}: unknown{near}", prose.WARN),
        *prose.labelled(answer.lines),
    ]


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
