# SPDX-License-Identifier: Apache-2.0
"""`tdxctl fleet`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.kernels import KernelName, booted_kernel, each_once, named_kernel
from tdxctl.commands.inputs.options import format_option
from tdxctl.errors import UsageError
from tdxctl.linux.releases import KernelId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.fleet.inputs import Task
    from tdxctl.fleet.run import Progress
    from tdxctl.fleet.work import Job

#: Fewer hosts are done before processes have started.
_FEW_HOSTS = 200_000
#: What so many have at least.
_FEW_BYTES = 1 << 20
_HTML = "html"


@click.command("fleet")
@click.argument("hosts", metavar="HOSTS | html SUMMARY", nargs=-1, shell_complete=completions.files)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    required=True,
    shell_complete=completions.files,
    help="A .parquet, .csv or .jsonl file, else a folder of Parquet.",
)
@booted_kernel(
    "--kernel",
    "kernels",
    type=KernelName(or_all=True),
    multiple=True,
    help="A kernel, or all. Repeatable. Default: v5.",
)
@named_kernel("--against", help="Another kernel: which hosts change their verdict.")
@click.option(
    "--shapes",
    metavar="FILE",
    shell_complete=completions.files,
    help="Parquet of shapes, of which HOSTS names one each: columns shape, host.",
)
@click.option(
    "--from-descriptions",
    metavar="DIR",
    shell_complete=completions.files,
    help="Write a folder of platform descriptions as HOSTS, and judge nothing.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes. Default: as many as there are CPUs.",
)
@click.option("--dask", metavar="ADDRESS", help="Workers of a Dask cluster that is running.")
@format_option("text", "json")
def command(
    hosts: tuple[str, ...],
    output: str,
    kernels: tuple[KernelId | str, ...],
    against: KernelId | None,
    shapes: str | None,
    from_descriptions: str | None,
    workers: int | None,
    dask: str | None,
    output_format: str,
) -> int:
    """Say of each host of a fleet whether it would bring TDX up.

    \b
      tdxctl fleet --from-descriptions captured -o hosts.parquet
      tdxctl fleet hosts.parquet -o verdicts --kernel 6.18 --kernel 7.2

    HOSTS is Parquet, CSV or JSONL, a folder of Parquet, or a folder of platform descriptions; its
    columns are those of `tdxctl schema fleet`, those of OUT of `tdxctl schema fleet-verdict`. Both
    can be in an object store: s3://bucket/hosts.parquet. A run that was killed goes on where it
    stopped when it is started again. fleet html makes a page of a folder OUT, or of a summary that
    --format json printed.

    Exit 0 when every host is ready for TDs under every kernel, 1 when one is not, 3 when rows of
    HOSTS are wrong, which have an error in OUT in place of a verdict.
    """
    if hosts[:1] == (_HTML,):
        return _page(hosts[1:], output)
    _require("pyarrow", "fleet")
    if from_descriptions is not None:
        return _described(hosts, from_descriptions, output)
    if len(hosts) != 1:
        raise UsageError("one HOSTS is needed", hint="tdxctl fleet --help has examples")
    chosen = each_once(kernels) or each_once((_default(),))
    if dask is None and _may_be_many(hosts[0]) and (workers or _cpus()) > 1:
        from tdxctl.fleet.workers import ahead

        ahead()
    return _judged(
        hosts[0], output, chosen, against, shapes, _doer(chosen, workers, dask), output_format
    )


def _default() -> KernelId:
    from tdxctl.linux.lookup import find_kernel
    from tdxctl.linux.releases import DEFAULT_KERNEL

    return find_kernel(DEFAULT_KERNEL)


def _require(package: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise UsageError(
            f"this needs {package}, which is not installed",
            hint=f"pip install 'tdxctl[{extra}]'",
        )


def _judged(
    hosts: str,
    output: str,
    kernels: tuple[KernelId, ...],
    against: KernelId | None,
    shapes: str | None,
    do: Callable[[Job, Sequence[Task]], Iterator[Task]],
    output_format: str,
) -> int:
    import gc

    from tdxctl.commands.inputs.fleets import SUMMARY
    from tdxctl.commands.outputs.stdout import print_report
    from tdxctl.fleet import outputs
    from tdxctl.fleet.places import Place
    from tdxctl.fleet.run import Asked, run
    from tdxctl.progress import shown
    from tdxctl.report import fleets

    gc.enable()  # a long run makes much that only a collection frees
    if against is not None:
        kernels = each_once((*kernels, against))
    asked = Asked(
        Place(hosts),
        Place(output),
        kernels,
        against=against and next(each for each in kernels if each.id == against.id),
        shapes=None if shapes is None else Place(shapes),
    )
    with shown("reading hosts"):
        counts = run(asked, do, _Told())
    if not outputs.is_file(asked.out):
        summary = fleets.to_json(counts, None if against is None else against.id).encode()
        (outputs.work_folder(asked.out) / SUMMARY).write(lambda sink: sink.write(summary))
    print_report(fleets, output_format, counts, None if against is None else against.id)
    if counts.wrong:
        return 3
    return 0 if counts.all_ready else 1


class _Told:
    """Progress on a terminal."""

    def __init__(self) -> None:
        import time

        self._clock = time.monotonic
        self._since = self._clock()

    def __call__(self, progress: Progress) -> None:
        from tdxctl.progress import say

        here = progress.done - progress.before
        took = max(self._clock() - self._since, 1e-3)
        text = f"{progress.done:,} of {progress.total:,} hosts"
        if here:
            left = (progress.total - progress.done) * took / here
            text += f", {here / took:,.0f} hosts/s, {left:.0f} s left"
        say(f"{text}, {progress.failing:,} verdicts not ready")


def _doer(
    kernels: tuple[KernelId, ...], workers: int | None, dask: str | None
) -> Callable[[Job, Sequence[Task]], Iterator[Task]]:
    # Who does the tasks.
    own = any(kernel.own is not None for kernel in kernels)
    if dask is not None:
        _require("distributed", "dask")
        if own:
            raise UsageError("a kernel of your own is no code that Dask's workers have")

    def do(job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        from tdxctl.fleet import pools

        if dask is not None:
            from tdxctl.fleet.on_dask import cluster

            with cluster(dask) as pool:
                yield from pools.in_pool(pool, job, tasks)
            return
        processes = min(workers or _cpus(), len(tasks))
        few = workers is None and sum(task.rows for task in tasks) < _FEW_HOSTS
        if own or few or processes <= 1:
            yield from pools.in_this_process(job, tasks)
        else:
            yield from pools.in_pool(pools.processes(processes), job, tasks)

    return do


def _may_be_many(hosts: str) -> bool:
    # Whether there may be enough for processes.
    from pathlib import Path

    path = Path(hosts)
    if path.is_file():
        return path.stat().st_size >= _FEW_BYTES
    return path.is_dir() or "://" in hosts


def _cpus() -> int:
    import os

    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _described(hosts: tuple[str, ...], folder: str, output: str) -> int:
    import sys

    from tdxctl.fleet.inputs import described
    from tdxctl.fleet.places import Place
    from tdxctl.progress import shown
    from tdxctl.units import counted, printable

    if hosts:
        raise UsageError("--from-descriptions judges nothing: HOSTS is what it writes")
    with shown("reading descriptions"):
        made, wrong = described(Place(folder), Place(output))
    for name, what in wrong:
        sys.stderr.write(f"{printable(name)}: {printable(what)}\n")
    sys.stderr.write(f"{counted(made, 'host')} written to {printable(output)}\n")
    return 3 if wrong else 0


def _page(of: tuple[str, ...], output: str) -> int:
    from tdxctl.commands.inputs.fleets import summary_of
    from tdxctl.commands.outputs.files import write_document
    from tdxctl.report.html.fleet import page

    if len(of) != 1:
        raise UsageError("html makes a page of one SUMMARY: OUT of a run, or what json printed")
    write_document(page(summary_of(*of)), output)
    return 0
