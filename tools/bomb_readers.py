# SPDX-License-Identifier: Apache-2.0
"""The readers that bombs are for, each as its command reads a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

_SMALL = "cpus: {madt: [{apic_id: 0}]}\nmemory: {ranges: [{start: 0, size: 4GiB}]}\n"

# Each imports what its command imports, and nothing more: that is part of the memory.


def _description(path: Path) -> None:
    from tdxctl.platform.load import load_file

    load_file(str(path)).to_dict()


def _scenario(path: Path) -> None:
    from tdxctl.scenario.run import cases_of

    cases_of((str(path),), None)


def _script(path: Path) -> None:
    from tdxctl.platform.script import load_script
    from tdxctl.script import operations

    operations(load_script(str(path)))


def _setting(path: Path) -> None:
    from tdxctl.platform.load import load_file

    small = path.with_name("small.yaml")
    small.write_text(_SMALL)
    load_file(str(small), (path.read_text(),))


def _expression(path: Path) -> None:
    from tdxctl.scenario.select import selector

    selector(path.read_text())("offline-cpu[v5]")


def _fault(path: Path) -> None:
    from tdxctl.platform.load import runtime_fault

    runtime_fault((path.read_text(),))


def _target(name: str, path: Path) -> None:
    from tests.capture.targets import TARGETS

    TARGETS[name].run(path.read_bytes())


_TARGETS = ("dmesg", "madt", "srat", "acpidump", "iomem", "report", "yaml", "input", "archive")

READERS: dict[str, Callable[[Path], None]] = {
    "description": _description,
    "scenario": _scenario,
    "script": _script,
    "setting": _setting,
    "expression": _expression,
    "fault": _fault,
    **{name: partial(_target, name) for name in _TARGETS},
}
