# SPDX-License-Identifier: Apache-2.0
"""A run over a fleet: cut into tasks, each a part of the output; what is done is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tdxctl import __version__
from tdxctl.errors import UsageError
from tdxctl.fleet import inputs, outputs
from tdxctl.fleet.counts import Counts
from tdxctl.fleet.inputs import SHAPE, Task
from tdxctl.fleet.places import Place
from tdxctl.fleet.work import Job, counts_name, part_name
from tdxctl.linux.releases import KernelId

#: Hosts of a part, at least: what a killed run does again is one for each worker.
ROWS_OF_A_PART = 250_000
_RUN = "run.json"
_SPOOL = "hosts.parquet"

Do = Callable[[Job, Sequence[Task]], Iterator[Task]]
Told = Callable[["Progress"], None]


class Asked(Struct, frozen=True):
    """What a run is asked for.

    shapes: where hosts only name shapes. against: a kernel to compare the others with, one of
    kernels. rows: hosts of a part, at least.
    """

    hosts: Place
    out: Place
    kernels: tuple[KernelId, ...]
    against: KernelId | None = None
    shapes: Place | None = None
    rows: int = ROWS_OF_A_PART


class Progress(Struct):
    """How far a run is: hosts, of how many, of them before this process; verdicts that fail."""

    total: int
    done: int
    before: int
    failing: int


def run(asked: Asked, do: Do, told: Told = lambda _: None) -> Counts:
    """Judge the fleet: the output is whole then. What it comes to.

    do: does tasks, and gives each when it is done. told: of progress. A run that was killed goes on
    where it stopped. Raises UsageError where the output belongs to another run, or the hosts
    cannot be read.
    """
    work = outputs.work_folder(asked.out)
    work.make_folder()
    work.clean()
    tasks = _tasks(asked, work)
    _belongs(work, asked, tasks)
    against = None if asked.against is None else asked.kernels.index(asked.against)
    shapes = None if asked.shapes is None else asked.shapes.absolute
    parts = outputs.parts_folder(asked.out)
    parts.clean()
    job = Job(asked.kernels, against, parts.absolute, work.absolute, shapes)
    there = {found.place.name for place in (parts, work) for found in place.files()}
    counts: dict[int, Counts] = {}
    for task in tasks:
        # The counts of a part are written last.
        if {part_name(task.number), counts_name(task.number)} <= there:
            counts[task.number] = _counts(job, task)
    before = sum(task.rows for task in tasks if task.number in counts)
    failing = sum(each.failing for each in counts.values())
    progress = Progress(sum(task.rows for task in tasks), before, before, failing)
    told(progress)
    for task in do(job, [task for task in tasks if task.number not in counts]):
        counts[task.number] = _counts(job, task)
        progress.done += task.rows
        progress.failing += counts[task.number].failing
        told(progress)
    # What workers left that were lost.
    work.clean()
    parts.clean()
    whole = Counts()
    for task in tasks:
        whole.add(counts[task.number])
    outputs.finish(asked.out, [parts / part_name(task.number) for task in tasks])
    return whole


def _tasks(asked: Asked, work: Place) -> list[Task]:
    kind = inputs.kind_of(asked.hosts)
    if kind == "parquet":
        files = inputs.parquet_files(asked.hosts)
    else:
        if asked.shapes is not None:
            raise UsageError("--shapes is for hosts in Parquet")
        spool = work / _SPOOL
        if spool.info() is None:
            inputs.spooled(asked.hosts, kind, spool)
        found = spool.info()
        assert found is not None, "it was written"
        files = [found]
    return inputs.tasks(files, asked.rows, (SHAPE,) if asked.shapes is not None else ())


def _belongs(work: Place, asked: Asked, tasks: list[Task]) -> None:
    # What was asked for, so that parts of another run are not taken for this one's.
    files = [asked.hosts, *([asked.shapes] if asked.shapes is not None else [])]
    listed = [
        [found.place.name, found.size, found.written]
        for place in files
        for found in ([place.info()] if place.info() is not None else place.files())
        if found is not None
    ]
    this: dict[str, Any] = {
        "tdxctl": __version__,
        "kernels": [[kernel.id, kernel.digest] for kernel in asked.kernels],
        "against": None if asked.against is None else asked.against.id,
        "files": listed,
        "parts": [[list(task.groups), task.first_row, task.rows] for task in tasks],
    }
    mark = work / _RUN
    text = json.dumps(this).encode()
    if mark.info() is None:
        mark.write(lambda sink: sink.write(text))
    elif mark.read() != text:
        raise UsageError(
            f"{asked.out}: holds a run of other hosts, kernels or another tdxctl",
            hint=f"write somewhere else, or delete {work}",
        )


def _counts(job: Job, task: Task) -> Counts:
    return msgspec.json.decode((Place(job.work) / counts_name(task.number)).read(), type=Counts)
