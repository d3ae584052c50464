# SPDX-License-Identifier: Apache-2.0
"""What firmware does on real hosts: the Convertible Memory Ranges of `auto`, the SEAM range."""

from __future__ import annotations

from tdxctl.units import SZ_1M, SZ_4G, SZ_4K, SZ_32M, round_down, round_up

#: One of the 32 CMRs is the memory below 4 GiB.
MAX_RUNS_ABOVE_4G = 31


def auto_cmrs(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(base, size) of the CMRs for memory ranges [start, end), ascending and disjoint."""
    # One range from 1 MiB to the end of the last range below 4 GiB (rounded up to 1 MiB), and
    # one range per run of touching ranges above (a range that crosses 4 GiB counts as above).
    below = [end for _, end in ranges if end <= SZ_4G]
    top = round_up(below[-1], SZ_1M) if below else 0
    above = runs_above_4g(ranges)
    if above:
        # The run that crosses 4 GiB may start inside the rounding.
        top = min(top, above[0][0])
    cmrs = [(SZ_1M, top - SZ_1M)] if top > SZ_1M else []
    return cmrs + [(start, end - start) for start, end in above]


def auto_seamrr(top: int) -> tuple[int, int]:
    """(base, size) of the SEAM range, behind memory that ends at top."""
    return round_up(top, SZ_32M), SZ_32M


def runs_above_4g(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """[start, end) of each run of touching ranges that reach above 4 GiB.

    Whole pages, rounded outward: CMRs consist of pages, memory ranges need not.
    """
    runs: list[tuple[int, int]] = []
    for start, end in ranges:
        if end <= SZ_4G:
            continue
        low, high = round_down(start, SZ_4K), round_up(end, SZ_4K)
        if runs and low <= runs[-1][1]:
            runs[-1] = (runs[-1][0], high)
        else:
            runs.append((low, high))
    return runs
