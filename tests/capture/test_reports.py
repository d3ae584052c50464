# SPDX-License-Identifier: Apache-2.0
"""Public reports in the forms that they really have: what they show is what is captured.

The reports lie in the folder that TDXCTL_REALDATA names, each with what must hold beside it; small
inputs of the same kinds are in test_people.py, test_inputs.py, test_acpi.py and test_merge.py.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tdxctl import Platform
from tests import real
from tests.cli.runner import tdxctl

# Kinds of form; the verdicts of the others are in test_reports_verdicts.py.
_OF_FORM = {"1", "2", "2,6", "6", "9", "11", "inputs", "7", "8", "1,8"}


def _sidecars() -> list[Path]:
    found = []
    for path in sorted(real.FOLDER.glob("reports/*.json")):
        sidecar = json.loads(path.read_text())
        if sidecar["kind"] in _OF_FORM or sidecar["command"].startswith("capture"):
            found.append(path)
    return found


@pytest.mark.skipif(not _sidecars(), reason="the reports are where TDXCTL_REALDATA says")
@pytest.mark.parametrize("path", _sidecars(), ids=[path.stem for path in _sidecars()])
def test_a_report_is_read_in_the_form_that_it_has(path: Path) -> None:
    sidecar = json.loads(path.read_text())
    expected: dict[str, Any] = sidecar["expect"]
    *command, file = shlex.split(sidecar["command"])
    done = tdxctl(*command, str(path.with_name(file)))
    said = (done.stdout + done.stderr).replace(file, "")
    assert done.returncode == expected["exit"]
    for words in (*expected.get("says_all", ()), *expected.get("notes_all", ())):
        assert re.search(words, said)
    assert [words for words in expected.get("not_says", ()) if re.search(words, said)] == []
    if command[0] == "capture" and done.returncode == 0:
        _compare(
            Platform.from_dict(yaml.safe_load(done.stdout)), yaml.safe_load(done.stdout), expected
        )
    elif command[0] == "diagnose":
        document = json.loads(
            tdxctl("diagnose", str(path.with_name(file)), "--format", "json").stdout
        )
        assert document["state"] in expected.get("state", [document["state"]])
        checks = expected.get("check", document["check"])
        assert document["check"] in (checks if isinstance(checks, list) else [checks])


def _compare(platform: Platform, written: dict[str, Any], expected: dict[str, Any]) -> None:
    enabled = [entry for entry in platform.cpus.madt if entry.enabled]
    module = written.get("module", {})
    shown = {
        "cpus": len(enabled),
        "packages": len({entry.package for entry in enabled}),
        "ranges": len(platform.memory.ranges),
        "not_enabled": platform.cpus.disabled_cpus,
        "mktme_keyids": platform.firmware.mktme_keyids,
        "tdx_keyids": platform.firmware.tdx_keyids,
        "seamrr": platform.firmware.seamrr.value,
        "module_build_num": module.get("build_num"),
        "module_loaded": module.get("loaded"),
    }
    assert {key: value for key, value in shown.items() if key in expected} == {
        key: value for key, value in expected.items() if key in shown
    }
    start = expected.get("module_version_startswith", "")
    assert str(module.get("version", "")).startswith(start)
