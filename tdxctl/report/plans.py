# SPDX-License-Identifier: Apache-2.0
"""`tdxctl plan` as text and as `tdxctl.plan/1`; a changed platform beside the one it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from tdxctl.advice.hosts import UNTIL_THEN, explain_host
from tdxctl.advice.words import HOST, TO_DO
from tdxctl.document import ByNode, Count, Document, Hex
from tdxctl.errnos import errno_name
from tdxctl.explain.failures import explain_failure
from tdxctl.guests import Guest
from tdxctl.linux.changes import EXECUTED
from tdxctl.plan import KernelPlan, PlatformPlan
from tdxctl.report import evidence, plain, tds
from tdxctl.report.blocks import Block, Facts, Heading, Notes, Table
from tdxctl.report.hosts import Host, host_of
from tdxctl.report.json_init import Evidence, Failure, Pamt, by_node, failure_of, pamt_of
from tdxctl.report.json_status import Tdmrs
from tdxctl.units import approximate_size, counted, printable
from tdxctl.verdicts import HostVerdict

_ARROW = " -> "


def to_text(before: PlatformPlan, after: PlatformPlan | None, guest: Guest | None = None) -> str:
    """The blocks as they are piped."""
    return plain.render(to_blocks(before, after, guest))


def to_blocks(
    before: PlatformPlan, after: PlatformPlan | None, guest: Guest | None = None
) -> Iterator[Block]:
    """A row per kernel, why those say no, what the PAMT and TDs cost, and what is an estimate.

    guest: how many TDs of that size fit is told too.
    """
    yield _heading(before, after)
    yield _kernels(before, after)
    for kernels, reason, hint in reasons(before if after is None else after):
        pairs = ((TO_DO, hint),) if hint else ()
        yield Facts(pairs, f"{', '.join(kernels)}: {reason}", width=7)
    hosts = list(_hosts(before if after is None else after))
    if hosts:
        yield Facts(tuple(hosts))
    yield from _pamts(before, after)
    yield from tds.blocks(before, after, guest)
    yield Notes(
        (
            "reserved: areas used in the tightest TDMR",
            "seconds: an estimate, from hosts that took 2.4 to 4.4 s per TiB",
            *_not_executed(before),
        )
    )


def _not_executed(plan: PlatformPlan) -> Iterator[str]:
    # What a kernel is taken to do where its own code was not run.
    told = [
        f"{each.kernel.id} ({each.kernel.evidence.word})"
        for each in plan.kernels
        if each.kernel.evidence != EXECUTED
    ]
    if told:
        yield f"evidence short of the kernel's own code: {', '.join(told)}"


def _heading(before: PlatformPlan, after: PlatformPlan | None) -> Heading:
    platform = before.platform
    described = f": {printable(platform.description)}" if platform.description else ""
    lines: tuple[str, ...] = (f"{printable(platform.name)}{described}", _size_of(before))
    lines += evidence.lines(_module(before if after is None else after))
    if after is None:
        return Heading(lines)
    changed = f"changed: {_size_of(after)}; where the change shows: before{_ARROW}after"
    return Heading((*lines, changed))


def _size_of(plan: PlatformPlan) -> str:
    total = sum(size for _, size in plan.by_node)
    nodes = counted(len(plan.by_node), "NUMA node")
    lost = f", {approximate_size(plan.lost)} lost below 1 MiB and to alignment" if plan.lost else ""
    return f"{approximate_size(total)} in {nodes}{lost}"


def verdict_of(plan: KernelPlan) -> str:
    """yes, no with the errno, or that it is not modelled."""
    if plan.not_modelled is not None:
        return "not modelled"
    if plan.is_ready:
        return "yes"
    if plan.failure is None:
        return "no"
    return f"no, -{plan.failure.errno}"


#: Name of a column -> its cell for a kernel.
COLUMNS: tuple[tuple[str, Callable[[KernelPlan], str]], ...] = (
    ("kernel", lambda p: p.kernel.id),
    ("verdict", verdict_of),
    ("status", lambda p: p.status or "-"),
    ("TDMRs", lambda p: f"{len(p.tdmrs)}/{p.max_tdmrs}" if p.tdmrs else "-"),
    ("reserved", lambda p: "-" if p.tightest is None else f"{p.tightest[1]}/{p.max_reserved}"),
    ("holes left", lambda p: "-" if p.holes_left is None else str(p.holes_left)),
    ("PAMT", lambda p: approximate_size(p.pamt.total) if p.initializes else "-"),
    ("SEAMCALLs", lambda p: str(p.seamcalls)),
    ("seconds", lambda p: "-" if p.seconds is None else f"{p.seconds[0]:.3g}-{p.seconds[1]:.3g}"),
)


def _kernels(before: PlatformPlan, after: PlatformPlan | None) -> Table:
    pairs = list(zip(before.kernels, (after or before).kernels, strict=True))
    return Table(
        title="",
        columns=tuple(name for name, _ in COLUMNS),
        rows=tuple(tuple(_both(show(old), show(new)) for _, show in COLUMNS) for old, new in pairs),
        right=range(3, len(COLUMNS)),
        bad=[i for i, (_, new) in enumerate(pairs) if not new.is_ready],
        verdict=1,
    )


def _both(old: str, new: str) -> str:
    return new if old == new else f"{old}{_ARROW}{new}"


def reasons(plan: PlatformPlan) -> list[tuple[list[str], str, str]]:
    """Why kernels say no: (ids, reason, hint), those with the same reason together.

    The hint is empty for what is not modelled.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for kernel in plan.kernels:
        if kernel.not_modelled is not None:
            groups.setdefault((kernel.not_modelled, ""), []).append(kernel.kernel.id)
        elif not kernel.is_ready and kernel.failure is not None:
            words = explain_failure(kernel.failure)
            groups.setdefault((words.why, words.to_do), []).append(kernel.kernel.id)
    return [(kernels, reason, hint) for (reason, hint), kernels in groups.items()]


