# SPDX-License-Identifier: Apache-2.0
"""The kernel's log as a host keeps it: what a boot prints of the machine, then of TDX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tdxctl.events import LogLine
from tdxctl.rootfs.acpi import affinity
from tdxctl.rootfs.host import Host
from tdxctl.rootfs.proc import command_line, firmware_map, version
from tdxctl.rootfs.tree import WRITABLE, Files, one

_LEVELS = {"err": 3, "warn": 4, "WARN": 4, "info": 6}
_NOTICE, _INFO = 5, 6
#: Microseconds since boot: of the boot's lines on TDX, and of those after it.
_AT_BOOT, _AFTER, _STEP = 500_000, 8_000_000, 1000


class Stamped(NamedTuple):
    """A line of the log: level by its number, microseconds since boot, text."""

    level: int
    microseconds: int
    text: str


def log_files(host: Host) -> Iterator[Files]:
    """The log as dmesg prints it, and as records of /dev/kmsg."""
    lines = list(stamped(host))
    yield one(
        "var/log/dmesg",
        "".join(
            f"[{line.microseconds // 1_000_000:5}.{line.microseconds % 1_000_000:06}] {line.text}\n"
            for line in lines
        ),
        "the kernel's log as dmesg prints it",
        "all of the description",
        "the bring-up",
        taken="times; lines that tell neither of the machine's parts nor of TDX are left out",
    )
    yield one(
        "dev/kmsg",
        "".join(
            f"{line.level},{number},{line.microseconds},-;{line.text}\n"
            for number, line in enumerate(lines)
        ),
        "the same as records: a file here, a device that gives one at a time on the host",
        "all of the description",
        "the bring-up",
        mode=WRITABLE,
    )


def stamped(host: Host) -> Iterator[Stamped]:
    """The log."""
    for level, text in _of_the_machine(host):
        yield Stamped(level, 0, text)
    of_boot = len(host.machine.boot_result.log)
    for number, line in enumerate(host.machine.dmesg):
        start = _AT_BOOT if number < of_boot else _AFTER
        yield from _on_tdx(line, start + number * _STEP)


def _on_tdx(line: LogLine, microseconds: int) -> Iterator[Stamped]:
    yield Stamped(_LEVELS[line.level], microseconds, line.text)


def _of_the_machine(host: Host) -> Iterator[tuple[int, str]]:
    yield _NOTICE, version(host)
    yield _INFO, f"Command line: {command_line(host)}"
    yield _INFO, "BIOS-provided physical RAM map:"
    for start, end, is_usable in firmware_map(host):
        kind = "usable" if is_usable else "reserved"
        yield _INFO, f"BIOS-e820: [mem 0x{start:016x}-0x{end - 1:016x}] {kind}"
    for cpu in sorted(host.cpus, key=lambda cpu: cpu.node):
        yield _INFO, f"ACPI: SRAT: PXM {cpu.node} -> APIC 0x{cpu.apic_id:04x} -> Node {cpu.node}"
    for start, end, node in affinity(host):
        yield _INFO, f"ACPI: SRAT: Node {node} PXM {node} [mem 0x{start:08x}-0x{end - 1:08x}]"
    yield _INFO, "Early memory node ranges"
    for r in host.memory:
        yield _INFO, f"  node {r.node:3}: [mem 0x{r.start:016x}-0x{r.end - 1:016x}]"
    present, hotplug = len(host.cpus), host.platform.cpus.disabled_cpus
    if host.machine.kernel_id.wording >= (6, 9):
        text = f"CPU topo: Allowing {present} present CPUs plus {hotplug} hotplug CPUs"
    else:
        text = f"smpboot: Allowing {present + hotplug} CPUs, {hotplug} hotplug CPUs"
    yield _INFO, text
    model = host.platform.cpus.model
    yield (
        _INFO,
        f"smpboot: CPU0: Intel(R) Xeon(R) Processor "
        f"(family: {model.family:#x}, model: {model.model:#x}, stepping: 0x0)",
    )
    nodes = len(host.nodes)
    yield (
        _INFO,
        f"smp: Brought up {nodes} node{'s' if nodes > 1 else ''}, {len(host.online)} CPUs",
    )
