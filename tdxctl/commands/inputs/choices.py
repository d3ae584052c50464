# SPDX-License-Identifier: Apache-2.0
"""Values of options that say what they take: one of some words, a number within bounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click


class Between(click.IntRange):
    """A whole number within bounds, said so."""

    name = "whole number"


class OneOf(click.Choice[str]):
    """One of some words."""

    def get_invalid_choice_message(
        self,
        value: Any,
        ctx: click.Context | None,  # noqa: ARG002
    ) -> str:
        """Click's message and, where one is near, the word that was probably meant."""
        from tdxctl.units import printable

        known = ", ".join(map(repr, self.choices))
        return f"'{printable(str(value))}' is not one of {known}.{meant(str(value), self.choices)}"


def meant(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` where one of the known words is near, else nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, [*known], n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
