# SPDX-License-Identifier: Apache-2.0
"""What tests take for a process of tdxctl is one, as far as a user can see."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.runner import ROOT
from tests.cli.warm import Warm, can_run


@pytest.fixture
def warm() -> Iterator[Warm]:
    """One of its own, which is not patient."""
    one = Warm(ROOT, seconds=5)
    yield one
    one.close()


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (("--version",), None, 0),
        (("init", "--once", "--platform", "emr-2s-256g-fragmented"), None, 1),
        (("init", "--platfrom", "small"), None, 2),
        (("validate", "-"), "schema: tdxctl.platform/1\nname: \u00e9\n", 3),
        (("diagnose", "-"), "no log\n", 4),
        (("kernels", "--format", "json"), None, 0),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_fork_is_what_a_process_is(
    warm: Warm, arguments: tuple[str, ...], stdin: str | None, code: int
) -> None:
    seen = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run(
        [sys.executable, "-m", "tdxctl", *arguments],
        input=stdin or "",
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=seen,
        check=False,
    )
    fork = warm.run(arguments, stdin, ROOT, seen)
    assert process.returncode == code
    assert (fork.returncode, fork.stdout, fork.stderr) == (code, process.stdout, process.stderr)


def test_nothing_of_a_command_line_is_there_at_the_next(warm: Warm, tmp_path: Path) -> None:
    """Expect the kernel of the first's environment gone, and its folder."""
    words = ("init", "--once", "--platform", "./small.yaml")
    (tmp_path / "small.yaml").write_bytes((ROOT / "platforms" / "small.yaml").read_bytes())
    with_kernel = {**os.environ, "TDXCTL_INIT_KERNEL": "6.18"}
    assert "Kernel: Linux 6.18\n" in warm.run(words, None, tmp_path, with_kernel).stdout
    assert "Kernel: on-demand" in warm.run(words, None, tmp_path, dict(os.environ)).stdout
    assert warm.run(words, None, ROOT, dict(os.environ)).returncode == 2


def test_one_that_hangs_ends_in_time_and_harms_no_other(warm: Warm, state: Path) -> None:
    """Expect a machine that another process holds to be waited for no longer than allowed."""
    init = ("init", "--platform", "small")
    assert warm.run(init, None, ROOT, dict(os.environ)).returncode == 0
    held = sqlite3.connect(state / "machines-2.sqlite3", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    with pytest.raises(TimeoutError):
        warm.run(init, None, ROOT, {**os.environ, "TDXCTL_WAIT": "600"})
    held.close()
    assert warm.run(("--version",), None, ROOT, dict(os.environ)).stdout == "tdxctl 0.1.0\n"


def test_a_shell_has_it_as_a_command(warm: Warm) -> None:
    """Expect both ends of a pipe to run, in the shell's folder and environment, and exit codes."""
    script = """
    cd / && echo '{}' | TDXCTL_INIT_PLATFORM=- tdxctl init --once | cat; echo ${PIPESTATUS[*]}
    tdxctl platforms small | tdxctl validate - 2>&1; echo $?
    """
    done = subprocess.run(
        ["bash", "-c", warm.in_shell() + script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines()[-3:] == ["0 3 0", "-: valid", "0"]
    assert done.stderr.startswith("<stdin>:1:1: cpus: is required\n")


def test_what_an_interpreter_reads_as_it_starts_needs_a_start() -> None:
    assert can_run({"TDXCTL_STATE": "x", "COLUMNS": "40"})
    assert not can_run({"PYTHONIOENCODING": "ascii"})
    assert not can_run({"LC_ALL": "C"})


def test_a_fork_of_the_tests_has_a_process_of_its_own(warm: Warm) -> None:
    """Expect the one of this process to go on serving it when the fork has ended."""
    seen = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert warm.run(("--version",), None, ROOT, seen).returncode == 0
    served_by = warm.pid
    pid = os.fork()
    if pid == 0:
        try:
            code = warm.run(("--version",), None, ROOT, seen).returncode
            os._exit(code if warm.pid != served_by else 99)
        finally:
            os._exit(98)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert warm.run(("--version",), None, ROOT, seen).returncode == 0
    assert warm.pid == served_by
