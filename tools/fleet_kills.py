# SPDX-License-Identifier: Apache-2.0
"""Fleets whose runs and workers are killed: `make fleet-kills`. Prints what was seen.

The same hosts, of which one of a hundred is wrong: whole; killed again and again with all its
processes, and started anew; by a Dask cluster of processes, of which workers are killed. The files
have to be the same to the byte, and each host to be there once.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tdxctl.fleet.arrow import hosts_schema
from tools.bench_fleet import FLEETS, ROOT, memory_of

_SHAPES = 2_000
_ROW_GROUP = 100_000


def write_hosts(path: Path, hosts: int) -> int:
    """Hosts in row groups; of every hundred one has ranges that overlap. How many those are."""
    rng = np.random.default_rng(5)
    memory = memory_of(FLEETS[0], _SHAPES)
    kind = memory.type
    wrong = pa.array([[{"start": 0, "end": 1 << 30, "node": 0}] * 2], kind)
    kinds = pa.concat_arrays([memory, wrong])
    schema = pa.schema([hosts_schema().field(name) for name in ("host", "memory")])
    bad = 0
    with pq.ParquetWriter(path, schema) as file:
        for at in range(0, hosts, _ROW_GROUP):
            count = min(_ROW_GROUP, hosts - at)
            which = rng.integers(0, _SHAPES, count)
            which[::100] = _SHAPES
            bad += len(which[::100])
            names = pa.array([f"host-{number}" for number in range(at, at + count)])
            columns = [names, kinds.take(pa.array(which))]
            file.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema), count)
    return bad


def started(hosts: Path | str, out: Path | str, *more: str) -> subprocess.Popen[bytes]:
    """A run, with its processes in a group of their own; hosts and out may be URIs."""
    words = ["fleet", str(hosts), "-o", str(out), "--kernel", "6.18", "--kernel", "7.2", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "tdxctl", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an output."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def once_each(out: Path, hosts: int, bad: int) -> None:
    """Each host is there once for each kernel, and so many are wrong."""
    table = pq.read_table(out, columns=["row", "error"])
    rows = np.bincount(table.column("row").to_numpy(), minlength=hosts)
    assert len(rows) == hosts
    assert (rows == 2).all(), "a row for each of two kernels"
    errors = table.column("error")
    assert len(errors) - errors.null_count == 2 * bad


def is_killed(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill a run with all its processes after so many seconds; False where it has ended by then."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def killed(hosts: Path, out: Path, kills: int, seconds: float) -> int:
    """Kill a run with all its processes after a while, until that is done so often; then let it."""
    rng = random.Random(7)
    done = 0
    while done < kills:
        if is_killed(started(hosts, out, "--workers", "2"), rng.uniform(0.3, seconds)):
            done += 1
        else:
            # It was quicker: what it made is begun again.
            _forget_a_part(out, rng)
    assert started(hosts, out, "--workers", "2").wait() == 3
    return done


def _forget_a_part(out: Path, rng: random.Random) -> None:
    for counts in list((out / "_tdxctl").glob("counts-*.json")):
        if rng.random() < 0.7:
            counts.unlink()


def on_dask(hosts: Path, out: Path, kills: int) -> int:
    """On a cluster of two processes with a nanny each, workers of which are killed."""
    from distributed import LocalCluster

    make: Any = LocalCluster
    gone = 0
    with make(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        process = started(hosts, out, "--dask", cluster.scheduler_address)
        while process.poll() is None and gone < kills:
            time.sleep(1)
            parts = list((out / "_tdxctl").glob("counts-*.json"))
            if process.poll() is None and parts:
                nanny = list(cluster.workers.values())[gone % 2]
                os.kill(nanny.pid, signal.SIGKILL)
                gone += 1
                time.sleep(2)
        assert process.wait() == 3
    return gone


def main() -> None:
    """Run and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=3_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8.0, help="until a kill, at most")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hosts = folder / "hosts.parquet"
        bad = write_hosts(hosts, asked.hosts)
        assert started(hosts, folder / "whole", "--workers", "1").wait() == 3
        whole = contents(folder / "whole")
        once_each(folder / "whole", asked.hosts, bad)
        print(f"{asked.hosts:,} hosts, {bad:,} rows wrong: every other host judged, exit 3")
        kills = killed(hosts, folder / "killed", asked.kills, asked.seconds)
        assert contents(folder / "killed") == whole
        print(f"{kills} kills of a run with all its processes: the same {len(whole)} files")
        gone = on_dask(hosts, folder / "dask", 3)
        assert contents(folder / "dask") == whole
        print(f"a Dask cluster of which {gone} workers were killed: the same {len(whole)} files")


if __name__ == "__main__":
    main()
