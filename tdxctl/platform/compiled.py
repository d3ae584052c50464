# SPDX-License-Identifier: Apache-2.0
"""Compiled descriptions: the canonical JSON of one that was read and checked before.

No pydantic and no YAML here: this is how a known description starts without them. A key
stands for everything that the compiled form depends on, so an entry is never out of date.
"""

from __future__ import annotations

import json
import os

from tdxctl import __version__
from tdxctl.platform.description import SCHEMA, Platform
from tdxctl.platform.text import DescriptionText

# Of the text that to_text() makes; raised when it is made differently.
_COMPILED_VERSION = 2
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What a description is read and checked by: the folders and modules that load.py imports from.
_FOLDERS = ("platform", "seam", os.path.join("seam", "data"))
_MODULES = ("errnos.py", "errors.py", "units.py")


def key_of(text: DescriptionText, settings: tuple[str, ...]) -> str:
    """The key of what text with these `PATH=VALUE` settings compiles to: all that it is made of.

    Not a hash of it, which costs a start OpenSSL.
    """
    made_of = [
        _COMPILED_VERSION,
        SCHEMA,
        __version__,
        _code(),
        text.default_name,
        text.is_json,
        list(settings),
    ]
    return f"{json.dumps(made_of)}\n{text.data.decode('latin-1')}"


def to_text(platform: Platform) -> str:
    """What is stored: the canonical JSON."""
    return json.dumps(platform.to_dict(), separators=(",", ":"))


def from_text(text: str) -> Platform | None:
    """The Platform of a to_text(); None where it is not one."""
    try:
        return Platform.from_canonical(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _code() -> list[tuple[str, int, int]]:
    # In a checkout the code changes and the version does not. Time and size of the sources are
    # what Python itself decides by whether its compiled form of them is out of date.
    try:
        return _stamps()
    except OSError:
        return []  # installed without its sources, which then change with the version only


def _stamps() -> list[tuple[str, int, int]]:
    found = []
    for folder in _FOLDERS:
        with os.scandir(os.path.join(_PACKAGE, folder)) as entries:
            found += [
                (entry.name, (stat := entry.stat()).st_mtime_ns, stat.st_size)
                for entry in entries
                if entry.name.endswith((".py", ".json"))
            ]
    for name in _MODULES:
        stat = os.stat(os.path.join(_PACKAGE, name))
        found.append((name, stat.st_mtime_ns, stat.st_size))
    return sorted(found)
