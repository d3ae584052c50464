# SPDX-License-Identifier: Apache-2.0
"""A host's / whole, this machine's or a copy: its log, and what its files tell of TDX."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from tdxctl.capture.bootlog import MAX_LOG_SIZE, BootLog, parse_log, read_log
from tdxctl.capture.files import read_file
from tdxctl.capture.host_state import HostState, read_state
from tdxctl.capture.live import KMSG, kmsg
from tdxctl.capture.sysfs import is_sysfs
from tdxctl.errors import FirmwareDataError, UsageError
from tdxctl.units import printable

#: Where a host, or a root that tdxctl wrote, keeps the kernel's log as text.
_LOGS = ("var/log/dmesg", "dev/kmsg")


class WholeHost(NamedTuple):
    """log: empty where it cannot be read. unread: what could not, sentences."""

    log: BootLog
    state: HostState
    unread: tuple[str, ...]


def this_host() -> WholeHost:
    """The machine itself, as far as it can be read. Raises UsageError where it is not Linux."""
    if sys.platform != "linux":
        raise UsageError("--live reads a Linux kernel's /proc and /sys", hint="a log: FILE")
    state = read_state("/")
    unread = []
    try:
        log = read_log(kmsg(), KMSG)
    except (OSError, FirmwareDataError):
        log = parse_log("", KMSG, of_a_kernel=False)
        unread.append("the kernel's log cannot be read: as root it can, and tells why TDX is off")
    if not state.msrs:
        unread.append(
            "MSRs cannot be read: as root, with the driver msr (modprobe msr), they tell what "
            "firmware set up"
        )
    return WholeHost(log, state, tuple(unread))


def host_at(folder: str, boot: int | None) -> WholeHost:
    """The host whose / is a copy at folder, or a root.

    Raises UsageError where there is none, or no boot of that number.
    """
    if not os.path.isdir(folder) or not is_sysfs(folder):
        raise UsageError(
            f"no host's files in '{printable(folder)}'",
            hint="a folder with sys/devices/system/cpu in it, as `tdxctl root` writes it",
        )
    state = read_state(folder)
    for name in _LOGS:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            try:
                return WholeHost(
                    read_log(read_file(path, MAX_LOG_SIZE), path, boot=boot), state, ()
                )
            except FirmwareDataError:
                continue
    unread = ("there is no log of the kernel: var/log/dmesg",)
    return WholeHost(parse_log("", folder, of_a_kernel=False), state, unread)
