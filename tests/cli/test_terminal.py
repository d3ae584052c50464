# SPDX-License-Identifier: Apache-2.0
"""A terminal: progress on what takes long, Ctrl-C, no colour where none is wanted."""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.runner import ROOT, tdxctl
from tests.cli.terminal import CTRL_C, on_a_terminal

ERASE = b"\r\x1b[K"
WAITING = b"waiting for another tdxctl, up to "


@pytest.fixture
def busy(state: Path) -> sqlite3.Connection:
    """The store with the machine small, while another process holds it."""
    assert tdxctl("boot", "--platform", "small").returncode == 0
    connection = sqlite3.connect(state / "machines-2.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_a_wait_is_said_and_the_line_erased(busy: sqlite3.Connection) -> None:
    """Expect the line drawn over itself, gone before the error is printed."""
    code, shown = on_a_terminal("init", environment={"TDXCTL_WAIT": "1.5"})
    assert code == 5
    drawn, _, after = shown.rpartition(ERASE)
    lines = drawn.split(b"\x1b[K")
    assert len(lines) > 1
    assert all(re.fullmatch(rb"(\r" + WAITING + rb"1\.5 s\.\.\. \d s)?", line) for line in lines)
    assert after.startswith(b"error: the store ")
    busy.close()


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_that_cannot_erase_is_told_nothing(
    busy: sqlite3.Connection, environment: dict[str, str]
) -> None:
    code, shown = on_a_terminal("init", environment={"TDXCTL_WAIT": "0.8", **environment})
    assert code == 5
    assert shown.startswith(b"error: the store ")
    busy.close()


def test_a_pipe_is_told_nothing(busy: sqlite3.Connection) -> None:
    done = tdxctl("init", environment={"TDXCTL_WAIT": "0.8"})
    assert done.returncode == 5
    assert done.stderr.startswith("error: the store ")
    busy.close()


def test_what_is_quick_shows_nothing() -> None:
    code, shown = on_a_terminal("validate", "platforms/small.yaml", stderr_only=True)
    assert (code, shown) == (0, b"")


def test_scenarios_are_counted(tmp_path: Path) -> None:
    """Expect what is long on any machine to be counted, in one process and in two."""
    text = "schema: tdxctl.scenario/1\nplatform: spr-2s-512g\nsteps: [{init: 1}]\n"
    for i in range(600):
        (tmp_path / f"{i}.yaml").write_text(text)
    for jobs in ("1", "2"):
        code, shown = on_a_terminal("test", str(tmp_path), "-j", jobs, stderr_only=True)
        assert code == 0
        assert re.search(rb"\rrunning scenarios: \d+ of 600\.\.\. \d+ s", shown)
        assert shown.endswith(ERASE)


def test_ctrl_c_ends_a_wait_at_once(busy: sqlite3.Connection) -> None:
    """Expect the line erased, no traceback, and no waiting for the 60 s to pass."""
    start = time.monotonic()
    code, shown = on_a_terminal("init", type_after=(WAITING, CTRL_C))
    assert code == 130
    assert time.monotonic() - start < 30
    assert shown.endswith(ERASE)
    assert b"Traceback" not in shown
    busy.close()


def test_ctrl_c_ends_the_workers_of_a_test_run(tmp_path: Path) -> None:
    text = "schema: tdxctl.scenario/1\nplatform: spr-2s-512g\nsteps: [{init: 1}]\n"
    for i in range(3000):
        (tmp_path / f"{i}.yaml").write_text(text)
    words = ("test", str(tmp_path), "-j", "2")
    code, shown = on_a_terminal(*words, type_after=(b"running scenarios", CTRL_C))
    assert code == 130
    assert b"Traceback" not in shown
    assert b"scenarios:" not in shown.rpartition(ERASE)[2]


# Before that the interpreter answers a signal, and not in silence.
_TOLD_WHEN_STARTED = """
import os, sys
sys.argv[0] = "tdxctl"
from tdxctl import __main__ as command_line
run = command_line._run
def told():
    os.write(1, b".")
    return run()
command_line._run = told
command_line.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_moment_leaves_no_traceback(number: signal.Signals, code: int) -> None:
    """Expect its exit code or that of the finished command, and silence, imports included."""
    chance = random.Random(5)
    found = set()
    for _ in range(25):
        process = subprocess.Popen(
            [sys.executable, "-c", _TOLD_WHEN_STARTED, "init", "--once", "--platform", "small"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            # Where the tests themselves were started with SIGINT ignored.
            preexec_fn=_hear_sigint,  # noqa: PLW1509  # no thread is running here
        )
        assert process.stdout is not None
        assert process.stdout.read(1) == b"."
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert errors == b""
        found.add(process.returncode)
    # A SIGTERM before tdxctl hears it ends the process as it ends any.
    assert found <= {0, code, -signal.SIGTERM}
    assert code in found


# numpy as it is for a third of a start: begun, and not imported yet.
_WITHIN_AN_IMPORT = """
import os, signal, sys, time, types
from tdxctl import __main__ as command_line
command_line._hear_signals()
sys.modules["numpy"] = types.ModuleType("numpy")
sys.modules["numpy"].__spec__ = types.SimpleNamespace(_initializing=True)
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("raised")
"""


def test_a_signal_while_numpy_is_imported_is_not_numpys_to_tell() -> None:
    """Expect the end at once: numpy's C code would print what was raised."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHIN_AN_IMPORT],
        capture_output=True,
        cwd=ROOT,
        preexec_fn=_hear_sigint,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def _hear_sigint() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_no_colour_where_none_is_wanted(environment: dict[str, str]) -> None:
    code, shown = on_a_terminal("init", "--once", "--platform", "small", environment=environment)
    assert code == 0
    colours = re.findall(rb"\x1b\[([0-9;]*)m", shown)
    assert not [c for c in colours if re.search(rb"(^|;)(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;|$)", c)]


@pytest.mark.parametrize("columns", ["80", "200"])
def test_nothing_is_cut_off_whatever_the_width(columns: str) -> None:
    """Expect all that a pipe gets, but for spaces, colour and where lines break."""
    words = ("init", "--once", "--platform", "spr-2s-512g")
    code, shown = on_a_terminal(*words, environment={"COLUMNS": columns})
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", shown)
    assert code == 0
    assert "…".encode() not in plain
    for address in re.findall(r"0x[0-9a-f]{4,}", tdxctl(*words).stdout):
        assert address.encode() in plain
