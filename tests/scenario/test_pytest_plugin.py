# SPDX-License-Identifier: Apache-2.0
"""Scenario files as pytest's tests, and the fixture that boots a platform."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tdxctl import Machine, pytest_plugin
from tdxctl.units import FILE_SUFFIXES
from tests.cli.runner import ROOT


def pytest_in(folder: Path, *words: str) -> tuple[int, list[str]]:
    """Exit code and lines of a pytest run of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def scenario(folder: Path, name: str, text: str) -> None:
    """A scenario's file beside pytest's."""
    (folder / name).write_text("schema: tdxctl.scenario/1\nplatform: small\n" + text)


def test_scenarios_are_collected_and_told_apart(tmp_path: Path) -> None:
    scenario(
        tmp_path, "good.yaml", "kernel: [v5, 6.8]\nsteps: [{init: 1, expect: {returned: 0}}]\n"
    )
    scenario(tmp_path, "bad.yaml", "steps:\n  - init: 1\n    expect: {status: NONE}\n")
    waived = "expect_failure: bug 7\nsteps: [{init: 1, expect: {status: NONE}}]\n"
    scenario(tmp_path, "waived.yaml", waived)
    (tmp_path / "platform.yaml").write_text("schema: tdxctl.platform/1\n")
    code, lines = pytest_in(tmp_path, "-rx")
    assert code == 1
    assert lines[-1].startswith("1 failed, 2 passed, 1 xfailed")
    at = lines.index("FAILED bad (" + str(tmp_path / "bad.yaml") + ")")
    assert lines[at + 1 : at + 4] == [
        f"  {tmp_path / 'bad.yaml'}:5: init: status",
        "    - NONE",
        "    + INITIALIZED",
    ]
    # pytest before 8.3 writes `reason: bug 7`.
    told = [line for line in lines if line.startswith("XFAIL waived.yaml::waived - ")]
    assert [line.endswith("bug 7") for line in told] == [True]


def test_a_wrong_scenario_is_a_collection_error(tmp_path: Path) -> None:
    scenario(tmp_path, "wrong.yaml", "steps: [{innit: 1}]\n")
    code, lines = pytest_in(tmp_path)
    assert code == 2
    assert any("steps.0.innit: unknown key" in line for line in lines)
    assert not any("Traceback" in line for line in lines)


def test_the_plugin_imports_nothing_of_tdxctl_unless_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "import sys\n"
        "def test_x():\n"
        "    assert {m for m in sys.modules if m.startswith('tdxctl')} <= "
        "{'tdxctl', 'tdxctl.pytest_plugin'}\n"
        "    assert 'pydantic' not in sys.modules and 'yaml' not in sys.modules\n"
    )
    assert pytest_in(tmp_path)[0] == 0


def test_the_plugin_and_the_folders_of_scenarios_take_the_same_files() -> None:
    """Expect one list of suffixes, said twice so that the plugin imports nothing."""
    assert pytest_plugin._SUFFIXES == FILE_SUFFIXES


def test_the_fixture_boots_a_platform(tdx_machine: Callable[..., Machine]) -> None:
    """By name with settings, by file, and from a dict."""
    machine = tdx_machine("small", kernel="6.8", set={"cpus.online": "0-2"})
    assert machine.tdx_init().returned == -5
    assert tdx_machine(str(ROOT / "platforms" / "small.yaml")).tdx_init().status == "INITIALIZED"
    described = {"cpus": {"madt": [{"apic_id": 0}]}, "memory": {"ranges": []}}
    assert tdx_machine(described).tdx_init().returned == -14
    assert tdx_machine(machine.platform).kernel_id.id == "v5"
