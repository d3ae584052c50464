# SPDX-License-Identifier: Apache-2.0
"""Which files are scenarios. No third party here."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tdxctl.errors import UsageError
from tdxctl.platform.text import hint_for_missing
from tdxctl.units import printable

SUFFIXES = (".yaml", ".yml", ".json")
_BEGINNING = 4096


def scenario_files(paths: tuple[str, ...]) -> list[str]:
    """The files that paths name: files, and in folders all scenarios, sorted, each once.

    Raises UsageError for a path that is not there.
    """
    found: set[str] = set()
    for path in paths:
        if os.path.isdir(path):
            found |= set(_in_folder(path))
        elif os.path.exists(path):
            found.add(os.path.normpath(path))
        else:
            what = f"no such file or folder: '{printable(path)}'"
            raise UsageError(what, hint=hint_for_missing(path))
    return sorted(found)


def _in_folder(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            path = os.path.normpath(os.path.join(parent, name))
            if name.endswith(SUFFIXES) and is_scenario(path):
                yield path


def is_scenario(path: str) -> bool:
    """Whether the file says that it is one; a platform beside it is none."""
    try:
        with open(path, "rb") as file:
            return b"tdxctl.scenario/" in file.read(_BEGINNING)
    except OSError:
        return False
