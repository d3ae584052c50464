# SPDX-License-Identifier: Apache-2.0
"""A run that stops and goes on: nothing lost, nothing twice, the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from tdxctl.fleet import pools
from tdxctl.fleet.arrow import hosts_schema
from tdxctl.fleet.counts import Kind
from tdxctl.fleet.inputs import Task
from tdxctl.fleet.outputs import work_folder
from tdxctl.fleet.places import UNFINISHED, Place
from tdxctl.fleet.pools import Pool, in_pool, in_this_process, processes
from tdxctl.fleet.run import Asked, Progress, run
from tdxctl.fleet.work import Job
from tdxctl.linux.releases import KERNELS
from tests.cli.runner import ROOT

GIB = 1 << 30
PARTS = 6
(KERNEL,) = (kernel for kernel in KERNELS if kernel.id == "6.18")


def hosts(folder: Path) -> Place:
    """Sixty hosts in as many row groups as there are parts; every seventh is wrong."""
    rows: list[dict[str, Any]] = [
        {
            "host": f"host-{number}",
            "memory": [
                {"start": GIB, "end": (2 + number % 5) * GIB, "node": 0 if number % 7 else 5000}
            ],
        }
        for number in range(60)
    ]
    path = folder / "hosts.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=hosts_schema()), path, row_group_size=10)
    return Place(str(path))


def asked(folder: Path, out: str) -> Asked:
    """Those, with a part for each row group."""
    place = Place(str(folder / "hosts.parquet"))
    return Asked(place, Place(str(folder / out)), (KERNEL,), rows=10)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an output."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    hosts(tmp_path)
    run(asked(tmp_path, "whole"), in_this_process)

    def stops(job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        yield from list(in_this_process(job, tasks[:2]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(asked(tmp_path, "stopped"), stops)
    out = tmp_path / "stopped"
    (out / f"{UNFINISHED}1234-part-00002.parquet").write_bytes(b"half")
    # Written, but what it comes to was not any more: it is done again.
    (out / "part-00003.parquet").write_bytes(b"")
    done: list[int] = []

    def notes(job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        done.extend(task.number for task in tasks)
        yield from in_this_process(job, tasks)

    counts = run(asked(tmp_path, "stopped"), notes)
    assert done == [2, 3, 4, 5]
    assert (counts.hosts, counts.wrong) == (60, 9)
    assert contents(out) == contents(tmp_path / "whole")


def test_of_hosts_of_a_kind_the_first_three_are_named() -> None:
    kind = Kind(2, ["a", "b"])
    kind.add(Kind(3, ["c", "d", "e"]))
    assert kind == Kind(5, ["a", "b", "c"])


def test_progress_tells_hosts_those_done_before_and_what_fails(tmp_path: Path) -> None:
    hosts(tmp_path)
    seen: list[tuple[int, int, int, int]] = []

    def told(progress: Progress) -> None:
        seen.append((progress.done, progress.total, progress.before, progress.failing))

    run(asked(tmp_path, "out"), in_this_process, told)
    assert seen == [(10 * part, 60, 0, 0) for part in range(PARTS + 1)]
    seen.clear()
    run(asked(tmp_path, "out"), in_this_process, told)
    assert seen == [(60, 60, 60, 0)]


def test_progress_counts_hosts_that_fail_on_from_those_before(tmp_path: Path) -> None:
    """Expect three hosts without a module to fail; the run stops after the first, and goes on."""
    rows = [
        {
            "memory": [{"start": GIB, "end": 2 * GIB, "node": 0}],
            "settings": '{"module": {"loaded": false}}',
        }
    ] * 3
    table = pa.Table.from_pylist(rows, schema=hosts_schema())
    pq.write_table(table, tmp_path / "hosts.parquet", row_group_size=1)
    one_each = replace(asked(tmp_path, "out"), rows=1)

    def stops(job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        yield from list(in_this_process(job, tasks[:1]))
        raise KeyboardInterrupt

    seen: list[tuple[int, int, int]] = []

    def told(progress: Progress) -> None:
        seen.append((progress.done, progress.before, progress.failing))

    with pytest.raises(KeyboardInterrupt):
        run(one_each, stops, told)
    assert seen == [(0, 0, 0), (1, 0, 1)]
    seen.clear()
    run(one_each, in_this_process, told)
    assert seen == [(1, 1, 1), (2, 1, 2), (3, 1, 3)]


def test_what_a_killed_run_was_writing_is_gone_before_anything_is_done(tmp_path: Path) -> None:
    hosts(tmp_path)
    for folder in (work_folder(asked(tmp_path, "out").out), Place(str(tmp_path / "out"))):
        folder.make_folder()
        Path(folder.uri, f"{UNFINISHED}1234-half").write_bytes(b"half")
    seen: list[Path] = []

    def notes(job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        seen.extend(tmp_path.rglob(f"{UNFINISHED}*"))
        yield from in_this_process(job, tasks)

    run(asked(tmp_path, "out"), notes)
    assert seen == []


class _Raises(Executor):
    """Its first task raises, and the others wait for ever."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, *_: Any, **_named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if not self.futures:
            future.set_exception(OSError("disk full"))
        self.futures.append(future)
        return future


