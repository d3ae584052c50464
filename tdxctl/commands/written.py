# SPDX-License-Identifier: Apache-2.0
"""A document into a file, or to standard output."""

from __future__ import annotations

import os
import stat
import sys

from tdxctl.commands.output import print_text
from tdxctl.units import printable


def write_document(text: str, path: str) -> None:
    """Write text and a newline to path, `-` being standard output; say where on standard error.

    A regular file is replaced as a whole: nobody ever reads half of it, and it stays as it was
    where writing fails. Raises OSError.
    """
    if path == "-":
        print_text(text)
        return
    # Through a link to what it points to; a device or a pipe is written to.
    target = os.path.realpath(path)
    mode = os.stat(target).st_mode if os.path.exists(target) else None
    if mode is None or stat.S_ISREG(mode):
        _replace(target, text, mode)
    else:
        with open(target, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    sys.stderr.write(f"written to {printable(path)}\n")


def _replace(target: str, text: str, mode: int | None) -> None:
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:200]}.{os.getpid()}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
