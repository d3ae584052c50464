# SPDX-License-Identifier: Apache-2.0
"""The machine itself: its kernel's log, /sys and /proc, as far as they can be read."""

from __future__ import annotations

import os
import sys

from tdxctl.capture.bootlog import MAX_LOG_SIZE, read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.files import read_file
from tdxctl.capture.findings import Findings
from tdxctl.capture.host_state import read_state
from tdxctl.capture.iomem import read_iomem
from tdxctl.capture.sysfs import read_sysfs
from tdxctl.errors import FirmwareDataError, TdxctlError, UsageError

#: The kernel's log.
KMSG, _IOMEM = "/dev/kmsg", "/proc/iomem"
_LARGEST_RECORD = 8192


def read_live() -> list[Findings]:
    """What can be read of this machine; what cannot is a warning.

    Raises UsageError where this is not Linux.
    """
    if sys.platform != "linux":
        raise UsageError(
            "--live reads a Linux kernel's /proc and /sys", hint="capture from files: --dmesg, ..."
        )
    found: list[Findings] = []
    unread: list[str] = []
    try:
        found.append(read_dmesg(read_log(kmsg(), KMSG), "the kernel's log"))
    except (OSError, FirmwareDataError):
        unread.append("the kernel's log cannot be read; as root it can")
    try:
        found += read_sysfs("/sys")
        found += read_state("/").findings
        found.append(read_iomem(read_file(_IOMEM, MAX_LOG_SIZE), _IOMEM))
    except TdxctlError as error:
        unread += [problem.render() for problem in error.diagnostics()]
    return [*found, Findings(source="this machine", warnings=tuple(unread))]


def kmsg() -> bytes:
    """The machine's log as dmesg prints it. Raises OSError where it cannot be read."""
    # A read is a record: `level,number,microseconds,flags;text`, and lines of properties.
    lines: list[bytes] = []
    size = 0
    descriptor = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while size < MAX_LOG_SIZE:
            try:
                record = os.read(descriptor, _LARGEST_RECORD)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # overwritten meanwhile: the next one is read
            if not record:
                break
            head, _, text = record.partition(b";")
            stamp = head.split(b",")[2] if head.count(b",") >= 2 else b"0"
            seconds = int(stamp) / 1e6 if stamp.isdigit() else 0.0
            lines.append(b"[%12.6f] %s" % (seconds, text.split(b"\n")[0]))
            size += len(lines[-1])
    finally:
        os.close(descriptor)
    return b"\n".join(lines)