def _hosts(plan: PlatformPlan) -> Iterator[tuple[str, str]]:
    # What becomes of KVM, kernels with the same verdict together.
    groups: dict[HostVerdict, list[str]] = {}
    for kernel in plan.kernels:
        if kernel.host is not None:
            groups.setdefault(kernel.host, []).append(kernel.kernel.id)
    for verdict, kernels in groups.items():
        words = explain_host(verdict)
        yield HOST, f"{words.line} ({', '.join(kernels)})"
        if words.to_do is not None:
            yield UNTIL_THEN, words.to_do


def _pamts(before: PlatformPlan, after: PlatformPlan | None) -> Iterator[Table]:
    # Kernels whose PAMT is the same, and was, share a table; without TDX none is shown.
    now = before if after is None else after
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, (old, kernel) in enumerate(zip(before.kernels, now.kernels, strict=True)):
        if kernel.initializes:
            key = (kernel.pamt, kernel.dynamic, old.pamt if old.initializes else None)
            groups.setdefault(key, []).append(i)
    for indices in groups.values():
        new, old = now.kernels[indices[0]], before.kernels[indices[0]]
        names = ", ".join(now.kernels[i].kernel.id for i in indices)
        kind = "Dynamic PAMT, static part" if new.dynamic else "PAMT"
        nodes = sorted({node for node, _ in (*now.by_node, *new.pamt.by_node)})
        rows = [_pamt_row(f"node {n}", n, (before, old), (now, new)) for n in nodes]
        if len(nodes) > 1:
            rows.append(_pamt_row("total", None, (before, old), (now, new)))
        most = approximate_size(new.pamt_at_most)
        yield Table(
            title=f"{kind}: {names}",
            columns=("", "memory", "PAMT", "KiB", "of memory"),
            rows=tuple(rows),
            right=range(1, 5),
            note=f"and 8 KiB per 2 MiB in use, at most {most} in all" if new.dynamic else "",
        )


