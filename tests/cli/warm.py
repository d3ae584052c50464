# SPDX-License-Identifier: Apache-2.0
"""A process that has imported tdxctl and forks for each command line: a start without its cost.

A test of what a user sees needs a process of its own, with its own streams, environment and exit;
it does not need every import again. What a fork cannot show, an import that is missing, the
README's commands and the examples of each --help do: they are processes from the start.

A shell has it as a command (tests/cli/warm_client.py), which is what the console blocks of the
pages under docs/ are run with.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

#: What the interpreter reads as it starts is not changed by a fork.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "OPENBLAS_")


#: What a fork imports itself: a module that runs, one of pytest's, and those with pyarrow behind
#: them, whose memory would have to be told of to every fork.
_LEFT_OUT = ("tdxctl.__main__", "tdxctl.pytest_plugin", "tdxctl.fleet.")


def can_run(environment: dict[str, str]) -> bool:
    """Whether a fork of a running interpreter sees all of these as a new one would."""
    return not any(name.startswith(_READ_AT_START) for name in environment)


class Warm:
    """The process, started at the first command line and gone with this one.

    A fork of this one starts its own: it may have changed what the other has read.
    """

    def __init__(self, root: Path, *, seconds: float = 60) -> None:
        self._root = root
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes]
        self._owner = 0
        self._inherited: list[object] = []

    def run(
        self, arguments: tuple[str, ...], stdin: str | None, cwd: Path, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """The finished command line. Raises TimeoutError where it takes longer than seconds."""
        asked = json.dumps({"argv": arguments, "cwd": str(cwd), "environment": environment})
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        data = asked.encode()
        with ThreadPoolExecutor(3) as pool:
            pool.submit(_write, pipes[0][1], (stdin or "").encode())
            printed = [pool.submit(_read, pipe[0]) for pipe in pipes[1:]]
            try:
                link = self._started()
                link.sendall(len(data).to_bytes(8))
                socket.send_fds(link, [b"f"], theirs)
                link.sendall(data)
            except OSError:
                self._kill()
                raise
            finally:
                for descriptor in theirs:
                    os.close(descriptor)
            try:
                code = int.from_bytes(_received(link, 8), signed=True)
            except OSError:
                # Whoever it forked is of its group, and holds what is read here open.
                self._kill()
                raise
            texts = [one.result() for one in printed]
        return subprocess.CompletedProcess(["tdxctl", *arguments], code, *texts)

    @property
    def pid(self) -> int:
        """Of the process that serves this one."""
        self._started()
        return self._process.pid

    def in_shell(self) -> str:
        """Words of a shell that make tdxctl a function, which has this process fork."""
        self._started()
        client = f'"{sys.executable}" -ISE "{Path(__file__).with_name("warm_client.py")}"'
        return f'tdxctl() {{ {client} "{self._folder}/socket" "$@"; }}\n'

    def _started(self) -> socket.socket:
        if self._socket is None or self._owner != os.getpid():
            if self._socket is not None:
                # It is the other's to close: it is not let go of here.
                self._inherited += [self._socket, self._process]
            self._owner = os.getpid()
            self._socket, theirs = socket.socketpair()
            self._socket.settimeout(self._seconds)
            self._folder = tempfile.mkdtemp(prefix="tdxctl-")
            shells = socket.socket(socket.AF_UNIX)
            shells.bind(f"{self._folder}/socket")
            shells.listen()
            numbers = [theirs.fileno(), shells.fileno()]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.warm", *map(str, numbers)],
                cwd=self._root,
                env={**os.environ, "PYTHONPATH": str(self._root), "OPENBLAS_NUM_THREADS": "1"},
                pass_fds=numbers,
                # Streams are what they are at the start: pipes, as those of the command lines.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
            theirs.close()
            shells.close()
            atexit.register(self.close)
        return self._socket

    def close(self) -> None:
        """End the process; the next command line starts another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._process.communicate()
            shutil.rmtree(self._folder)
            atexit.unregister(self.close)

    def _kill(self) -> None:
        if self._socket is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self.close()


def _write(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        try:
            file.write(data)
        except BrokenPipeError:
            return  # nobody read it, as in a shell's pipe


def _read(descriptor: int) -> str:
    # As subprocess reads text.
    with os.fdopen(descriptor, "rb") as file:
        return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")


def _received(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _serve(link: socket.socket, shells: socket.socket) -> None:
    import tdxctl

    for module in pkgutil.walk_packages(tdxctl.__path__, "tdxctl."):
        if not module.name.startswith(_LEFT_OUT):
            importlib.import_module(module.name)
    # What is there stays, in every fork: no collection looks through it, which would copy it.
    gc.freeze()
    while True:
        ready, _, _ = select.select([link, shells], [], [])
        if shells in ready:
            _serve_beside(shells, link)
        if link in ready:
            try:
                _serve_one(link)
            except EOFError:
                return


def _serve_beside(shells: socket.socket, link: socket.socket) -> None:
    # The commands of a pipe run at the same time: each has a process that waits for it.
    connection, _ = shells.accept()
    middle = os.fork()
    if middle == 0:
        if os.fork() == 0:
            shells.close()
            link.close()
            _serve_one(connection)
        os._exit(0)
    os.waitpid(middle, 0)
    connection.close()


def _serve_one(link: socket.socket) -> None:
    size = int.from_bytes(_received(link, 8))
    _, descriptors, _, _ = socket.recv_fds(link, 1, 3)
    asked = json.loads(_received(link, size))
    child = os.fork()
    if child == 0:
        link.close()
        for place, descriptor in enumerate(descriptors):
            os.dup2(descriptor, place)
            os.close(descriptor)
        _become(asked)
    for descriptor in descriptors:
        os.close(descriptor)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    link.sendall(code.to_bytes(8, signed=True))


def _become(asked: dict[str, object]) -> None:
    # Ends this process as the command line ends.
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["environment"])  # type: ignore[call-overload]
    sys.argv = ["tdxctl", *asked["argv"]]  # type: ignore[misc]
    sys.path[0] = str(asked["cwd"])
    from tdxctl.__main__ import run

    code: object = 1
    try:
        code = run()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  # whatever it is, the interpreter prints it
        sys.excepthook(*sys.exc_info())
    # The end of an interpreter, but for taking every module apart: that is not the command's, and
    # in a fork it copies all that was imported.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = 120
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    _serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:]))
