# SPDX-License-Identifier: Apache-2.0
"""Which files are scenarios. No third party here, but where a file has to be read to tell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from msgspec import Struct

from tdxctl.errors import UsageError, hint_for_missing
from tdxctl.platform.text import MAX_FILE_SIZE
from tdxctl.units import FILE_SUFFIXES, printable

_BEGINNING = 4096
_SAYS_SO = b"tdxctl.scenario/"
# Without one of these words a file is something else, whatever is wrong in it.
_A_WORD_OF_ONE = re.compile(rb"tdxctl|platform|steps|expect", re.IGNORECASE)
# What the text of one looks like that cannot be parsed.
_LIKE_ONE = re.compile(
    rb"tdxctl\.s|\A(?=[\s\S]*^[\"'{ ]*platform[\"']?:)(?=[\s\S]*^[\"'{ ]*steps[\"']?:)",
    re.IGNORECASE | re.MULTILINE,
)


class Found(Struct, frozen=True):
    """Paths of scenarios, and of YAML and JSON files in folders that are plainly something else.

    Both sorted, each once.
    """

    scenarios: tuple[str, ...]
    others: tuple[str, ...]


def find(paths: tuple[str, ...]) -> Found:
    """What paths name: files, which are taken for scenarios, and folders.

    Raises UsageError for a path that is not there, and for a folder that cannot be read.
    """
    scenarios: set[str] = set()
    others: set[str] = set()
    for path in paths:
        if os.path.isdir(path):
            for file in _in_folder(path):
                (scenarios if is_scenario(file) else others).add(file)
        elif os.path.exists(path):
            scenarios.add(os.path.normpath(path))
        else:
            what = f"no such file or folder: '{printable(path)}'"
            raise UsageError(what, hint=hint_for_missing(path))
    return Found(tuple(sorted(scenarios)), tuple(sorted(others - scenarios)))


def scenario_files(paths: tuple[str, ...]) -> list[str]:
    """The scenarios of find()."""
    return list(find(paths).scenarios)


def _in_folder(folder: str) -> Iterator[str]:
    # Links to folders are followed, each folder once.
    seen = {os.path.realpath(folder)}
    for parent, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        once = {
            os.path.realpath(os.path.join(parent, name)): name for name in sorted(folders)[::-1]
        }
        folders[:] = sorted(name for path, name in once.items() if path not in seen)
        seen |= once.keys()
        for name in files:
            if name.lower().endswith(FILE_SUFFIXES):
                yield os.path.normpath(os.path.join(parent, name))


def _unreadable(error: OSError) -> None:
    reason = (error.strerror or str(error)).lower()
    raise UsageError(f"cannot read folder '{printable(str(error.filename))}': {reason}") from None


def is_scenario(path: str) -> bool:
    """Whether the file is one, right or wrong: False for what is plainly something else.

    A scenario whose schema is mistyped or missing is one, and so is what cannot be read: loading
    it says what is wrong.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_BEGINNING)
            if _SAYS_SO in data:
                return True
            data += file.read(MAX_FILE_SIZE + 1 - len(data))
    except OSError:
        return True
    if not _A_WORD_OF_ONE.search(data):
        return False
    from tdxctl.scenario.recognise import is_like_a_scenario

    known = is_like_a_scenario(data, path)
    return _LIKE_ONE.search(data) is not None if known is None else known
