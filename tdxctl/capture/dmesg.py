# SPDX-License-Identifier: Apache-2.0
"""What a kernel's log shows of the machine: memory, CPUs, KeyIDs, the TDX module.

Lines on memory and CPUs are `machine_lines`; those on TDX are read with the catalogue of messages.
"""

from __future__ import annotations

from tdxctl.capture import lines_on_tdx, machine_lines, messages
from tdxctl.capture.bootlog import BootLog, which_boot
from tdxctl.capture.findings import Block, Findings, LocalApic, ModuleShown
from tdxctl.capture.memblock import as_memblock
from tdxctl.capture.messages import Maps, Seen
from tdxctl.capture.wrapped import LogLine
from tdxctl.errors import FirmwareDataError
from tdxctl.messages.reading import read
from tdxctl.units import counted

#: More lines of a kind than any kernel prints are not of a kernel.
MAX_RECORDS = 65536


def read_dmesg(log: BootLog, source: str = "the log") -> Findings:
    """What the last boot of log shows. Raises FirmwareDataError for nonsense."""
    seen = Seen()
    for line in log.lines:
        for found in read(line.text):
            if lines_on_tdx.take(seen, found):
                _count(seen, log, line)
        if (on_machine := machine_lines.find(line.text)) is not None:
            _count(seen, log, line)
            on_machine.take(seen, on_machine.match)
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
    if (which := which_boot(log)) is not None:
        warnings.append(f"{source} {which}")
    if wrapped := sum(bool(line.parts) for line in log.lines):
        warnings.append(
            f"{source} was wrapped: {counted(wrapped, 'line')} of it are made of two or more"
        )
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
