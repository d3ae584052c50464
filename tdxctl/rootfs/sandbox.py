# SPDX-License-Identifier: Apache-2.0
"""How a command gets a root in place of the real files: bubblewrap, or namespaces by unshare."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple

#: Files of /proc that a root has, as paths below /.
_PROC = (
    "proc/cpuinfo",
    "proc/iomem",
    "proc/cmdline",
    "proc/version",
    "proc/meminfo",
    "proc/modules",
    "proc/sys/kernel/osrelease",
)
#: Devices that every program has, where /dev is a new one.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
#: What is a new one where a command runs; a root that stands in it has to be taken along.
_DEV = "/dev/"
#: Programs that a shim takes the place of, also where they are called by their whole path.
SHIMS = ("dmesg", "rdmsr", "uname")
_PROGRAMS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
_PROBE_SECONDS = 20


class Place(NamedTuple):
    """Where a command runs: the root's folder, and that of the shims."""

    root: str
    shims: str

    @property
    def folder(self) -> str:
        """What holds both."""
        return os.path.dirname(self.root)

    @property
    def has_kvm(self) -> bool:
        """Whether the host has /dev/kvm."""
        return os.path.exists(os.path.join(self.root, "dev/kvm"))

    @property
    def proc(self) -> list[str]:
        """Files of /proc that the root has and this kernel too: nothing can be added there."""
        return [path for path in _PROC if os.path.exists(f"/{path}")]

    @property
    def shadowed(self) -> list[tuple[str, str]]:
        """(shim, program) for each program that a shim takes the place of."""
        found = []
        for name in SHIMS:
            for folder in _PROGRAMS:
                path = os.path.realpath(os.path.join(folder, name))
                if os.path.isfile(path) and os.path.basename(path) == name:
                    found.append((os.path.join(self.shims, name), path))
        return list(dict.fromkeys(found))


Wrap = Callable[[Place, Sequence[str]], list[str]]


class Isolation(NamedTuple):
    """A way to give a command its root. wrap: the command line that does it."""

    name: str
    program: str
    package: str
    wrap: Wrap

    def why_not(self, place: Place) -> str | None:
        """Why it does not work here, a fragment; None where it does."""
        if shutil.which(self.program) is None:
            return f"{self.program} is not installed ({self.package})"
        probe = self.wrap(place, ["true"])
        try:
            done = subprocess.run(
                probe, capture_output=True, check=False, timeout=_PROBE_SECONDS, text=True
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{self.program} does not run: {error}"
        if done.returncode == 0:
            return None
        said = done.stderr.strip().splitlines()
        return f"{self.program}: {said[-1] if said else f'exit {done.returncode}'}"


def _bubblewrap(place: Place, command: Sequence[str]) -> list[str]:
    root = place.root
    words = ["bwrap", "--die-with-parent", "--unshare-pid", "--bind", "/", "/", "--dev", "/dev"]
    words += ["--proc", "/proc", "--ro-bind", f"{root}/sys", "/sys"]
    for path in place.proc:
        words += ["--ro-bind", f"{root}/{path}", f"/{path}"]
    words += ["--ro-bind", f"{root}/dev/kmsg", "/dev/kmsg"]
    words += ["--ro-bind", f"{root}/dev/cpu", "/dev/cpu"]
    if place.has_kvm:
        # A device, as programs look for one; nothing can be asked of it.
        words += ["--dev-bind", "/dev/null", "/dev/kvm"]
    if place.folder.startswith(_DEV):
        words += ["--bind", place.folder, place.folder]
    for shim, program in place.shadowed:
        words += ["--ro-bind", shim, program]
    return [*words, "--", *command]


def _unshare(place: Place, command: Sequence[str]) -> list[str]:
    script = "\n".join(["set -e", *_mounts(place), "set +e", '"$@"', "exit $?"])
    # bwrap ends with its father by itself.
    ends = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    unshare = [*ends, "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork"]
    return [*unshare, "--kill-child", "sh", "-c", script, "sh", *command]


def _mounts(place: Place) -> list[str]:
    root, dev = place.root, os.path.join(place.shims, "dev")
    bind = [(f"{root}/sys", "/sys"), *((f"{root}/{path}", f"/{path}") for path in place.proc)]
    lines = ["mount -t proc proc /proc"]
    lines += [f"mount --bind {shlex.quote(what)} {where}" for what, where in bind]
    lines += [f"mount -t tmpfs tmpfs {shlex.quote(dev)}", f"cd {shlex.quote(dev)}"]
    devices = [(f"/dev/{name}", name) for name in _DEVICES if os.path.exists(f"/dev/{name}")]
    if place.has_kvm:
        devices.append(("/dev/null", "kvm"))
    for what, name in [*devices, (f"{root}/dev/kmsg", "kmsg")]:
        lines += [f"touch {name}", f"mount --bind {shlex.quote(what)} {name}"]
    lines += ["mkdir shm cpu pts", f"mount --bind {shlex.quote(root)}/dev/cpu cpu"]
    if place.folder.startswith(_DEV):
        inside = shlex.quote(place.folder.removeprefix(_DEV))
        lines += [f"mkdir -p {inside}", f"mount --bind {shlex.quote(place.folder)} {inside}"]
    lines += ["mount --bind /dev/pts pts 2>/dev/null || :", "ln -s pts/ptmx ptmx"]
    lines += [
        "ln -s /proc/self/fd fd",
        "ln -s fd/0 stdin",
        "ln -s fd/1 stdout",
        "ln -s fd/2 stderr",
    ]
    lines += ['cd "$OLDPWD"', f"mount --rbind {shlex.quote(dev)} /dev"]
    lines += [
        f"mount --bind {shlex.quote(shim)} {shlex.quote(program)}"
        for shim, program in place.shadowed
    ]
    return lines


#: The ways, the one that is tried first at the head.
ISOLATIONS = (
    Isolation("bubblewrap", "bwrap", "package bubblewrap", _bubblewrap),
    Isolation("unshare", "unshare", "package util-linux", _unshare),
)
