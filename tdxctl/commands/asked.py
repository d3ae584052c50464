# SPDX-License-Identifier: Apache-2.0
"""From the options of `init` and `boot` to what is asked of the lab."""

from __future__ import annotations

import json

from tdxctl.commands.described import compiled
from tdxctl.commands.parse import named
from tdxctl.commands.stored import machine_row
from tdxctl.lab import Asked
from tdxctl.linux.releases import KernelId


def asked(
    platform: str | None, kernel: KernelId | None, machine: str | None, settings: tuple[str, ...]
) -> Asked:
    """What the options ask for; without a platform, of the machine that is meant."""
    if platform is not None:
        description, entry = compiled(platform, settings)
        return Asked(named(machine) or description.name, description, kernel, entry)
    row = machine_row(machine)
    if not settings:
        return Asked(row.name, None, kernel)
    from tdxctl.platform.load import from_canonical

    return Asked(row.name, from_canonical(json.loads(row.description), settings), kernel)