def test_what_waits_is_cancelled_where_a_task_raises() -> None:
    """Expect that of an executor too that does not cancel when it is shut down."""
    executor = _Raises()
    job = Job((KERNEL,), None, "parts", "work", None)
    three = [Task(number, "hosts.parquet", (number,), number, 1) for number in range(3)]
    with pytest.raises(OSError, match="disk full"):
        list(in_pool(Pool(lambda: executor), job, three))
    assert [future.cancelled() for future in executor.futures] == [False, True, True]


class _Breaks(Executor):
    """Does two tasks and breaks, as a process pool does whose worker is killed."""

    def __init__(self) -> None:
        self.left = 2

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.left < 0:
            raise BrokenExecutor
        if self.left:
            future.set_result(fn(*args, **kwargs))
        else:
            future.set_exception(BrokenExecutor())
        self.left -= 1
        return future


def test_a_pool_that_breaks_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    hosts(tmp_path)
    done: list[int] = []

    def do(job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        for task in in_pool(Pool(_Breaks), job, tasks):
            done.append(task.number)
            yield task

    counts = run(asked(tmp_path, "out"), do)
    assert sorted(done) == list(range(PARTS))
    assert (counts.hosts, counts.wrong) == (60, 9)
    run(asked(tmp_path, "whole"), in_this_process)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


class _Useless(_Breaks):
    """Breaks before it does anything."""

    def __init__(self) -> None:
        self.left = -1


def test_tasks_name_files_for_workers_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect whole paths, whatever the command line had."""
    hosts(tmp_path)
    monkeypatch.chdir(tmp_path)
    seen: list[tuple[str, str]] = []

    def notes(job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        seen.extend((job.parts, task.file) for task in tasks)
        yield from in_this_process(job, tasks)

    run(Asked(Place("hosts.parquet"), Place("out"), (KERNEL,)), notes)
    assert seen == [(f"{tmp_path}/out", f"{tmp_path}/hosts.parquet")]


def test_workers_that_are_lost_again_and_again_end_the_run(tmp_path: Path) -> None:
    hosts(tmp_path)
    with pytest.raises(pools.WorkersLostError, match="5 times without a part being done"):
        run(asked(tmp_path, "out"), lambda job, tasks: in_pool(Pool(_Useless), job, tasks))


def test_a_killed_process_of_the_pool_costs_its_task_alone(tmp_path: Path) -> None:
    hosts(tmp_path)
    made: list[Any] = []
    pool = processes(1)

    def make() -> Executor:
        executor = pool.make()
        made.append(executor)
        if len(made) == 1:
            pid = executor.submit(os.getpid).result()
            os.kill(pid, signal.SIGKILL)
        return executor

    counts = run(asked(tmp_path, "out"), lambda job, tasks: in_pool(Pool(make), job, tasks))
    assert len(made) == 2
    assert (counts.hosts, counts.wrong) == (60, 9)


def test_a_process_of_the_pool_says_of_every_kernel_what_this_one_does(tmp_path: Path) -> None:
    """Kernels go there as bytes: what a kernel is does not hang on which object it is."""
    hosts(tmp_path)
    for out, do in (
        ("here", in_this_process),
        ("there", lambda job, tasks: in_pool(processes(1), job, tasks)),
    ):
        run(replace(asked(tmp_path, out), kernels=KERNELS), do)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


@pytest.mark.skipif(sys.platform == "darwin", reason="processes are started anew there")
def test_a_process_of_the_pool_has_imported_what_it_needs() -> None:
    """It is forked from one that did, so that it begins at once."""
    with processes(1).make() as executor:
        imported = executor.submit(eval, "'tdxctl.fleet.work' in __import__('sys').modules")
        assert imported.result()


_ONE_WORKER = """
import os, time
from tdxctl.fleet.pools import processes
if __name__ == "__main__":
    print(processes(1).make().submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


def is_there(pid: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    """Even where that was killed: a little later there is none."""
    script = tmp_path / "script.py"
    script.write_text(_ONE_WORKER)
    with subprocess.Popen([sys.executable, script], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + 20
    while is_there(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_there(worker)


def test_hosts_and_verdicts_are_in_another_filesystem_too(tmp_path: Path) -> None:
    """Expect file:// to be read and written as s3:// is: by pyarrow's filesystems."""
    hosts(tmp_path)
    run(asked(tmp_path, "local"), in_this_process)
    there = Asked(
        Place(f"file://{tmp_path}/hosts.parquet"),
        Place(f"file://{tmp_path}/other"),
        (KERNEL,),
        rows=10,
    )
    run(there, in_this_process)
    parts = {n: c for n, c in contents(tmp_path / "local").items() if n.startswith("part-")}
    assert len(parts) == PARTS
    assert {n: contents(tmp_path / "other")[n] for n in parts} == parts


def test_an_object_store_is_written_without_a_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect a file to be there whole once it is closed."""
    store: Any = pafs._MockFileSystem()
    monkeypatch.setattr(Place, "_at", lambda _: (store, "bucket/one"))
    store.create_dir("bucket")
    place = Place("mock://bucket/one")
    place.write(lambda sink: sink.write(b"whole"))
    assert place.read() == b"whole"
    place.delete()
    assert place.info() is None
