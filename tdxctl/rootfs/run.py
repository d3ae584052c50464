# SPDX-License-Identifier: Apache-2.0
"""A command on a host that is not there: with its root in place of the real files.

The root stands in a temporary folder, which a process of its own takes away when tdxctl is gone,
however it ended. The command has a PID namespace: what it started ends with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tdxctl.errors import TdxctlError
from tdxctl.rootfs.document import MachineRoot
from tdxctl.rootfs.sandbox import ISOLATIONS, SHIMS, Isolation, Place
from tdxctl.units import printable

#: As a shell has them, and programs that run others.
CANNOT_SET_UP, CANNOT_EXECUTE, NOT_FOUND = 125, 126, 127
#: What stands for the root's folder in a command that takes a prefix.
ROOT_WORD = "{root}"
_ROOT_VARIABLE = "TDXCTL_ROOT"
_HEARD = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class RunError(TdxctlError):
    """A command cannot be run."""

    def __init__(
        self, message: str, exit_code: int = CANNOT_SET_UP, hint: str | None = None
    ) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class Ran(NamedTuple):
    """What a command left: exit code, standard output, standard error."""

    exit_code: int
    stdout: str
    stderr: str


@contextmanager
def placed(root: MachineRoot) -> Iterator[Place]:
    """The root and the shims in a temporary folder, which is gone afterwards in any case."""
    folder = os.path.join(_temporary(), f"tdxctl-run-{os.urandom(8).hex()}")
    # The guard comes first: a signal between the two would leave a folder that nobody takes away.
    guard = _guard(folder)
    try:
        os.mkdir(folder, stat.S_IRWXU)
        place = Place(os.path.join(folder, "root"), os.path.join(folder, "bin"))
        root.write(place.root)
        _write_shims(place)
        yield place
    finally:
        try:
            guard.communicate()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _temporary() -> str:
    # A thousand small files are ten times as fast in memory.
    if "TMPDIR" in os.environ or not os.access(_IN_MEMORY, os.W_OK | os.X_OK):
        return tempfile.gettempdir()
    return _IN_MEMORY


_IN_MEMORY = "/dev/shm"


#: What the guard runs: it reads from a pipe that ends when this process does.
_GUARD = """
import shutil, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
sys.stdin.buffer.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def _guard(folder: str) -> subprocess.Popen[bytes]:
    # A process of its own takes the folder away when this one is gone.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARD, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _write_shims(place: Place) -> None:
    os.makedirs(os.path.join(place.shims, "dev"))
    package = str(Path(__file__).parent.parent.parent)
    for name in SHIMS:
        script = Path(place.shims, f".{name}.py")
        script.write_text(
            f"import sys\nsys.path.insert(0, {package!r})\n"
            f"from tdxctl.rootfs.shims.{name} import main\n"
            f"sys.exit(main({place.root!r}, sys.argv[1:]))\n",
            encoding="utf-8",
        )
        shim = Path(place.shims, name)
        words = f"exec {_quoted(sys.executable)} -I {_quoted(str(script))}"
        shim.write_text(f'#!/bin/sh\n{words} "$@"\n', encoding="utf-8")
        shim.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


#: What was found to work in this process.
_WORKS: dict[str | None, Isolation] = {}


def isolation_for(place: Place, wanted: str | None = None) -> Isolation:
    """The first way that works here, or the one that is wanted. Raises RunError where none does."""
    if wanted in _WORKS:
        return _WORKS[wanted]
    asked = [one for one in ISOLATIONS if wanted in (None, one.name)]
    reasons = []
    if sys.platform == "linux":
        for one in asked:
            if (why_not := one.why_not(place)) is None:
                _WORKS[wanted] = one
                return one
            reasons.append(why_not)
    else:
        reasons.append("only Linux has namespaces")
    raise RunError(
        f"no way to put a root in place of the real files: {'; '.join(map(printable, reasons))}",
        hint="bubblewrap (apt-get install bubblewrap), or user namespaces "
        "(kernel.unprivileged_userns_clone=1; docker run --security-opt seccomp=unconfined); or "
        f"--root-prefix, for a program that takes a folder: lscpu --sysroot {ROOT_WORD}",
    )


def command_line(
    place: Place, command: Sequence[str], isolation: Isolation | None
) -> tuple[list[str], dict[str, str]]:
    """The words and the environment of a command; without isolation the root is a prefix.

    Raises RunError where there is no such command, or one that cannot be executed.
    """
    environment = dict(os.environ)
    path = f"{place.shims}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment |= {"PATH": path, _ROOT_VARIABLE: place.root}
    words = [word.replace(ROOT_WORD, place.root) for word in command]
    _require(words[0], path)
    return (words if isolation is None else isolation.wrap(place, words)), environment


def _require(program: str, path: str) -> None:
    if shutil.which(program, path=path) is not None:
        return
    known = [program] if os.sep in program else [os.path.join(f, program) for f in path.split(":")]
    if any(os.path.exists(one) for one in known):
        raise RunError(f"'{printable(program)}' cannot be executed", CANNOT_EXECUTE)
    raise RunError(f"no such command: '{printable(program)}'", NOT_FOUND)


def run_through(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command with this process's own files and terminal; its exit code.

    Signals go on to it. 128 + n where signal n ended it.
    """
    # From the terminal they reach it anyway. A handler, as what is ignored is so in the child too.
    before = {number: signal.signal(number, lambda *_: None) for number in _OF_THE_TERMINAL}
    child = subprocess.Popen(words, env=environment)
    for number in _HEARD:
        before[number] = signal.signal(number, lambda heard, _: _pass_on(child.pid, heard))
    try:
        return _exit_code(child.wait())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_OF_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT)


def _pass_on(pid: int, number: int) -> None:
    # To the command itself: the last of the processes that were started for it, each the only
    # child of the one before. The first of its own would hear of it through it.
    for _ in range(_WRAPPERS):
        if not _is_wrapper(pid) or (below := _only_child(pid)) is None:
            break
        pid = below
    with suppress(ProcessLookupError):
        os.kill(pid, number)


_WRAPPERS = 3


def _is_wrapper(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    program = os.path.basename(words[0])
    if program in (b"bwrap", b"unshare", b"setpriv"):
        return True
    return words[:2] == [b"sh", b"-c"] and words[2].startswith(b"set -e")


def _only_child(pid: int) -> int | None:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return None
    return int(children[0]) if children else None


def run_captured(
    place: Place,
    command: Sequence[str],
    isolation: Isolation | None,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> Ran:
    """Run a command without a terminal, and keep what it prints.

    seconds: how long at most. Raises RunError where it cannot be run, or takes longer.
    """
    words, seen = command_line(place, command, isolation)
    try:
        done = subprocess.run(
            words,
            env={**seen, **(environment or {}), "PATH": seen["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"'{printable(command[0])}' did not end within {seconds:g} s") from None
    return Ran(
        _exit_code(done.returncode),
        done.stdout.decode("utf-8", errors="replace"),
        done.stderr.decode("utf-8", errors="replace"),
    )


def _exit_code(returned: int) -> int:
    return 128 - returned if returned < 0 else returned
