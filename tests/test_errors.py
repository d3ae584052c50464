# SPDX-License-Identifier: Apache-2.0
"""Errors: one message for a person, its parts for a program, an exit code for a script."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tdxctl.errors import (
    BrokenStoreError,
    DescriptionError,
    Diagnostic,
    FirmwareDataError,
    NotModelledError,
    StateError,
    TdxctlError,
    UsageError,
    hint_for_missing,
)


@pytest.mark.parametrize(
    ("diagnostic", "text"),
    [
        (Diagnostic("is wrong"), "is wrong"),
        (
            Diagnostic("is wrong", "got 7", "try 8", "a.yaml", 3, 5, "cpus.madt"),
            "a.yaml:3:5: cpus.madt: is wrong (got 7)\n  hint: try 8",
        ),
        (Diagnostic("is odd", file="a.yaml", severity="warning"), "a.yaml: warning: is odd"),
        (
            Diagnostic("a\nb", hint="c\x1b[31md", path="x"),
            "x: a\\nb\n  hint: c\\x1b[31md",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(diagnostic: Diagnostic, text: str) -> None:
    """Expect one line, or two with a hint, whatever the parts hold."""
    assert diagnostic.render() == text


PROBLEM = Diagnostic("is wrong", hint="try 8", file="a.yaml")


@pytest.mark.parametrize(
    ("error", "exit_code", "diagnostics"),
    [
        (TdxctlError("no", "yes"), 70, [Diagnostic("no", hint="yes")]),
        (UsageError("no", "yes"), 2, [Diagnostic("no", hint="yes")]),
        (UsageError("no", problems=(PROBLEM,)), 2, [PROBLEM]),
        (DescriptionError((PROBLEM,)), 3, [PROBLEM]),
        (
            FirmwareDataError("no", file="apic.dat", detail="got 7", hint="yes"),
            4,
            [Diagnostic("no", "got 7", "yes", "apic.dat")],
        ),
        (StateError("no"), 5, [Diagnostic("no")]),
        (BrokenStoreError("no"), 5, [Diagnostic("no")]),
        (NotModelledError("no"), 3, [Diagnostic("no")]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_an_error_has_an_exit_code_and_says_all_that_is_wrong(
    error: TdxctlError, exit_code: int, diagnostics: list[Diagnostic]
) -> None:
    assert (error.exit_code, list(error.diagnostics())) == (exit_code, diagnostics)


@pytest.mark.parametrize(
    "error",
    [
        DescriptionError((PROBLEM,)),
        FirmwareDataError("no", file="apic.dat", detail="got 7", hint="yes"),
        UsageError("no", "yes"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_an_error_of_another_process_says_the_same(error: TdxctlError) -> None:
    """Expect nothing to be lost where a worker's error is pickled."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.hint, again.diagnostics()) == (
        str(error), error.hint, error.diagnostics(),
    )  # fmt: skip


def test_several_problems_are_told_in_the_order_of_the_file() -> None:
    assert str(DescriptionError((PROBLEM, Diagnostic("is odd")))) == (
        "a.yaml: is wrong\n  hint: try 8\nis odd"
    )


def test_a_file_that_is_not_there_has_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect the nearest name of its folder, or that the folder is missing as well."""
    (tmp_path / "platform.yaml").touch()
    assert hint_for_missing(str(tmp_path / "platfrom.yaml")) == "did you mean platform.yaml?"
    assert hint_for_missing(str(tmp_path / "other.json")) is None
    gone = str(tmp_path / "gone")
    assert hint_for_missing(f"{gone}/platform.yaml") == f"there is no folder '{gone}'"
    monkeypatch.chdir(tmp_path)
    assert hint_for_missing("platfrom.yaml") == "did you mean platform.yaml?"
