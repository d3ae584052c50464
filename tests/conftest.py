# SPDX-License-Identifier: Apache-2.0
"""No test touches the state of whoever runs it."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest

_NUMBERS = count()


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of this test, for its process and those it starts; not made yet."""
    # No tmp_path: most tests write nothing, and making one looks at those of all tests before.
    own = tmp_path_factory.getbasetemp() / f"of-{os.getpid()}-{next(_NUMBERS)}"
    folder = own / "tdxctl"
    monkeypatch.setenv("TDXCTL_STATE", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(own / "xdg"))
    kept = ("TDXCTL_STATE", "TDXCTL_REALDATA")
    for name in list(os.environ):
        if name == "COLUMNS" or (name.startswith("TDXCTL_") and name not in kept):
            monkeypatch.delenv(name)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what a checkout has, where a page's commands may write beside it."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for entry in Path(__file__).parent.parent.iterdir():
        if not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    return folder
