# SPDX-License-Identifier: Apache-2.0
"""A kernel's state machine as a document, as text, and as DOT of Graphviz."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from tdxctl.advice.states import STATES
from tdxctl.document import Count, Document
from tdxctl.errnos import errno_name
from tdxctl.sweep.states import Edge, States
from tdxctl.units import counted


class StatusDocument(Struct, frozen=True):
    """A status of the TDX module as the kernel knows it."""

    status: str
    meaning: str


class EdgeDocument(Struct, frozen=True):
    """An operation, and where it leads; path: the shortest way to it from the boot, it the last."""

    before: str
    after: str
    operation: str
    returned: int
    errno: str | None
    path: tuple[str, ...]


class StatesDocument(Document, frozen=True, tag="tdxctl.states/1"):
    """What can be done to a host, to a depth, and which status it leads to.

    states: how many hosts that later operations can tell apart. transitions: operations that were
    tried.
    """

    kernel: str
    platform: str
    depth: Count
    states: Count
    transitions: Count
    initial: str
    statuses: tuple[StatusDocument, ...]
    edges: tuple[EdgeDocument, ...]


class Arrow(NamedTuple):
    """What leads from a status to another, or to itself: labels, each once."""

    before: str
    after: str
    labels: tuple[str, ...]


def to_json(found: States) -> str:
    """`tdxctl.states/1`."""
    return StatesDocument(
        found.kernel.id,
        found.platform,
        found.depth,
        found.states,
        found.transitions,
        found.initial,
        tuple(StatusDocument(status, STATES[status]) for status in found.statuses),
        tuple(
            EdgeDocument(
                edge.before,
                edge.after,
                edge.operation,
                edge.returned,
                errno_name(edge.returned),
                edge.path,
            )
            for edge in found.edges
        ),
    ).render()


def to_text(found: States) -> str:
    """Each status with what leads away from it, and what it stays at."""
    lines = [
        f"{found.kernel.id} on {found.platform}, {counted(found.depth, 'operation')} deep: "
        f"{counted(found.states, 'state')}, {counted(found.transitions, 'transition')}, "
        f"{len(found.statuses)} statuses"
    ]
    for status in found.statuses:
        first = " (after the boot)" if status == found.initial else ""
        lines += ["", f"{status}{first}: {STATES[status]}"]
        edges = [edge for edge in found.edges if edge.before == status]
        for edge in sorted(edges, key=lambda edge: (edge.after == status, edge.after)):
            if edge.after != status:
                lines.append(f"  -> {edge.after}: {label(edge)}")
            elif edge.returned or edge.operation.startswith("init"):
                lines.append(f"  stays: {label(edge)}")
        rest = [
            edge.operation
            for edge in edges
            if edge.after == status and not edge.returned and not edge.operation.startswith("init")
        ]
        if rest:
            lines.append(f"  stays: {', '.join(rest)}")
    return "\n".join(lines)


def to_dot(found: States) -> str:
    """A digraph, for `dot -Tsvg`."""
    lines = ["digraph {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="sans"];']
    lines += [
        f'  "{status}"{" [peripheries=2]" if status == found.initial else ""};'
        for status in found.statuses
    ]
    lines += [
        f'  "{arrow.before}" -> "{arrow.after}" [label="{_escaped(arrow.labels)}"];'
        for arrow in arrows(found)
    ]
    return "\n".join([*lines, "}"])


def arrows(found: States) -> list[Arrow]:
    """What a picture shows: all that leads to another status, and what init returns where it stays.

    A boot is one label, whether or not something will fail after it.
    """
    labels: dict[tuple[str, str], dict[str, None]] = {}
    for edge in found.edges:
        stays = edge.before == edge.after
        if not stays or edge.operation.startswith("init"):
            labels.setdefault((edge.before, edge.after), {})[label(edge)] = None
    return [Arrow(*ends, _shortened(tuple(some))) for ends, some in labels.items()]


def label(edge: Edge) -> str:
    """The operation, with the errno that it returned where it returned one."""
    name = errno_name(edge.returned)
    return f"{edge.operation}: {edge.returned} ({name})" if edge.returned else edge.operation


def _shortened(labels: tuple[str, ...]) -> tuple[str, ...]:
    # `boot` says it all where a boot after which something fails leads there too.
    return tuple(each for each in labels if not (each.startswith("boot, ") and "boot" in labels))


def _escaped(labels: tuple[str, ...]) -> str:
    return "\\n".join(each.replace("\\", "\\\\").replace('"', '\\"') for each in labels)
