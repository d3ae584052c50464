# SPDX-License-Identifier: Apache-2.0
"""The lock: one release of everything that set-up, build, tests, lint and types install."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.cli.runner import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
#: Groups with an environment of their own, and its lock.
OTHERS = {
    "docs": (ROOT / "docs" / "requirements.lock").read_text(),
    "s3": (ROOT / "tools" / "s3" / "requirements.lock").read_text(),
    "release": (ROOT / "tools" / "release" / "requirements.lock").read_text(),
}
#: A pinned release, a marker, and the digests of its files.
ENTRY = re.compile(r"^(\S+?)==(\S+)(?: ; (.+?))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M)


def _named() -> list[str]:
    groups = PYPROJECT["dependency-groups"]
    included = [entry["include-group"] for entry in groups["dev"]]
    return [
        *PYPROJECT["build-system"]["requires"],
        *PYPROJECT["project"]["dependencies"],
        *(text for group in included for text in groups[group]),
    ]


@pytest.mark.parametrize("text", _named())
def test_a_requirement_of_pyproject_has_a_release_in_the_lock(text: str) -> None:
    """Expect bounds that were moved without `make lock` to be told."""
    assert _is_locked(text, LOCK), "run `make lock`"


@pytest.mark.parametrize("group", OTHERS)
def test_a_group_of_its_own_has_a_lock_of_its_own(group: str) -> None:
    for text in PYPROJECT["dependency-groups"][group]:
        assert _is_locked(text, OTHERS[group]), f"{text}: run `make lock`"


def _is_locked(text: str, lock: str) -> bool:
    wanted = Requirement(text)
    name = canonicalize_name(wanted.name)
    locked = [version for pin, version, _, _ in ENTRY.findall(lock) if pin == name]
    return bool(locked) and all(map(wanted.specifier.contains, locked))


def test_pip_and_what_builds_an_editable_install_are_in_the_lock() -> None:
    assert {"pip", "hatchling", "editables"} <= {pin for pin, _, _, _ in ENTRY.findall(LOCK)}


@pytest.mark.parametrize("lock", [LOCK, *OTHERS.values()], ids=["dev", *OTHERS])
def test_every_line_of_a_lock_pins_a_release_by_digest(lock: str) -> None:
    """Expect nothing beside pins, their digests and comments."""
    rest = re.sub(r"^ *#.*\n", "", ENTRY.sub("", lock), flags=re.M)
    assert rest.strip() == ""
