# SPDX-License-Identifier: Apache-2.0
"""Public reports: what each of them concluded is what `diagnose` and `explain` say.

The reports lie in the folder that TDXCTL_REALDATA names, each with what must hold beside it; small
inputs of the same kinds are in test_verdicts.py.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests import real
from tests.cli.runner import tdxctl

# What of a report is a matter of its form, and not of its verdict.
_OF_FORM = {"1", "2", "2,6", "6", "9", "11", "inputs", "7", "8", "1,8"}


def _sidecars() -> list[Path]:
    found = []
    for path in sorted(real.FOLDER.glob("reports/*.json")):
        sidecar = json.loads(path.read_text())
        if sidecar["kind"] not in _OF_FORM and not sidecar["command"].startswith("capture"):
            found.append(path)
    return found


@pytest.mark.skipif(not _sidecars(), reason="the reports are where TDXCTL_REALDATA says")
@pytest.mark.parametrize("path", _sidecars(), ids=[path.stem for path in _sidecars()])
def test_a_report_gets_the_verdict_that_its_thread_came_to(path: Path) -> None:
    sidecar = json.loads(path.read_text())
    expected: dict[str, Any] = sidecar["expect"]
    command, *rest = shlex.split(sidecar["command"])
    if command == "diagnose":
        rest = [str(path.with_name(rest[0]))]
    done = tdxctl(command, *rest)
    said = (done.stdout + done.stderr).replace(rest[0], "")
    assert "exit" not in expected or done.returncode == expected["exit"]
    assert [words for words in expected.get("says_all", []) if not re.search(words, said)] == []
    assert [words for words in expected.get("not_says", []) if re.search(words, said)] == []
    if command == "diagnose" and done.returncode != 4:
        _judge(json.loads(tdxctl(command, *rest, "--format", "json").stdout), expected)


def _judge(document: dict[str, Any], expected: dict[str, Any]) -> None:
    assert "state" not in expected or document["state"] in expected["state"]
    checks = expected.get("check", [document["check"]])
    assert document["check"] in ([checks] if isinstance(checks, str) else checks)
    if "cause" in expected:
        [deciding] = [each for each in document["checks"] if each["id"] == document["check"]]
        causes = [f"{cause['cause']}: {cause['to_do']}" for cause in deciding["causes"]]
        assert any(re.search(expected["cause"], cause) for cause in causes)
