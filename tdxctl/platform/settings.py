# SPDX-License-Identifier: Apache-2.0
"""`--set PATH=VALUE`: changes on top of a description, by the paths of the messages."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from tdxctl.errors import UsageError
from tdxctl.platform.reading import read
from tdxctl.platform.source import MAX_NESTING, Path, Source
from tdxctl.units import printable


def with_settings(document: Source, settings: tuple[str, ...]) -> Source:
    """document with each `PATH=VALUE` put in; VALUE is read as YAML.

    A number in PATH is an entry of a list: an existing one, or the one behind the last.
    Raises UsageError for a setting that is malformed or leads nowhere, DescriptionError for a
    value that is not YAML.
    """
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise UsageError(
                f"--set takes PATH=VALUE, got '{printable(setting)}'",
                hint="for example --set module.loaded=false",
            )
        path: Path = tuple(
            int(part) if re.fullmatch("[0-9]{1,6}", part, re.ASCII) else part
            for part in name.split(".")
        )
        if len(path) > MAX_NESTING:
            raise UsageError(f"--set: a path has at most {MAX_NESTING} parts, got {len(path)}")
        place = f"--set {setting}"
        value = read((text or '""').encode("utf-8", "surrogatepass"), place, is_json=False)
        document.problems += value.problems
        _put(document.data, path, value.data, setting)
        document.settings[path] = setting
    return document


def _put(data: Any, path: Path, value: object, setting: str) -> None:
    # Missing mappings on the way are made; a missing list entry only right behind the last.
    for part, following in pairwise(path):
        data = _step(data, part, setting, default=[] if isinstance(following, int) else {})
    _step(data, path[-1], setting, default=value)
    data[path[-1]] = value


def _step(data: Any, part: str | int, setting: str, *, default: object) -> Any:
    if isinstance(data, list) and isinstance(part, int) and part <= len(data):
        if part == len(data):
            data.append(default)
        return data[part]
    if isinstance(data, dict) and isinstance(part, str):
        return data.setdefault(part, default)
    raise UsageError(
        f"--set {printable(setting)}: '{printable(str(part))}' leads nowhere in the description",
        hint="paths are those of the error messages: memory.ranges.0.end",
    )
