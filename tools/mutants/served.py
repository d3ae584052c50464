# SPDX-License-Identifier: Apache-2.0
"""A process that has collected all tests, and forks one for each mutant that can be put into it."""

from __future__ import annotations

import gc
import marshal
import math
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tools.mutants.patch import put
from tools.mutants.trial import (
    OF_ONE,
    OPTIONS,
    WAITING,
    Outcome,
    cpu_seconds,
    emptied_roots,
    in_copy,
)


class Asked(NamedTuple):
    """A mutant and what is to notice it: a function of a file with its marshalled code, tests in
    their order, and how many seconds of a CPU they may take. file: empty for no mutant at all.
    """

    file: str
    names: list[str]
    code: bytes
    order: list[str]
    seconds: float


class Server:
    """Serves a copy of the checkout, one mutant after the other."""

    def __init__(self, copy: Path, tests: Sequence[str]) -> None:
        self.copy = copy
        self._connection, theirs = Pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                in_copy(copy, keeps_byte_code=False)
                options = [*OPTIONS, f"--basetemp={copy.with_suffix('.tmp')}", f"--rootdir={copy}"]
                pytest.main([*options, *tests], plugins=[_Serve(theirs, copy)])
            finally:
                os._exit(0)

    def ask(self, asked: Asked) -> None:
        """Begin with a mutant."""
        self._connection.send(tuple(asked))

    def outcome(self) -> Outcome | None:
        """What came of it; None while it runs. Raises EOFError where the process is gone."""
        return Outcome(*self._connection.recv()) if self._connection.poll() else None

    def check(self, order: list[str]) -> None:
        """Raise RuntimeError where tests fail without a mutant, which would be noticed always."""
        self.ask(Asked("", [], b"", order, _CONTROL))
        while (outcome := self.outcome()) is None:
            time.sleep(0.01)
        if outcome.failed or not outcome.complete:
            raise RuntimeError(f"without any mutant: {outcome}")

    def end(self) -> None:
        """End it, and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


#: Seconds of a CPU for tests without a mutant.
_CONTROL = 60.0
#: What cannot be put into a process that runs.
UNPATCHABLE = Outcome((), {}, complete=False, cpu=-1.0)


def _forget() -> None:
    # What functions keep of calls that collecting the tests made: without the change.
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "tdxctl":
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


class _Serve:
    # A plugin of pytest: in place of the run of all tests.

    def __init__(self, connection: Connection[Any, Any], copy: Path) -> None:
        self._connection = connection
        self._copy = copy
        self._result = copy.with_suffix(".served")
        self._failed: list[str] = []
        self._items: dict[str, pytest.Item] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        gc.freeze()  # a collection in a fork would copy what it shares
        while True:
            try:
                asked = Asked(*self._connection.recv())
            except EOFError:
                return True
            # As a tuple: a copy has classes of its own.
            self._connection.send(tuple(self._forked(asked)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self._failed:
            self._failed.append(report.nodeid)

    def _forked(self, asked: Asked) -> Outcome:
        self._result.unlink(missing_ok=True)
        emptied_roots(self._copy)
        deadline = time.monotonic() + WAITING * asked.seconds
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                most = math.ceil(cpu_seconds() + OF_ONE * asked.seconds)
                resource.setrlimit(resource.RLIMIT_CPU, (most, most))
                self._result.write_bytes(pickle.dumps(tuple(self._run(asked))))
            finally:
                os._exit(0)
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.005)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        try:
            return Outcome(*pickle.loads(self._result.read_bytes()))
        except (OSError, EOFError, pickle.UnpicklingError):
            return Outcome(("",), {}, complete=False, cpu=0.0)

    def _run(self, asked: Asked) -> Outcome:
        if asked.file and not put(asked.file, asked.names, marshal.loads(asked.code)):
            return UNPATCHABLE
        _forget()
        started = cpu_seconds()
        items = [self._items[name] for name in asked.order if name in self._items]
        seconds: dict[str, float] = {}
        for at, item in enumerate(items):
            begun = cpu_seconds()
            if begun - started > asked.seconds:
                return Outcome((), seconds, complete=False, cpu=begun - started)
            following = items[at + 1] if at + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[item.nodeid] = cpu_seconds() - begun
            if self._failed:
                break
        return Outcome(tuple(self._failed), seconds, complete=True, cpu=cpu_seconds() - started)
