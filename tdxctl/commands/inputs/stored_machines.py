# SPDX-License-Identifier: Apache-2.0
"""Stored machines: which one a command is about, and what the store has of it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from tdxctl import store
from tdxctl.commands.inputs.arguments import machine_name
from tdxctl.errors import UsageError
from tdxctl.store import MachineRow, OperationRow, no_such_machine

if TYPE_CHECKING:
    from tdxctl.report.machines import Machine


def known_machines(wait: float | None = None) -> list[MachineRow]:
    """The stored machines, the one booted last first.

    wait: seconds for another process, as TDXCTL_WAIT says by default.
    """
    with store.reading(wait) as rows:
        return rows.machines() if rows is not None else []


def machine_row(name: str | None) -> MachineRow:
    """The row of the machine meant: the one named, the only one, else the one booted last.

    Raises UsageError where there is none.
    """
    given, name = name, machine_name(name)
    known = known_machines()
    if name is not None:
        found = next((row for row in known if row.name == name), None)
        if found is None:
            raise _from_variable(given, no_such_machine(name, known))
        return found
    if not known:
        raise UsageError("there is no machine", hint="`tdxctl boot --platform P` makes one")
    if len(known) > 1:
        sys.stderr.write(f"machine: {known[0].name} (the one booted last; --machine names one)\n")
    return known[0]


def _from_variable(given: str | None, error: UsageError) -> UsageError:
    # The name may have been given out of sight.
    return error if given else UsageError(f"{error.message} (TDXCTL_MACHINE)", error.hint)


def stored_events(name: str | None) -> tuple[MachineRow, list[dict[str, Any]]]:
    """The machine meant, and its events since boot as they were recorded."""
    row = machine_row(name)
    return row, [event for op in _operations(row) for event in json.loads(op.outcome)["events"]]


def machine_document(name: str) -> Machine:
    """One machine as `tdxctl.machine/1`: everything that reproduces it."""
    from tdxctl.report.machines import Machine, performed

    row = machine_row(name)
    return Machine(
        tdxctl=row.tdxctl,
        machine=row.name,
        kernel=row.kernel_id,
        description=json.loads(row.description),
        operations=tuple(
            performed(json.loads(each.operation), json.loads(each.outcome))
            for each in _operations(row)
        ),
        status=json.loads(row.status),
    )


def _operations(row: MachineRow) -> list[OperationRow]:
    with store.reading() as rows:
        return rows.operations(row.name) if rows is not None else []
