# SPDX-License-Identifier: Apache-2.0
"""What `tdxctl test FOLDER` takes for a scenario: nothing that could be one is passed over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tdxctl.errors import UsageError
from tdxctl.scenario.find import find
from tests.cli.runner import tdxctl

STEPS = "platform: small\nsteps: [{init: 1, expect: {status: INITIALIZED}}]\n"
GOOD = "schema: tdxctl.scenario/1\n" + STEPS

MEANT = {
    "mistyped": "schema: tdxctl.scenari/1\n" + STEPS,
    "another-version": "schema: tdxctl.scenario/2\n" + STEPS,
    "the-platform-s": "schema: tdxctl.platform/1\n" + STEPS,
    "another-key": "shema: tdxctl.scenario/1\n" + STEPS,
    "capitals": "schema: TDXCTL.SCENARIO/1\n" + STEPS,
    "missing": STEPS,
    "missing-and-a-key-mistyped": "platform: small\nstps: [{init: 1}]\n",
    "missing-and-an-operation-mistyped": "platform: small\nsteps: [{inti: 1}]\n",
    "behind-a-long-comment": "#\n" * 4096 + GOOD,
    "not-yaml": "platform: small\nsteps: [{init: 1\n",
    "not-yaml-and-mistyped": "schema: tdxctl.scenari/1\nx: [\n",
}
ELSE = {
    "a-platform": "cpus: {madt: [{apic_id: 0}]}\nmemory: {ranges: []}\n",
    "a-platform-that-says-so": "schema: tdxctl.platform/1\ncpus: {}\n",
    "seamcalls": "- {leaf: TDH.SYS.INIT, expect: 0}\n",
    "a-ci-job": "jobs: {test: {steps: [{run: make}]}}\n",
    "a-pipeline": "kind: pipeline\nplatform: {os: linux}\nsteps: [{name: t, image: x}]\n",
    "a-document": '{"schema": "tdxctl.test/1", "scenarios": [], "expected": 1}\n',
    "not-yaml": "{{ template }}: [\n",
    "two-documents": "platform: a\n---\nkind: b\n",
    "empty": "",
    "numbers": "[1, 2]\n",
}


@pytest.mark.parametrize("name", MEANT)
def test_a_scenario_with_a_wrong_or_missing_schema_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "meant.yaml").write_text(MEANT[name])
    done = tdxctl("test", str(tmp_path))
    if name == "behind-a-long-comment":
        assert (done.returncode, done.stdout) == (0, "2 scenarios: 2 passed\n")
        return
    assert done.returncode == 3
    assert done.stdout.endswith("2 scenarios: 1 passed, 1 broken\n")
    assert f"{tmp_path / 'meant.yaml'}:" in done.stderr


@pytest.mark.parametrize("name", ELSE)
def test_what_is_plainly_something_else_is_counted(name: str, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "else.yaml").write_text(ELSE[name])
    done = tdxctl("test", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "1 scenario: 1 passed\n")
    assert done.stderr == f"1 other file is no scenario: {tmp_path / 'else.yaml'}\n"


def test_three_files_and_one_tested_is_not_a_yes(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(MEANT["mistyped"])
    (tmp_path / "c.yaml").write_text(MEANT["missing"])
    done = tdxctl("test", str(tmp_path))
    assert done.returncode == 3
    assert done.stderr.splitlines()[::2] == [
        f"{tmp_path / 'b.yaml'}:1:9: schema: is not a schema that this tdxctl reads (got "
        '"tdxctl.scenari/1")',
        f"{tmp_path / 'c.yaml'}:1:1: schema: is required",
    ]


def test_more_than_five_are_counted(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps({"schema": "tdxctl.scenario/1"}))
    for i in range(7):
        (tmp_path / f"{i}.json").write_text("[]")
    found = find((str(tmp_path),))
    assert len(found.others) == 7
    (tmp_path / "good.json").write_text(
        '{"schema": "tdxctl.scenario/1", "platform": "small", "steps": [{"init": 1}]}'
    )
    done = tdxctl("test", str(tmp_path))
    assert done.returncode == 0
    assert done.stderr.startswith("7 other files are no scenarios: ")
    assert done.stderr.endswith("4.json and 2 more\n")


def test_whatever_the_case_of_the_suffix_and_behind_links(tmp_path: Path) -> None:
    """Expect each real folder once, and a link back to one above it to lead nowhere."""
    real, folder = tmp_path / "real", tmp_path / "folder"
    real.mkdir()
    folder.mkdir()
    (real / "x.YAML").write_text(GOOD)
    (folder / "link").symlink_to(real)
    (folder / "same").symlink_to(real)
    (real / "back").symlink_to(folder)
    assert find((str(folder),)).scenarios == (str(folder / "link" / "x.YAML"),)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied", "/closed"), "permission denied"),
        # Of a file system that names no errno.
        (OSError("Transport gone"), "transport gone"),
    ],
)
def test_a_folder_that_cannot_be_read_is_an_error(
    error: OSError, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("closed"):
            raise error
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match=f"cannot read folder '.*': {reason}"):
        find((str(tmp_path),))


def test_a_link_to_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere.yaml")
    done = tdxctl("test", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "gone.yaml" in done.stderr
