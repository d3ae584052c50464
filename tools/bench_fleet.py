# SPDX-License-Identifier: Apache-2.0
"""What a host of a fleet costs: `make bench-fleet`. Prints a table; C beside it, in the same run.

Microseconds are of a CPU, for a machine that does other things beside has no other clock; the best
of several interleaved rounds. The long runs say how long they took too, and on how many cores.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tdxctl.fleet.arrow import hosts_schema
from tdxctl.fleet.columns import Lists, lists
from tdxctl.fleet.evaluate import Hosts, judge
from tdxctl.fleet.inputs import SHAPE, parquet_files, tasks
from tdxctl.fleet.outcomes import Words
from tdxctl.fleet.places import Place
from tdxctl.fleet.run import ROWS_OF_A_PART
from tdxctl.fleet.setups import References
from tdxctl.fleet.verdicts import Verdicts
from tdxctl.fleet.work import Job, do, writer
from tdxctl.layout.batch import Ends, Limits, Memory, lay_out
from tdxctl.layout.hosts import Ranges
from tdxctl.linux.lookup import find_kernel
from tdxctl.units import PAGE_SHIFT

Int64s = npt.NDArray[np.int64]

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
ROUNDS = 5
SHAPES = 5_000
ROOT = Path(__file__).parent.parent
_YARDSTICK = Path(__file__).parent / "fleet_yardstick.c"
_MAX_TDMRS, _MAX_AREAS, _ENTRY = 64, 16, 16
KERNEL = find_kernel("6.18")


class Fleet(NamedTuple):
    """Hosts of a kind: ranges a host, and how they are drawn."""

    name: str
    draw: Callable[[np.random.Generator], list[tuple[int, int, int]]]


def _two_sockets(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    size = int(rng.integers(60, 500))
    hole = 1700 * MIB + int(rng.integers(0, 2000)) * 4 * KIB
    top = 2 * GIB - int(rng.integers(1, 500)) * MIB // 4
    return [
        (4 * KIB, 640 * KIB, 0),
        (MIB, hole, 0),
        (hole + 64 * KIB, top, 0),
        (4 * GIB, (4 + size) * GIB, 0),
        ((4 + size) * GIB, (4 + 2 * size) * GIB, 1),
    ]


def _eight_sockets(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    ranges = [(4 * KIB, 640 * KIB, 0), (MIB, 2 * GIB - int(rng.integers(1, 900)) * MIB, 0)]
    at, size = 4, int(rng.integers(60, 500))
    for part in range(14):
        end = (at + size) * GIB
        cut = int(rng.integers(1, 60)) * 2 * MIB if part % 2 else 0
        ranges.append((at * GIB, end - cut, part // 2))
        at += size
    return ranges


def _fragmented(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    ranges, at = [(4 * KIB, 640 * KIB, 0)], MIB
    for _ in range(14):
        end = at + int(rng.integers(20, 120)) * MIB
        ranges.append((at, end, 0))
        at = end + int(rng.integers(1, 9)) * 4 * KIB
    size = int(rng.integers(60, 500))
    high = 4 * GIB
    for node in (0, 1):
        middle = high + int(rng.integers(1, size)) * GIB
        ranges.append((high, middle, node))
        ranges.append((middle + 2 * MIB, high + size * GIB, node))
        high += size * GIB
    return ranges


FLEETS = (
    Fleet("two sockets", _two_sockets),
    Fleet("eight sockets", _eight_sockets),
    Fleet("fragmented", _fragmented),
)


def memory_of(fleet: Fleet, count: int) -> pa.ListArray:
    """The memory of count hosts that differ."""
    rng = np.random.default_rng(1)
    hosts = [fleet.draw(rng) for _ in range(count)]
    flat = np.array([each for host in hosts for each in host], np.int64)
    kind = hosts_schema().field("memory").type
    columns = [pa.array(flat[:, at].copy()) for at in range(3)]
    items = pa.StructArray.from_arrays(columns, fields=list(kind.value_type))
    offsets = np.cumsum([0, *map(len, hosts)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=kind)


def write_wide(path: Path, memory: pa.ListArray, hosts: int, row_group: int = 250_000) -> None:
    """Hosts with their memory, drawn at random where there are fewer kinds than hosts."""
    rng = np.random.default_rng(2)
    schema = pa.schema([hosts_schema().field(name) for name in ("host", "memory")])
    with pq.ParquetWriter(path, schema, compression="lz4") as file:
        for at in range(0, hosts, row_group):
            count = min(row_group, hosts - at)
            which = (
                np.arange(count) if len(memory) == hosts else rng.integers(0, len(memory), count)
            )
            names = pa.array([f"host-{number}" for number in range(at, at + count)])
            columns = [names, memory.take(pa.array(which))]
            file.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema), row_group)


def write_shaped(
    folder: Path, memory: pa.ListArray, hosts: int, row_group: int = 1_000_000
) -> None:
    """Hosts that name shapes, and the shapes."""
    rng = np.random.default_rng(2)
    kinds = pa.table({SHAPE: np.arange(len(memory)), "memory": memory})
    pq.write_table(kinds, folder / "shapes.parquet")
    schema = pa.schema([("host", pa.string()), (SHAPE, pa.int64())])
    with pq.ParquetWriter(folder / "hosts.parquet", schema, compression="lz4") as file:
        for at in range(0, hosts, row_group):
            count = min(row_group, hosts - at)
            names = pa.array([f"host-{number}" for number in range(at, at + count)])
            which = pa.array(rng.integers(0, len(memory), count))
            file.write_batch(pa.RecordBatch.from_arrays([names, which], schema=schema), row_group)


# C


def compiled(folder: Path) -> Any | None:
    """The yardstick, built; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    library = folder / "yardstick.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, _YARDSTICK], check=True)
    return ctypes.CDLL(str(library)).lay_out


