# SPDX-License-Identifier: Apache-2.0
"""A page about machines: what of them it shows."""

from __future__ import annotations

from msgspec.structs import replace

from tdxctl.linux.releases import KERNELS
from tdxctl.machine import Machine
from tdxctl.plan import plan
from tdxctl.report.html.kernel import Shown
from tdxctl.report.html.page import render


def page(machines: list[Machine]) -> str:
    """The page about machines of one platform, each with a kernel of its own."""
    first = machines[0]
    verdicts = plan(first.platform, KERNELS)
    return render(first.name, verdicts, [_shown(machine) for machine in machines])


def _shown(machine: Machine) -> Shown:
    summary = machine.summary()
    report = None
    if summary.last is not None:
        report = replace(machine.init_report(summary.last, with_boot=False), events=machine.events)
    return Shown(summary, report, machine.dmesg)
