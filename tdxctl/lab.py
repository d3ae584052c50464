# SPDX-License-Identifier: Apache-2.0
"""One function per verb on a stored machine: lock, rebuild, operate, record, commit, return.

The emulator is deterministic: a machine is restored by replaying its operations, and each
replayed outcome must be the stored one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TypeVar

# As in machine.py; and before msgspec, whose typing_extensions makes numpy's types dearer.
import numpy  # noqa: F401
from msgspec import Struct

from tdxctl import __version__, store
from tdxctl.errors import BrokenStoreError, StateError
from tdxctl.events import InitReport, OpResult
from tdxctl.linux.lookup import find_kernel, is_stored
from tdxctl.linux.releases import DEFAULT_KERNEL, KernelId
from tdxctl.machine import Machine
from tdxctl.operations import Boot, Init, InitHost, Operation
from tdxctl.platform.description import Platform
from tdxctl.progress import shown
from tdxctl.report import json_status
from tdxctl.store import Compiled, MachineRow, OperationRow, Store, no_such_machine
from tdxctl.units import printable

T = TypeVar("T")

MAX_OPERATIONS = 1000


_ANOTHER = "--reboot boots it with what is asked for, --machine names another one"


class Asked(Struct, frozen=True):
    """What a command asks for: a machine by name, a platform, a kernel; None is not asked.

    compiled: the platform as the store keeps it for the next time.
    """

    machine: str
    platform: Platform | None = None
    kernel: KernelId | None = None
    compiled: Compiled | None = None


def init(asked: Asked, *, callers: int = 1, reboot: bool = False) -> InitReport:
    """Boot the machine if it is not running, or anew, and make the host ready for TDs.

    Raises StateError where it runs with another description or kernel than asked for,
    UsageError where there is no such machine and no platform to boot.
    """

    def act(rows: Store) -> InitReport:
        row = rows.machine(asked.machine)
        boots = row is None or reboot
        if boots:
            machine = _boot(rows, asked, row)
        else:
            assert row is not None
            _refuse_another(asked, row)
            machine = _rebuild(rows, row, asked.kernel)
        operation = Init(callers) if machine.kvm is None else InitHost(callers)
        result = _operate(rows, asked.machine, machine, operation)
        return machine.init_report(result, with_boot=boots)

    return _transaction(act, asked.compiled)


def boot(asked: Asked) -> OpResult:
    """Boot the machine, or boot it again: without a platform, the same description."""

    def act(rows: Store) -> OpResult:
        return _boot(rows, asked, rows.machine(asked.machine)).boot_result

    return _transaction(act, asked.compiled)


def operate(
    name: str, operations: Iterable[Operation], kernel: KernelId | None = None
) -> list[OpResult]:
    """Perform operations on a running machine, stopping after the first that fails.

    kernel: the user's own, where the machine was booted with one. Raises StateError where it is
    not the one that was booted.
    """
    with shown("running the machine"), store.writing() as rows:
        row = _require(rows, name)
        if kernel is not None:
            _refuse_another_kernel(kernel, row)
        machine = _rebuild(rows, row, kernel)
        results: list[OpResult] = []
        for operation in operations:
            results.append(_operate(rows, name, machine, operation))
            if results[-1].returned != 0:
                break
        return results


def restored(name: str) -> Machine:
    """The machine of that name as its operations left it; nothing is operated or recorded.

    Raises UsageError where there is none, StateError where its operations come out differently.
    """
    with store.reading() as rows:
        if rows is None:
            raise no_such_machine(name, [])
        return _rebuild(rows, _require(rows, name))


def _transaction(act: Callable[[Store], T], compiled: Compiled | None) -> T:
    # A disk that has room for the machine need not have it for the compiled description too.
    try:
        with shown("running the machine"), store.writing() as rows:
            done = act(rows)
            if compiled is not None:
                rows.keep_compiled(compiled)
            return done
    except BrokenStoreError:
        if compiled is None:
            raise
    return _transaction(act, None)


def _require(rows: Store, name: str) -> MachineRow:
    row = rows.machine(name)
    if row is None:
        raise no_such_machine(name, rows.machines())
    return row


def _boot(rows: Store, asked: Asked, row: MachineRow | None) -> Machine:
    if asked.platform is not None:
        platform = asked.platform
    elif row is not None:
        platform = _described(row)
    else:
        raise no_such_machine(asked.machine, rows.machines())
    kernel = asked.kernel or (_kernel(row) if row is not None else find_kernel(DEFAULT_KERNEL))
    machine = Machine.boot(platform, kernel=kernel, name=asked.machine)
    rows.put_machine(
        MachineRow(
            name=asked.machine,
            description=_dump(platform.to_dict()),
            kernel=kernel.id if kernel.own is not None else kernel.release.id,
            changes="+".join(change.id for change in kernel.extra),
            digest=kernel.digest,
            module=platform.module.version if platform.module.loaded else None,
            tdxctl=__version__,
        )
    )
    _record(rows, machine, Boot(), machine.boot_result)
    return machine


def _refuse_another(asked: Asked, row: MachineRow) -> None:
    if asked.kernel is not None:
        _refuse_another_kernel(asked.kernel, row)
    if asked.platform is None:
        return
    running = _described(row)
    if asked.platform != running:
        raise StateError(
            f"machine '{row.name}' was booted from another description (of '{running.name}') than "
            f"the one asked for (of '{asked.platform.name}')",
            hint=_ANOTHER,
        )


def _refuse_another_kernel(kernel: KernelId, row: MachineRow) -> None:
    if kernel.id != row.kernel_id:
        raise StateError(
            f"machine '{row.name}' is running kernel {printable(row.kernel_id)}, not {kernel.id}",
            hint=_ANOTHER,
        )
    if kernel.digest != row.digest:
        raise StateError(
            f"machine '{row.name}' was booted with {kernel.id} of another file than this one",
            hint=_ANOTHER,
        )


def _rebuild(rows: Store, row: MachineRow, own: KernelId | None = None) -> Machine:
    # own: the kernel of the user's own that it was booted with, which was held against the row.
    kernel = own if row.digest is not None and own is not None else _kernel(row)
    machine = Machine.boot(_described(row), kernel=kernel, name=row.name)
    for number, stored in enumerate(rows.operations(row.name)):
        result = Operation.from_dict(json.loads(stored.operation)).perform(machine)
        if _outcome(result) != stored.outcome:
            raise _made_by_another(
                row, f"its operation {number} comes out differently under {__version__}"
            )
    return machine


def _described(row: MachineRow) -> Platform:
    # As it was stored, which another tdxctl may have done in another form.
    try:
        return Platform.from_canonical(json.loads(row.description))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _made_by_another(
            row, f"its description is not one of {__version__}", and_with=" --platform P"
        ) from None


def _kernel(row: MachineRow) -> KernelId:
    # The kernel that was booted, which this tdxctl may not have.
    if row.digest is not None and ":" in row.kernel:
        raise StateError(
            f"machine '{row.name}' was booted with a kernel of your own, "
            f"{printable(row.kernel_id)}, which runs only where the command line names it",
            hint="--kernel FILE.py:Class",
        )
    if row.digest is None and not is_stored(row.kernel_id):
        raise _made_by_another(
            row, f"{__version__} has no kernel {printable(row.kernel_id)}", and_with=" --kernel K"
        )
    kernel = find_kernel(row.kernel_id)
    _refuse_another_kernel(kernel, row)
    return kernel


def _made_by_another(row: MachineRow, but: str, and_with: str = "") -> StateError:
    return StateError(
        f"machine '{row.name}' was made by tdxctl {row.tdxctl}, and {but}",
        hint=f"`tdxctl boot --machine {row.name}{and_with}` boots it again",
    )


def _operate(rows: Store, name: str, machine: Machine, operation: Operation) -> OpResult:
    if rows.count(name) > MAX_OPERATIONS:
        raise StateError(
            f"machine '{name}' has had {MAX_OPERATIONS} operations since it was booted",
            hint=f"`tdxctl boot --machine {name}` boots it again",
        )
    result = operation.perform(machine)
    _record(rows, machine, operation, result)
    return result


def _record(rows: Store, machine: Machine, operation: Operation, result: OpResult) -> None:
    row = OperationRow(_dump(operation.to_dict()), _outcome(result))
    rows.put_operation(machine.name, row, _status(machine))


def _outcome(result: OpResult) -> str:
    return _dump(
        {
            "returned": result.returned,
            "status": result.status,
            "callers": list(result.callers),
            "events": [event.to_dict() for event in result.events],
        }
    )


def _status(machine: Machine) -> str:
    return _dump(json_status.to_dict(machine.summary(), __version__))


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
