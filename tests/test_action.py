# SPDX-License-Identifier: Apache-2.0
"""The steps of action.yml, run as a runner runs them; what they install is this checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.runner import ROOT, in_shell
from tools import action

SCENARIO = """\
schema: tdxctl.scenario/1
platform: small
steps:
- init: 1
  expect: {status: %s}
"""
#: In the place of a Python that makes an environment: what is installed there is there already.
PYTHON = """\
#!/bin/bash
mkdir -p "$3/bin"
ln -s "$(dirname "$0")/tdxctl" "$3/bin/tdxctl"
ln -s /bin/true "$3/bin/pip"
"""


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment of a runner, whose python3 is quick."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("python3", PYTHON), ("tdxctl", f'#!/bin/bash\n{in_shell()}tdxctl "$@"\n')):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }


def _checkout(folder: Path, status: str) -> Path:
    (folder / "scenarios").mkdir(parents=True)
    (folder / "scenarios" / "a scenario.yaml").write_text(SCENARIO % status)
    (folder / "ours.yaml").write_bytes((ROOT / "platforms" / "small.yaml").read_bytes())
    return folder


def test_what_holds_passes_and_leaves_a_report(tmp_path: Path, runner: dict[str, str]) -> None:
    checkout = _checkout(tmp_path / "checkout", "INITIALIZED")
    code, printed = action.run(checkout, {"platforms": "*.yaml"}, runner)
    assert code == 0
    assert printed == "1 file: 1 passed\nwritten to tdxctl.xml\n1 scenario: 1 passed\n"
    assert 'tests="1" failures="0"' in (checkout / "tdxctl.xml").read_text()
    assert "1 passed" in (tmp_path / "summary.md").read_text()


def test_what_does_not_is_said_at_its_place(tmp_path: Path, runner: dict[str, str]) -> None:
    code, printed = action.run(_checkout(tmp_path / "checkout", "NONE"), {}, runner)
    assert code == 1
    assert "::error file=scenarios/a scenario.yaml,line=" in printed


def test_a_wrong_description_ends_it_before_a_scenario_runs(
    tmp_path: Path, runner: dict[str, str]
) -> None:
    checkout = _checkout(tmp_path / "checkout", "INITIALIZED")
    (checkout / "ours.yaml").write_text("cpus: 1\n")
    code, printed = action.run(checkout, {"platforms": "*.yaml"}, runner)
    assert (code, (checkout / "tdxctl.xml").exists()) == (3, False)
    assert printed.startswith("::error file=ours.yaml,line=1")


def test_an_input_is_data_for_the_shell(tmp_path: Path, runner: dict[str, str]) -> None:
    """Expect what stands in an input not to be run."""
    checkout = _checkout(tmp_path / "checkout", "INITIALIZED")
    words = {"scenarios": "scenarios; touch ran $(touch ran)", "select": "`touch ran`"}
    assert action.run(checkout, words, runner)[0] == 2
    assert not (checkout / "ran").exists()


def test_an_input_that_the_action_lacks(tmp_path: Path, runner: dict[str, str]) -> None:
    with pytest.raises(KeyError, match=r"action\.yml has no input scenario"):
        action.run(tmp_path, {"scenario": "x"}, runner)
