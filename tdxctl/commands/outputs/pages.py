# SPDX-License-Identifier: Apache-2.0
"""A page about machines: what of them it shows."""

from __future__ import annotations

from msgspec.structs import replace

from tdxctl.linux.releases import KERNELS
from tdxctl.machine import Machine
from tdxctl.plan import plan
from tdxctl.report.html.kernel import Shown
from tdxctl.report.html.page import render


def page(machines: list[Machine], *, stored: bool) -> str:
    """The page about machines of one platform, each with a kernel of its own.

    stored: it is a machine as it is, not the platform booted for the page.
    """
    first = machines[0]
    verdicts = plan(first.platform, KERNELS)
    return render(first.name, verdicts, [_shown(each) for each in machines], stored=stored)


def _shown(machine: Machine) -> Shown:
    summary = machine.summary()
    report = None
    if summary.last is not None:
        report = replace(machine.init_report(summary.last, with_boot=False), events=machine.events)
    return Shown(summary, report, machine.dmesg)
