# SPDX-License-Identifier: Apache-2.0
"""Runs tdxctl as a process, the way a user does; what it prints as JSON has to fit its schema."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import documents
from tests.cli.warm import Warm, can_run

ROOT = Path(__file__).parent.parent.parent
_WARM = Warm(ROOT)


def tdxctl(
    *arguments: str,
    stdin: str | None = None,
    cwd: Path = ROOT,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The finished process: exit code, standard output, standard error."""
    changed = environment or {}
    seen = {**os.environ, "PYTHONPATH": str(ROOT), **changed}
    if can_run(changed):
        done = _WARM.run(arguments, stdin, cwd, seen)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "tdxctl", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=seen,
            timeout=60,
        )
    documents.check(done.stdout)
    return done


def in_shell() -> str:
    """Words of a shell after which tdxctl is a command, run as above."""
    return _WARM.in_shell()
