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
    wanted = Requirement(text)
    name = canonicalize_name(wanted.name)
    locked = [version for pin, version, _, _ in ENTRY.findall(LOCK) if pin == name]
    assert locked
    assert all(wanted.specifier.contains(version) for version in locked), "run `make lock`"


def test_pip_and_what_builds_an_editable_install_are_in_the_lock() -> None:
    assert {"pip", "hatchling", "editables"} <= {pin for pin, _, _, _ in ENTRY.findall(LOCK)}


def test_every_line_of_the_lock_pins_a_release_by_digest() -> None:
    """Expect nothing beside pins, their digests and comments."""
    rest = re.sub(r"^ *#.*\n", "", ENTRY.sub("", LOCK), flags=re.M)
    assert rest.strip() == ""
