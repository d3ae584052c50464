# SPDX-License-Identifier: Apache-2.0
"""What a kernel's log shows of the machine: memory, CPUs, KeyIDs, the TDX module.

Lines on memory and CPUs are patterns here, every wording since Linux 2.6.32 that the field notes or
a collected log has; a line is searched for one, so that what a console put before it does not hide
it. Lines on TDX are read with the catalogue of messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tdxctl.capture import lines_on_tdx, messages
from tdxctl.capture.bootlog import BootLog, LogLine
from tdxctl.capture.findings import Block, Findings, LocalApic, ModuleShown
from tdxctl.capture.memblock import as_memblock
from tdxctl.capture.messages import Maps, Seen
from tdxctl.errors import FirmwareDataError
from tdxctl.messages.reading import read

#: More lines of a kind than any kernel prints are not of a kernel.
MAX_RECORDS = 65536

_MEM = r"\[mem 0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})\]"


def read_dmesg(log: BootLog, source: str = "the log") -> Findings:
    """What the last boot of log shows. Raises FirmwareDataError for nonsense."""
    seen = Seen()
    for line in log.lines:
        on_tdx = read(line.text)
        for found in on_tdx:
            if lines_on_tdx.take(seen, found):
                _count(seen, log, line)
        for words, pattern, take in _MESSAGES if not on_tdx else ():
            if words in line.text and (match := pattern.search(line.text)):
                _count(seen, log, line)
                take(seen, match)
                break
    return _findings(seen, log, source)


def _count(seen: Seen, log: BootLog, line: LogLine) -> None:
    seen.records += 1
    if seen.records > MAX_RECORDS:
        raise FirmwareDataError(
            "shows more than a machine has",
            file=log.name,
            detail=f"line {line.number}: more than {MAX_RECORDS} lines on memory and CPUs",
        )


def _findings(seen: Seen, log: BootLog, source: str) -> Findings:
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
    not_enabled, later = messages.disabled_cpus(seen)
    return Findings(
        source=source,
        blocks=tuple(blocks),
        usable=_usable(seen.maps),
        affinity=tuple(seen.affinity),
        cmrs=tuple(seen.cmrs),
        apics=tuple(LocalApic(apic_id, enabled) for apic_id, enabled in seen.apics.items()),
        cpu_nodes=tuple(seen.cpu_nodes.items()),
        present=present,
        not_enabled=not_enabled,
        not_enabled_later=later,
        brought_up=seen.brought_up,
        packages=messages.number_of_packages(seen),
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


def _usable(maps: Maps) -> tuple[tuple[int, int], ...]:
    # The map printed last is the one the kernel went on with.
    for label in ("modified", "user", "extended", "BIOS-e820", "Xen"):
        if usable := maps.usable.get(label):
            return tuple(as_memblock(usable, maps.removed))
    return ()


_Take = Callable[[Seen, re.Match[str]], None]


def _message(words: str, pattern: str, take: _Take) -> tuple[str, re.Pattern[str], _Take]:
    return words, re.compile(pattern, re.ASCII), take


_LABEL = r"(BIOS-e820|user|modified|extended|reserve setup_data|Xen): "
# What a line must hold to be looked at, its message, what is taken from it.
_MESSAGES = (
    _message("[mem 0x", _LABEL + _MEM + r" +(.*?)\s*$", messages.e820),
    _message(
        "physical RAM map",
        r"(BIOS-provided|user-defined|modified|extended) physical RAM map",
        messages.map_begins,
    ),
    _message(
        "e820 ",
        r"e820 (?:update|remove) range: ([0-9a-f]{16}) - ([0-9a-f]{16}) \(usable\)"
        r"(?: ==> \((?!usable)|$)",
        messages.e820_change_old,
    ),
    _message(" - ", _LABEL + r"([0-9a-f]{16}) - ([0-9a-f]{16}) \(usable\)", messages.e820_old),
    _message(" node ", r"\bInitmem setup node (\d{1,4}) " + _MEM, messages.node_span),
    _message("node ", r"(?:^|\s)node +(\d{1,4}): " + _MEM, messages.node_range),
    _message(
        " -> 0x", r"^ {2,}(\d{1,4}): 0x([0-9a-f]{1,16}) -> 0x([0-9a-f]{1,16})$", messages.node_pfns
    ),
    _message("SRAT: ", r"SRAT: Node (\d{1,4}) PXM \d+ " + _MEM, messages.srat_memory),
    _message(
        "SRAT: ",
        r"SRAT: PXM \d+ -> APIC (?:0x([0-9a-f]{1,8})|(\d{1,5})) -> Node (\d{1,4})",
        messages.srat_cpu,
    ),
    _message(
        "SRAT: ",
        r"SRAT: Node (\d{1,4}) PXM \d+ ([0-9a-f]{1,16})-([0-9a-f]{1,16})$",
        messages.srat_memory_old,
    ),
    _message(
        "e820: ",
        r"e820: (?:update|remove) "
        + _MEM
        + r" +(?:usable|System RAM)(?: ==> (?!usable|System RAM)|$)",
        messages.e820_change,
    ),
    _message("last_pfn = ", r"last_pfn = 0x[0-9a-f]+ max_arch_pfn", messages.last_pfn),
    _message("RAMDISK: ", r"\bRAMDISK: ", messages.memblock_filled),
    _message("ACPI: ", r"ACPI: (?:Early table checksum|RSDP )", messages.memblock_filled),
    _message(
        "LAPIC (", r"\bLAPIC \(.*lapic_id\[0x([0-9a-f]{1,4})\] (enabled|disabled)\)", messages.lapic
    ),
    _message(
        "X2APIC (",
        r"X2APIC \(apic_id\[0x([0-9a-f]{1,8})\].*? (enabled|disabled)\)",
        messages.x2apic,
    ),
    _message("Allowing ", r"Allowing (\d{1,6}) CPUs, (\d{1,6}) hotplug CPUs", messages.allowing),
    _message(
        "Allowing ",
        r"Allowing (\d{1,6}) present CPUs plus (\d{1,6}) hotplug CPUs",
        messages.allowing_present,
    ),
    _message(
        " up ", r"(?:Brought|Booted) up (?:\d+ nodes?, )?(\d{1,6}) CPUs?\b", messages.brought_up
    ),
    _message("packages", r"Max\. logical packages: +(\d{1,4})$", messages.packages),
    _message("packages", r"Max logical packages: +(\d{1,4})$", messages.packages_by_smt),
    _message(
        "ommand line: ",
        r"[Cc]ommand line: .*(?:\bnosmt(?:=force)?(?: |$)|\bmitigations=\S*\bnosmt\b)",
        messages.smt_off,
    ),
    _message("SMT: ", r"\bSMT: (?:Force )?disabled", messages.smt_off),
    _message(
        "CPU0: ",
        r"CPU0: .*\(fam(?:ily)?: (?:0x)?([0-9a-f]{1,3}), model: (?:0x)?([0-9a-f]{1,3})",
        messages.cpu,
    ),
    _message(
        "Linux version ",
        r"Linux version (\d{1,3}\.\d{1,4}(?:\.\d{1,4})?(?:-rc\d+)?)",
        messages.kernel,
    ),
    _message("kernel: ", r"^kernel: (\d{1,3}\.\d{1,4}\.\d{1,4})", messages.kernel),
)
