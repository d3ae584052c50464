# SPDX-License-Identifier: Apache-2.0
"""From a script's name to what its calls answered, on a machine of its own or a stored one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from tdxctl.assembly import module_evidence
from tdxctl.commands.described import described
from tdxctl.errors import NotModelledError, UsageError
from tdxctl.events import OpResult
from tdxctl.machine import Machine
from tdxctl.operations import Operation
from tdxctl.platform.calls import Script
from tdxctl.platform.script import load_script
from tdxctl.progress import shown
from tdxctl.report.evidence import Module, from_dict, module_of
from tdxctl.script import Done, done, operations
from tdxctl.units import printable

_DEFAULT_PLATFORM = "small"


def called(
    path: str, platform: str | None, machine: str | None, settings: tuple[str, ...]
) -> tuple[str, Module, list[Done]]:
    """The machine's name, its module, and each entry with what came of it.

    Raises UsageError where an entry asks for a CPU that cannot call, NotModelledError for a leaf
    that is not modelled, both with the entry's line.
    """
    if machine is not None and (platform is not None or settings):
        raise UsageError("--machine is a machine that is running: no --platform and no --set")
    script = load_script(path)
    if machine is not None:
        from tdxctl import lab
        from tdxctl.commands.stored import machine_row

        row = machine_row(machine)
        answered = _run(script, lambda asked: lab.operate(row.name, asked))
        return row.name, from_dict(json.loads(row.status)["module"]), answered
    description = described(platform or _DEFAULT_PLATFORM, settings)
    with shown("calling the module"):
        booted = Machine.boot(description)
        answered = _run(script, lambda asked: [one.perform(booted) for one in asked])
        module = module_of(module_evidence(description), loaded=description.module.loaded)
        return booted.name, module, answered


def _run(script: Script, perform: Callable[[Iterable[Operation]], list[OpResult]]) -> list[Done]:
    found = operations(script)
    line = 0

    def each() -> Iterator[Operation]:
        nonlocal line
        for entry, steps in zip(script.entries, found, strict=True):
            line = entry.line
            yield from steps

    try:
        return done(script, found, perform(each()))
    except (NotModelledError, UsageError) as error:
        place = f"{printable(script.file)}:{line}: " if line else ""
        raise type(error)(place + error.message, error.hint) from error
