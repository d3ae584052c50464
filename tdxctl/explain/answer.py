# SPDX-License-Identifier: Apache-2.0
"""What `explain` answers."""

from __future__ import annotations

from msgspec import Struct


class Answer(Struct, frozen=True):
    """What something is: kind, name, lines.

    kind: status, operand, errno, leaf, metadata-field, check, log-line, msr, term, bios-option,
    line, attestation, state, module, kernel, change, key, unknown.

    lines are (label, text) pairs; nearest holds names that look alike, for what is unknown.
    """

    asked: str
    kind: str
    name: str
    lines: tuple[tuple[str, str], ...]
    nearest: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there are words for it."""
        return self.kind != "unknown"
