# SPDX-License-Identifier: Apache-2.0
"""What a word of the field is."""

from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """A word, the others for it, what it means, and what to do where that is asked.

    name is how it is written; names are found in any case, and with or without a plural's s.
    """

    name: str
    means: str
    others: tuple[str, ...] = ()
    to_do: str | None = None
