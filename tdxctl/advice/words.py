# SPDX-License-Identifier: Apache-2.0
"""The shapes of advice, and what its parts are called wherever they are shown."""

from __future__ import annotations

from msgspec import Struct

#: How the line with a host's verdict begins.
HOST = "host"
WHY, MEANS, TO_DO, MORE = "why", "means", "to do", "more"


class Advice(Struct, frozen=True):
    """means: a sentence or two. to_do: what to do, a fragment."""

    means: str
    to_do: str

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(label, text) of both."""
        return (MEANS, self.means), (TO_DO, self.to_do)


class Explained(Struct, frozen=True):
    """A failure in words. why: what happened, a fragment with its numbers."""

    why: str
    means: str
    to_do: str
