# SPDX-License-Identifier: Apache-2.0
"""What a terminal can show: how wide it is, whether it obeys escapes, has colours, more than ASCII.

https://no-color.org: where NO_COLOR is set, and not empty, nothing is coloured; bold and dim are no
colours. COLUMNS goes before what the terminal says of itself.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

_STDOUT = 1
#: What is taken where a terminal does not know how wide it is.
_COLUMNS = 80


class Screen(NamedTuple):
    """What can be shown on it.

    columns: of characters. escapes: bold and dim, and that a line is erased. colours: among them.
    unicode: marks and boxes that are not ASCII.
    """

    columns: int = _COLUMNS
    escapes: bool = True
    colours: bool = True
    unicode: bool = True


def obeys_escapes() -> bool:
    """Whether a terminal of this name does anything but print what it is sent."""
    return os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def stdout_screen() -> Screen:
    """The terminal that standard output is, or 80 columns of ASCII without any escapes."""
    columns = _asked_for() or columns_of(_STDOUT)
    if not sys.stdout.isatty():
        return Screen(columns, escapes=False, colours=False, unicode=False)
    escapes = obeys_escapes()
    return Screen(
        columns,
        escapes,
        colours=escapes and not os.environ.get("NO_COLOR"),
        unicode=sys.stdout.encoding.lower().startswith("utf"),
    )


def columns_of(descriptor: int) -> int:
    """How wide the terminal of that descriptor is, 80 where it is none or does not know."""
    try:
        return os.get_terminal_size(descriptor).columns or _COLUMNS
    except OSError:
        return _COLUMNS


def _asked_for() -> int | None:
    # As shutil's get_terminal_size() has it, which imports what unpacks archives.
    try:
        return max(int(os.environ["COLUMNS"]), 0)
    except (KeyError, ValueError):
        return None
