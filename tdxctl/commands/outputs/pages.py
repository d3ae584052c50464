# SPDX-License-Identifier: Apache-2.0
"""A page about machines: what of them it shows."""

from __future__ import annotations

from msgspec.structs import replace

from tdxctl.linux.releases import KERNELS, KernelId
from tdxctl.machine import Machine
from tdxctl.plan import plan
from tdxctl.platform import shipped
from tdxctl.platform.description import Platform
from tdxctl.report.html.kernel import Shown
from tdxctl.report.html.page import render
from tdxctl.sweep.states import States, cut_down, explore

#: What states are explored on, and how deep: every status of every kernel is reached by then.
_HOST = "small"
_DEPTH = 3


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
    return Shown(summary, report, machine.dmesg, _states(machine.kernel_id))


def _states(kernel: KernelId) -> States:
    host = cut_down(Platform.load(shipped.path_of(_HOST)))
    return explore(host, kernel, _DEPTH)
