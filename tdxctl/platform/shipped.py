# SPDX-License-Identifier: Apache-2.0
"""The platforms that come with tdxctl, by name."""

from __future__ import annotations

import os

from tdxctl.errors import UsageError
from tdxctl.units import FILE_SUFFIXES, did_you_mean, printable

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SUFFIX = ".yaml"


def folder() -> str:
    """Where they are: inside an installed package, beside it in a checkout."""
    installed = os.path.join(_PACKAGE, "platforms")
    if os.path.isdir(installed):
        return installed
    return os.path.join(os.path.dirname(_PACKAGE), "platforms")


def names() -> list[str]:
    """The names, sorted."""
    try:
        files = os.listdir(folder())
    except FileNotFoundError:
        return []
    return sorted(file.removesuffix(_SUFFIX) for file in files if file.endswith(_SUFFIX))


def path_of(name: str) -> str:
    """The file of a shipped platform. Raises UsageError, with the nearest name."""
    known = names()
    if name not in known:
        raise UsageError(f"no such platform: '{printable(name)}'", hint=_hint(name, known))
    return os.path.join(folder(), name + _SUFFIX)


def description_of(name: str) -> str:
    """The description text of a shipped platform."""
    from tdxctl.platform.reading import read

    with open(path_of(name), "rb") as file:
        data = read(file.read(), name, is_json=False).data
    return str(data.get("description", "")) if isinstance(data, dict) else ""


def resolve(platform: str) -> str:
    """The path behind --platform: a file, `-` for standard input, or a shipped platform.

    A file contains `/` or ends in .yaml, .yml or .json; all else is a name.
    """
    if platform == "-" or "/" in platform or platform.endswith(FILE_SUFFIXES):
        return platform
    return path_of(platform)


def _hint(name: str, known: list[str]) -> str:
    for file in (name + suffix for suffix in FILE_SUFFIXES):
        if os.path.isfile(file):
            return f"the file here is {printable(file)}"
    lists = "`tdxctl platforms` lists them; a file's path has a / in it or ends in .yaml"
    return did_you_mean(name, known) or lists
