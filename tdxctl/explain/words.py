# SPDX-License-Identifier: Apache-2.0
"""The shape of an entry: what something means, and what to do."""

from __future__ import annotations

from msgspec import Struct

#: What to set in a BIOS, in the order in which options appear there.
BIOS_ORDER = (
    "in the BIOS enable TME, TME-MT, TDX and the SEAM loader, in that order, saving and "
    "rebooting in between; SGX on, memory not limited to 46 address bits"
)


class Words(Struct, frozen=True):
    """meaning: a sentence or two. hint: what to do."""

    meaning: str
    hint: str
