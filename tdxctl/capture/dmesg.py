# SPDX-License-Identifier: Apache-2.0
"""What a kernel's log shows of the machine: memory, CPUs, KeyIDs, the TDX module.

Every wording since Linux 3.10 that the field notes or a collected log has; a message is
searched for in its line, so that what a console put before it does not hide it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tdxctl.capture.bootlog import BootLog, LogLine
from tdxctl.capture.findings import Block, Findings, LocalApic, ModuleShown
from tdxctl.capture.madt import NO_LAPIC, NO_X2APIC
from tdxctl.capture.memblock import as_memblock, whole_pages
from tdxctl.errors import FirmwareDataError
from tdxctl.platform.description import Seamrr
from tdxctl.units import MAX_PHYSICAL_ADDRESS, SZ_4K, U32_MASK

#: More lines of a kind than any kernel prints are not of a kernel.
MAX_RECORDS = 65536

# What a map calls RAM, by the kernel's generation.
_RAM = r"usable|System RAM|.*kernel usable RAM"
_U16_MASK = (1 << 16) - 1
_MEM = r"\[mem 0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})\]"


@dataclass(slots=True)
class _Maps:
    # The memory map by the label it was printed with, and what the kernel changed in it.
    usable: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    removed: list[tuple[int, int]] = field(default_factory=list)
    pfn_lines: int = 0
    closed: bool = False


@dataclass(slots=True)
class _Seen:
    # What has been seen so far.
    maps: _Maps = field(default_factory=_Maps)
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


def read_dmesg(log: BootLog, source: str = "the log") -> Findings:
    """What the last boot of log shows. Raises FirmwareDataError for nonsense."""
    seen = _Seen()
    for line in log.lines:
        for words, pattern, take in _MESSAGES:
            if words in line.text and (match := pattern.search(line.text)):
                _count(seen, log, line)
                take(seen, match)
                break
    return _findings(seen, log, source)


def _count(seen: _Seen, log: BootLog, line: LogLine) -> None:
    seen.records += 1
    if seen.records > MAX_RECORDS:
        raise FirmwareDataError(
            "shows more than a machine has",
            file=log.name,
            detail=f"line {line.number}: more than {MAX_RECORDS} lines on memory and CPUs",
        )


def _findings(seen: _Seen, log: BootLog, source: str) -> Findings:
    warnings = []
    if log.boots > 1:
        warnings.append(f"{source} holds {log.boots} boots: the last is taken")
    present = None
    if seen.possible is not None and seen.hotplug is not None:
        present = max(seen.possible - seen.hotplug, 0)
    blocks = _valid(seen.blocks)
    if len(blocks) < len(set(seen.blocks)):
        warnings.append(f"{source} has memory ranges that overlap: the first of each is taken")
    for node, end in sorted(seen.node_ends.items()):
        last = max((block.end for block in blocks if block.node == node), default=0)
        if blocks and last < end:
            warnings.append(
                f"{source} has lost memory ranges: node {node} ends at {end:#x}, its last range "
                f"at {last:#x}"
            )
    module = None
    if seen.loaded is not None:
        module = ModuleShown(
            seen.loaded, seen.version, seen.build_date, seen.build_num, seen.features
        )
    return Findings(
        source=source,
        blocks=tuple(blocks),
        usable=_usable(seen.maps),
        affinity=tuple(seen.affinity),
        cmrs=tuple(seen.cmrs),
        apics=tuple(LocalApic(apic_id, enabled) for apic_id, enabled in seen.apics.items()),
        cpu_nodes=tuple(seen.cpu_nodes.items()),
        present=present,
        not_enabled=None if seen.counts_as_later else seen.hotplug,
        not_enabled_later=seen.hotplug if seen.counts_as_later else None,
        brought_up=seen.brought_up,
        # What is hot-pluggable counts as packages too.
        packages=seen.packages if not seen.hotplug else None,
        cpu=seen.cpu,
        seamrr=seen.seamrr,
        keyids=seen.keyids,
        tdx_keyids=seen.tdx_keyids,
        mktme_keyids=seen.mktme_keyids,
        module=module,
        hibernation=seen.hibernation,
        kernel=seen.kernel,
        warnings=tuple(warnings),
    )


def _valid(blocks: list[Block]) -> list[Block]:
    # Ascending and disjoint, as memblock is; of lines printed twice, one.
    kept: list[Block] = []
    for block in sorted(set(blocks), key=lambda b: (b.start, b.end)):
        if not kept or block.start >= kept[-1].end:
            kept.append(block)
    return kept


def _usable(maps: _Maps) -> tuple[tuple[int, int], ...]:
    # The map printed last is the one the kernel went on with.
    for label in ("modified", "user", "extended", "BIOS-e820", "Xen"):
        if usable := maps.usable.get(label):
            return tuple(as_memblock(usable, maps.removed))
    return ()


def _range(match: re.Match[str], first: int = 1) -> tuple[int, int] | None:
    start, last = int(match[first], 16), int(match[first + 1], 16)
    return (start, last + 1) if start <= last < MAX_PHYSICAL_ADDRESS else None


def _e820(seen: _Seen, match: re.Match[str]) -> None:
    found = _range(match, 2)
    if found is not None and re.fullmatch(_RAM, match[4]):
        label = match[1] if match[1] != "reserve setup_data" else "extended"
        seen.maps.usable.setdefault(label, []).append(found)


def _map_begins(seen: _Seen, match: re.Match[str]) -> None:
    # A map that is printed again replaces what was printed before.
    label = {"BIOS-provided": "BIOS-e820", "user-defined": "user"}.get(match[1], match[1])
    seen.maps.usable.pop(label, None)


def _e820_old(seen: _Seen, match: re.Match[str]) -> None:
    # `BIOS-e820: 0000000000000000 - 000000000009f400 (usable)`: the end is exclusive.
    start, end = int(match[2], 16), int(match[3], 16)
    if start < end <= MAX_PHYSICAL_ADDRESS:
        seen.maps.usable.setdefault(match[1], []).append((start, end))


def _e820_change_old(seen: _Seen, match: re.Match[str]) -> None:
    # `e820 update range: 0000000000000000 - 0000000000001000 (usable) ==> (reserved)`
    start, end = int(match[1], 16), int(match[2], 16)
    if start < end <= MAX_PHYSICAL_ADDRESS and not seen.maps.closed:
        seen.maps.removed.append((start, end))


def _e820_change(seen: _Seen, match: re.Match[str]) -> None:
    # What happens after memblock was filled does not change it any more.
    found = _range(match)
    if found is not None and not seen.maps.closed:
        seen.maps.removed.append(found)


def _last_pfn(seen: _Seen, match: re.Match[str]) -> None:
    # The second one, of memory below 4 GiB, is the last line before memblock is filled.
    seen.maps.pfn_lines += 1
    seen.maps.closed = seen.maps.closed or seen.maps.pfn_lines == 2


def _memblock_filled(seen: _Seen, match: re.Match[str]) -> None:
    seen.maps.closed = True


def _node_range(seen: _Seen, match: re.Match[str]) -> None:
    found = _range(match, 2)
    if found is not None and (pages := whole_pages(*found)) is not None:
        seen.blocks.append(Block(*pages, int(match[1])))


def _node_pfns(seen: _Seen, match: re.Match[str]) -> None:
    # `    0: 0x00000001 -> 0x0000009f`: page frame numbers, the end exclusive.
    start, end = int(match[2], 16) * SZ_4K, int(match[3], 16) * SZ_4K
    if start < end <= MAX_PHYSICAL_ADDRESS:
        seen.blocks.append(Block(start, end, int(match[1])))


def _node_span(seen: _Seen, match: re.Match[str]) -> None:
    # A node without memory has the span [mem 0x0-0x0].
    if (found := _range(match, 2)) is not None and found[1] > 1:
        seen.node_ends[int(match[1])] = found[1]


def _srat_memory(seen: _Seen, match: re.Match[str]) -> None:
    if (found := _range(match, 2)) is not None:
        seen.affinity.append(Block(*found, int(match[1])))


def _srat_memory_old(seen: _Seen, match: re.Match[str]) -> None:
    # `SRAT: Node 0 PXM 0 100000-80000000`: the end is exclusive.
    start, end = int(match[2], 16), int(match[3], 16)
    if start < end <= MAX_PHYSICAL_ADDRESS:
        seen.affinity.append(Block(start, end, int(match[1])))


def _srat_cpu(seen: _Seen, match: re.Match[str]) -> None:
    # Kernels before 2.6.39 print the APIC id in decimal.
    apic_id = int(match[1], 16) if match[1] else int(match[2])
    if apic_id < NO_X2APIC:
        seen.cpu_nodes.setdefault(apic_id, int(match[3]))


def _lapic(seen: _Seen, match: re.Match[str]) -> None:
    # An id that stands in the LAPIC and the x2APIC list is one CPU; 0xff is none.
    apic_id, enabled = int(match[1], 16), match[2] == "enabled"
    if apic_id != NO_LAPIC:
        seen.apics[apic_id] = enabled or seen.apics.get(apic_id, False)


def _x2apic(seen: _Seen, match: re.Match[str]) -> None:
    apic_id, enabled = int(match[1], 16), match[2] == "enabled"
    if apic_id != NO_X2APIC:
        seen.apics[apic_id] = enabled or seen.apics.get(apic_id, False)


def _allowing(seen: _Seen, match: re.Match[str]) -> None:
    seen.possible, seen.hotplug = int(match[1]), int(match[2])


def _allowing_present(seen: _Seen, match: re.Match[str]) -> None:
    # The wording of kernels that know MADT revision 5 (6.9 and later).
    seen.counts_as_later = True
    seen.possible, seen.hotplug = int(match[1]) + int(match[2]), int(match[2])


def _brought_up(seen: _Seen, match: re.Match[str]) -> None:
    seen.brought_up = int(match[1])


def _packages(seen: _Seen, match: re.Match[str]) -> None:
    seen.packages = int(match[1])


def _cpu(seen: _Seen, match: re.Match[str]) -> None:
    family, model = int(match[1], 16), int(match[2], 16)
    if family <= 0xFF and model <= 0xFF:
        seen.cpu = (family, model)


def _kernel(seen: _Seen, match: re.Match[str]) -> None:
    # Only the number: what distributions and people append is free text.
    seen.kernel = seen.kernel or match[1]


def _mktme(seen: _Seen, match: re.Match[str]) -> None:
    seen.mktme_keyids = int(match[1])


def _keyids(seen: _Seen, match: re.Match[str]) -> None:
    start, end = int(match[1]), int(match[2])
    if start <= end <= U32_MASK:
        seen.keyids = (start, end)
    seen.seamrr = Seamrr.ENABLED


def _seamrr(seen: _Seen, match: re.Match[str]) -> None:
    seen.seamrr = seen.seamrr or Seamrr.ENABLED


def _report_seamrr(seen: _Seen, match: re.Match[str]) -> None:
    seen.seamrr = Seamrr.ENABLED if match[1] == "1" else Seamrr.DISABLED


def _report_keys(seen: _Seen, match: re.Match[str]) -> None:
    # "a report prints `20` meaning 0x20 = 32"
    seen.tdx_keyids = int(match[1], 16)


def _hibernation(seen: _Seen, match: re.Match[str]) -> None:
    seen.hibernation = True


def _cmr(seen: _Seen, match: re.Match[str]) -> None:
    start, end = int(match[1], 16), int(match[2], 16)
    if start < end <= MAX_PHYSICAL_ADDRESS:
        seen.cmrs[start, end] = None


def _module(seen: _Seen, match: re.Match[str]) -> None:
    seen.loaded = True
    seen.version = f"{int(match[1])}.{int(match[2])}"
    _build(seen, int(match[3]), int(match[4]))


def _build(seen: _Seen, date: int, number: int) -> None:
    # 32 and 16 bits in the module's metadata.
    if date <= U32_MASK and number <= _U16_MASK:
        seen.build_date, seen.build_num = date, number


def _module_version(seen: _Seen, match: re.Match[str]) -> None:
    seen.loaded, seen.version = True, match[1]


def _module_build(seen: _Seen, match: re.Match[str]) -> None:
    # `TDX module 1.5.06.00, build number 744, build date 0134d817`: the date in hex.
    seen.loaded, seen.version = True, match[1]
    _build(seen, int(match[3], 16), int(match[2]))


def _features(seen: _Seen, match: re.Match[str]) -> None:
    seen.features = int(match[1], 16)


def _not_loaded(seen: _Seen, match: re.Match[str]) -> None:
    seen.loaded = False


def _initialized(seen: _Seen, match: re.Match[str]) -> None:
    seen.loaded = True


_Take = Callable[[_Seen, re.Match[str]], None]


def _message(words: str, pattern: str, take: _Take) -> tuple[str, re.Pattern[str], _Take]:
    return words, re.compile(pattern, re.ASCII), take


# At the start of a message: in the middle it is what somebody wrote about one.
_TDX = r"^[\s>|`]*(?:virt/)?tdx: "
_LABEL = r"(BIOS-e820|user|modified|extended|reserve setup_data|Xen): "
# What a line must hold to be looked at, its message, what is taken from it.
_MESSAGES = (
    _message("[mem 0x", _LABEL + _MEM + r" +(.*?)\s*$", _e820),
    _message(
        "physical RAM map",
        r"(BIOS-provided|user-defined|modified|extended) physical RAM map",
        _map_begins,
    ),
    _message(
        "e820 ",
        r"e820 (?:update|remove) range: ([0-9a-f]{16}) - ([0-9a-f]{16}) \(usable\)"
        r"(?: ==> \((?!usable)|$)",
        _e820_change_old,
    ),
    _message(" - ", _LABEL + r"([0-9a-f]{16}) - ([0-9a-f]{16}) \(usable\)", _e820_old),
    _message(" node ", r"\bInitmem setup node (\d{1,4}) " + _MEM, _node_span),
    _message("node ", r"(?:^|\s)node +(\d{1,4}): " + _MEM, _node_range),
    _message(" -> 0x", r"^ {2,}(\d{1,4}): 0x([0-9a-f]{1,16}) -> 0x([0-9a-f]{1,16})$", _node_pfns),
    _message("SRAT: ", r"SRAT: Node (\d{1,4}) PXM \d+ " + _MEM, _srat_memory),
    _message(
        "SRAT: ",
        r"SRAT: PXM \d+ -> APIC (?:0x([0-9a-f]{1,8})|(\d{1,5})) -> Node (\d{1,4})",
        _srat_cpu,
    ),
    _message(
        "SRAT: ",
        r"SRAT: Node (\d{1,4}) PXM \d+ ([0-9a-f]{1,16})-([0-9a-f]{1,16})$",
        _srat_memory_old,
    ),
    _message(
        "e820: ",
        r"e820: (?:update|remove) "
        + _MEM
        + r" +(?:usable|System RAM)(?: ==> (?!usable|System RAM)|$)",
        _e820_change,
    ),
    _message("last_pfn = ", r"last_pfn = 0x[0-9a-f]+ max_arch_pfn", _last_pfn),
    _message("RAMDISK: ", r"\bRAMDISK: ", _memblock_filled),
    _message("ACPI: ", r"ACPI: (?:Early table checksum|RSDP )", _memblock_filled),
    _message("LAPIC (", r"\bLAPIC \(.*lapic_id\[0x([0-9a-f]{1,4})\] (enabled|disabled)\)", _lapic),
    _message("X2APIC (", r"X2APIC \(apic_id\[0x([0-9a-f]{1,8})\].*? (enabled|disabled)\)", _x2apic),
    _message("Allowing ", r"Allowing (\d{1,6}) CPUs, (\d{1,6}) hotplug CPUs", _allowing),
    _message(
        "Allowing ",
        r"Allowing (\d{1,6}) present CPUs plus (\d{1,6}) hotplug CPUs",
        _allowing_present,
    ),
    _message(" up ", r"(?:Brought|Booted) up (?:\d+ nodes?, )?(\d{1,6}) CPUs?\b", _brought_up),
    _message("packages", r"Max\.? logical packages: +(\d{1,4})$", _packages),
    _message(
        "CPU0: ",
        r"CPU0: .*\(fam(?:ily)?: (?:0x)?([0-9a-f]{1,3}), model: (?:0x)?([0-9a-f]{1,3})",
        _cpu,
    ),
    _message(
        "Linux version ", r"Linux version (\d{1,3}\.\d{1,4}(?:\.\d{1,4})?(?:-rc\d+)?)", _kernel
    ),
    _message("kernel: ", r"^kernel: (\d{1,3}\.\d{1,4}\.\d{1,4})", _kernel),
    _message("mktme: ", r"x86/mktme: (\d{1,5}) KeyIDs available", _mktme),
    _message("private KeyID range", r"private KeyID range:? *\[(\d{1,10}), (\d{1,10})\)", _keyids),
    _message("SEAMRR enabled", _TDX + r"SEAMRR enabled", _seamrr),
    _message("SEAM_RR bit", r"SEAM_RR bit: ([01])\b", _report_seamrr),
    _message("NUM_TDX_PRIV_KEYS", r"NUM_TDX_PRIV_KEYS: ([0-9a-fA-F]{1,8})\b", _report_keys),
    _message("Hibernation", r"initialization failed: Hibernation support is enabled", _hibernation),
    _message("CMR", r"CMR ?(?:\[\d+\])?: \[0x([0-9a-f]{1,16}), 0x([0-9a-f]{1,16})\)", _cmr),
    _message(
        "major_version",
        _TDX + r".*major_version (\d{1,3}), minor_version (\d{1,3}), build_date (\d{1,10}), "
        r"build_num (\d{1,6})",
        _module,
    ),
    _message(
        "build number",
        _TDX + r"TDX module (\d+\.\d+\.\d+)(?:\.\d+)?, build number (\d{1,6}), "
        r"build date ([0-9a-f]{8})\b",
        _module_build,
    ),
    _message("odule version", _TDX + r".*[Mm]odule version: (\d+\.\d+\.\d+)", _module_version),
    _message("features0", _TDX + r"TDX module: features0: ([0-9a-f]{1,16})", _features),
    _message("not loaded", _TDX + r"(?:TDX )?module (?:is )?not loaded", _not_loaded),
    _message("initialized", _TDX + r"(?:TDX[- ])?[Mm]odule initialized", _initialized),
)
