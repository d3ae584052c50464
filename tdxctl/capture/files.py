# SPDX-License-Identifier: Apache-2.0
"""Files of a user's, read whole and within bounds."""

from __future__ import annotations

import sys

from tdxctl.errors import FirmwareDataError, UsageError, hint_for_missing
from tdxctl.units import printable

_STDIN = "-"


def read_file(path: str, limit: int) -> bytes:
    """The bytes of a file, `-` is standard input.

    Raises UsageError where it cannot be read, FirmwareDataError where it has more than limit
    bytes.
    """
    try:
        if path == _STDIN:
            if sys.stdin is None:
                raise UsageError("cannot read standard input: it is closed")
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        what = "standard input" if path == _STDIN else f"'{printable(path)}'"
        raise UsageError(f"cannot read {what}: {reason}", hint=_hint(error, path)) from None
    if len(data) > limit:
        raise FirmwareDataError(
            "is too large",
            file=shown(path),
            detail=f"more than {limit >> 20} MiB",
        )
    return data


def _hint(error: Exception, path: str) -> str | None:
    if isinstance(error, PermissionError):
        return "it can be read as root"
    return hint_for_missing(path) if isinstance(error, FileNotFoundError) else None


def shown(path: str) -> str:
    """The name of a file in messages."""
    return "<stdin>" if path == _STDIN else path
