# SPDX-License-Identifier: Apache-2.0
"""What if: a described platform with more memory, or with a hole in it. No third party here."""

from __future__ import annotations

from msgspec.structs import replace

from tdxctl.errors import UsageError
from tdxctl.platform.cmrs import auto_seamrr
from tdxctl.platform.description import BaseSize, MemoryRange, Platform
from tdxctl.platform.limits import MAX_CMRS
from tdxctl.units import MAX_PHYSICAL_ADDRESS, SZ_4G


def with_memory_added(platform: Platform, size: int, node: int) -> Platform:
    """size bytes more of node, behind the last memory (at 4 GiB at least), convertible.

    A SEAM range that stood behind the last memory moves up. Raises UsageError where there is no
    room below 2^52, or no CMR left.
    """
    memory, firmware = platform.memory, platform.firmware
    top = memory.ranges[-1].end if memory.ranges else 0
    start = max([top, SZ_4G, *(cmr.base + cmr.size for cmr in memory.cmrs if cmr.size)])
    end = start + size
    cmrs = tuple(cmr for cmr in memory.cmrs if cmr.size)
    if len(cmrs) == MAX_CMRS:
        raise UsageError("there is no CMR left for more memory: the platform has all 32")
    stood_on_top = firmware.seamrr_range == BaseSize(*auto_seamrr(top))
    base, length = auto_seamrr(end)
    if max(end, base + length) > MAX_PHYSICAL_ADDRESS:
        raise UsageError("so much memory would end beyond 2^52")
    if stood_on_top:
        firmware = replace(firmware, seamrr_range=BaseSize(base, length))
    ranges = (*memory.ranges, MemoryRange(start, end, node))
    cmrs = (*cmrs, BaseSize(start, size))
    return replace(platform, memory=replace(memory, ranges=ranges, cmrs=cmrs), firmware=firmware)


def with_hole(platform: Platform, start: int, end: int) -> Platform:
    """[start, end) is no memory of the kernel's any more; CMRs stay. Raises UsageError."""
    ranges: list[MemoryRange] = []
    for r in platform.memory.ranges:
        for low, high in ((r.start, min(r.end, start)), (max(r.start, end), r.end)):
            if low < high:
                ranges.append(MemoryRange(low, high, r.node))
    if ranges == list(platform.memory.ranges):
        raise UsageError(f"the hole {start:#x}-{end:#x} lies in no memory of the platform")
    return replace(platform, memory=replace(platform.memory, ranges=tuple(ranges)))
