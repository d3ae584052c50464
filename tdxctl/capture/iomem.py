# SPDX-License-Identifier: Apache-2.0
"""/proc/iomem: the RAM that firmware reported, as the kernel keeps it."""

from __future__ import annotations

import re

from tdxctl.capture.findings import Findings
from tdxctl.capture.memblock import as_memblock
from tdxctl.capture.text import decode
from tdxctl.errors import FirmwareDataError
from tdxctl.units import MAX_PHYSICAL_ADDRESS

_LINE = re.compile(r"^ *([0-9a-f]{8,16})-([0-9a-f]{8,16}) : (.*)$")
_MAX_LINES = 65536


def is_iomem(text: str) -> bool:
    """Whether a text is one: its first line that is not empty is an entry."""
    return _LINE.match(text.lstrip("\n").split("\n", 1)[0]) is not None


def read_iomem(data: bytes, name: str) -> Findings:
    """The RAM in a /proc/iomem. Raises FirmwareDataError, also for one read without root."""
    usable: list[tuple[int, int]] = []
    entries, zeros = 0, 0
    for number, line in enumerate(decode(data, name).split("\n"), start=1):
        if (match := _LINE.match(line)) is None:
            continue
        entries += 1
        if entries > _MAX_LINES:
            raise FirmwareDataError(
                "has more entries than any machine",
                file=f"{name}:{number}",
                detail=f"expected at most {_MAX_LINES}",
            )
        start, last = int(match[1], 16), int(match[2], 16)
        zeros += last == 0
        # `System RAM (kmem)` came later, from devices: it is not in memblock.
        if match[3].strip() != "System RAM" or last == 0:
            continue
        if not start <= last < MAX_PHYSICAL_ADDRESS:
            raise FirmwareDataError(
                "has RAM that cannot be",
                file=f"{name}:{number}",
                detail=f"expected START-END below 2^52, got {match[1]}-{match[2]}",
            )
        usable.append((start, last + 1))
    if not entries:
        raise FirmwareDataError(
            "is not a /proc/iomem",
            file=name,
            detail="no line reads START-END : NAME",
            hint="the text of /proc/iomem, read as root",
        )
    if not usable:
        if zeros == entries:
            raise FirmwareDataError(
                "has addresses of 0 only: it was read without root",
                file=name,
                hint="sudo cat /proc/iomem > FILE",
            )
        raise FirmwareDataError("shows no System RAM", file=name)
    return Findings(source="/proc/iomem", usable=tuple(as_memblock(usable)))
