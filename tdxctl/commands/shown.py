# SPDX-License-Identifier: Apache-2.0
"""The machine that a picture or a page is about: a stored one, or one made for it."""

from __future__ import annotations

from tdxctl.commands.described import described
from tdxctl.errors import UsageError
from tdxctl.linux.releases import DEFAULT_KERNEL, KernelId
from tdxctl.machine import Machine


def stored_machine(platform: str | None, machine: str | None, *, changes: bool) -> Machine | None:
    """The stored machine as it is, None where a platform is asked for.

    changes: whether a kernel or a setting was given. Raises UsageError where both a platform and a
    machine are named, or what only goes with a platform.
    """
    if platform is not None:
        if machine is not None:
            raise UsageError("--platform and --machine: one of them")
        return None
    if changes:
        raise UsageError(
            "--kernel and --set go with --platform: a machine is shown as it is",
            hint="`tdxctl boot` boots it with another kernel or description",
        )
    from tdxctl import lab
    from tdxctl.commands.stored import machine_row

    return lab.restored(machine_row(machine).name)


def shown_machine(
    platform: str | None, machine: str | None, kernel: KernelId | None, settings: tuple[str, ...]
) -> Machine:
    """The stored machine, or the platform booted and initialized for this alone."""
    stored = stored_machine(platform, machine, changes=kernel is not None or settings != ())
    if stored is not None:
        return stored
    assert platform is not None, "no platform is a stored machine"
    booted = Machine.boot(described(platform, settings), kernel or DEFAULT_KERNEL)
    booted.tdx_init()
    return booted
