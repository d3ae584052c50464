# SPDX-License-Identifier: Apache-2.0
"""Files that a command writes; `-` is standard output."""

from __future__ import annotations

import os
import stat
import sys
import tempfile

from tdxctl.commands.outputs.stdout import print_document
from tdxctl.units import printable


def write_document(text: str, path: str) -> None:
    """Write text and a newline to path, `-` being standard output; say where on standard error.

    A regular file is replaced as a whole: nobody ever reads half of it, and it stays as it was
    where writing fails. Raises OSError.
    """
    if path == "-":
        print_document(text)
        return
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = None
    if mode is None or stat.S_ISREG(mode):
        # Through a link to what it points to.
        _replace(os.path.realpath(path), text, mode)
    else:
        # A device or a pipe, /dev/stdout for one.
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    sys.stderr.write(f"written to {printable(path)}\n")


def _replace(target: str, text: str, mode: int | None) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".tdxctl-")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        if mode is None:
            umask = os.umask(0)
            os.umask(umask)
            mode = 0o666 & ~umask
        os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
