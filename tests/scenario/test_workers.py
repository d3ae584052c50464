# SPDX-License-Identifier: Apache-2.0
"""Workers of a test run leave Ctrl-C to their parent, from their first moment on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self

import pytest

from tdxctl.scenario import run
from tdxctl.scenario.description import Outcome


class _Pool:
    # Notes what is blocked where a worker would be started, and so in the worker.
    blocked: set[Any]

    def submit(self, *_: object) -> None:
        self.blocked = set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def test_signals_wait_while_a_worker_starts() -> None:
    """Expect SIGINT and SIGTERM blocked at the start of a worker, and not any more behind it."""
    pool: Any = _Pool()
    run._submitted(pool, [])
    assert pool.blocked >= {signal.SIGINT, signal.SIGTERM}
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM}


class _Here:
    # A pool that does what is submitted at once, and counts it.
    submitted = 0

    def __init__(self, workers: int, *, initializer: Callable[[], None]) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, function: Callable[..., list[Outcome]], *arguments: object) -> Any:
        _Here.submitted += 1
        future: Future[list[Outcome]] = Future()
        future.set_result(function(*arguments))
        return future


def test_workers_are_no_more_than_two_chunks_each_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 cases in chunks of 8, 13 of them: expect 4 under way, one more for each that is done."""
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", _Here)
    _Here.submitted = 0
    cases = [run.broken(f"{number}.yaml", ()) for number in range(100)]
    outcomes = run._in_order(cases, 2, run._run)
    submitted = []
    found = []
    for outcome in outcomes:
        found.append(outcome)
        submitted.append(_Here.submitted)
    assert found == cases
    assert submitted[:24] == [4] * 8 + [5] * 8 + [6] * 8
    assert submitted[-1] == 13
