# SPDX-License-Identifier: Apache-2.0
"""Checks that span more than one value of a description: order, overlap, existence.

They read the raw data and pass over whatever is malformed by itself, which the model
reports: so one run finds all problems.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

from msgspec import Struct

from tdxctl.platform.cmrs import MAX_RUNS_ABOVE_4G, auto_seamrr, runs_above_4g
from tdxctl.platform.description import MAX_CPUS, MAX_RANGES
from tdxctl.platform.fields import (
    ADDRESS,
    END,
    FEATURES_HINT,
    MSR,
    SIZE,
    U32,
    is_feature,
    parse_apic_ids,
    parse_online,
)
from tdxctl.platform.source import UNREADABLE, Path
from tdxctl.seam.msrs import MSRS
from tdxctl.units import MAX_PHYSICAL_ADDRESS, format_cpulist

_SAID_ELSEWHERE = {
    MSRS["IA32_MKTME_KEYID_PARTITIONING"]: "firmware.mktme_keyids and firmware.tdx_keyids",
    MSRS["IA32_SEAMRR_PHYS_BASE"]: "firmware.seamrr_range",
    MSRS["IA32_SEAMRR_PHYS_MASK"]: "firmware.seamrr and firmware.seamrr_range",
}


class Problem(Struct, frozen=True):
    """What is wrong at path; value is what stands there, where that helps."""

    path: Path
    summary: str
    value: object = None
    hint: str | None = None


def cross_checks(data: object) -> Iterator[Problem]:
    """Every problem of the description data that the model cannot see."""
    top = data if isinstance(data, dict) else {}
    cpus, memory = _mapping(top, "cpus"), _mapping(top, "memory")
    ranges = list(_ranges(_list(memory, "ranges")))
    yield from _range_problems(_list(memory, "ranges"))
    yield from _order_problems(ranges)
    yield from _reserved_problems(_list(memory, "reserved"))
    if memory.get("cmrs", "auto") == "auto":
        yield from _auto_cmr_problems(ranges)
    for i, entry in enumerate(_list(memory, "cmrs")):
        yield from _base_size_problems(entry, ("memory", "cmrs", i))
    madt = _list(cpus, "madt", MAX_CPUS)
    yield from _apic_id_problems(madt)
    enabled = _enabled_cpus(madt)
    if enabled is not None:
        yield from _online_problems(cpus.get("online", "all"), enabled)
        yield from _cpu_problems(_list(top, "faults"), ("faults",), enabled, key="leaf")
        yield from _cpu_problems(_list(cpus, "cpuid"), ("cpus", "cpuid"), enabled, key="leaf")
        yield from _cpu_problems(_list(cpus, "seamops"), ("cpus", "seamops"), enabled, key="value")
        yield from _busy_cpu_problems(_list(top, "faults"), enabled)
        msrs = _list(_mapping(top, "firmware"), "msrs")
        yield from _cpu_problems(msrs, ("firmware", "msrs"), enabled, key="msr")
    yield from _seamrr_problems(_mapping(top, "firmware"), ranges)
    yield from _cpuid_problems(_list(cpus, "cpuid"))
    yield from _msr_problems(_list(_mapping(top, "firmware"), "msrs"))
    yield from _feature_problems(_mapping(top, "module").get("features"))


def _mapping(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _list(parent: dict[str, Any], key: str, limit: int = MAX_RANGES) -> list[Any]:
    value = parent.get(key)
    return value if isinstance(value, list) and len(value) <= limit else []


def _number(entry: object, key: str, parse: Any) -> int | None:
    # The number at entry[key], None where there is none that can be read.
    try:
        return int(parse.parse(entry[key])) if isinstance(entry, dict) and key in entry else None
    except (ValueError, TypeError):
        return None


def _ranges(entries: list[Any]) -> Iterator[tuple[int, int, int]]:
    # (index, start, end) of the ranges that are whole.
    for i, entry in enumerate(entries):
        start, end = _number(entry, "start", ADDRESS), _number(entry, "end", END)
        size = _number(entry, "size", SIZE)
        if start is None or (end is None) == (size is None):
            continue
        end = start + size if size is not None else end
        if end is not None and start < end <= MAX_PHYSICAL_ADDRESS:
            yield i, start, end


def _range_problems(entries: list[Any]) -> Iterator[Problem]:
    for i, entry in enumerate(entries):
        path: Path = ("memory", "ranges", i)
        if not isinstance(entry, dict):
            continue
        if "end" in entry and "size" in entry:
            yield Problem(path, "has both an end and a size", hint="give one of them")
            continue
        if "end" not in entry and "size" not in entry:
            yield Problem(path, "needs an end or a size")
            continue
        start, end = _number(entry, "start", ADDRESS), _number(entry, "end", END)
        size = _number(entry, "size", SIZE)
        if size == 0:
            yield Problem((*path, "size"), "must not be 0")
        elif start is not None and size is not None and start + size > MAX_PHYSICAL_ADDRESS:
            yield Problem((*path, "size"), "makes the range end beyond 2^52", entry["size"])
        elif start is not None and end is not None and end <= start:
            yield Problem(
                (*path, "end"),
                "must be above start",
                entry["end"],
                "end is exclusive: the first byte behind the range",
            )


def _order_problems(ranges: list[tuple[int, int, int]]) -> Iterator[Problem]:
    for (before, previous_start, previous_end), (i, start, _) in pairwise(ranges):
        path: Path = ("memory", "ranges", i)
        if start < previous_start:
            yield Problem(
                path,
                f"starts at {start:#x}, below memory.ranges.{before}",
                hint="write the ranges in ascending order",
            )
        elif start < previous_end:
            yield Problem(
                path,
                f"starts at {start:#x}, inside memory.ranges.{before}, which ends at "
                f"{previous_end:#x}",
            )


def _reserved_problems(entries: list[Any]) -> Iterator[Problem]:
    for i, entry in enumerate(entries):
        start, end = _number(entry, "start", ADDRESS), _number(entry, "end", END)
        if start is not None and end is not None and end <= start:
            yield Problem(("memory", "reserved", i, "end"), "must be above start", entry["end"])


def _auto_cmr_problems(ranges: list[tuple[int, int, int]]) -> Iterator[Problem]:
    runs = len(runs_above_4g([(start, end) for _, start, end in ranges]))
    if runs > MAX_RUNS_ABOVE_4G:
        yield Problem(
            ("memory", "cmrs"),
            f"auto has CMRs for {MAX_RUNS_ABOVE_4G} runs of memory above 4 GiB, "
            f"and there are {runs}",
            hint="list the CMRs",
        )


def _apic_id_problems(entries: list[Any]) -> Iterator[Problem]:
    first_use: dict[int, int] = {}
    total = 0
    for i, entry in enumerate(entries):
        path: Path = ("cpus", "madt", i, "apic_id")
        ids = _apic_ids(entry)
        total += len(ids)
        if total > MAX_CPUS:
            # Before they are looked at one by one: a short text can name very many.
            yield Problem(path, f"makes more than {MAX_CPUS} CPUs")
            return
        again = next((apic_id for apic_id in ids if apic_id in first_use), None)
        if again is None and len(set(ids)) < len(ids):
            yield Problem(path, "names an APIC id twice", entry["apic_id"])
        elif again is not None:
            yield Problem(
                path, f"names APIC id {again}, which cpus.madt.{first_use[again]} has already"
            )
        first_use.update((apic_id, i) for apic_id in ids if apic_id not in first_use)


def _apic_ids(entry: object) -> Collection[int]:
    value = entry.get("apic_id") if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return []
    try:
        return parse_apic_ids(value)
    except ValueError:
        return []


def _enabled_cpus(entries: list[Any]) -> int | None:
    # How many CPUs the MADT has enabled; None where some entry cannot be read.
    enabled = 0
    for entry in entries:
        ids = _apic_ids(entry)
        flag = entry.get("enabled", True) if isinstance(entry, dict) else None
        if not ids or not isinstance(flag, bool):
            return None
        enabled += len(ids) if flag else 0
    return enabled if entries else None


def _online_problems(value: object, enabled: int) -> Iterator[Problem]:
    path: Path = ("cpus", "online")
    if enabled == 0:
        yield Problem(("cpus", "madt"), "has no enabled entry")
        return
    try:
        online = parse_online(value)
    except ValueError:
        return
    if online is None:
        return
    if not online:
        yield Problem(path, "must name at least one CPU", value)
    missing = next((cpu for cpu in online if cpu >= enabled), None)
    if missing is not None:
        yield Problem(
            path,
            f"names CPU {missing}, which does not exist",
            value,
            f"the enabled CPUs of the MADT are {format_cpulist(range(enabled))}",
        )


def _cpu_problems(entries: list[Any], path: Path, enabled: int, *, key: str) -> Iterator[Problem]:
    # Of the entries with that key, which have a CPU: an MSR fault has none.
    for i, entry in enumerate(entries):
        cpu = entry.get("cpu") if isinstance(entry, dict) and key in entry else None
        if isinstance(cpu, int) and not isinstance(cpu, bool) and enabled <= cpu < MAX_CPUS:
            yield _no_such_cpu((*path, i, "cpu"), cpu, enabled)


def _busy_cpu_problems(entries: list[Any], enabled: int) -> Iterator[Problem]:
    for i, entry in enumerate(entries):
        cpu = entry.get("busy_cpu") if isinstance(entry, dict) else None
        if isinstance(cpu, int) and not isinstance(cpu, bool) and enabled <= cpu < MAX_CPUS:
            yield _no_such_cpu(("faults", i, "busy_cpu"), cpu, enabled)


def _no_such_cpu(path: Path, cpu: int, enabled: int) -> Problem:
    cpus = format_cpulist(range(enabled))
    return Problem(path, "does not exist", cpu, f"the enabled CPUs of the MADT are {cpus}")


def _base_size_problems(entry: object, path: Path) -> Iterator[Problem]:
    base, size = _number(entry, "base", ADDRESS), _number(entry, "size", SIZE)
    if base is not None and size is not None and base + size > MAX_PHYSICAL_ADDRESS:
        assert isinstance(entry, dict)
        yield Problem((*path, "size"), "makes the range end beyond 2^52", entry["size"])


def _seamrr_problems(
    firmware: dict[str, Any], ranges: list[tuple[int, int, int]]
) -> Iterator[Problem]:
    path: Path = ("firmware", "seamrr_range")
    entry = firmware.get("seamrr_range")
    if entry is not None:
        if _number(entry, "size", SIZE) == 0:
            yield Problem((*path, "size"), "must not be 0")
        yield from _base_size_problems(entry, path)
    elif ranges:
        last, _, end = ranges[-1]
        base, size = auto_seamrr(end)
        if base + size > MAX_PHYSICAL_ADDRESS:
            yield Problem(
                ("memory", "ranges", last),
                "leaves no room behind it for the SEAM range",
                hint="say in firmware.seamrr_range where that is",
            )


def _cpuid_problems(entries: list[Any]) -> Iterator[Problem]:
    if not entries:
        return
    from tdxctl.seam.platform_tables import checked_cpuid_leaves

    known = checked_cpuid_leaves()
    for i, entry in enumerate(entries):
        leaf, subleaf = _number(entry, "leaf", U32), _number(entry, "subleaf", U32)
        path: Path = ("cpus", "cpuid", i)
        if leaf is not None and leaf not in known:
            yield Problem(
                (*path, "leaf"),
                "is not a CPUID leaf that the TDX module looks at",
                entry["leaf"],
                f"it looks at {', '.join(hex(leaf) for leaf in known)}",
            )
        elif leaf is not None and (subleaf or 0) not in known[leaf]:
            yield Problem(
                (*path, "subleaf"),
                f"is not one of leaf {leaf:#x} that the TDX module looks at",
                subleaf,
                f"it looks at {format_cpulist(known[leaf])}",
            )


def _msr_problems(entries: list[Any]) -> Iterator[Problem]:
    # What the module samples on the boot CPU has one place in a description.
    for i, entry in enumerate(entries):
        msr = _number(entry, "msr", MSR)
        if msr in _SAID_ELSEWHERE and entry.get("cpu") in (None, 0):
            yield Problem(
                ("firmware", "msrs", i, "msr"),
                "can differ on CPUs other than 0 only",
                entry["msr"],
                f"say it with {_SAID_ELSEWHERE[msr]}",
            )


def _feature_problems(names: object) -> Iterator[Problem]:
    for i, name in enumerate(names if isinstance(names, list) else []):
        if name is not UNREADABLE and not is_feature(name):
            path: Path = ("module", "features", i)
            yield Problem(path, "is not the name of a feature", name, FEATURES_HINT)
