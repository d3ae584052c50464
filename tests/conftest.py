# SPDX-License-Identifier: Apache-2.0
"""No test touches the state of whoever runs it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of this test, for its process and those it starts; not made yet."""
    folder = tmp_path / "state" / "tdxctl"
    monkeypatch.setenv("TDXCTL_STATE", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    for name in ("TDXCTL_MACHINE", "TDXCTL_WAIT", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return folder
