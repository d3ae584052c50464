# SPDX-License-Identifier: Apache-2.0
"""How many TDs a plan has room for and what one costs: blocks, and parts of `tdxctl.plan/1`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct

from tdxctl.document import Count, one_of
from tdxctl.guests import (
    KERNEL,
    KEYIDS,
    MEMORY,
    VCPUS,
    Fit,
    Guest,
    cost_of,
    fit_of,
    guest_keyids,
)
from tdxctl.plan import KernelPlan, PlatformPlan
from tdxctl.report.blocks import Block, Facts, Table
from tdxctl.units import approximate_size, counted, format_size

_ARITHMETIC = "(arithmetic, not measured)"
#: What limits -> its name in JSON.
_LIMITS = {KEYIDS: "keyids", MEMORY: "memory", VCPUS: "vcpus", KERNEL: "kernel"}


def blocks(
    before: PlatformPlan, after: PlatformPlan | None, guest: Guest | None
) -> Iterator[Block]:
    """What the KeyIDs allow, what a TD costs, and how many of a size there is room for."""
    plan = before if after is None else after
    if not plan.platform.module.loaded:
        return
    old, new = guest_keyids(before), guest_keyids(plan)
    many = str(new) if old == new else f"{old} -> {new}"
    cost = cost_of(plan.platform)
    control = (
        f"TDR {format_size(cost.tdr)}, TDCS {format_size(cost.tdcs)}, and TDVPS "
        f"{format_size(cost.tdvps)} for each vCPU (the module's metadata)"
    )
    sept = f"S-EPT: 4 KiB for each 2 MiB, 1 GiB and 512 GiB begun {_ARITHMETIC}"
    pairs = [("exactly", control), ("at most", sept)]
    if any(kernel.dynamic for kernel in plan.kernels):
        said = "Dynamic PAMT: 8 KiB for each 2 MiB in use, its own pages' included"
        pairs.append(("", f"{said} {_ARITHMETIC}"))
    title = f"TDs: the KeyIDs allow {many} at a time; what one costs beside its memory"
    yield Facts(tuple(pairs), title)
    if guest is not None:
        yield _room(before, after, guest)


def _room(before: PlatformPlan, after: PlatformPlan | None, guest: Guest) -> Table:
    # Kernels with the same room share a row.
    now = before if after is None else after
    groups: dict[tuple[str, ...], list[str]] = {}
    for old, new in zip(before.kernels, now.kernels, strict=True):
        was = _cells(fit_of(before, old, guest), guest)
        fits = _cells(fit_of(now, new, guest), guest)
        cells = tuple(b if a == b else f"{a} -> {b}" for a, b in zip(was, fits, strict=True))
        groups.setdefault(cells, []).append(new.kernel.id)
    size = f"{format_size(guest.memory)} and {counted(guest.vcpus, 'vCPU')}"
    return Table(
        title=f"TDs of {size}: how many fit, and what limits them",
        columns=("fit", "limit", "by KeyIDs", "by memory", "beside its memory", "kernels"),
        rows=tuple((*cells, ", ".join(names)) for cells, names in groups.items()),
        right=(0, 2, 3, 4),
        note="by memory: what TDX can use without the PAMT, nothing left to the host itself; "
        "beside its memory: of one TD, at most",
    )


def _cells(fit: Fit, guest: Guest) -> tuple[str, ...]:
    numbers = str(fit.by_keyids), str(fit.by_memory)
    return str(fit.tds), fit.limit, *numbers, approximate_size(fit.at_most - guest.memory)


class Tds(Struct, frozen=True):
    """TDs that the KeyIDs allow, and bytes of the control structures of one."""

    keyids: Count
    tdr: Count
    tdcs: Count
    tdvps_per_vcpu: Count


class Room(Struct, frozen=True):
    """How many TDs of a size fit and what limits them, null where none was asked for.

    at_most: bytes of one TD, of which s_ept and pamt_pairs are upper bounds of arithmetic.
    """

    memory: Count
    vcpus: Count
    tds: Count
    limit: Annotated[str, one_of(*_LIMITS.values())]
    by_keyids: Count
    by_memory: Count
    at_most: Count
    s_ept: Count
    pamt_pairs: Count


def tds_of(plan: PlatformPlan) -> Tds:
    """Of a platform."""
    cost = cost_of(plan.platform)
    return Tds(guest_keyids(plan), cost.tdr, cost.tdcs, cost.tdvps)


def room_of(plan: PlatformPlan, kernel: KernelPlan, guest: Guest | None) -> Room | None:
    """Of a kernel on it."""
    if guest is None:
        return None
    fit = fit_of(plan, kernel, guest)
    return Room(
        memory=guest.memory,
        vcpus=guest.vcpus,
        tds=fit.tds,
        limit=_LIMITS[fit.limit],
        by_keyids=fit.by_keyids,
        by_memory=fit.by_memory,
        at_most=fit.at_most,
        s_ept=fit.sept,
        pamt_pairs=fit.pairs,
    )
