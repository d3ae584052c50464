# SPDX-License-Identifier: Apache-2.0
"""From the options of `html` to the page."""

from __future__ import annotations

from msgspec.structs import replace

from tdxctl.commands.described import described
from tdxctl.commands.shown import stored_machine
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.releases import DEFAULT_KERNEL, KERNELS, KernelId
from tdxctl.machine import Machine
from tdxctl.plan import plan
from tdxctl.report.html.kernel import Shown
from tdxctl.report.html.page import render


def page(
    platform: str | None,
    kernels: tuple[KernelId, ...],
    machine: str | None,
    settings: tuple[str, ...],
) -> str:
    """The page about the platform under kernels, or about a stored machine as it is."""
    stored = stored_machine(platform, machine, changes=kernels != () or settings != ())
    if stored is not None:
        return render(stored.name, plan(stored.platform, KERNELS), [_shown(stored)])
    assert platform is not None, "no platform is a stored machine"
    # In the order asked for, each one once.
    named = dict.fromkeys(kernels or (find_kernel(DEFAULT_KERNEL),))
    description = described(platform, settings)
    shown = []
    for kernel in named:
        booted = Machine.boot(description, kernel)
        booted.tdx_init()
        shown.append(_shown(booted))
    return render(description.name, plan(description, KERNELS), shown)


def _shown(machine: Machine) -> Shown:
    summary = machine.summary()
    report = None
    if summary.last is not None:
        report = replace(machine.init_report(summary.last, with_boot=False), events=machine.events)
    return Shown(summary, report, machine.dmesg)
