# SPDX-License-Identifier: Apache-2.0
"""Why it failed, what that means and what to do: laid out in one way wherever it is shown."""

from __future__ import annotations

from typing import Any

from tdxctl.advice.words import MEANS, MORE, TO_DO, WHY, Explained

#: (label, text) in the order in which they are shown.
Pairs = tuple[tuple[str, str], ...]
#: Columns that labels take where the longest one, `returned by:`, has room.
LABELS = 13


def brief(words: Explained) -> Pairs:
    """Why, and what to do: beside a picture, or a line of what happened."""
    return (WHY, words.why), (TO_DO, words.to_do)


def in_full(words: Explained, evidence: Pairs, code: str) -> Pairs:
    """Why, what it rests on, what it means, what to do, and the code that `explain` knows."""
    return (
        (WHY, words.why),
        *evidence,
        (MEANS, words.means),
        (TO_DO, words.to_do),
        (MORE, f"tdxctl explain {code}"),
    )


def to_dict(words: Explained) -> dict[str, object]:
    """The words as JSON documents name them."""
    return {"reason": words.why, "hint": words.to_do, "explain": words.means}


def from_dict(failure: dict[str, Any]) -> Explained:
    """The words of a failure in a JSON document."""
    return Explained(why=failure["reason"], means=failure["explain"], to_do=failure["hint"])
