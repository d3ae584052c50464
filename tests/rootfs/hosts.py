# SPDX-License-Identifier: Apache-2.0
"""Roots of shipped platforms, written once for all tests that only read them."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tdxctl import Machine, Platform
from tdxctl.rootfs.document import machine_root
from tests.cli.runner import ROOT

#: Where files cost little, if there is such a place.
#: Another folder where whoever runs the tests ends them in the middle, and clears up himself.
IN_MEMORY = os.environ.get("TDXCTL_TEST_ROOTS") or (
    "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
)
_KEPT: list[TemporaryDirectory[str]] = []


def platform(name: str) -> Platform:
    """A shipped platform."""
    return Platform.load(ROOT / "platforms" / f"{name}.yaml")


@cache
def machine(name: str, kernel: str) -> Machine:
    """A shipped platform, booted, with what KVM makes of it."""
    booted = Machine.boot(platform(name), kernel)
    booted.init_host()
    return booted


@cache
def root(name: str, kernel: str) -> Path:
    """The folder of its root."""
    kept = TemporaryDirectory(prefix="tdxctl-test-root-", dir=IN_MEMORY)
    _KEPT.append(kept)
    machine_root(machine(name, kernel)).write(kept.name)
    return Path(kept.name)
