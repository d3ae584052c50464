# SPDX-License-Identifier: Apache-2.0
"""Writers wait in line: asleep, in the order they came, for as long as TDXCTL_WAIT says."""

from __future__ import annotations

import errno
import fcntl
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tdxctl import store
from tdxctl.errors import StateError
from tdxctl.state import queued
from tests.cli.runner import ROOT, tdxctl


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A store, which need not be there to be waited for."""
    return str(tmp_path / "store")


@pytest.mark.skipif(sys.platform != "linux", reason="whose flock() keeps the order")
def test_who_comes_first_is_first(path: str) -> None:
    found = []

    def wait(number: int) -> None:
        with queued(path, 30):
            found.append(number)

    waiting = [threading.Thread(target=wait, args=(number,)) for number in range(8)]
    with queued(path, 0):
        for thread in waiting:
            thread.start()
            time.sleep(0.1)  # in line before the next one comes
        assert found == []
    for thread in waiting:
        thread.join()
    assert found == [0, 1, 2, 3, 4, 5, 6, 7]


def test_who_waits_sleeps(path: str) -> None:
    """Expect a wait to cost no time of a CPU."""
    with queued(path, 0):
        before = time.process_time()
        with (
            pytest.raises(StateError, match=r"for longer than TDXCTL_WAIT \(0\.5 s\)"),
            queued(path, 0.5),
        ):
            pass
        assert time.process_time() - before < 0.1


def test_who_gave_up_is_not_in_the_way(path: str) -> None:
    with queued(path, 0):
        for _ in range(3):
            with pytest.raises(StateError, match="is in use by another tdxctl"), queued(path, 0.05):
                pass
    for _ in range(3):
        with queued(path, 10):
            pass


@pytest.mark.parametrize("refused", ["flock", "open"])
def test_without_such_locks_sqlites_own_is_waited_for(
    state: Path, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect one writer at a time on a file system that has no flock()."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    def in_a_folder(*_: object) -> None:
        raise PermissionError

    with store.writing():
        pass
    if refused == "flock":
        monkeypatch.setattr(fcntl, "flock", no_locks)
    else:
        monkeypatch.setattr("tdxctl.state.os.open", in_a_folder)
    monkeypatch.setenv("TDXCTL_WAIT", "0.3")
    with store.writing():
        before = time.monotonic()
        with pytest.raises(StateError, match="is in use by another tdxctl"), store.writing():
            pass
        assert time.monotonic() - before >= 0.3
    assert state.is_dir()


def test_without_a_thread_sqlites_own_lock_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setenv("TDXCTL_WAIT", "0.3")
    monkeypatch.setattr(threading.Thread, "start", refused)
    with store.writing(), pytest.raises(StateError, match="is in use"), store.writing():
        pass
    with store.writing():
        pass


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_wait_can_be_ended(number: signal.Signals, code: int) -> None:
    assert tdxctl("boot", "--platform", "small").returncode == 0
    with store.writing():
        waiting = subprocess.Popen(
            [sys.executable, "-m", "tdxctl", "init"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            # Where the tests themselves were started with SIGINT ignored.
            preexec_fn=_hear_sigint,  # noqa: PLW1509  # it calls nothing that takes a lock
        )
        _until_it_sleeps(waiting.pid)
        waiting.send_signal(number)
        assert waiting.communicate(timeout=30) == (b"", b"")
    assert waiting.returncode == code


def _until_it_sleeps(pid: int) -> None:
    # Its second thread is the one that stands in line.
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.is_dir():
        time.sleep(3)
        return
    while len(list(tasks.iterdir())) < 2:
        time.sleep(0.05)


def _hear_sigint() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
