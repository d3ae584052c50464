# SPDX-License-Identifier: Apache-2.0
"""Kills runs by signal 9, a hundred times each way, and looks for what is left.

    python -m tools.runs [TIMES]

Exit 1 where a process, a mount or a folder is.
"""

from __future__ import annotations

import shutil
import sys
from itertools import cycle, islice, product

from tests.rootfs.runs import leaks_of_a_kill

TIMES = 100
VICTIMS = ("tdxctl", "wrapper", "command")
WAYS = {"bubblewrap": "bwrap", "unshare": "unshare"}


def main() -> int:
    """Print what was left, and how many runs were killed."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    ways = [way for way, program in WAYS.items() if shutil.which(program)]
    left = 0
    for way, victim in islice(cycle(product(ways, VICTIMS)), times):
        for leak in leaks_of_a_kill(victim, way):
            print(f"{way}, {victim} killed: {leak}")
            left += 1
    print(f"{times} runs killed, {left} things left")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
