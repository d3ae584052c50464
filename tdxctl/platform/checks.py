# SPDX-License-Identifier: Apache-2.0
"""Checks that span more than one value of a description: order, overlap, existence.

They are of values as they were read, and pass over whatever could not be, which is reported where
it is read: so one run finds all problems.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from msgspec import Struct

from tdxctl.platform.cmrs import MAX_RUNS_ABOVE_4G, auto_seamrr, runs_above_4g
from tdxctl.platform.fields import CPU
from tdxctl.platform.keys import branches_of, entry_of, fields_of, is_record
from tdxctl.platform.limits import MAX_CPUS
from tdxctl.platform.source import UNREADABLE, Path
from tdxctl.seam.msrs import MSRS
from tdxctl.units import MAX_PHYSICAL_ADDRESS, format_cpulist

_SAID_ELSEWHERE = {
    MSRS["IA32_MKTME_KEYID_PARTITIONING"]: "firmware.mktme_keyids and firmware.tdx_keyids",
    MSRS["IA32_SEAMRR_PHYS_BASE"]: "firmware.seamrr_range",
    MSRS["IA32_SEAMRR_PHYS_MASK"]: "firmware.seamrr and firmware.seamrr_range",
}


class Problem(Struct, frozen=True):
    """What is wrong at path; told with what stands there, where that helps."""

    path: Path
    summary: str
    hint: str | None = None
    shows_value: bool = True


def cross_checks(kind: type[Struct], given: dict[str, Any]) -> Iterator[Problem]:
    """Every problem of a description, as it was read, that is not one of a single value.

    kind: the record that it is read for.
    """
    ranges = list(_ranges(given))
    yield from _range_problems(given)
    yield from _order_problems(ranges)
    yield from _reserved_problems(given)
    if (_at(given, "memory") or {}).get("cmrs") is None:
        yield from _auto_cmr_problems(ranges)
    for i, entry in _entries(given, "memory", "cmrs"):
        yield from _base_size_problems(entry, ("memory", "cmrs", i))
    yield from _apic_id_problems(given)
    enabled = _enabled_cpus(given)
    if enabled is not None:
        yield from _online_problems(_at(given, "cpus", "online"), enabled)
        yield from _cpu_problems(kind, given, (), enabled)
    yield from _seamrr_problems(given, ranges)
    yield from _cpuid_problems(given)
    yield from _msr_problems(given)


def _at(given: Any, *path: str | int) -> Any:
    # What was read at path; None where there is nothing, or nothing that could be read.
    for part in path:
        given = given.get(part) if isinstance(given, dict) else None
    return None if given is UNREADABLE else given


def _entries(given: Any, *path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    # The mappings of the list at path, with their places.
    for i, entry in enumerate(_at(given, *path) or ()):
        if isinstance(entry, dict):
            yield i, entry


def _ranges(given: Any) -> Iterator[tuple[int, int, int]]:
    # (index, start, end) of the ranges that are whole.
    for i, entry in _entries(given, "memory", "ranges"):
        start, end, size = (_at(entry, key) for key in ("start", "end", "size"))
        if start is None or (end is None) == (size is None):
            continue
        end = start + size if size is not None else end
        if start < end <= MAX_PHYSICAL_ADDRESS:
            yield i, start, end


def _range_problems(given: Any) -> Iterator[Problem]:
    for i, entry in _entries(given, "memory", "ranges"):
        path: Path = ("memory", "ranges", i)
        if "end" in entry and "size" in entry:
            hint = "give one of them"
            yield Problem(path, "has both an end and a size", hint, shows_value=False)
            continue
        if "end" not in entry and "size" not in entry:
            yield Problem(path, "needs an end or a size", shows_value=False)
            continue
        start, end, size = (_at(entry, key) for key in ("start", "end", "size"))
        if size == 0:
            yield Problem((*path, "size"), "must not be 0", shows_value=False)
        elif start is not None and size is not None and start + size > MAX_PHYSICAL_ADDRESS:
            yield Problem((*path, "size"), "makes the range end beyond 2^52")
        elif start is not None and end is not None and end <= start:
            yield Problem(
                (*path, "end"),
                "must be above start",
                "end is exclusive: the first byte behind the range",
            )


def _order_problems(ranges: list[tuple[int, int, int]]) -> Iterator[Problem]:
    for (before, previous_start, previous_end), (i, start, _) in pairwise(ranges):
        path: Path = ("memory", "ranges", i)
        if start < previous_start:
            yield Problem(
                path,
                f"starts at {start:#x}, below memory.ranges.{before}",
                "write the ranges in ascending order",
                shows_value=False,
            )
        elif start < previous_end:
            yield Problem(
                path,
                f"starts at {start:#x}, inside memory.ranges.{before}, which ends at "
                f"{previous_end:#x}",
                shows_value=False,
            )


def _reserved_problems(given: Any) -> Iterator[Problem]:
    for i, entry in _entries(given, "memory", "reserved"):
        start, end = _at(entry, "start"), _at(entry, "end")
        if start is not None and end is not None and end <= start:
            yield Problem(("memory", "reserved", i, "end"), "must be above start")


def _auto_cmr_problems(ranges: list[tuple[int, int, int]]) -> Iterator[Problem]:
    runs = len(runs_above_4g([(start, end) for _, start, end in ranges]))
    if runs > MAX_RUNS_ABOVE_4G:
        yield Problem(
            ("memory", "cmrs"),
            f"auto has CMRs for {MAX_RUNS_ABOVE_4G} runs of memory above 4 GiB, "
            f"and there are {runs}",
            "list the CMRs",
            shows_value=False,
        )


def _apic_id_problems(given: Any) -> Iterator[Problem]:
    first_use: dict[int, int] = {}
    total = 0
    for i, entry in _entries(given, "cpus", "madt"):
        path: Path = ("cpus", "madt", i, "apic_id")
        ids = _at(entry, "apic_id") or ()
        total += len(ids)
        if total > MAX_CPUS:
            # Before they are looked at one by one: a short text can name very many.
            yield Problem(path, f"makes more than {MAX_CPUS} CPUs", shows_value=False)
            return
        again = next((apic_id for apic_id in ids if apic_id in first_use), None)
        if again is None and len(set(ids)) < len(ids):
            yield Problem(path, "names an APIC id twice")
        elif again is not None:
            first = f"cpus.madt.{first_use[again]}"
            what = f"names APIC id {again}, which {first} has already"
            yield Problem(path, what, shows_value=False)
        first_use.update((apic_id, i) for apic_id in ids if apic_id not in first_use)


def _enabled_cpus(given: Any) -> int | None:
    # How many CPUs the MADT has enabled; None where some entry could not be read.
    enabled = 0
    entries = _at(given, "cpus", "madt") or ()
    for entry in entries:
        ids, flag = _at(entry, "apic_id"), True
        if isinstance(entry, dict) and "enabled" in entry:
            flag = _at(entry, "enabled")
        if ids is None or flag is None:
            return None
        enabled += len(ids) if flag else 0
    return enabled if entries else None


def _online_problems(online: tuple[int, ...] | None, enabled: int) -> Iterator[Problem]:
    path: Path = ("cpus", "online")
    if enabled == 0:
        yield Problem(("cpus", "madt"), "has no enabled entry", shows_value=False)
        return
    if online is None:
        return
    if not online:
        yield Problem(path, "must name at least one CPU")
    missing = next((cpu for cpu in online if cpu >= enabled), None)
    if missing is not None:
        cpus = format_cpulist(range(enabled))
        hint = f"the enabled CPUs of the MADT are {cpus}"
        yield Problem(path, f"names CPU {missing}, which does not exist", hint)


def _cpu_problems(kind: Any, given: Any, path: Path, enabled: int) -> Iterator[Problem]:
    # Of every key, of whatever record, that is declared to be a logical CPU.
    if isinstance(given, list) and (entry := entry_of(kind)) is not None:
        for i, one in enumerate(given):
            yield from _cpu_problems(entry, one, (*path, i), enabled)
    if not isinstance(given, dict):
        return
    record = kind
    if not is_record(kind):
        branches = branches_of(kind)
        record = next(branches[key] for key in branches if key in given)
    for field in fields_of(record):
        value = _at(given, field.name)
        if field.key.value is None:
            yield from _cpu_problems(field.kind, value, (*path, field.name), enabled)
        elif field.key.value is CPU and value is not None and value >= enabled:
            cpus = format_cpulist(range(enabled))
            hint = f"the enabled CPUs of the MADT are {cpus}"
            yield Problem((*path, field.name), "does not exist", hint)


def _base_size_problems(entry: Any, path: Path) -> Iterator[Problem]:
    base, size = _at(entry, "base"), _at(entry, "size")
    if base is not None and size is not None and base + size > MAX_PHYSICAL_ADDRESS:
        yield Problem((*path, "size"), "makes the range end beyond 2^52")


def _seamrr_problems(given: Any, ranges: list[tuple[int, int, int]]) -> Iterator[Problem]:
    path: Path = ("firmware", "seamrr_range")
    firmware = given.get("firmware")
    is_given = isinstance(firmware, dict) and firmware.get("seamrr_range") is not None
    if is_given:
        entry = _at(given, *path)
        if _at(entry, "size") == 0:
            yield Problem((*path, "size"), "must not be 0", shows_value=False)
        yield from _base_size_problems(entry, path)
    elif ranges:
        last, _, end = ranges[-1]
        base, size = auto_seamrr(end)
        if base + size > MAX_PHYSICAL_ADDRESS:
            yield Problem(
                ("memory", "ranges", last),
                "leaves no room behind it for the SEAM range",
                "say in firmware.seamrr_range where that is",
                shows_value=False,
            )


def _cpuid_problems(given: Any) -> Iterator[Problem]:
    entries = list(_entries(given, "cpus", "cpuid"))
    if not entries:
        return
    from tdxctl.seam.platform_tables import checked_cpuid_leaves

    known = checked_cpuid_leaves()
    for i, entry in entries:
        leaf, subleaf = _at(entry, "leaf"), _at(entry, "subleaf")
        path: Path = ("cpus", "cpuid", i)
        if leaf is not None and leaf not in known:
            yield Problem(
                (*path, "leaf"),
                "is not a CPUID leaf that the TDX module looks at",
                f"it looks at {', '.join(hex(leaf) for leaf in known)}",
            )
        elif leaf is not None and (subleaf or 0) not in known[leaf]:
            yield Problem(
                (*path, "subleaf"),
                f"is not one of leaf {leaf:#x} that the TDX module looks at",
                f"it looks at {format_cpulist(known[leaf])}",
            )


def _msr_problems(given: Any) -> Iterator[Problem]:
    # What the module samples on the boot CPU has one place in a description.
    for i, entry in _entries(given, "firmware", "msrs"):
        msr = _at(entry, "msr")
        if msr in _SAID_ELSEWHERE and entry.get("cpu") in (None, 0):
            yield Problem(
                ("firmware", "msrs", i, "msr"),
                "can differ on CPUs other than 0 only",
                f"say it with {_SAID_ELSEWHERE[msr]}",
            )
