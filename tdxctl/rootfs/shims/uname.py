# SPDX-License-Identifier: Apache-2.0
"""`uname` on a root: the release of its kernel, all else as uname(2) has it, which is real."""

from __future__ import annotations

import os
import sys
from getopt import GetoptError, gnu_getopt

#: Option -> its long name, in the order in which they are printed.
_OPTIONS = {
    "s": "kernel-name",
    "n": "nodename",
    "r": "kernel-release",
    "v": "kernel-version",
    "m": "machine",
    "p": "processor",
    "i": "hardware-platform",
    "o": "operating-system",
}
#: What `-a` leaves out.
_UNKNOWN = "unknown"


def main(root: str, arguments: list[str]) -> int:
    """Print what uname with these arguments would on the host at root; its exit code."""
    try:
        options, words = gnu_getopt(arguments, "asnrvmpio", ["all", *_OPTIONS.values()])
    except GetoptError as error:
        sys.stderr.write(f"uname: {error}\n")
        return 1
    if words:
        sys.stderr.write(f"uname: extra operand '{words[0]}'\n")
        return 1
    names = {option.lstrip("-") for option, _ in options}
    asked = [short for short, name in _OPTIONS.items() if names & {short, name}] or ["s"]
    if names & {"a", "all"}:
        asked = [short for short in _OPTIONS if short not in "pi"]
    real = os.uname()
    with open(f"{root}/proc/sys/kernel/osrelease", encoding="utf-8") as file:
        release = file.read().strip()
    said = {"s": real.sysname, "n": real.nodename, "r": release, "v": "#1 SMP PREEMPT_DYNAMIC"}
    said |= {"m": "x86_64", "p": _UNKNOWN, "i": _UNKNOWN, "o": "GNU/Linux"}
    sys.stdout.write(" ".join(said[short] for short in asked) + "\n")
    return 0
