# SPDX-License-Identifier: Apache-2.0
"""Who does tasks: this process, processes of this machine, or whoever is a `futures.Executor`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from functools import partial
from typing import NamedTuple

from tdxctl.errors import TdxctlError
from tdxctl.fleet.inputs import Task
from tdxctl.fleet.work import Job, do
from tdxctl.fleet.workers import context, ends_with_parent

#: Pools that may break one after the other without a task being done in between.
_BREAKS = 5


class Pool(NamedTuple):
    """Workers: how to have an executor of them, and what it raises where one is lost."""

    make: Callable[[], Executor]
    lost: tuple[type[Exception], ...] = (BrokenExecutor,)


class WorkersLostError(TdxctlError):
    """Workers were lost again and again, and nothing was done in between."""

    exit_code = 5


def in_this_process(job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
    """Do tasks one after the other; each when it is done."""
    for task in tasks:
        do(job, task)
        yield task


def in_pool(pool: Pool, job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
    """Do tasks in a pool; each when it is done.

    Where a worker dies the executor may be broken, and what was not done is done in another one: a
    task writes its part whole or not at all, and the same if it is done twice. Raises what a task
    raises, WorkersLostError where five executors in a row do nothing.
    """
    left = {task.number: task for task in tasks}
    breaks = 0
    while left:
        executor = pool.make()
        futures: dict[Future[int], Task] = {}
        try:
            _submit(executor, job, list(left.values()), futures)
            for future in as_completed(futures):
                try:
                    future.result()
                except CancelledError:
                    continue
                except pool.lost:
                    continue
                task = futures[future]
                del left[task.number]
                breaks = 0
                yield task
        finally:
            # Not every executor cancels what waits.
            for future in futures:
                future.cancel()
            executor.shutdown(wait=True)
        breaks += 1
        if left and breaks > _BREAKS:
            raise WorkersLostError(
                f"workers were lost {_BREAKS} times without a part being done",
                hint="fewer --workers, where memory ran out; what is done is kept",
            )


def _submit(
    executor: Executor, job: Job, tasks: list[Task], futures: dict[Future[int], Task]
) -> None:
    for task in tasks:
        try:
            futures[executor.submit(do, job, task)] = task
        except BrokenExecutor:
            return


def processes(workers: int) -> Pool:
    """Processes of this machine."""
    make = partial(ProcessPoolExecutor, workers, mp_context=context(), initializer=ends_with_parent)
    return Pool(make)
