# SPDX-License-Identifier: Apache-2.0
"""Text from a file or a user is data, wherever it stands: a tenth of what `make hostile` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl.errors import Diagnostic
from tdxctl.units import printable, printable_lines
from tests.hostile import findings
from tests.hostile_places import PLACES
from tests.hostile_strings import STRINGS

# Each place gets each tenth string, the next place the ones behind those.
_SHARE = 10


def test_there_are_enough_strings_and_each_is_there_once() -> None:
    assert len(set(STRINGS)) == len(STRINGS) >= 200


@pytest.mark.parametrize(("number", "name"), list(enumerate(PLACES)), ids=list(PLACES))
def test_text_is_nothing_but_text(number: int, name: str, tmp_path: Path) -> None:
    """Expect exit 0 to 5, and each line printable, no other than tdxctl's, and nobody's order."""
    found = []
    for i, text in enumerate(STRINGS[number % _SHARE :: _SHARE]):
        folder = tmp_path / str(i)
        folder.mkdir()
        found += [f"{text[:40]!r}: {what}" for what in findings(PLACES[name], text, folder)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, and é € 😀", "plain, and é € 😀"),
        ("a\nb\tc\x1b[0m", "a\\nb\\tc\\x1b[0m"),
        ("\u202e\u2028\x85\udc80\ufeff", "\\u202e\\u2028\\x85\\udc80\\ufeff"),
        ("::error::x", ":\\x3aerror::x"),
        ("  ::error::x", "  :\\x3aerror::x"),
        ("x ::error::x", "x ::error::x"),
        ("x ##[error]x", "x #\\x23[error]x"),
        ("##vso[task.x]", "#\\x23vso[task.x]"),
        ("## [x] #[x]", "## [x] #[x]"),
    ],
)
def test_what_is_shown_of_text(text: str, shown: str) -> None:
    """Expect the same of what is shown: it can pass the function twice."""
    assert printable(text) == shown
    assert printable(shown) == shown


def test_lines_stay_lines_and_each_is_shown() -> None:
    assert printable_lines("a\n::error::b\n\x1bc") == "a\n:\\x3aerror::b\n\\x1bc"


def test_a_diagnostic_is_a_line_whatever_it_is_made_of() -> None:
    """A file that is called `:` and its line number make no `::` at the beginning either."""
    made = Diagnostic("what\nFORGED", "got \x1b[0m", "try\n::error::x", ":", 3, 4, "a\nb")
    assert made.render() == (
        ":\\x3a3:4: a\\nb: what\\nFORGED (got \\x1b[0m)\n  hint: try\\n::error::x"
    )
