# SPDX-License-Identifier: Apache-2.0
"""From bytes to a document, YAML or JSON."""

from __future__ import annotations

from tdxctl.platform.json_reader import JsonReader
from tdxctl.platform.source import MAX_FILE_SIZE, Source, end_of, fatal
from tdxctl.platform.yaml_reader import YamlReader


def read(data: bytes, file: str | None, *, is_json: bool) -> Source:
    """Parse data as JSON or YAML. Raises DescriptionError where it is neither."""
    if len(data) > MAX_FILE_SIZE:
        raise fatal(file, 1, 1, "is larger than 8 MiB", hint="no description needs that much")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Of error.object, not of data: a byte order mark is gone there.
        before = error.object[: error.start].decode("utf-8", "replace")
        what = f"is not UTF-8 text (byte {error.object[error.start]:#04x})"
        raise fatal(file, *end_of(before), what) from None
    return JsonReader(text, file).read() if is_json else YamlReader(text, file).read()
