# SPDX-License-Identifier: Apache-2.0
"""What is wrong in a file that may be a description or a scenario, nothing being run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl.scenario.check import check_file

SCENARIO = "schema: tdxctl.scenario/1\nname: n\nplatform: small\n"
PLATFORM = "name: p\ncpus: {madt: [{apic_id: 0}]}\nmemory: {ranges: [{start: 1MiB, end: 2GiB}]}\n"


@pytest.mark.parametrize(
    ("text", "name", "cases"),
    [
        (SCENARIO + "kernel: [v5, '6.8']\nsteps: [{init: 1}]\n", "n", 2),
        (SCENARIO + "matrix: {module.max_tdmrs: [1, 2, 3]}\nsteps: [{init: 1}]\n", "n", 3),
        (PLATFORM, "p", None),
    ],
)
def test_a_file_that_is_right_has_a_name_and_a_scenario_its_cases(
    text: str, name: str, cases: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    checked = check_file(str(path))
    assert (checked.file, checked.line, checked.name) == (str(path), 1, name)
    assert (checked.outcome, checked.problems) == ("passed", ())
    assert (checked.cases, checked.missing) == (cases, None)


@pytest.mark.parametrize(
    ("text", "line", "problems"),
    [
        (
            SCENARIO + "steps:\n  - {init: 0}\n  - {init: 0}\n",
            5,
            [(5, "steps.0.init"), (6, "steps.1.init")],
        ),
        # A cell of the matrix that makes no platform, once for both kernels.
        (
            SCENARIO + "kernel: [v5, '6.8']\nmatrix: {module.max_tdmrs: [1, none]}\n"
            "steps: [{init: 1}]\n",
            5,
            [(5, "matrix.module.max_tdmrs.1")],
        ),
        # Without its schema it is known by its steps.
        ("platform: small\nsteps: [{init: 1}]\n", 1, [(1, "schema")]),
        (
            "memory: {ranges: []}\ncpus: {madt: [{apic_id: -1}]}\n",
            2,
            [(2, "cpus.madt.0.apic_id")],
        ),
    ],
)
def test_a_file_that_is_wrong_is_broken_at_its_first_problem(
    text: str, line: int, problems: list[tuple[int, str]], tmp_path: Path
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    checked = check_file(str(path))
    assert (checked.outcome, checked.line, checked.name) == ("broken", line, str(path))
    found = [(problem.line, problem.path) for problem in checked.problems]
    assert found[: len(problems)] == problems
    assert checked.missing is None


def test_a_file_that_is_not_there_is_missing() -> None:
    checked = check_file("/nowhere/x.yaml")
    assert (checked.outcome, checked.line, checked.name) == ("broken", 1, "/nowhere/x.yaml")
    assert [problem.summary for problem in checked.problems] == [
        "cannot read '/nowhere/x.yaml': no such file or directory"
    ]
    assert checked.missing is not None
