# SPDX-License-Identifier: Apache-2.0
"""Workers of a test run leave Ctrl-C to their parent, from their first moment on."""

from __future__ import annotations

import signal
from typing import Any

from tdxctl.scenario import run


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
