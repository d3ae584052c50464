# SPDX-License-Identifier: Apache-2.0
"""A step that runs a command, on the host as it is then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl.errors import DescriptionError
from tdxctl.rootfs.document import machine_root
from tdxctl.rootfs.run import RunError, isolation_for, placed
from tdxctl.scenario.load import load_cases
from tdxctl.scenario.runner import run_case
from tests.cli.runner import ROOT
from tests.machines import booted

_HEAD = "schema: tdxctl.scenario/1\nplatform: small\nkernel: '6.18'\nsteps:\n"


@pytest.fixture(scope="module", autouse=True)
def _isolated() -> None:
    with placed(machine_root(booted("6.18"))) as place:
        try:
            isolation_for(place)
        except RunError as error:
            pytest.skip(error.message)


def _differences(tmp_path: Path, steps: str) -> list[tuple[str, str, str]]:
    path = tmp_path / "one.yaml"
    path.write_text(_HEAD + steps)
    (case,) = load_cases(str(path))
    return [(each.key, each.expected, each.got) for each in run_case(case).differences]


def test_a_detector_of_one_wording_is_caught() -> None:
    """Expect the shipped example to pass: it says that one of its detectors is blind on 7.1."""
    cases = load_cases(str(ROOT / "docs" / "examples" / "detector.yaml"))

    assert [run_case(case).outcome for case in cases[1:3]] == ["passed", "passed"]


def test_a_command_sees_the_host_as_it_is_at_that_step(tmp_path: Path) -> None:
    steps = """
  - run: test -e /dev/kvm
    expect: {exit: 1}
  - kvm_load: true
  - run: cat /sys/fs/cgroup/misc.capacity
    expect: {stdout: "tdx 31"}
  - cpu_offline: 3
  - run: {command: [cat, /sys/devices/system/cpu/online]}
    expect: {stdout: "0-2\\n"}
"""

    assert _differences(tmp_path, steps) == []


@pytest.mark.parametrize(
    ("step", "difference"),
    [
        (
            "  - run: echo why >&2; exit 3\n",
            ("exit", "0, as nothing else is expected", "3 (why)"),
        ),
        ("  - run: exit 3\n    expect: {exit: 4}\n", ("exit", "4", "3")),
        (
            "  - run: echo a\n    expect: {stdout: b}\n",
            ("stdout", "exactly 'b'", "'a\\n'"),
        ),
        (
            "  - run: echo abc\n    expect: {stdout: {contains: d}}\n",
            ("stdout", "a text with 'd'", "'abc\\n'"),
        ),
        (
            "  - run: echo abc\n    expect: {stdout: {regex: ^b}}\n",
            ("stdout", "a match of '^b'", "'abc\\n'"),
        ),
        (
            "  - kvm_load: true\n    expect: {exit: 0}\n",
            ("exit", "0", "no command was run"),
        ),
    ],
)
def test_what_is_not_as_expected_is_told(
    tmp_path: Path, step: str, difference: tuple[str, str, str]
) -> None:
    assert _differences(tmp_path, step) == [difference]


def test_the_environment_is_the_steps_on_top(tmp_path: Path) -> None:
    step = """
  - run: {command: 'echo $COLOUR', env: {COLOUR: green}}
    expect: {stdout: green}
"""

    assert _differences(tmp_path, step) == []


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ("run: []", "must be a line for a shell, or a list of words"),
        ("run: {env: {A: b}}", "must be a command, or {command, env}"),
        ("run: {command: a, cwd: /}", "must be a command, or {command, env}"),
        ("{run: 'true', expect: {stdout: {regex: '('}}}", "is no regular expression"),
        ("{run: 'true', expect: {stdout: {like: x}}}", "one of: exact, contains, regex"),
        ("{run: 'true', expect: {exit: 256}}", "255"),
    ],
)
def test_what_is_no_step_is_refused(tmp_path: Path, step: str, wrong: str) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(f"{_HEAD}  - {step}\n")

    with pytest.raises(DescriptionError) as raised:
        load_cases(str(path))
    assert wrong in raised.value.problems[0].render()
