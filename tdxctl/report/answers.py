# SPDX-License-Identifier: Apache-2.0
"""What `explain` found, as text and as `tdxctl.explain/1`."""

from __future__ import annotations

import json

from tdxctl.explain.answer import Answer
from tdxctl.report.reasons import labelled
from tdxctl.units import printable

SCHEMA = "tdxctl.explain/1"


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


def to_json(answers: list[Answer]) -> str:
    """All answers as one document."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "answers": [
                {
                    "asked": answer.asked,
                    "kind": answer.kind,
                    "name": answer.name,
                    **_facts(answer),
                    "nearest": list(answer.nearest),
                }
                for answer in answers
            ],
        },
        indent=2,
    )


def _facts(answer: Answer) -> dict[str, object]:
    # A key a label; where labels stand more than once, all of them in order.
    if answer.kind in ("check", "log-line"):
        return {"lines": [{"label": label, "text": text} for label, text in answer.lines]}
    return {label.replace(" ", "_"): text for label, text in answer.lines}
