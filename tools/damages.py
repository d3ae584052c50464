# SPDX-License-Identifier: Apache-2.0
"""Stored machines that are damaged at random: `make damages`. Prints what they answered."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.state.damages import Damaged


def main() -> int:
    """Damage a store and ask it; exit 1 where an answer was another than before or exit 5."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--damages", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    memory = Path("/dev/shm")  # no disk is waited for where there is one without
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        started = time.perf_counter()
        found = Damaged(Path(folder)).try_some(options.damages, options.seed, _progress)
        elapsed = time.perf_counter() - started
    print(f"{found} (seed {options.seed}, {elapsed:.0f} s)")
    print("\n".join(found.wrong))
    return 1 if found.wrong else 0


def _progress(number: int) -> None:
    if number % 500 == 0:
        print(f"{number} ...", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
