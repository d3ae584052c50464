# SPDX-License-Identifier: Apache-2.0
"""`tdxctl init --once`: boot and initialize without stored state."""

from __future__ import annotations

from tdxctl.commands.described import described_anew
from tdxctl.commands.parse import named
from tdxctl.errors import UsageError
from tdxctl.events import InitReport
from tdxctl.linux.releases import DEFAULT_KERNEL, KernelId
from tdxctl.machine import Machine
from tdxctl.progress import shown


def once_report(
    platform: str | None,
    kernel: KernelId | None,
    machine: str | None,
    settings: tuple[str, ...],
    callers: int,
) -> InitReport:
    """Boot and initialize without stored state. Raises UsageError without a platform."""
    if platform is None:
        raise UsageError(
            "--once keeps no machine: it needs --platform",
            hint="a file, or a shipped one: `tdxctl platforms` lists them",
        )
    description = described_anew(platform, settings)
    with shown("running the machine"):
        booted = Machine.boot(description, kernel or DEFAULT_KERNEL, name=named(machine))
        return booted.init_report(booted.tdx_init(callers), with_boot=True)
