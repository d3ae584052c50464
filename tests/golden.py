# SPDX-License-Identifier: Apache-2.0
"""Golden vectors as test items: one plays a whole file, and `-k` names single ones.

An item for each of 7,000 vectors would cost twice what playing them does. A file's item names every
vector that differs; a vector whose id a word of `-k`, or of an item named on the command line, is
part of becomes an item of its own beside it.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

#: A folder for the kernels, one for the module.
FOLDER = Path(__file__).parent / "data" / "vectors"
_ID = re.compile(r'"id": ?"([^"]+)"')
#: Of how many vectors the differences are shown, and how many of each.
_VECTORS_SHOWN, _LINES_SHOWN = 20, 5
#: After how many that differ a file has failed; None: all of them are named.
_WANTED = 1 if "GOLDEN_FIRST" in os.environ else None


@dataclass(frozen=True, slots=True)
class Golden:
    """The vectors of a file, or one of them: its name is what `-k` takes.

    file: below tests/data/vectors, without .jsonl.gz. label: how the names of its vectors begin.
    """

    file: str
    label: str
    only: str | None = None

    @property
    def name(self) -> str:
        """The id of its test item."""
        return self.label if self.only is None else f"{self.label}-{self.only}"

    def cases(self) -> dict[str, dict[str, Any]]:
        """The vectors by their names; one without an id is named by its place in the file."""
        cases = {}
        for number, line in enumerate(self._text().splitlines()):
            found = _ID.search(line)
            name = found[1] if found else f"{number:04}"
            if self.only in (None, name):
                cases[f"{self.label}-{name}"] = json.loads(line)
        return cases

    def named_in(self, words: Iterable[str]) -> Iterator[Golden]:
        """Each vector whose name has one of words in it."""
        wanted = [word.lower() for word in words]
        if not wanted:
            return
        for number, line in enumerate(self._text().splitlines()):
            found = _ID.search(line)
            one = Golden(self.file, self.label, found[1] if found else f"{number:04}")
            if any(word in one.name.lower() for word in wanted):
                yield one

    def _text(self) -> str:
        return gzip.decompress((FOLDER / f"{self.file}.jsonl.gz").read_bytes()).decode()


def items(metafunc: pytest.Metafunc, argument: str, files: Iterable[Golden]) -> None:
    """Parametrize argument with the files, and with the vectors that the command line names."""
    words = words_of(metafunc.config.option.keyword, metafunc.config.args)
    found = [one for file in files for one in (file, *file.named_in(words))]
    metafunc.parametrize(argument, found, ids=[one.name for one in found])


def words_of(keyword: str, arguments: Iterable[str]) -> list[str]:
    """The words of a `-k` expression, and what stands in brackets of items that are named."""
    words = [word for word in re.findall(r"[^\s()]+", keyword) if word not in {"and", "or", "not"}]
    return words + [match[1] for text in arguments if (match := re.search(r"\[(.+)\]$", text))]


def check(golden: Golden, play: Callable[[dict[str, Any]], Iterable[str]]) -> int:
    """Fail unless play() tells no difference of any vector; returns how many there are."""
    cases = golden.cases()
    found = (
        (name, lines)
        for name, case in cases.items()
        if (lines := list(itertools.islice(play(case), _LINES_SHOWN)))
    )
    differing = dict(itertools.islice(found, _WANTED))
    if differing:
        pytest.fail(_report(differing, len(cases)), pytrace=False)
    return len(cases)


def _report(differing: dict[str, list[str]], cases: int) -> str:
    report = [f"{len(differing)} of {cases} vectors differ; `pytest -k NAME` runs one alone:"]
    for number, (name, lines) in enumerate(differing.items()):
        report.append(name)
        report += [f"    {line}" for line in lines if number < _VECTORS_SHOWN]
    return "\n".join(report)


def differences(found: Any, golden: Any, path: str = "") -> Iterator[str]:
    """A line for each place where two JSON values differ: `ops[1].ret: 0, not -19`."""
    if found == golden:
        return
    if isinstance(found, dict) and isinstance(golden, dict):
        for key in [*golden, *(key for key in found if key not in golden)]:
            where = f"{path}.{key}".lstrip(".")
            if key not in found or key not in golden:
                yield f"{where}: {found.get(key, 'absent')!r}, not {golden.get(key, 'absent')!r}"
            else:
                yield from differences(found[key], golden[key], where)
    elif isinstance(found, list) and isinstance(golden, list):
        for i, (one, other) in enumerate(zip(found, golden, strict=False)):
            yield from differences(one, other, f"{path}[{i}]")
        if len(found) != len(golden):
            both = min(len(found), len(golden))
            [first, *_] = found[both:] or golden[both:]
            yield f"{path}: {len(found)} entries, not {len(golden)}, from {first!r} on"
    else:
        yield f"{path}: {found!r}, not {golden!r}"
