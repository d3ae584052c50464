# SPDX-License-Identifier: Apache-2.0
"""From bytes to a document, YAML or JSON."""

from __future__ import annotations

import re

from tdxctl.errors import DescriptionError
from tdxctl.platform.json_reader import JsonReader
from tdxctl.platform.source import Source, end_of, fatal
from tdxctl.platform.text import MAX_FILE_SIZE
from tdxctl.platform.yaml_reader import YamlReader

# A line with a time since boot, or one that every boot log begins with.
_KERNEL_LOG = re.compile(r"^(?:.*kernel: )?\[ *[0-9]+\.[0-9]{6}\] |BIOS-e820: ", re.MULTILINE)


def read(data: bytes, file: str | None, *, is_json: bool) -> Source:
    """Parse data as JSON or YAML. Raises DescriptionError where it is neither."""
    text = _text(data, file)
    try:
        return JsonReader(text, file).read() if is_json else YamlReader(text, file).read()
    except DescriptionError as error:
        if _KERNEL_LOG.search(text) is None:
            raise
        hint = "this looks like a kernel's log, not like a description of a machine"
        raise DescriptionError(tuple(p._replace(hint=hint) for p in error.problems)) from None


def read_lines(data: bytes, file: str | None) -> Source:
    """Parse data as JSON values one after the other: a list. Raises DescriptionError."""
    return JsonReader(_text(data, file), file).read_lines()


def _text(data: bytes, file: str | None) -> str:
    if len(data) > MAX_FILE_SIZE:
        raise fatal(file, 1, 1, "is larger than 8 MiB", hint="no description needs that much")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Of error.object, not of data: a byte order mark is gone there.
        before = error.object[: error.start].decode("utf-8", "replace")
        what = f"is not UTF-8 text (byte {error.object[error.start]:#04x})"
        raise fatal(file, *end_of(before), what) from None
