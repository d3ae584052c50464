# SPDX-License-Identifier: Apache-2.0
"""How processes of this machine are started that do tasks. Imports nothing that they need."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import BaseContext
from threading import Thread

_FORKED = "forkserver"


def context() -> BaseContext:
    """Forked from a process that has imported all they need, and done nothing: from this one they
    cannot be, for pyarrow has threads. On macOS, whose libraries survive no fork, started anew.
    """
    if _FORKED not in multiprocessing.get_all_start_methods() or sys.platform == "darwin":
        return multiprocessing.get_context("spawn")
    forked = multiprocessing.get_context(_FORKED)
    forked.set_forkserver_preload([f"{__package__}.work"])
    return forked


def ahead() -> None:
    """Start the process that they are forked from: it imports while this one does."""
    if context().get_start_method() == _FORKED:
        from multiprocessing.forkserver import ensure_running

        ensure_running()


def ends_with_parent() -> None:
    """In a worker: end when the process that asked for it does, even one that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "it is no worker"

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()
