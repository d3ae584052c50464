# SPDX-License-Identifier: Apache-2.0
"""All files of a machine's root."""

from __future__ import annotations

from collections.abc import Iterator

from tdxctl.machine import Machine
from tdxctl.rootfs.acpi import acpi_files
from tdxctl.rootfs.host import Host
from tdxctl.rootfs.log import log_files
from tdxctl.rootfs.proc import proc_files
from tdxctl.rootfs.tdx import tdx_files
from tdxctl.rootfs.topology import cpu_files, memory_files, node_files
from tdxctl.rootfs.tree import Files


def root_of(machine: Machine) -> tuple[Files, ...]:
    """What user space finds on a machine as it is now."""
    return tuple(files for files in _files(Host(machine)) if files.entries)


def _files(host: Host) -> Iterator[Files]:
    for part in (
        cpu_files,
        node_files,
        memory_files,
        acpi_files,
        proc_files,
        tdx_files,
        log_files,
    ):
        yield from part(host)
