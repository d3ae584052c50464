# SPDX-License-Identifier: Apache-2.0
"""A fleet in an object store: `make fleet-s3`. Prints what was seen.

moto's server stands for S3. The same hosts, of which one of a hundred is wrong, from files to files
and from s3:// to s3://, there also killed again and again: the same bytes, and nothing beside them.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import pyarrow.fs as pafs

from tools.fleet_kills import contents, is_killed, once_each, started, write_hosts

_BUCKET = "fleet"


def serve(moto_server: str) -> subprocess.Popen[bytes]:
    """Start the server with a bucket, and point this process and those it starts at it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [moto_server, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": address,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
    }
    for _ in range(100):
        try:
            urllib.request.urlopen(urllib.request.Request(f"{address}/{_BUCKET}", method="PUT"))
        except OSError:
            time.sleep(0.2)
        else:
            return server
    raise SystemExit(f"{moto_server} does not answer")


def stored(folder: str) -> dict[str, bytes]:
    """Every file below a folder of the bucket."""
    store, at = pafs.FileSystem.from_uri(f"s3://{_BUCKET}/{folder}")
    found = store.get_file_info(pafs.FileSelector(at, recursive=True))
    files = [info for info in found if info.type is pafs.FileType.File]
    return {
        info.path.removeprefix(f"{at}/"): store.open_input_file(info.path).read() for info in files
    }


def parts(of: dict[str, bytes]) -> dict[str, bytes]:
    """The verdicts, and what they come to: what tells of the input is of where it is."""
    return {name: data for name, data in of.items() if not name.endswith("run.json")}


def killed(hosts: str, out: str, kills: int, seconds: float) -> int:
    """Kill a run with all its processes after a while, so often at most; then let it."""
    rng = random.Random(7)
    runs = (started(hosts, out, "--workers", "2") for _ in range(kills))
    done = sum(is_killed(run, rng.uniform(0.5, seconds)) for run in runs)
    assert started(hosts, out, "--workers", "2").wait() == 3
    return done


def main() -> None:
    """Run and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("moto_server", help="the program")
    parser.add_argument("--hosts", type=int, default=3_000_000)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.5, help="until a kill, at most")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, serve(asked.moto_server) as server:
        try:
            folder = Path(name)
            bad = write_hosts(folder / "hosts.parquet", asked.hosts)
            store, at = pafs.FileSystem.from_uri(f"s3://{_BUCKET}/hosts.parquet")
            with store.open_output_stream(at) as there:
                there.write((folder / "hosts.parquet").read_bytes())
            source = f"s3://{_BUCKET}/hosts.parquet"
            assert started(folder / "hosts.parquet", folder / "whole").wait() == 3
            once_each(folder / "whole", asked.hosts, bad)
            whole = parts(contents(folder / "whole"))
            assert started(source, f"s3://{_BUCKET}/whole").wait() == 3
            assert parts(stored("whole")) == whole
            print(f"{asked.hosts:,} hosts from s3:// to s3://: the same {len(whole)} files")
            kills = killed(source, f"s3://{_BUCKET}/killed", asked.kills, asked.seconds)
            assert parts(stored("killed")) == whole
            print(f"{kills} kills of such a run and all its processes: the same {len(whole)} files")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
