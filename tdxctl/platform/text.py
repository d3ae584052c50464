# SPDX-License-Identifier: Apache-2.0
"""A description's text before anything is made of it: bytes, and what its file's name says."""

from __future__ import annotations

import os
import sys

from msgspec import Struct

from tdxctl.errors import UsageError, hint_for_missing
from tdxctl.units import printable

MAX_FILE_SIZE = 8 << 20
_STDIN = "-"


class DescriptionText(Struct, frozen=True):
    """data, at most a byte more than a file may have; shown names the file in messages.

    default_name: the machine's name where the description has none. is_json: JSON, not YAML.
    """

    data: bytes
    shown: str
    default_name: str
    is_json: bool


def read_text(path: str) -> DescriptionText:
    """The text in the file at path; `-` is standard input. Raises UsageError."""
    data = read_bytes(path)
    if path == _STDIN:
        return DescriptionText(data, "<stdin>", "stdin", data.lstrip()[:1] == b"{")
    stem = os.path.splitext(os.path.basename(path))[0]
    return DescriptionText(data, path, stem, path.lower().endswith(".json"))


def read_bytes(path: str) -> bytes:
    """At most a byte more than a file may have; `-` is standard input. Raises UsageError."""
    limit = MAX_FILE_SIZE + 1
    try:
        if path == _STDIN:
            if sys.stdin is None:
                raise UsageError("cannot read standard input: it is closed")
            return sys.stdin.buffer.read(limit)
        with open(path, "rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        what = "standard input" if path == _STDIN else f"'{printable(path)}'"
        raise UsageError(f"cannot read {what}: {reason}", hint=_hint(error, path)) from None


def _hint(error: Exception, path: str) -> str | None:
    if isinstance(error, IsADirectoryError):
        return "name a file that is in it"
    return hint_for_missing(path) if isinstance(error, FileNotFoundError) else None
