# SPDX-License-Identifier: Apache-2.0
"""Which files are meant as scenarios though they do not say so, and what a step must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl.errors import DescriptionError
from tdxctl.platform.source import WrittenFloat
from tdxctl.scenario.load import load_cases
from tdxctl.scenario.model import kernel_text
from tdxctl.scenario.recognise import is_like_a_scenario


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("schema: tdxctl.scenario/1\n", True),
        ("schema: TDXCTL.Scenario/2\n", True),
        ("shema: tdxctl-scenario\n", True),
        ("schema: tdxctl.platform/1\n", False),
        ("schema: kustomize.config.k8s.io/v1beta1\n", False),
        ("stages:\n- init: 1\n", True),
        ("steps:\n- expect: {status: NONE}\n", True),
        ("steps:\n- expect_on: {}\n", True),
        ("steps:\n- script: make\n  displayName: build\n", False),
        ("steps: [a, b]\n", False),
        ("platform: small\nsteps: []\n", True),
        ("platform: small\nsteps: []\nname: x\n", True),
        ("platform: small\nsteps: []\non: push\n", False),
        ("steps: []\n", False),
        ("- init: 1\n", False),
        ("just words\n", False),
        ("a: [\n", None),
    ],
)
def test_what_is_meant_as_a_scenario(text: str, is_one: bool | None) -> None:
    """Expect None of what cannot be parsed."""
    assert is_like_a_scenario(text.encode(), "x.yaml") is is_one


def test_a_long_value_is_not_compared_with_the_schema() -> None:
    long = "tdxctl.scenario/1" * 2
    assert is_like_a_scenario(f"a: {long[:-1]}x\n".encode(), "x.yaml") is False
    assert is_like_a_scenario(b'{"schema": "tdxctl.scenario/1"}', "X.JSON") is True


STEPS = [
    ("- {}", "steps.0: must have one operation"),
    ("- expect: {status: NONE}", "steps.0: must have one operation"),
    ("- {init: 1, kexec: true}", "steps.0: has 2 operations"),
    ("- {init: }", "steps.0.init: must not be empty"),
    ("- {init: 1, expect_on: {9.9.9x: {status: NONE}}}", "steps.0.expect_on.9.9.9x: "),
]


@pytest.mark.parametrize(("step", "why"), STEPS)
def test_a_step_is_one_operation(step: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"schema: tdxctl.scenario/1\nplatform: small\nsteps:\n{step}\n")
    with pytest.raises(DescriptionError) as error:
        load_cases(str(path))
    told = [problem.render().partition(": ")[2] for problem in error.value.problems]
    assert any(line.startswith(why) for line in told), told


@pytest.mark.parametrize(
    ("written", "text"), [(WrittenFloat("6.10"), "6.10"), (6.8, "6.8"), ("v5", "v5")]
)
def test_a_kernel_is_read_as_it_was_written(written: object, text: str) -> None:
    """Expect 6.10 not to be 6.1."""
    assert kernel_text(written) == text
