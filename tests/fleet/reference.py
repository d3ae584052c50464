# SPDX-License-Identifier: Apache-2.0
"""What a machine says of a host, read off the machine: what a verdict has to be."""

from __future__ import annotations

from typing import Any

from tdxctl import Machine, Platform
from tdxctl.causes import NoMemory, TdmrsExhausted
from tdxctl.errors import NotModelledError
from tdxctl.linux.releases import KernelId

#: The columns of a verdict that a machine can be asked for.
WORDS = ("initializes", "kvm", "status", "errno", "cause", "seamcall_status", "guests")
NUMBERS = (
    *("tdmrs", "tdmrs_left", "reserved_areas", "reserved_left"),
    *("pamt_bytes", "pamt_by_node", "memory_lost"),
)


def verdict(platform: Platform, kernel: KernelId) -> dict[str, Any]:
    """The columns of a verdict, of a machine booted and made ready for TDs."""
    try:
        machine = Machine.boot(platform, kernel)
        result = machine.init_host()
    except NotModelledError:
        nothing: dict[str, Any] = dict.fromkeys((*WORDS, *NUMBERS))
        return nothing | {"initializes": False, "cause": "not-modelled"}
    failure = result.failure
    code = None if failure is None else failure.status
    initialized = machine.status == "INITIALIZED"
    words = {
        "initializes": initialized,
        "kvm": None
        if machine.kvm is None or machine.kvm.verdict is None
        else machine.kvm.verdict.id,
        "status": machine.status,
        "errno": failure.errno if failure else None,
        "cause": failure.cause.id if failure else None,
        "seamcall_status": None if code is None else hex(code),
        "guests": machine.summary().guest_keyids if initialized else None,
    }
    return words | _numbers(machine, failure.cause if failure else None)


def _numbers(machine: Machine, cause: object) -> dict[str, Any]:
    if not machine.tdmrs and not isinstance(cause, NoMemory):
        return dict.fromkeys(NUMBERS)
    module, tdmrs = machine.platform.module, len(machine.tdmrs)
    if isinstance(cause, TdmrsExhausted):
        tdmrs = cause.needed
    wanted = [len(tdmr.areas) for tdmr in machine.tdmrs if tdmr.areas is not None]
    summary = machine.summary()
    usable = sum(node.usable for node in summary.nodes)
    described = sum(each.end - each.start for each in machine.platform.memory.ranges)
    return {
        "tdmrs": tdmrs,
        "tdmrs_left": module.max_tdmrs - tdmrs,
        "reserved_areas": max(wanted) if wanted else None,
        "reserved_left": module.max_reserved_per_tdmr - max(wanted) if wanted else None,
        "pamt_bytes": machine.pamt_bytes,
        "pamt_by_node": [{"node": n, "bytes": size} for n, size in summary.pamt.by_node],
        "memory_lost": described - usable,
    }