class InC(NamedTuple):
    """What C says of hosts."""

    tdmrs: Int64s
    areas: Int64s
    pamt: Int64s
    by_node: Int64s
    ends: npt.NDArray[np.int8]


def in_c(function: Any, memory: Lists) -> InC:
    """The layouts of hosts."""
    hosts = len(memory.given)
    zeros = np.zeros((3, hosts), np.int64)
    ends = np.zeros(hosts, np.int8)
    said = InC(zeros[0], zeros[1], zeros[2], np.zeros((hosts, 8), np.int64), ends)
    columns = [np.ascontiguousarray(memory.fields[name]) for name in ("start", "end", "node")]
    long = ctypes.c_long
    function(
        long(hosts),
        *(ctypes.c_void_p(each.ctypes.data) for each in (memory.offsets, *columns)),
        *(long(_ENTRY), long(_MAX_TDMRS), long(_MAX_AREAS)),
        *(ctypes.c_void_p(each.ctypes.data) for each in said),
    )
    return said


def parquet_by_c(function: Any, source: Path, target: Path) -> None:
    """From Parquet to the same verdicts, with C in place of all that is done here for a host."""
    ready = Words(True, "ready", "INITIALIZED", None, None, None, 31)
    with target.open("wb") as sink, writer(sink) as out:
        first_row = 0
        for batch in pq.ParquetFile(source, pre_buffer=False).iter_batches(
            131_072, use_threads=False
        ):
            memory = lists("memory", batch.column("memory"))
            said = in_c(function, memory)
            hosts = len(batch)
            verdicts = Verdicts([KERNEL], hosts)
            verdicts.set_words(KERNEL, np.arange(hosts), ready, laid_out=False)
            for name, values in (
                ("tdmrs", said.tdmrs),
                ("tdmrs_left", _MAX_TDMRS - said.tdmrs),
                ("reserved_areas", said.areas),
                ("reserved_left", _MAX_AREAS - said.areas),
                ("pamt_bytes", said.pamt << PAGE_SHIFT),
                ("memory_lost", said.pamt),
            ):
                verdicts.numbers[name][:, 0] = values
            given = said.by_node > 0
            offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(given.sum(axis=1))))
            verdicts.set_lists(
                KERNEL, offsets, np.nonzero(given)[1], said.by_node[given] << PAGE_SHIFT
            )
            verdicts.finish()
            out.write_batch(verdicts.rows(np.arange(hosts), batch.column("host"), first_row, {}))
            first_row += hosts


