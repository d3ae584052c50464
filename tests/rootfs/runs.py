# SPDX-License-Identifier: Apache-2.0
"""Commands under `tdxctl run`, and what they leave when something is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cli.runner import ROOT

#: So long until what is to come has to have come.
_PATIENCE = 30.0
_SCRIPT = 'sleep 1000 & echo $$ > "$1"; wait'


def started(*words: str, temporary: Path, options: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """`tdxctl run` on a ready host of 6.16, under way; its folders are in temporary."""
    machine = ("--platform", "small", "--kernel", "6.16")
    return subprocess.Popen(
        [sys.executable, "-m", "tdxctl", "run", *machine, *options, "--", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def leaks_of_a_kill(victim: str, way: str) -> list[str]:
    """What is left of a run whose process is killed by signal 9: folders, processes, mounts.

    victim: tdxctl, the way's own process (wrapper), or the command.
    """
    with TemporaryDirectory(prefix="tdxctl-kill-") as folder:
        temporary = Path(folder)
        ready = temporary / "ready"
        options = ("--with", way)
        run = started("sh", "-c", _SCRIPT, "sh", str(ready), temporary=temporary, options=options)
        wait_for(lambda: ready.exists() and ready.read_text() != "")
        below = _below(run.pid)
        wrapper = next(pid for pid in below if _program(pid) in ("bwrap", "unshare"))
        command = next(pid for pid in below if _SCRIPT in _command(pid) and _is_shell(pid))
        os.kill({"tdxctl": run.pid, "wrapper": wrapper, "command": command}[victim], signal.SIGKILL)
        run.wait(_PATIENCE)
        run.communicate()
        try:
            wait_for(lambda: not _left(temporary, below))
        except TimeoutError:
            return _left(temporary, below)
        return []


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until it holds. Raises TimeoutError."""
    end = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def _left(temporary: Path, processes: list[int]) -> list[str]:
    folders = [str(path) for path in temporary.glob("tdxctl-run-*")]
    alive = [f"process {pid}: {_command(pid)[:60]}" for pid in processes if _is_alive(pid)]
    mounts = Path("/proc/self/mountinfo").read_text()
    return [*folders, *alive, *(["mounts"] if str(temporary) in mounts else [])]


def _below(pid: int) -> list[int]:
    # All processes that descend from pid, whose fathers are listed before them.
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            children = []
        found += map(int, children)
    return found[1:]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _program(pid: int) -> str:
    return os.path.basename(_command(pid).split(" ")[0])


def _is_shell(pid: int) -> bool:
    return _command(pid).startswith(f"sh -c {_SCRIPT}")
