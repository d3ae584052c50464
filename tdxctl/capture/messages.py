# SPDX-License-Identifier: Apache-2.0
"""What is kept of a kernel's log, and what each line on memory and CPUs adds to it.

What lines on TDX add is in `lines_on_tdx`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tdxctl.capture.findings import Block
from tdxctl.capture.madt import NO_LAPIC, NO_X2APIC
from tdxctl.capture.memblock import whole_pages
from tdxctl.platform.description import Seamrr
from tdxctl.units import MAX_PHYSICAL_ADDRESS, SZ_4K

# What a map calls RAM, by the kernel's generation.
_RAM = r"usable|System RAM|.*kernel usable RAM"


@dataclass(slots=True)
class Maps:
    """The memory map by the label it was printed with, and what the kernel changed in it."""

    usable: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    removed: list[tuple[int, int]] = field(default_factory=list)
    pfn_lines: int = 0
    closed: bool = False


@dataclass(slots=True)
class Seen:
    """What has been seen so far; None and empty are not shown."""

    maps: Maps = field(default_factory=Maps)
    blocks: list[Block] = field(default_factory=list)
    node_ends: dict[int, int] = field(default_factory=dict)
    affinity: list[Block] = field(default_factory=list)
    cpu_nodes: dict[int, int] = field(default_factory=dict)
    apics: dict[int, bool] = field(default_factory=dict)
    possible: int | None = None
    hotplug: int | None = None
    counts_as_later: bool = False
    brought_up: int | None = None
    packages: int | None = None
    packages_by_smt: int | None = None
    smt_off: bool = False
    cpu: tuple[int, int] | None = None
    kernel: str | None = None
    mktme_keyids: int | None = None
    keyids: tuple[int, int] | None = None
    seamrr: Seamrr | None = None
    tdx_keyids: int | None = None
    hibernation: bool | None = None
    cmrs: dict[tuple[int, int], None] = field(default_factory=dict)
    loaded: bool | None = None
    version: str | None = None
    build_date: int | None = None
    build_num: int | None = None
    features: int | None = None
    records: int = 0


def _range(match: re.Match[str], first: int = 1) -> tuple[int, int] | None:
    start, last = int(match[first], 16), int(match[first + 1], 16)
    return (start, last + 1) if start <= last < MAX_PHYSICAL_ADDRESS else None


def e820(seen: Seen, match: re.Match[str]) -> None:
    found = _range(match, 2)
    if found is not None and re.fullmatch(_RAM, match[4]):
        label = match[1] if match[1] != "reserve setup_data" else "extended"
        seen.maps.usable.setdefault(label, []).append(found)


def map_begins(seen: Seen, match: re.Match[str]) -> None:
    # A map that is printed again replaces what was printed before.
    label = {"BIOS-provided": "BIOS-e820", "user-defined": "user"}.get(match[1], match[1])
    seen.maps.usable.pop(label, None)


def e820_old(seen: Seen, match: re.Match[str]) -> None:
    # `BIOS-e820: 0000000000000000 - 000000000009f400 (usable)`: the end is exclusive.
    start, end = int(match[2], 16), int(match[3], 16)
    if start < end <= MAX_PHYSICAL_ADDRESS:
        seen.maps.usable.setdefault(match[1], []).append((start, end))


def e820_change_old(seen: Seen, match: re.Match[str]) -> None:
    # `e820 update range: 0000000000000000 - 0000000000001000 (usable) ==> (reserved)`
    start, end = int(match[1], 16), int(match[2], 16)
    if start < end <= MAX_PHYSICAL_ADDRESS and not seen.maps.closed:
        seen.maps.removed.append((start, end))


def e820_change(seen: Seen, match: re.Match[str]) -> None:
    # What happens after memblock was filled does not change it any more.
    found = _range(match)
    if found is not None and not seen.maps.closed:
        seen.maps.removed.append(found)


def last_pfn(seen: Seen, match: re.Match[str]) -> None:
    # The second one, of memory below 4 GiB, is the last line before memblock is filled.
    seen.maps.pfn_lines += 1
    seen.maps.closed = seen.maps.closed or seen.maps.pfn_lines == 2


def memblock_filled(seen: Seen, match: re.Match[str]) -> None:
    seen.maps.closed = True


def node_range(seen: Seen, match: re.Match[str]) -> None:
    found = _range(match, 2)
    if found is not None and (pages := whole_pages(*found)) is not None:
        seen.blocks.append(Block(*pages, int(match[1])))


def node_pfns(seen: Seen, match: re.Match[str]) -> None:
    # `    0: 0x00000001 -> 0x0000009f`: page frame numbers, the end exclusive.
    start, end = int(match[2], 16) * SZ_4K, int(match[3], 16) * SZ_4K
    if start < end <= MAX_PHYSICAL_ADDRESS:
        seen.blocks.append(Block(start, end, int(match[1])))


def node_span(seen: Seen, match: re.Match[str]) -> None:
    # A node without memory has the span [mem 0x0-0x0].
    if (found := _range(match, 2)) is not None and found[1] > 1:
        seen.node_ends[int(match[1])] = found[1]


def srat_memory(seen: Seen, match: re.Match[str]) -> None:
    if (found := _range(match, 2)) is not None:
        seen.affinity.append(Block(*found, int(match[1])))


def srat_memory_old(seen: Seen, match: re.Match[str]) -> None:
    # `SRAT: Node 0 PXM 0 100000-80000000`: the end is exclusive.
    start, end = int(match[2], 16), int(match[3], 16)
    if start < end <= MAX_PHYSICAL_ADDRESS:
        seen.affinity.append(Block(start, end, int(match[1])))


def srat_cpu(seen: Seen, match: re.Match[str]) -> None:
    # Kernels before 2.6.39 print the APIC id in decimal.
    apic_id = int(match[1], 16) if match[1] else int(match[2])
    if apic_id < NO_X2APIC:
        seen.cpu_nodes.setdefault(apic_id, int(match[3]))


def lapic(seen: Seen, match: re.Match[str]) -> None:
    # An id that stands in the LAPIC and the x2APIC list is one CPU; 0xff is none.
    apic_id, enabled = int(match[1], 16), match[2] == "enabled"
    if apic_id != NO_LAPIC:
        seen.apics[apic_id] = enabled or seen.apics.get(apic_id, False)


def x2apic(seen: Seen, match: re.Match[str]) -> None:
    apic_id, enabled = int(match[1], 16), match[2] == "enabled"
    if apic_id != NO_X2APIC:
        seen.apics[apic_id] = enabled or seen.apics.get(apic_id, False)


def allowing(seen: Seen, match: re.Match[str]) -> None:
    seen.possible, seen.hotplug = int(match[1]), int(match[2])


def allowing_present(seen: Seen, match: re.Match[str]) -> None:
    # The wording of kernels that know MADT revision 5 (6.9 and later).
    seen.counts_as_later = True
    seen.possible, seen.hotplug = int(match[1]) + int(match[2]), int(match[2])


def brought_up(seen: Seen, match: re.Match[str]) -> None:
    seen.brought_up = int(match[1])


def packages(seen: Seen, match: re.Match[str]) -> None:
    # Since 6.9, with a full stop in it, it is counted by APIC ids.
    seen.packages = int(match[1])


def packages_by_smt(seen: Seen, match: re.Match[str]) -> None:
    # Before, it is all CPUs by those that were brought up of the first package.
    seen.packages_by_smt = int(match[1])


def smt_off(seen: Seen, match: re.Match[str]) -> None:
    seen.smt_off = True


def number_of_packages(seen: Seen) -> int | None:
    """How many packages the log shows; None where what it prints does not tell.

    Before 6.9 the kernel divides all CPUs by those that run in the first package: where SMT is
    off that is as often too many as a core has threads, elsewhere CPUs that were not brought up
    make it any number.
    """
    if seen.hotplug:
        return None  # what is hot-pluggable counts as packages too
    if seen.packages is not None or seen.packages_by_smt is None:
        return seen.packages
    up, all_cpus = seen.brought_up, seen.possible
    if up is None or all_cpus is None or up >= all_cpus:
        return None if seen.smt_off else seen.packages_by_smt
    if seen.smt_off and (number := seen.packages_by_smt * up) % all_cpus == 0:
        return number // all_cpus
    return None


def disabled_cpus(seen: Seen) -> tuple[int | None, int | None]:
    """Slots that are not enabled, as the v5 era and as kernels since 6.3 count them.

    The log's kernel counts in one of these ways [field-notes 1.1].
    """
    if seen.counts_as_later or _is_since_6_3(seen.kernel):
        return None, seen.hotplug
    return seen.hotplug, None


def _is_since_6_3(kernel: str | None) -> bool:
    if kernel is None:
        return False
    major, minor = re.split(r"[.-]", kernel)[:2]
    return (int(major), int(minor)) >= (6, 3)


def cpu(seen: Seen, match: re.Match[str]) -> None:
    family, model = int(match[1], 16), int(match[2], 16)
    if family <= 0xFF and model <= 0xFF:
        seen.cpu = (family, model)


def kernel(seen: Seen, match: re.Match[str]) -> None:
    # Only the number: what distributions and people append is free text.
    seen.kernel = seen.kernel or match[1]