# Measuring


def best(*actions: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Seconds of a CPU that each takes at best, in rounds of all of them."""
    found = [float("inf")] * len(actions)
    for _ in range(rounds):
        for at, action in enumerate(actions):
            before = time.process_time()
            action()
            found[at] = min(found[at], time.process_time() - before)
    return found


def _us(seconds: float, hosts: int) -> str:
    return f"{seconds / hosts * 1e6:.3f} us"


def arithmetic(fleet: Fleet, function: Any | None) -> None:
    """The layout alone, all hosts distinct, NumPy and C; and that they say the same."""
    hosts = 16_384
    memory = lists("memory", memory_of(fleet, hosts))
    start, end, node = (memory.fields[name] for name in ("start", "end", "node"))
    nothing = np.zeros(0, np.int64)
    host_memory = Memory(
        Ranges(memory.offsets, start, end),
        node,
        Ranges(np.zeros(hosts + 1, np.int64), nothing, nothing),
    )
    limits = Limits(
        np.full(hosts, _MAX_TDMRS),
        np.full(hosts, _MAX_AREAS),
        np.full((hosts, 3), _ENTRY),
        np.zeros(hosts, np.int64),
    )

    def numpy() -> object:
        layouts = lay_out(host_memory, limits)
        return layouts.tightest(), layouts.pamt_in_all(), layouts.pamt_by_node()

    layouts = lay_out(host_memory, limits)
    per_host = f"{len(start) / hosts:.0f} ranges, {len(layouts.base) / hosts:.0f} TDMRs"
    if function is None:
        print(f"{fleet.name} ({per_host}): layout {_us(best(numpy)[0], hosts)}; no C compiler here")
        return
    said = in_c(function, memory)
    whole = layouts.ends == Ends.DONE
    assert (said.ends == layouts.ends).all(), "C and NumPy end alike"
    assert (said.pamt == layouts.pamt_in_all())[whole].all(), "and have the same PAMTs"
    assert (said.areas == layouts.tightest())[whole].all(), "and reserved areas"
    in_numpy, by_c = best(numpy, lambda: in_c(function, memory))
    print(
        f"{fleet.name} ({per_host}): layout, all distinct: NumPy {_us(in_numpy, hosts)}, "
        f"C {_us(by_c, hosts)}"
    )


def end_to_end(fleet: Fleet, function: Any | None, folder: Path, hosts: int) -> None:
    """From Parquet to Parquet in one process."""
    distinct, repeated, shaped = (folder / name for name in ("distinct", "repeated", "shaped"))
    for each in (distinct, repeated, shaped):
        each.mkdir()
    kinds = memory_of(fleet, SHAPES)
    write_wide(distinct / "hosts.parquet", memory_of(fleet, hosts), hosts)
    write_wide(repeated / "hosts.parquet", kinds, hosts)
    write_shaped(shaped, kinds, hosts)

    def job(of: Path, shapes: Path | None = None) -> Callable[[], object]:
        files = parquet_files(Place(str(of / "hosts.parquet")))
        parts = tasks(files, ROWS_OF_A_PART, (SHAPE,) if shapes else ())
        asked = Job((KERNEL,), None, str(of), str(of), str(shapes) if shapes else None)
        return lambda: [do(asked, part) for part in parts]

    actions = [job(distinct), job(repeated), job(shaped, shaped / "shapes.parquet")]
    if function is not None:
        source = repeated / "hosts.parquet"
        actions.append(lambda: parquet_by_c(function, source, repeated / "c.parquet"))
    found = best(*actions, rounds=3)
    told = f"wide distinct {_us(found[0], hosts)}, wide {SHAPES:,} shapes {_us(found[1], hosts)}"
    told += f", by shapes {_us(found[2], hosts)}"
    if function is not None:
        wide, by_shapes = found[3] / found[1], found[3] / found[2]
        told += f"; C swapped in {_us(found[3], hosts)}: {wide:.2f} x the wide, "
        told += f"{by_shapes:.2f} x the shapes"
    print(f"{fleet.name}: Parquet to Parquet: {told}")


def one_host() -> None:
    """A shape that is known: what a host of it costs beside reading and writing."""
    hosts = 1_000_000
    columns = [memory_of(FLEETS[0], SHAPES)]
    known = Hosts()
    distinct = known.add(pa.RecordBatch.from_arrays(columns, ["memory"]))
    judged = judge(known, [KERNEL], References())
    of = np.random.default_rng(3).integers(0, SHAPES, hosts)
    (gather,) = best(lambda: judged.verdicts.word.ravel()[distinct[of]])
    print(f"a host whose shape is known: {_us(gather, hosts)}")


def long_run(folder: Path, hosts: int, workers: int, *, by_shapes: bool) -> None:
    """The command line on that many hosts: time, CPU, memory of all its processes."""
    source = folder / ("shaped-long" if by_shapes else "wide-long")
    source.mkdir(exist_ok=True)
    memory = memory_of(FLEETS[0], SHAPES)
    if by_shapes:
        write_shaped(source, memory, hosts)
    else:
        write_wide(source / "hosts.parquet", memory, hosts)
    words = [
        "fleet",
        str(source / "hosts.parquet"),
        "-o",
        str(source / "out"),
        "--kernel",
        KERNEL.id,
    ]
    words += ["--workers", str(workers)]
    words += ["--shapes", str(source / "shapes.parquet")] if by_shapes else []
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tdxctl", *words], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    peak, spent = _watched(process)
    took = time.perf_counter() - started
    form = "by shapes" if by_shapes else "wide"
    read = sum(path.stat().st_size for path in source.glob("*.parquet"))
    written = sum(path.stat().st_size for path in (source / "out").glob("*.parquet"))
    print(
        f"{hosts:,} hosts {form}, {workers} workers on {os.cpu_count()} CPUs (load "
        f"{os.getloadavg()[0]:.1f}): {took:.1f} s, {spent:.1f} s of CPU "
        f"({_us(spent, hosts)} a host), {peak >> 20} MiB at most; {read >> 20} MiB read, "
        f"{written >> 20} MiB written"
    )
    shutil.rmtree(source)
    if process.returncode not in (0, 1):
        raise SystemExit(f"tdxctl fleet ended with {process.returncode}")


def _watched(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    # Of the process and all that it started: proportional set size at most, bytes; seconds of a CPU
    # (of a process that ended, until a moment before).
    highest = 0
    spent: dict[int, float] = {}

    def watch() -> None:
        nonlocal highest
        while process.poll() is None:
            family = _family(process.pid)
            highest = max(highest, sum(map(_pss, family)))
            spent.update((pid, max(_cpu(pid), spent.get(pid, 0))) for pid in family)
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    watcher.join()
    return highest, sum(spent.values())


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # utime and stime, the 14th and 15th.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(each for child in children for each in _family(int(child)))]


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1_000_000, help="from Parquet to Parquet")
    parser.add_argument("--long", type=int, default=10_000_000, help="of the long runs; 0: none")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only-shapes", action="store_true", help="of the long runs")
    asked = parser.parse_args()
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        function = compiled(folder)
        if asked.hosts:
            for fleet in FLEETS:
                arithmetic(fleet, function)
            one_host()
            for fleet in FLEETS:
                made = folder / fleet.name
                made.mkdir()
                end_to_end(fleet, function, made, asked.hosts)
                shutil.rmtree(made)
        if asked.long:
            if not asked.only_shapes:
                long_run(folder, asked.long, asked.workers, by_shapes=False)
            long_run(folder, asked.long, asked.workers, by_shapes=True)


if __name__ == "__main__":
    main()
