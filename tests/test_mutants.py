# SPDX-License-Identifier: Apache-2.0
"""`make mutants`: that it changes what is there, room by room, and knows what it need not."""

from __future__ import annotations

from pathlib import Path

from tests.cli.runner import ROOT
from tools.mutants import changes, equivalent
from tools.mutants.rooms import ROOMS


def test_every_module_is_in_one_room() -> None:
    """Expect each source file once, but for the package's front door."""
    files = [file for room in ROOMS for file in room.files()]
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "tdxctl").rglob("*.py")}
    assert sorted(files) == sorted(package - {"tdxctl/__init__.py"})


def test_every_room_has_tests() -> None:
    assert [room.name for room in ROOMS if not room.test_files()] == []
    for room in ROOMS:
        assert [file for file in room.test_files() if not (ROOT / file).is_file()] == []


def test_an_equivalent_mutant_is_one_that_is_made_and_has_a_reason() -> None:
    reasons = equivalent.reasons()
    files = sorted({name.partition(" ")[0] for name in reasons})
    made = {mutant.name for file in files for mutant in changes.mutants(file)}
    assert [name for name in reasons if name not in made] == []
    assert [name for name, reason in reasons.items() if not reason] == []


def test_a_mutant_is_a_file_with_one_change(tmp_path: Path) -> None:
    """Expect each number, operator and statement changed, annotations of functions left alone."""
    file = tmp_path / "sum.py"
    file.write_text("def f(a: Literal[7]) -> int:\n    return a + 1\n")
    made = list(changes.mutants(str(file)))
    assert [(m.definition, m.line, f"{m.original} -> {m.mutated}") for m in made] == [
        ("f", 2, "return a + 1 -> return None"),
        ("f", 2, "a + 1 -> a - 1"),
        ("f", 2, "a + 1 -> a + 2"),
        ("f", 2, "a + 1 -> a + 0"),
    ]
    assert changes.source_of(made[1]) == "def f(a: Literal[7]) -> int:\n    return a - 1"


def test_guards_are_no_code_that_does_anything(tmp_path: Path) -> None:
    """A record that may be written to, and lists of other lengths, are no mutants: gc=False is."""
    file = tmp_path / "guards.py"
    file.write_text(
        "class A(Struct, frozen=True, gc=False): ...\nfor a in zip(b, c, strict=True): ...\n"
    )
    made = [f"{m.original} -> {m.mutated}" for m in changes.mutants(str(file))]
    assert made == ["False -> True"]
