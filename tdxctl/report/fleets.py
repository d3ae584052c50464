# SPDX-License-Identifier: Apache-2.0
"""What a fleet comes to, as text and JSON."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from tdxctl.document import ByNode, Count, Document
from tdxctl.fleet.counts import PAMT_STEP, Counts, KernelCounts, Kind
from tdxctl.units import approximate_size

#: So many kinds, and wrong rows, are told as text.
_KINDS = 12


class Hosts(Struct, frozen=True):
    """Hosts of a kind, and the names of the first of them."""

    what: str
    hosts: Count
    examples: tuple[str, ...]


class Left(Struct, frozen=True):
    """How many initialized hosts have so much left; below 0 there is too little."""

    left: int
    hosts: Count


class Pamt(Struct, frozen=True):
    """How many initialized hosts have PAMTs of so many bytes, and less than a step more."""

    at_least: Count
    hosts: Count


class KernelSummary(Struct, frozen=True):
    """What a kernel makes of a fleet.

    initialized: hosts whose module is initialized; ready: those of them that can run TDs, as far as
    KVM is asked. not_ready: the others, by cause and errno, the most frequent first. pamt_bytes,
    pamt_by_node, memory_lost, guests: of the initialized in all. tdmrs_left, reserved_left: what
    the module has left of TDMRs, and the fullest TDMR of reserved areas.
    """

    kernel: str
    initialized: Count
    ready: Count
    not_ready: tuple[Hosts, ...]
    pamt_bytes: Count
    pamt_by_node: ByNode
    memory_lost: Count
    guests: Count
    tdmrs_left: tuple[Left, ...]
    reserved_left: tuple[Left, ...]
    pamt: tuple[Pamt, ...]


class FleetDocument(Document, frozen=True, tag="tdxctl.fleet-summary/1"):
    """A fleet: hosts, rows that are wrong, and what each kernel makes of the others.

    changed: hosts of which a kernel makes another verdict than the one it is compared with.
    pamt_step: bytes from one count of PAMTs to the next.
    """

    hosts: Count
    wrong: Count
    errors: tuple[Hosts, ...]
    kernels: tuple[KernelSummary, ...]
    pamt_step: Count
    against: str | UnsetType = UNSET
    changed: tuple[Hosts, ...] | UnsetType = UNSET


def document(counts: Counts, against: str | None) -> FleetDocument:
    """The document of what a fleet comes to."""
    return FleetDocument(
        hosts=counts.hosts,
        wrong=counts.wrong,
        errors=_hosts(counts.errors),
        kernels=tuple(_kernel(kernel, each) for kernel, each in counts.kernels.items()),
        pamt_step=PAMT_STEP,
        against=UNSET if against is None else against,
        changed=UNSET if against is None else _hosts(counts.changed),
    )


def to_json(counts: Counts, against: str | None) -> str:
    """`tdxctl.fleet-summary/1`."""
    return document(counts, against).render()


def _kernel(kernel: str, counts: KernelCounts) -> KernelSummary:
    return KernelSummary(
        kernel=kernel,
        initialized=counts.initialized,
        ready=counts.ready,
        not_ready=_hosts(counts.kinds),
        pamt_bytes=counts.pamt_bytes,
        pamt_by_node={str(node): size for node, size in sorted(counts.pamt_by_node.items())},
        memory_lost=counts.memory_lost,
        guests=counts.guests,
        tdmrs_left=_left(counts.tdmrs_left),
        reserved_left=_left(counts.reserved_left),
        pamt=tuple(
            Pamt(step * PAMT_STEP, hosts) for step, hosts in sorted(counts.pamt_steps.items())
        ),
    )


def _hosts(kinds: dict[str, Kind]) -> tuple[Hosts, ...]:
    ordered = sorted(kinds.items(), key=lambda each: (-each[1].hosts, each[0]))
    return tuple(Hosts(what, kind.hosts, tuple(kind.examples)) for what, kind in ordered)


def _left(hosts: dict[int, int]) -> tuple[Left, ...]:
    return tuple(Left(left, count) for left, count in sorted(hosts.items()))


def to_text(counts: Counts, against: str | None) -> str:
    """A paragraph for each kernel, and what is wrong."""
    shown = document(counts, against)
    lines = [f"{shown.hosts:,} {'host' if shown.hosts == 1 else 'hosts'}"]
    if shown.wrong:
        lines[0] += f", {shown.wrong:,} of them wrong"
        lines += _told(shown.errors)
    good = shown.hosts - shown.wrong
    for kernel in shown.kernels:
        lines += ["", *_of_kernel(kernel, good)]
    if shown.changed is not UNSET and shown.against is not UNSET:
        lines += ["", f"against {shown.against}:"]
        lines += _told(shown.changed) or ["  no host changes its verdict"]
    return "\n".join(lines)


def _of_kernel(kernel: KernelSummary, hosts: int) -> list[str]:
    lines = [f"{kernel.kernel}: {kernel.ready:,} of {hosts:,} hosts would be ready for TDs"]
    if kernel.initialized != kernel.ready:
        lines.append(f"  the module of {kernel.initialized:,} is initialized")
    lines += _told(kernel.not_ready)
    if not kernel.initialized:
        return lines
    mean = kernel.pamt_bytes // kernel.initialized
    lines.append(
        f"  PAMTs: {approximate_size(kernel.pamt_bytes)} in all, {approximate_size(mean)} a host"
    )
    nodes = [f"{node}: {approximate_size(size)}" for node, size in kernel.pamt_by_node.items()]
    if len(nodes) > 1:
        more = f", and {len(nodes) - _KINDS} more" if len(nodes) > _KINDS else ""
        lines.append(f"    by node {', '.join(nodes[:_KINDS])}{more}")
    lines.append(
        f"  KeyIDs for TDs: {kernel.guests:,}; memory lost: {approximate_size(kernel.memory_lost)}"
    )
    for what, left in (("reserved area", kernel.reserved_left), ("TDMR", kernel.tdmrs_left)):
        full = sum(each.hosts for each in left if each.left <= 0)
        nearly = sum(each.hosts for each in left if each.left == 1)
        lines.append(f"  hosts with no {what} left: {full:,}; with one left: {nearly:,}")
    return lines


def _told(kinds: tuple[Hosts, ...]) -> list[str]:
    lines = []
    for kind in kinds[:_KINDS]:
        more = ", ..." if kind.hosts > len(kind.examples) else ""
        lines.append(f"  {kind.hosts:,}  {kind.what}  ({', '.join(kind.examples)}{more})")
    if len(kinds) > _KINDS:
        rest = sum(kind.hosts for kind in kinds[_KINDS:])
        lines.append(f"  {rest:,}  of {len(kinds) - _KINDS} more kinds")
    return lines
