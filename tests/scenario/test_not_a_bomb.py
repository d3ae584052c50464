# SPDX-License-Identifier: Apache-2.0
"""A small scenario that asks for a thousand large runs is read for what it says.

`make bombs` measures; here are the rules that keep the figures where they are.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from tdxctl.errors import DescriptionError, UsageError
from tdxctl.operations import CpuOnline
from tdxctl.scenario.load import load_cases
from tdxctl.scenario.run import cases_of, run_cases
from tdxctl.scenario.select import selector

LARGE = "{cpus: {madt: [{apic_id: 0-8191}]}, memory: {ranges: [{start: 0, size: 1TiB}]}}"
THOUSAND = f"[{', '.join(map(str, range(1, 1001)))}]"


def scenario(tmp_path: Path, text: str) -> str:
    """The path of a scenario with that text behind its schema."""
    path = tmp_path / "x.yaml"
    path.write_text(f"schema: tdxctl.scenario/1\n{text}")
    return str(path)


def refused(tmp_path: Path, text: str) -> list[str]:
    """What a scenario with that text is refused with."""
    with pytest.raises(DescriptionError) as caught:
        load_cases(scenario(tmp_path, text))
    return [f"{p.line}: {p.path}: {p.summary}" for p in caught.value.diagnostics()]


def test_platforms_are_read_where_they_are_booted(tmp_path: Path) -> None:
    """Expect a thousand cases on 8,192 CPUs in less memory than two such platforms take."""
    path = scenario(
        tmp_path,
        f"platform: {LARGE}\nmatrix: {{module.max_tdmrs: {THOUSAND}}}\nsteps: [init: 1]\n",
    )
    load_cases(path)  # imports
    tracemalloc.start()
    cases = load_cases(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [case.name for case in cases[:2]] == ["x[module.max_tdmrs=1]", "x[module.max_tdmrs=2]"]
    assert len(cases) == 1000
    assert peak < 16 << 20
    assert cases[998].platform().module.max_tdmrs == 999
    assert len(cases[998].platform().cpus.madt) == 8192


def test_cpus_of_a_step_are_named_not_listed(tmp_path: Path) -> None:
    """Expect one record, and an operation for each CPU when they are performed."""
    steps = "steps: [cpu_offline: '1-8190,8191', cpu_online: '0-6:1/2']\n"
    (case,) = load_cases(scenario(tmp_path, f"platform: {LARGE}\n{steps}"))
    assert [step.label for step in case.steps] == ["cpu_offline 1-8191", "cpu_online 0-6:1/2"]
    assert len(list(case.steps[0].operations)) == 8191
    assert list(case.steps[1].operations) == [
        CpuOnline(0),
        CpuOnline(2),
        CpuOnline(4),
        CpuOnline(6),
    ]


def test_a_cell_that_is_wrong_is_broken_and_the_others_run(tmp_path: Path) -> None:
    """The second cell is read when it is reached; what is wrong in it stands in the matrix."""
    path = scenario(
        tmp_path, "platform: small\nmatrix: {module.max_tdmrs: [64, 0, 63]}\nsteps: [init: 1]\n"
    )
    outcomes = run_cases(cases_of((path,), None), jobs=1, fail_fast=False)
    assert [outcome.outcome for outcome in outcomes] == ["passed", "broken", "passed"]
    (problem,) = outcomes[1].problems
    assert (problem.line, problem.column) == (3, 33)
    assert (problem.path, problem.summary) == ("matrix.module.max_tdmrs.1", "must be at least 1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"kernel: [{', '.join(['v5'] * 1001)}]\n", "3: kernel: makes more than 1000 cases"),
        (
            f"kernel: [v5, '6.8']\nmatrix: {{module.max_tdmrs: {THOUSAND}}}\n",
            "4: matrix: makes more than 1000 cases",
        ),
        (
            f"matrix: {{{', '.join(f'a{i}: [1]' for i in range(17))}}}\n",
            "3: matrix: has more than 16 keys",
        ),
    ],
    ids=["kernels", "kernels and values", "keys"],
)
def test_a_scenario_is_a_thousand_cases_at_most(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, f"platform: small\n{text}steps: [init: 1]\n") == [said]


def test_the_name_of_a_case_holds_as_much_of_a_value_as_tells_it(tmp_path: Path) -> None:
    """Else each of a thousand cases would carry it."""
    text = f"platform: small\nmatrix: {{description: [{'x' * 5000}]}}\nsteps: [init: 1]\n"
    (case,) = load_cases(scenario(tmp_path, text))
    assert case.name == f"x[description={'x' * 57}...]"
    assert case.platform().description == "x" * 5000


@pytest.mark.parametrize(
    "expression", ["(" * 30_000, "(" * 15_000 + "a" + ")" * 15_000, "not " * 30_000 + "a"]
)
def test_an_expression_has_so_many_words(expression: str) -> None:
    with pytest.raises(UsageError, match=r"^-k takes at most 1000 words and parentheses$"):
        selector(expression)


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("(" * 499 + "a" + ")" * 499, True),
        ("not " * 999 + "a", False),
        ("b or " * 499 + "a", True),
        ("a and " * 499 + "b", False),
    ],
    ids=["parentheses", "nots", "ors", "ands"],
)
def test_an_expression_is_nested_as_deep_as_it_likes(expression: str, chosen: bool) -> None:
    """Deeper than Python calls functions, with 1,000 of them or 3,000 for that."""
    assert selector(expression)("a") is chosen
