# SPDX-License-Identifier: Apache-2.0
"""`make mutants`: that it changes what is there, room by room, and knows what it need not."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.runner import ROOT
from tools.mutants import changes, equivalent, patch, seen
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
    made = Counter(mutant.name for file in files for mutant in changes.mutants(file))
    # A name that two have would hide the other one.
    assert {name: made[name] for name in reasons if made[name] != 1} == {}
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
        "@dataclass(frozen=True, slots=True)\nclass B: ...\n"
        "TYPE_CHECKING = False\nif TYPE_CHECKING: import c\n"
    )
    made = [f"{m.original} -> {m.mutated}" for m in changes.mutants(str(file))]
    assert made == ["False -> True"]


CODE = """
from functools import cache, cached_property
class A:
    @property
    def shown(self):
        return 10 + self.kept
    @cached_property
    def kept(self):
        return 20 + 2
    @staticmethod
    def of(value=3 + 1):
        return value * 2
@cache
def known(x):
    def inner():
        return x - 1
    return inner()
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("10 + self.kept -> 10 - self.kept", "(-12, 22, 8, 4)"),
        ("20 + 2 -> 20 - 2", "(28, 18, 8, 4)"),
        ("value * 2 -> value // 2", "(32, 22, 2, 4)"),
        ("x - 1 -> x + 1", "(32, 22, 8, 6)"),
    ],
)
def test_the_code_of_one_function_is_put_into_a_process(
    change: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect what decorators made of it to run the mutant, and everything else as it was."""
    file = tmp_path / "patched.py"
    file.write_text(CODE)
    module = ModuleType("patched")
    exec(compile(CODE, "patched.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "patched", module)
    (mutant,) = (m for m in changes.mutants(str(file)) if change in f"{m.original} -> {m.mutated}")
    found = patch.code_of(mutant)
    assert found is not None
    assert patch.put("patched.py", *found)
    a = module.A()
    assert str((a.shown, a.kept, a.of(), module.known(5))) == expected


@pytest.mark.parametrize("change", ["3 + 1 -> 3 - 1", "return x - 1 -> return None"])
def test_what_runs_at_import_is_put_nowhere(change: str, tmp_path: Path) -> None:
    """A default is made when its function is; what stands in the body of one is put there."""
    file = tmp_path / "patched.py"
    file.write_text(CODE)
    (mutant,) = (m for m in changes.mutants(str(file)) if change == f"{m.original} -> {m.mutated}")
    assert (patch.code_of(mutant) is None) == ("3 + 1" in change)


def test_a_copy_tells_which_definitions_ran(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "tdxctl").mkdir(parents=True)
    (copy / "tdxctl" / "a.py").write_text('"""A."""\nfrom __future__ import annotations\n' + CODE)
    assert seen.instrument(copy) == [
        ("tdxctl/a.py", name) for name in ("A.shown", "A.kept", "A.of", "known", "known.inner")
    ]
    ran = seen.Seen(copy)
    code = (copy / "tdxctl" / "a.py").read_text().replace("from tdxctl.", "from ")
    told = ModuleType("told")
    told.seen = ran.bytes  # type: ignore[attr-defined]
    sys.modules["seen_by_a_test"] = told
    names: dict[str, object] = {}
    exec(code, names)
    del sys.modules["seen_by_a_test"]
    assert ran.taken() == ()
    exec("known(1), A.of()", names)
    assert ran.taken() == (2, 3, 4)
    assert ran.taken() == ()
