# SPDX-License-Identifier: Apache-2.0
"""Runs tdxctl on a terminal of its own, the way a person does."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.cli.runner import ROOT

CTRL_C = b"\x03"
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[a-zA-Z]|[()=>].?|\][^\x07]*\x07)")


def on_a_terminal(
    *arguments: str,
    environment: dict[str, str] | None = None,
    type_after: tuple[bytes, bytes] | None = None,
    stderr_only: bool = False,
) -> tuple[int, bytes]:
    """Exit code and all that the terminal was sent.

    type_after: (shown, keys): press keys once the terminal shows that. stderr_only: standard
    output goes nowhere.
    """
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tdxctl", *arguments],
        stdin=child,
        stdout=subprocess.DEVNULL if stderr_only else child,
        stderr=child,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **(environment or {})},
        preexec_fn=_as_a_shell_starts_it,  # noqa: PLW1509  # no thread is running here
    )
    os.close(child)
    shown = b""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            got = os.read(parent, 1 << 16)
        except OSError:  # how Linux says that nobody has the terminal open any more
            break
        if not got:
            break
        shown += got
        if type_after is not None and type_after[0] in shown:
            os.write(parent, type_after[1])
            type_after = None
    os.close(parent)
    return process.wait(timeout=60), shown


def typed_in(
    shell: Sequence[str], typed: Sequence[str], shown: Sequence[str], environment: dict[str, str]
) -> list[str]:
    """Those of shown that an interactive shell shows, each after the keys of typed in its place."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        shell,
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=ROOT,
        env=environment,
        preexec_fn=_as_a_shell_starts_it,  # noqa: PLW1509  # no thread is running here
    )
    os.close(child)
    found = []
    for keys, wanted in zip(typed, shown, strict=True):
        os.write(parent, keys.encode())
        if not _is_shown(parent, wanted.encode()):
            break
        found.append(wanted)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    os.close(parent)
    return found


def _is_shown(terminal: int, wanted: bytes) -> bool:
    # Within some seconds; what a terminal is sent to move or colour text is read over.
    screen = b""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        if select.select([terminal], [], [], 0.1)[0]:
            screen += os.read(terminal, 1 << 16)
            if wanted in _ESCAPES.sub(b"", screen):
                return True
    return False


def _as_a_shell_starts_it() -> None:
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
