# SPDX-License-Identifier: Apache-2.0
"""`make bombs`: what everything that is read costs at its worst, against the bound.

Whatever the input is, it is read or refused in at most 1 s and 1 s for each MiB of it, within
128 MiB and 64 times its size. Each of the worst cases that are known is read in a process of its
own, which has imported what it needs; what is printed is that process's own time at it, user and
system, and the most memory it had, all of Python included.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tdxctl.errors import TdxctlError
from tests.cli.runner import ROOT
from tools.bomb_readers import READERS

_MIB = 1 << 20
_SECONDS, _SECONDS_PER_MIB = 1.0, 1.0
_MEMORY, _MEMORY_PER_BYTE = 128 * _MIB, 64
# A reader that has not ended by then has no figure.
_PATIENCE = 300


def main() -> int:
    """Read each bomb in a child; 1 where one is beyond the bound or ended as none may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("bombs", nargs="*", metavar="NAME", help="of a bomb, or its beginning")
    options = parser.parse_args()
    if options.child:
        name, reader, path = options.child
        return _read(name, reader, Path(path))
    from tools.bomb_cases import BOMBS

    chosen = tuple(options.bombs) or ("",)
    names = [name for name in BOMBS if name.startswith(chosen)]
    failed = 0
    for name in names:
        bomb = BOMBS[name]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"bomb{bomb.suffix}"
            path.write_bytes(bomb.make())
            failed += _child(name, bomb.reader, path)
    sys.stdout.write(f"{len(names)} bombs, {failed} beyond the bound\n")
    return 1 if failed else 0


def _child(name: str, reader: str, path: Path) -> bool:
    command = [sys.executable, "-m", "tools.bombs", "--child", name, reader, str(path)]
    # As the command does: OpenBLAS takes memory for each core.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, check=False, timeout=_PATIENCE
        ).returncode
    except subprocess.TimeoutExpired:
        sys.stdout.write(f"OVER {name}: given up after {_PATIENCE} s\n")
        ended = 1
    return ended != 0


def _read(name: str, reader: str, path: Path) -> int:
    read = READERS[reader]
    gc.disable()  # as the command does
    harmless = path.with_name(f"harmless{path.suffix}")
    harmless.write_text("a: b\n")
    with suppress(TdxctlError):
        read(harmless)  # what is imported is no input's fault
    size = path.stat().st_size
    start = time.process_time()
    try:
        read(path)
        ended = "read"
    except TdxctlError as error:
        ended = f"refused: {error.diagnostics()[0].summary[:50]}"
    seconds = time.process_time() - start
    memory = _most_memory()
    most = _SECONDS + _SECONDS_PER_MIB * size / _MIB
    room = _MEMORY + _MEMORY_PER_BYTE * size
    ok = seconds <= most and memory <= room
    sys.stdout.write(
        f"{'ok  ' if ok else 'OVER'} {name:<34} {size / 1024:>8.1f} KiB  {seconds:6.2f} of "
        f"{most:5.2f} s  {memory >> 20:>4} of {room >> 20:>4} MiB  {ended}\n"
    )
    sys.stdout.flush()
    return 0 if ok else 1


def _most_memory() -> int:
    # What getrusage() says begins with the parent's.
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    sys.exit(main())
