# SPDX-License-Identifier: Apache-2.0
"""/sys, live or copied: CPUs, packages, nodes, and the ACPI tables where they can be read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from tdxctl.capture.findings import Findings
from tdxctl.capture.host_state import not_shown, read_state
from tdxctl.capture.iomem import read_iomem
from tdxctl.capture.memblock import as_memblock
from tdxctl.capture.tables import table_findings
from tdxctl.errors import FirmwareDataError, TdxctlError, UsageError
from tdxctl.platform.limits import MAX_CPUS
from tdxctl.units import MAX_PHYSICAL_ADDRESS, counted, parse_cpulist, printable

_MAX_ENTRIES = 65536
_LARGEST_VALUE = 1 << 20
_CPU = re.compile(r"cpu(\d{1,5})", re.ASCII)


def read_sysfs(folder: str) -> list[Findings]:
    """What a /sys, or a copy of it, shows.

    folder is /sys itself or what holds it as `sys`. A table in it that cannot be read is a warning.
    Raises UsageError where it is not there, FirmwareDataError where it shows no CPUs.
    """
    if not os.path.isdir(folder):
        raise UsageError(
            f"cannot read '{printable(folder)}': not a folder", hint="/sys, or a copy of it"
        )
    root = _root(folder)
    if root is None:
        raise FirmwareDataError(
            "is not a /sys",
            file=folder,
            detail="expected devices/system/cpu in it",
            hint="/sys, or a copy of it",
        )
    found = [_cpus(root), *_memory_map(root)]
    warnings: list[str] = []
    for name in ("APIC", "SRAT"):
        path = os.path.join(root, "firmware", "acpi", "tables", name)
        if os.path.isfile(path):
            try:
                found += table_findings(path)
            except TdxctlError as error:
                warnings += [problem.render() for problem in error.diagnostics()]
    iomem = os.path.join(folder, "proc", "iomem")
    if root != folder and os.path.isfile(iomem) and (data := _bytes(iomem)) is not None:
        found.append(read_iomem(data, iomem))
    if root != folder:
        found += read_state(folder).findings
        found += filter(None, [not_shown(folder)])
    return [*found, Findings(source="/sys", warnings=tuple(warnings))]


def is_sysfs(folder: str) -> bool:
    """Whether a folder is a /sys or holds one."""
    return _root(folder) is not None


def _root(folder: str) -> str | None:
    return next(
        (
            path
            for path in (folder, os.path.join(folder, "sys"))
            if os.path.isdir(os.path.join(path, "devices", "system", "cpu"))
        ),
        None,
    )


def _cpus(root: str) -> Findings:
    base = os.path.join(root, "devices", "system", "cpu")
    numbers = sorted(
        int(match[1]) for name in _names(base) if (match := _CPU.fullmatch(name)) is not None
    )
    present = _cpulist(base, "present")
    if present is None:
        present = numbers
    if not present:
        raise FirmwareDataError(
            "shows no CPUs", file=base, detail="expected `present`, or folders cpu0, cpu1, ..."
        )
    if len(present) > MAX_CPUS or len(numbers) > MAX_CPUS:
        raise FirmwareDataError(
            "shows more CPUs than any machine has",
            file=base,
            detail=f"expected at most {MAX_CPUS}, got {max(len(present), len(numbers))}",
        )
    online = _cpulist(base, "online")
    if online is None:
        online = [cpu for cpu in present if _value(base, f"cpu{cpu}", "online") != "0"]
    # "/sys/devices/system/cpu/offline lists possible-but-absent CPUs; really offline = present
    # minus online." [field-notes 4]
    logical = {cpu: index for index, cpu in enumerate(present)}
    possible = _cpulist(base, "possible")
    packages, guessed = _packages(
        [_number(base, f"cpu{cpu}", "topology", "physical_package_id") for cpu in present]
    )
    warnings = (
        f"/sys shows no package of {counted(guessed, 'CPU')}: that of the CPU before it is taken",
    )
    return Findings(
        source="/sys/devices/system/cpu",
        present=len(present),
        online=tuple(sorted(logical[cpu] for cpu in online if cpu in logical)),
        not_enabled_later=None if possible is None else max(len(possible) - len(present), 0),
        package_of=packages,
        warnings=warnings if guessed else (),
    )


def _packages(numbers: list[int | None]) -> tuple[tuple[int, ...], int]:
    # Of every CPU, numbered from 0, and for how many it had to be guessed: an offline CPU has no
    # topology, and most often is in the package of the one before it.
    known = [number for number in numbers if number is not None and number >= 0]
    if not known:
        return (), 0
    index_of = {number: index for index, number in enumerate(dict.fromkeys(known))}
    packages: list[int] = []
    for number in numbers:
        before = packages[-1] if packages else index_of[known[0]]
        packages.append(before if number is None or number < 0 else index_of[number])
    return tuple(packages), len(numbers) - len(known)


def _memory_map(root: str) -> Iterator[Findings]:
    # /sys/firmware/memmap/N/{start,end,type}: firmware's map before the kernel changed it.
    base = os.path.join(root, "firmware", "memmap")
    usable = []
    for name in _names(base):
        start, last = (_number(base, name, key, radix=16) for key in ("start", "end"))
        if _value(base, name, "type") != "System RAM" or start is None or last is None:
            continue
        if 0 <= start <= last < MAX_PHYSICAL_ADDRESS:
            usable.append((start, last + 1))
    if usable:
        yield Findings(source="/sys/firmware/memmap", usable=tuple(as_memblock(usable)))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:_MAX_ENTRIES]
    except OSError:
        return []


def _bytes(path: str) -> bytes | None:
    if not os.path.isfile(path):  # a pipe would wait for ever
        return None
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST_VALUE)
    except OSError:
        return None


def _value(*path: str) -> str | None:
    data = _bytes(os.path.join(*path))
    return None if data is None else data.decode("utf-8", errors="replace").strip()


def _number(*path: str, radix: int = 10) -> int | None:
    text = _value(*path)
    try:
        return None if text is None or len(text) > 20 else int(text, radix)
    except ValueError:
        return None


def _cpulist(*path: str) -> list[int] | None:
    text = _value(*path)
    if not text:
        return None
    try:
        return sorted(set(parse_cpulist(text, limit=MAX_CPUS)))
    except ValueError as error:
        raise FirmwareDataError(
            f"is not a list of CPUs: it {error}", file=os.path.join(*path)
        ) from None
