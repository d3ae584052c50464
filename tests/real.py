# SPDX-License-Identifier: Apache-2.0
"""Real logs and tables: the folder that TDXCTL_REALDATA names, else what tests/data/real has."""

from __future__ import annotations

import os
from pathlib import Path

#: Both have the same layout; tests/data/real/README.md says what was left out there.
FOLDER = Path(os.environ.get("TDXCTL_REALDATA") or Path(__file__).parent / "data" / "real")

#: Whether it is all that there is.
IS_WHOLE = "TDXCTL_REALDATA" in os.environ


def files(pattern: str) -> list[Path]:
    """The files of a pattern, which is never without any: nothing read would pass any test."""
    found = sorted(FOLDER.glob(pattern))
    assert found, f"{FOLDER} has no {pattern}"
    return found
