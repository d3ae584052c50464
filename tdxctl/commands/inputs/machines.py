# SPDX-License-Identifier: Apache-2.0
"""Machines of what a command line names: to be asked of the lab, or made for one command alone.

The store is read only where a stored machine is meant.
"""

from __future__ import annotations

from tdxctl.commands.inputs.arguments import machine_name
from tdxctl.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.commands.inputs.subjects import Subject
    from tdxctl.lab import Asked
    from tdxctl.machine import Machine


def asked_of_lab(subject: Subject) -> Asked:
    """What is asked of the lab; without a platform, of the stored machine that is meant."""
    from tdxctl.lab import Asked

    kernel = subject.kernel
    if subject.platform is not None:
        from tdxctl.commands.inputs.platforms import known_description

        description, entry = known_description(subject.platform, subject.settings)
        name = machine_name(subject.machine) or description.name
        return Asked(name, description, kernel, entry)
    from tdxctl.commands.inputs.stored_machines import machine_row

    row = machine_row(subject.machine)
    if not subject.settings:
        return Asked(row.name, None, kernel)
    import json

    from tdxctl.platform.load import from_canonical

    changed = from_canonical(json.loads(row.description), subject.settings)
    return Asked(row.name, changed, kernel)


def machine_for_once(subject: Subject) -> Machine:
    """The platform booted, without any stored state. Raises UsageError without a platform."""
    if subject.platform is None:
        raise UsageError(
            "--once keeps no machine: it needs --platform",
            hint="a file, or a shipped one: `tdxctl platforms` lists them",
        )
    from tdxctl.commands.inputs.platforms import description_anew
    from tdxctl.linux.releases import DEFAULT_KERNEL
    from tdxctl.machine import Machine
    from tdxctl.progress import shown

    description = description_anew(subject.platform, subject.settings)
    with shown("running the machine"):
        kernel = subject.kernel or DEFAULT_KERNEL
        return Machine.boot(description, kernel, name=machine_name(subject.machine))


def machines_to_show(subject: Subject) -> list[Machine]:
    """The stored machine as it is, or the platform booted and initialized under each kernel.

    Raises UsageError where both a platform and a machine are named, or what only goes with a
    platform.
    """
    from tdxctl.linux.releases import DEFAULT_KERNEL
    from tdxctl.machine import Machine

    if subject.platform is None:
        return [_as_it_is(subject)]
    if subject.machine is not None:
        raise UsageError("--platform and --machine: one of them")
    from tdxctl.commands.inputs.platforms import description_of

    description = description_of(subject.platform, subject.settings)
    machines = []
    for kernel in subject.kernels or (DEFAULT_KERNEL,):
        machines.append(Machine.boot(description, kernel))
        machines[-1].tdx_init()
    return machines


def machine_as_host(subject: Subject) -> Machine:
    """The stored machine as it is, or the platform booted and made ready for TDs.

    Raises UsageError where both a platform and a machine are named, or what only goes with a
    platform.
    """
    from tdxctl.linux.releases import DEFAULT_KERNEL
    from tdxctl.machine import Machine

    if subject.platform is None:
        return _as_it_is(subject)
    if subject.machine is not None:
        raise UsageError("--platform and --machine: one of them")
    from tdxctl.commands.inputs.platforms import description_of

    description = description_of(subject.platform, subject.settings)
    machine = Machine.boot(description, subject.kernel or DEFAULT_KERNEL)
    machine.init_host()
    return machine


def _as_it_is(subject: Subject) -> Machine:
    if subject.kernels or subject.settings:
        raise UsageError(
            "--kernel and --set go with --platform: a machine is shown as it is",
            hint="`tdxctl boot` boots it with another kernel or description",
        )
    from tdxctl import lab
    from tdxctl.commands.inputs.stored_machines import machine_row

    return lab.restored(machine_row(subject.machine).name)
