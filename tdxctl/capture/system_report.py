# SPDX-License-Identifier: Apache-2.0
"""The report of canonical/tdx's system-report.sh: markdown with a log and some MSRs in it."""

from __future__ import annotations

import re
from dataclasses import replace

from tdxctl.capture.bootlog import read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.findings import Findings
from tdxctl.capture.text import decode
from tdxctl.errors import FirmwareDataError

_HEADING = re.compile(r"^#{1,6} +(.{1,80}?)\s*$", re.MULTILINE)
_KERNEL = re.compile(r"^(\d{1,3}\.\d{1,4}\.\d{1,4})[-.\s]", re.MULTILINE)
_SECTIONS = frozenset(
    {
        "TDX kernel logs",
        "Kernel version",
        "TDX CPU instruction support",
        "Model specific registers (MSRs)",
    }
)


def read_report(data: bytes, name: str) -> Findings:
    """What a report shows. Raises FirmwareDataError where it is none."""
    text = decode(data, name)
    headings = {match[1] for match in _HEADING.finditer(text)}
    if not headings & _SECTIONS:
        raise FirmwareDataError(
            "is not a system report",
            file=name,
            detail="no heading of it is one of system-report.sh",
            hint="for a log alone use --dmesg",
        )
    found = read_dmesg(read_log(data, name, of_a_kernel=False), "the system report")
    if found.kernel is None and (match := _KERNEL.search(_section(text, "Kernel version"))):
        found = replace(found, kernel=match[1])
    return found


def _section(text: str, heading: str) -> str:
    _, _, rest = text.partition(f" {heading}\n")
    following = _HEADING.search(rest)
    return rest[: following.start()] if following else rest
