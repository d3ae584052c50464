# SPDX-License-Identifier: Apache-2.0
"""`make fuzz`: each reader fed with damaged input for a stated time, and large ones measured.

With atheris, where it is installed, inputs are steered by coverage; else hypothesis makes them.
A reader may refuse an input in the ways it declares; whatever else it raises is a finding, printed
with the input in hex: it becomes a test in tests/capture/test_findings.py.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.capture.targets import TARGETS
from tests.cli.runner import ROOT

_SMALL, _LARGE = 100 << 10, 1 << 20
_MAX_RATIO = 15.0
_MAX_MEMORY = 256 << 20
_RUNS = 5
_WORKERS = 2


def main() -> int:
    """Measure the large inputs, then fuzz each target; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--scale", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    arguments = parser.parse_args()
    if arguments.scale:
        return _scale(arguments.scale)
    if arguments.child:
        return _fuzz(arguments.child, arguments.seconds)
    names = arguments.targets or list(TARGETS)
    failed = 0
    for name in names:
        failed |= _child("--scale", name)
    with ThreadPoolExecutor(_WORKERS) as pool:
        seconds = ("--seconds", str(arguments.seconds))
        failed |= max(pool.map(lambda name: _child("--child", name, *seconds), names))
    return 1 if failed else 0


def _child(*arguments: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "tools.fuzz", *arguments], cwd=ROOT, check=False
    ).returncode


def _scale(name: str) -> int:
    # The shortest of some runs each, one after the other, so that other work hits both alike.
    gc.disable()  # as the command does
    target = TARGETS[name]
    small, large = target.large(_SMALL), target.large(_LARGE)
    times: dict[int, list[float]] = {_SMALL: [], _LARGE: []}
    for _ in range(_RUNS):
        for size, data in ((_SMALL, small), (_LARGE, large)):
            start = time.perf_counter()
            with contextlib.suppress(*target.declared):
                target.run(data)
            times[size].append(time.perf_counter() - start)
    ratio = min(times[_LARGE]) / min(times[_SMALL])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ok = ratio <= _MAX_RATIO and memory <= _MAX_MEMORY
    sys.stdout.write(
        f"{name}: 1 MiB takes {ratio:.1f} times as long as 100 KiB (bound {_MAX_RATIO:.0f}), "
        f"at most {memory >> 20} MiB (bound {_MAX_MEMORY >> 20}): {'ok' if ok else 'TOO MUCH'}\n"
    )
    return 0 if ok else 1


def _fuzz(name: str, seconds: int) -> int:
    try:
        import atheris
    except ImportError:
        return _with_hypothesis(name, seconds)
    target = TARGETS[name]

    def run(data: bytes) -> None:
        with contextlib.suppress(*target.declared):
            target.run(data)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.instrument_all()
        atheris.Setup(
            [
                name,
                corpus,
                f"-max_total_time={seconds}",
                "-max_len=8192",
                "-rss_limit_mb=1024",
                "-print_final_stats=1",
                f"-artifact_prefix={tempfile.gettempdir()}/tdxctl-{name}-",
            ],
            run,
        )
        atheris.Fuzz()  # ends the process
    return 0


def _with_hypothesis(name: str, seconds: int) -> int:
    from hypothesis import HealthCheck, given, settings

    from tests.capture.mutations import damaged

    target = TARGETS[name]
    end = time.monotonic() + seconds
    count = 0

    @settings(
        max_examples=2000,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(target.seeds))
    def run(data: bytes) -> None:
        nonlocal count
        count += 1
        if time.monotonic() < end:
            with contextlib.suppress(*target.declared):
                target.run(data)

    while time.monotonic() < end:
        run()
    sys.stdout.write(f"{name}: {count} inputs in {seconds} s, no finding (hypothesis)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
