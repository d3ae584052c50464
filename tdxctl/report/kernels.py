# SPDX-License-Identifier: Apache-2.0
"""Kernels as text and JSON: what each is made of, and what lies between two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from tdxctl.document import Document
from tdxctl.linux.changes import Change
from tdxctl.linux.releases import RELEASE_OF, KernelId, changes_between, of_release
from tdxctl.report.json_init import Evidence
from tdxctl.report.prose import HEAD, Line
from tdxctl.units import counted

#: Columns of the text where it goes to no terminal.
WIDTH = 100


def list_lines(kernels: Iterable[KernelId]) -> list[Line]:
    """Each kernel with its changes and what shows that it is right."""
    return [line for kernel in kernels for line in _block(kernel)]


def one_lines(kernel: KernelId) -> list[Line]:
    """A kernel in full: every change with its commit."""
    changes, lines = kernel.changes, _block(kernel)
    if changes:
        told = f"{counted(len(changes), 'change')} since the first of its line:"
        lines += [Line(""), Line(told)]
    return [*lines, *(line for change in changes for line in _change(change))]


def between_lines(kernel: KernelId, against: KernelId) -> list[Line]:
    """The changes that lie between two kernels, and what more of the metadata is read."""
    added, gone = changes_between(kernel, against)
    lines = [Line(f"{kernel.id} against {against.id}: {_counts(added, gone)}", HEAD)]
    for before, changes in (("", added), ("not in it: ", gone)):
        lines += [line for change in changes for line in _change(change, before)]
    lines += [_item("metadata", line) for line in _metadata(kernel, against)]
    if _engine(kernel) != _engine(against):
        lines.append(
            _item("engine", f"{_engine(kernel)}, not {_engine(against)}: another tdx.c altogether")
        )
    return lines


class Commit(Struct, frozen=True):
    """A commit as the kernel cites one; hash and subject are null where they are not known."""

    hash: str | None
    subject: str | None
    where: str


class Changed(Struct, frozen=True):
    """A change that a kernel carries; since: the first release that has it, null for none."""

    id: str
    title: str
    does: str
    since: str | None
    commits: tuple[Commit, ...]
    evidence: Evidence


class Kernel(Struct, frozen=True):
    """A kernel: the release it is on, its changes, and what shows that it is right."""

    id: str
    title: str
    date: str
    on: str | None
    engine: str
    changes: tuple[Changed, ...]
    evidence: Evidence
    validated_by: str


class Kernels(Document, frozen=True, tag="tdxctl.kernels/2"):
    """Kernels that can be booted."""

    kernels: tuple[Kernel, ...]


class Between(Document, frozen=True, tag="tdxctl.kernels-between/1"):
    """What lies between two kernels: changes that kernel has, and those that it has not.

    metadata: what more or less it reads of the module's.
    """

    kernel: str
    against: str
    engine: str
    engine_against: str
    changes: tuple[Changed, ...]
    not_in_it: tuple[Changed, ...]
    metadata: tuple[str, ...]


def list_json(kernels: Iterable[KernelId]) -> str:
    """`tdxctl.kernels/2` of all."""
    return Kernels(tuple(map(_kernel, kernels))).render()


def one_json(kernel: KernelId) -> str:
    """`tdxctl.kernels/2` of one."""
    return list_json([kernel])


def between_json(kernel: KernelId, against: KernelId) -> str:
    """`tdxctl.kernels-between/1`."""
    added, gone = changes_between(kernel, against)
    return Between(
        kernel=kernel.id,
        against=against.id,
        engine=_engine(kernel),
        engine_against=_engine(against),
        changes=tuple(map(_changed, added)),
        not_in_it=tuple(map(_changed, gone)),
        metadata=tuple(_metadata(kernel, against)),
    ).render()


def _block(kernel: KernelId) -> list[Line]:
    release = kernel.release
    new = (*release.adds, *kernel.extra)
    told = "; ".join(change.title for change in new)
    if release.on is not None:
        before = of_release(RELEASE_OF[release.on])
        read = (f"the metadata {line}" for line in _metadata(kernel, before))
        told = f"on {release.on}: {'; '.join(filter(None, (told, *read)))}"
    return [
        Line(f"{kernel.title} ({kernel.date})", label=f"{kernel.id}: ", label_role=HEAD),
        *([_item("changes", told)] if told else []),
        _item("evidence", f"{kernel.evidence.word}: {kernel.validated_by}"),
    ]


def _change(change: Change, before: str = "") -> list[Line]:
    told = f"{before}{change.does}. {'; '.join(map(str, change.commits))}"
    return [Line("", label=f"  {change.id}", label_role=HEAD), Line(told, label="    ")]


def _item(label: str, text: str) -> Line:
    return Line(text, label=f"  {label + ':':<10}")


def _counts(added: Sequence[Change], gone: Sequence[Change]) -> str:
    told = counted(len(added), "change")
    return f"{told}, {len(gone)} not in it" if gone else told


def _metadata(kernel: KernelId, against: KernelId) -> list[str]:
    # What differs in the reads of the module's metadata.
    mine, theirs = kernel.release.metadata, against.release.metadata
    told = []
    more, less = mine.groups, theirs.groups
    if new := [group.name for group in more if group not in less]:
        told.append(
            f"has {', '.join(new)} too: {len(mine.fields)} fields, not {len(theirs.fields)}"
        )
    if lost := [group.name for group in less if group not in more]:
        told.append(f"lacks {', '.join(lost)}")
    if bool(mine.before_memlist) != bool(theirs.before_memlist) and more and less:
        when = "before" if mine.before_memlist else "after"
        told.append(f"is read {when} the memory list is built")
    return told


def _engine(kernel: KernelId) -> str:
    return f"linux/{kernel.release.engine}.py"


def _kernel(kernel: KernelId) -> Kernel:
    return Kernel(
        id=kernel.id,
        title=kernel.title,
        date=kernel.date,
        on=kernel.release.on,
        engine=_engine(kernel),
        changes=tuple(map(_changed, kernel.changes)),
        evidence=kernel.evidence.word,
        validated_by=kernel.validated_by,
    )


def _changed(change: Change) -> Changed:
    return Changed(
        id=change.id,
        title=change.title,
        does=change.does,
        since=change.since,
        commits=tuple(Commit(*commit) for commit in change.commits),
        evidence=change.evidence.word,
    )
