# SPDX-License-Identifier: Apache-2.0
"""What a machine makes of a host: the words of a verdict, and its numbers."""

from __future__ import annotations

from msgspec import Struct

from tdxctl.causes import NoMemory, TdmrsExhausted
from tdxctl.errors import NotModelledError
from tdxctl.events import MachineSummary
from tdxctl.linux.releases import KernelId
from tdxctl.machine import Machine
from tdxctl.platform.description import Platform

#: The cause where the real kernel would do something that tdxctl does not model.
NOT_MODELLED = "not-modelled"


class Words(Struct, frozen=True):
    """Of a verdict what does not depend on how much memory there is where."""

    initializes: bool
    kvm: str | None
    status: str | None
    errno: str | None
    cause: str | None
    seamcall_status: str | None
    guests: int | None


class Numbers(Struct, frozen=True):
    """Of a verdict what its layout says, as in rows.Verdict."""

    tdmrs: int
    tdmrs_left: int
    reserved_areas: int | None
    reserved_left: int | None
    pamt_bytes: int
    pamt_by_node: tuple[tuple[int, int], ...]
    memory_lost: int


class Outcome(Struct, frozen=True):
    """What a machine makes of a host; numbers are None where it never came to the layout."""

    words: Words
    numbers: Numbers | None


def of_machine(platform: Platform, kernel: KernelId) -> Outcome:
    """Boot platform with that kernel, and do all that makes it ready for TDs."""
    try:
        machine = Machine.boot(platform, kernel)
        result = machine.init_host()
    except NotModelledError:
        return Outcome(Words(False, None, None, None, NOT_MODELLED, None, None), None)
    summary, failure = machine.summary(), result.failure
    initializes = machine.status == "INITIALIZED"
    status = None if failure is None or failure.status is None else hex(failure.status)
    words = Words(
        initializes=initializes,
        kvm=None if result.host is None else result.host.id,
        status=machine.status,
        errno=None if failure is None else failure.errno,
        cause=None if failure is None else failure.cause.id,
        seamcall_status=status,
        guests=summary.guest_keyids if initializes else None,
    )
    cause = None if failure is None else failure.cause
    if not summary.tdmrs and not isinstance(cause, NoMemory):
        return Outcome(words, None)
    needed = cause.needed if isinstance(cause, TdmrsExhausted) else len(summary.tdmrs)
    return Outcome(words, _numbers(summary, needed))


def _numbers(summary: MachineSummary, needed: int) -> Numbers:
    met = [len(row.areas) for row in summary.tdmrs if row.areas is not None]
    areas = max(met, default=None)
    return Numbers(
        tdmrs=needed,
        tdmrs_left=summary.max_tdmrs - needed,
        reserved_areas=areas,
        reserved_left=None if areas is None else summary.max_reserved_per_tdmr - areas,
        pamt_bytes=summary.pamt.total,
        pamt_by_node=summary.pamt.by_node,
        memory_lost=sum(node.lost for node in summary.nodes),
    )