def _pamt_row(
    label: str,
    node: int | None,
    old: tuple[PlatformPlan, KernelPlan],
    new: tuple[PlatformPlan, KernelPlan],
) -> tuple[str, str, str, str, str]:
    cells = []
    for plan, kernel in (old, new):
        memory, pamts = dict(plan.by_node), dict(kernel.pamt.by_node)
        size = sum(memory.values()) if node is None else memory.get(node, 0)
        pamt = kernel.pamt.total if node is None else pamts.get(node, 0)
        if not kernel.initializes:
            cells.append((approximate_size(size), "-", "-", "-"))
            continue
        share = f"{100 * pamt / size:.3f} %" if size else "-"
        cells.append((approximate_size(size), approximate_size(pamt), str(pamt >> 10), share))
    memory_cell, pamt_cell, kib, share = (_both(a, b) for a, b in zip(*cells, strict=True))
    return label, memory_cell, pamt_cell, kib, share


class Tightest(Struct, frozen=True):
    """The reserved areas of the TDMR that has the fewest left; holes_left: room for so many."""

    tdmr: Count
    base: Hex | None
    used: Count
    max: Count
    holes_left: Count | None


class OnKernel(Struct, frozen=True):
    """What one kernel would do; pamt_at_most and estimated_seconds are what it would cost."""

    kernel: str
    kernel_release: str
    behaves_as: str
    evidence: Evidence
    initializes: bool
    returned: int | None
    errno: str | None
    status: str | None
    failure: Failure | None
    not_modelled: str | None
    host: Host | None
    tdmrs: Tdmrs
    reserved: Tightest | None
    pamt: Pamt
    dynamic_pamt: bool
    pamt_at_most: Count
    seamcalls: Count
    estimated_seconds: tuple[float, ...] | None
    room: tds.Room | None


class OnPlatform(Struct, frozen=True):
    """Usable memory by node and what is lost of it, in bytes, and what each kernel would do."""

    memory: ByNode
    lost: Count
    module: evidence.Module
    tds: tds.Tds
    kernels: tuple[OnKernel, ...]


class Plan(Document, frozen=True, tag="tdxctl.plan/1"):
    """What kernels would do on a platform, and on the changed one where it is changed."""

    platform: str
    plan: OnPlatform
    changed: OnPlatform | None


def to_json(before: PlatformPlan, after: PlatformPlan | None, guest: Guest | None = None) -> str:
    """One document; `changed` is null where nothing is."""
    changed = None if after is None else _plan(after, guest)
    return Plan(before.platform.name, _plan(before, guest), changed).render()


def _plan(plan: PlatformPlan, guest: Guest | None) -> OnPlatform:
    kernels = tuple(_kernel(each, tds.room_of(plan, each, guest)) for each in plan.kernels)
    memory = by_node(plan.by_node)
    return OnPlatform(memory, plan.lost, _module(plan), tds.tds_of(plan), kernels)


def _module(plan: PlatformPlan) -> evidence.Module:
    return evidence.module_of(plan.module, loaded=plan.platform.module.loaded)


def _kernel(plan: KernelPlan, room: tds.Room | None) -> OnKernel:
    return OnKernel(
        kernel=plan.kernel.id,
        kernel_release=plan.kernel.asked or plan.kernel.id,
        behaves_as=plan.kernel.release.id,
        evidence=plan.kernel.evidence.word,
        initializes=plan.initializes,
        returned=plan.returned,
        errno=None if plan.returned is None else errno_name(plan.returned),
        status=plan.status,
        failure=failure_of(plan.failure),
        not_modelled=plan.not_modelled,
        host=host_of(plan.host),
        tdmrs=Tdmrs(len(plan.tdmrs), plan.max_tdmrs),
        reserved=_tightest(plan),
        pamt=pamt_of(plan.pamt),
        dynamic_pamt=plan.dynamic,
        pamt_at_most=plan.pamt_at_most,
        seamcalls=plan.seamcalls,
        estimated_seconds=plan.seconds,
        room=room,
    )


def _tightest(plan: KernelPlan) -> Tightest | None:
    if plan.tightest is None:
        return None
    tdmr, used = plan.tightest
    base = hex(plan.tdmrs[tdmr].base) if tdmr < len(plan.tdmrs) else None
    return Tightest(tdmr, base, used, plan.max_reserved, plan.holes_left)
