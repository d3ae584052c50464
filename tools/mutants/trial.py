# SPDX-License-Identifier: Apache-2.0
"""A test run in a process of its own, forked from one that has imported what all runs import."""

from __future__ import annotations

import importlib
import math
import os
import pickle
import resource
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.mutants.seen import Seen

# Other people's modules that tests import: they are loaded once, before any fork.
_SHARED = (
    *("_pytest.assertion.rewrite", "click", "hypothesis", "jsonschema", "msgspec", "numpy"),
    *("pydantic", "sqlite3", "unittest.mock", "xml.etree", "yaml"),
)
OPTIONS = (
    *("-q", "--tb=no", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("--hypothesis-seed=0", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
# Tests and files of tests that are run first: most changes are noticed by those, and the others of
# the room are not collected then.
_FIRST_TESTS, _FIRST_FILES = 40, 3
# Times its seconds: how long a run may take by the clock, and one process of it on a CPU.
WAITING, OF_ONE = 10, 3


class Outcome(NamedTuple):
    """What came of a run: the tests that failed ("" where it ended in another way or not at all),
    how many seconds each took, whether all of them ran, the seconds of the whole, and the
    definitions that each test ran, by their numbers, in a copy that tells.
    """

    failed: tuple[str, ...]
    seconds: Mapping[str, float]
    complete: bool
    cpu: float
    seen: Mapping[str, tuple[int, ...]] = {}


def share() -> None:
    """Import what all runs import, before the first of them."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads would not live through a fork
    for name in _SHARED:
        importlib.import_module(name)


class Trial:
    """A run of tests in a copy of the checkout, in that order, for so many seconds of a CPU.

    Tests that have not begun by then are left out; what never ends is ended at some point. tests:
    files of them. order: empty where there is no mutant; then all of them run, and byte code is
    kept. collect: none is run.
    """

    def __init__(
        self,
        copy: Path,
        tests: list[str],
        order: list[str],
        seconds: float,
        *,
        collect: bool = False,
    ) -> None:
        self.copy = copy
        self._deadline = time.monotonic() + WAITING * seconds
        self._result = copy.with_suffix(".outcome")
        self._result.unlink(missing_ok=True)
        shutil.rmtree(copy / ".hypothesis", ignore_errors=True)
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                _run(copy, self._result, tests, order, seconds, collect=collect)
            finally:
                os._exit(0)

    def outcome(self) -> Outcome | None:
        """What came of it; None while it runs."""
        pid, _, usage = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            if time.monotonic() > self._deadline:
                self.end()
                return Outcome(("",), {}, complete=False, cpu=0.0)
            return None
        self._end_children()
        cpu = usage.ru_utime + usage.ru_stime
        try:
            failed, seconds, complete, seen = pickle.loads(self._result.read_bytes())
        except (OSError, EOFError, pickle.UnpicklingError):
            return Outcome(("",), {}, complete=False, cpu=cpu)
        return Outcome(failed, seconds, complete, cpu, seen)

    def wait(self) -> None:
        """Until it has ended."""
        os.waitpid(self.pid, 0)

    def end(self) -> None:
        """End it now, and what it has started."""
        self._end_children()
        os.waitpid(self.pid, 0)

    def _end_children(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def import_all(copy: Path) -> tuple[int, ...]:
    """Import the package in a copy that tells, in a process of its own: which definitions ran."""
    seen = Seen(copy)
    pid = os.fork()
    if pid == 0:
        try:
            in_copy(copy, keeps_byte_code=True)
            for path in sorted((copy / "tdxctl").rglob("*.py")):
                name = str(path.relative_to(copy).with_suffix("")).replace("/", ".")
                if not name.endswith("__main__"):
                    with suppress(ImportError):
                        importlib.import_module(name.removesuffix(".__init__"))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return seen.taken()


def cpu_seconds() -> float:
    """Of a CPU, of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


class _Watch:
    # A plugin of pytest: orders the tests, stops in time, keeps what happened.

    def __init__(self, seconds: float, seen: Seen | None) -> None:
        self.order: dict[str, int] = {}
        self._seen = seen
        self.seen: dict[str, tuple[int, ...]] = {}
        self._seconds = seconds
        self.failed: list[str] = []
        self.seconds: dict[str, float] = {}
        self.complete = True

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.order:
            items[:] = [item for item in items if item.nodeid in self.order]
            items.sort(key=lambda item: self.order[item.nodeid])

    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        if cpu_seconds() > self._seconds:
            self.complete = False
            item.session.shouldstop = "out of time"

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self._seen is not None:
            self._seen.taken()  # what imports and collecting ran is no test's
        # By the clock: what another process does for a test is no time of its CPU.
        self.seconds[nodeid] = -time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.seconds[nodeid] += time.monotonic()
        if self._seen is not None:
            self.seen[nodeid] = self._seen.taken()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)


def emptied_roots(copy: Path) -> Path:
    """An empty folder for the roots that tests make: a test that is ended leaves its own."""
    folder = copy.with_suffix(".roots")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def in_copy(copy: Path, *, keeps_byte_code: bool) -> None:
    """Have this process work in a copy, and say nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.chdir(copy)
    sys.path[0] = str(copy)
    sys.dont_write_bytecode = not keeps_byte_code
    if not keeps_byte_code:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["PYTHONPATH"] = str(copy)
    os.environ["GOLDEN_FIRST"] = "1"
    os.environ["TDXCTL_TEST_ROOTS"] = str(emptied_roots(copy))
    for name in [name for name in sys.modules if name.split(".")[0] in {"tests", "tools"}]:
        del sys.modules[name]


def _run(
    copy: Path, result: Path, tests: list[str], order: list[str], seconds: float, *, collect: bool
) -> None:
    most = math.ceil(OF_ONE * seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    in_copy(copy, keeps_byte_code=not order)
    watch = _Watch(seconds, Seen(copy) if copy.with_suffix(".seen").exists() else None)
    options = [*OPTIONS, f"--basetemp={copy.with_suffix('.tmp')}", f"--rootdir={copy}"]
    if order:
        options.append("-x")
    if collect:
        options.append("--collect-only")
    for some in _stages(order):
        watch.order = {name: place for place, name in enumerate(some)}
        files = sorted({name.partition("::")[0] for name in some}) or tests
        code = pytest.main([*options, *files], plugins=[watch])
        if not watch.failed and code != pytest.ExitCode.OK and watch.complete:
            watch.failed.append("")
        if watch.failed or not watch.complete:
            break
    told = tuple(watch.failed), watch.seconds, watch.complete, watch.seen
    result.write_bytes(pickle.dumps(told))


def _stages(order: list[str]) -> list[list[str]]:
    # Those that are run first, and the rest; one stage without names for all there are.
    files = list(dict.fromkeys(name.partition("::")[0] for name in order))[:_FIRST_FILES]
    first = [name for name in order if name.startswith(tuple(f"{file}::" for file in files))]
    first = first[:_FIRST_TESTS]
    chosen = set(first)
    rest = [name for name in order if name not in chosen]
    return [stage for stage in (first, rest) if stage] or [[]]
