# SPDX-License-Identifier: Apache-2.0
"""What each line of a kernel's log on memory and CPUs adds to what is kept of it."""

from __future__ import annotations

import pytest

from tdxctl.capture import dmesg, lines_on_tdx
from tdxctl.capture.bootlog import read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.findings import Block, Findings, LocalApic, ModuleShown
from tdxctl.capture.machine_lines import find, is_whole
from tdxctl.capture.messages import Maps, Seen, disabled_cpus, number_of_packages
from tdxctl.errors import FirmwareDataError
from tdxctl.messages.reading import read
from tdxctl.platform.description import Seamrr

LAST = 1 << 52


def _seen(*lines: str) -> Seen:
    seen = Seen()
    for line in lines:
        if (found := find(line)) is not None:
            found.take(seen, found.match)
    return seen


def _usable(label: str, *ranges: tuple[int, int]) -> Seen:
    return Seen(maps=Maps(usable={label: list(ranges)}))


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("BIOS-e820: [mem 0x1000-0x9ffff] usable", _usable("BIOS-e820", (0x1000, 0xA0000))),
        ("user: [mem 0x0-0x0] System RAM", _usable("user", (0, 1))),
        ("modified: [mem 0x10-0x1f]  my kernel usable RAM", _usable("modified", (0x10, 0x20))),
        ("reserve setup_data: [mem 0x10-0x1f] usable", _usable("extended", (0x10, 0x20))),
        ("extended: [mem 0x10-0x1f] usable", _usable("extended", (0x10, 0x20))),
        ("BIOS-e820: [mem 0x1000-0x9ffff] reserved", Seen()),
        ("BIOS-e820: [mem 0x1000-0x9ffff] usable memory", Seen()),
        ("BIOS-e820: [mem 0x2000-0x1fff] usable", Seen()),
        (
            "BIOS-e820: [mem 0x1000-0xffffffffffffe] usable",
            _usable("BIOS-e820", (0x1000, LAST - 1)),
        ),
        ("BIOS-e820: [mem 0x1000-0xfffffffffffff] usable", _usable("BIOS-e820", (0x1000, LAST))),
        ("BIOS-e820: [mem 0x1000-0x10000000000000] usable", Seen()),
        (
            "BIOS-e820: 0000000000001000 - 0000000000002000 (usable)",
            _usable("BIOS-e820", (0x1000, 0x2000)),
        ),
        (
            "BIOS-e820: 0000000000001000 - 0010000000000000 (usable)",
            _usable("BIOS-e820", (0x1000, LAST)),
        ),
        ("BIOS-e820: 0000000000001000 - 0010000000000001 (usable)", Seen()),
        ("BIOS-e820: 0000000000001000 - 0000000000001000 (usable)", Seen()),
        (
            "e820 update range: 0000000000000000 - 0000000000001000 (usable) ==> (reserved)",
            Seen(maps=Maps(removed=[(0, 0x1000)])),
        ),
        (
            "e820 remove range: 0000000000001000 - 0010000000000000 (usable)",
            Seen(maps=Maps(removed=[(0x1000, LAST)])),
        ),
        ("e820 remove range: 0000000000001000 - 0000000000001000 (usable)", Seen()),
        ("e820 remove range: 0000000000001000 - 0010000000000001 (usable)", Seen()),
        (
            "e820: remove [mem 0x000a0000-0x000fffff] usable",
            Seen(maps=Maps(removed=[(0xA0000, 0x100000)])),
        ),
        (
            "e820: update [mem 0x00000000-0x00000fff] usable ==> reserved",
            Seen(maps=Maps(removed=[(0, 0x1000)])),
        ),
        ("e820: update [mem 0x1000-0xfff] usable ==> reserved", Seen()),
        ("RAMDISK: [mem 0x1000-0x1fff]", Seen(maps=Maps(closed=True))),
        ("ACPI: RSDP 0x00000000000F05B0 000024 (v02 BOCHS )", Seen(maps=Maps(closed=True))),
        (
            "ACPI: Early table checksum verification disabled",
            Seen(maps=Maps(closed=True)),
        ),
        ("  node   1: [mem 0x1000-0x9ffff]", Seen(blocks=[Block(0x1000, 0xA0000, 1)])),
        # Parts of pages are none.
        ("  node   1: [mem 0x1800-0x3800]", Seen(blocks=[Block(0x2000, 0x3000, 1)])),
        ("  node   1: [mem 0x1800-0x2000]", Seen()),
        ("    2: 0x00000010 -> 0x0000009f", Seen(blocks=[Block(0x10000, 0x9F000, 2)])),
        ("    2: 0x00000001 -> 0x0000009f", Seen(blocks=[Block(0x1000, 0x9F000, 2)])),
        ("    2: 0x00000001 -> 0x10000000000", Seen(blocks=[Block(0x1000, LAST, 2)])),
        ("    2: 0x00000001 -> 0x10000000001", Seen()),
        ("    2: 0x00000001 -> 0x00000001", Seen()),
        ("Initmem setup node 3 [mem 0x1000-0x7fffffff]", Seen(node_ends={3: 0x80000000})),
        ("Initmem setup node 3 [mem 0x0-0x1]", Seen(node_ends={3: 2})),
        ("Initmem setup node 3 [mem 0x0-0x0]", Seen()),
        (
            "SRAT: Node 1 PXM 7 [mem 0x100000000-0x17fffffff]",
            Seen(affinity=[Block(0x100000000, 0x180000000, 1)]),
        ),
        ("SRAT: Node 1 PXM 7 [mem 0x2000-0x1000]", Seen()),
        ("SRAT: Node 1 PXM 7 100000-80000000", Seen(affinity=[Block(0x100000, 0x80000000, 1)])),
        ("SRAT: Node 1 PXM 7 0-10000000000000", Seen(affinity=[Block(0, LAST, 1)])),
        ("SRAT: Node 1 PXM 7 0-10000000000001", Seen()),
        ("SRAT: Node 1 PXM 7 1000-1000", Seen()),
        ("SRAT: PXM 7 -> APIC 0x20 -> Node 3", Seen(cpu_nodes={0x20: 3})),
        ("SRAT: PXM 7 -> APIC 20 -> Node 3", Seen(cpu_nodes={20: 3})),
        ("SRAT: PXM 7 -> APIC 0xfffffffe -> Node 3", Seen(cpu_nodes={0xFFFFFFFE: 3})),
        ("SRAT: PXM 7 -> APIC 0xffffffff -> Node 3", Seen()),
        ("ACPI: LAPIC (acpi_id[0x01] lapic_id[0x02] enabled)", Seen(apics={2: True})),
        ("ACPI: LAPIC (acpi_id[0x01] lapic_id[0xfe] disabled)", Seen(apics={0xFE: False})),
        ("ACPI: LAPIC (acpi_id[0x01] lapic_id[0xff] disabled)", Seen()),
        ("ACPI: X2APIC (apic_id[0x100] uid[0x01] enabled)", Seen(apics={0x100: True})),
        ("ACPI: X2APIC (apic_id[0xff] uid[0x01] disabled)", Seen(apics={0xFF: False})),
        ("ACPI: X2APIC (apic_id[0xffffffff] uid[0x01] disabled)", Seen()),
        ("smpboot: Allowing 12 CPUs, 2 hotplug CPUs", Seen(possible=12, hotplug=2)),
        (
            "CPU topo: Allowing 10 present CPUs plus 2 hotplug CPUs",
            Seen(possible=12, hotplug=2, counts_as_later=True),
        ),
        ("smp: Brought up 2 nodes, 8 CPUs", Seen(brought_up=8)),
        ("x86: Booted up 1 node, 1 CPU", Seen(brought_up=1)),
        ("Brought up 16 CPUs", Seen(brought_up=16)),
        ("CPU topo: Max. logical packages:   2", Seen(packages=2)),
        ("smpboot: Max logical packages: 4", Seen(packages_by_smt=4)),
        ("Kernel command line: ro nosmt quiet", Seen(smt_off=True)),
        ("Command line: ro nosmt=force", Seen(smt_off=True)),
        ("Command line: mitigations=auto,nosmt", Seen(smt_off=True)),
        ("Command line: ro nosmtx", Seen()),
        ("SMT: disabled", Seen(smt_off=True)),
        (
            "smpboot: CPU0: Intel(R) Xeon(R) (family: 0x6, model: 0xcf, stepping: 0x2)",
            Seen(cpu=(6, 0xCF)),
        ),
        ("CPU0: Intel (fam: 06, model: 2c, stepping: 02)", Seen(cpu=(6, 0x2C))),
        ("smpboot: CPU0: x (family: 0xff, model: 0xff)", Seen(cpu=(0xFF, 0xFF))),
        ("smpboot: CPU0: x (family: 0x100, model: 0x1)", Seen()),
        ("smpboot: CPU0: x (family: 0x6, model: 0x100)", Seen()),
        ("Linux version 6.8.0-59-generic (gcc)", Seen(kernel="6.8.0")),
        ("Linux version 7.1.0-rc2", Seen(kernel="7.1.0-rc2")),
        ("kernel: 4.18.0-553.el8", Seen(kernel="4.18.0")),
        ("usb 1-1: new device", Seen()),
    ],
)
def test_a_line_adds_what_it_says(line: str, seen: Seen) -> None:
    """Expect addresses below 2^52, ranges half-open, and ids that mean none to be left out."""
    assert _seen(line) == seen


@pytest.mark.parametrize(
    ("begins", "label"),
    [
        ("BIOS-provided physical RAM map:", "BIOS-e820"),
        ("user-defined physical RAM map:", "user"),
        ("modified physical RAM map:", "modified"),
        ("extended physical RAM map:", "extended"),
    ],
)
def test_a_map_that_is_printed_again_replaces_the_one_before(begins: str, label: str) -> None:
    first = f"{label}: [mem 0x1000-0x1fff] usable"
    second = f"{label}: [mem 0x3000-0x3fff] usable"
    assert _seen(begins, first, begins, second) == _usable(label, (0x3000, 0x4000))
    assert _seen(first, second) == _usable(label, (0x1000, 0x2000), (0x3000, 0x4000))


PFN = "last_pfn = 0x80000 max_arch_pfn = 0x400000000"
REMOVED = "e820: remove [mem 0x1000-0x1fff] usable"
OLD = "e820 remove range: 0000000000001000 - 0000000000002000 (usable)"


@pytest.mark.parametrize("removed", [REMOVED, OLD])
@pytest.mark.parametrize(
    ("before", "counts"), [([], True), ([PFN], True), ([PFN, PFN], False), ([PFN] * 3, False),
                           (["RAMDISK: [mem 0x0-0x1]"], False)]
)  # fmt: skip
def test_what_is_removed_after_memblock_was_filled_is_memory(
    removed: str, before: list[str], counts: bool
) -> None:
    """Expect the second last_pfn, that of memory below 4 GiB, to be the last line before it."""
    assert _seen(*before, removed).maps.removed == ([(0x1000, 0x2000)] if counts else [])


@pytest.mark.parametrize(
    "line",
    [
        "ACPI: LAPIC (acpi_id[0x01] lapic_id[0x02] {})",
        "ACPI: X2APIC (apic_id[0x02] uid[0x01] {})",
    ],
)
@pytest.mark.parametrize(
    ("states", "enabled"),
    [
        (("enabled", "disabled"), True),
        (("disabled", "enabled"), True),
        (("disabled", "disabled"), False),
        (("enabled", "enabled"), True),
    ],
)
def test_a_cpu_is_enabled_if_one_of_its_lines_says_so(
    line: str, states: tuple[str, str], enabled: bool
) -> None:
    assert _seen(*map(line.format, states)).apics == {2: enabled}


def test_of_a_kernel_and_a_cpus_node_the_first_that_is_printed_is_taken() -> None:
    seen = _seen(
        "Linux version 6.8.0",
        "Linux version 6.9.0",
        "SRAT: PXM 0 -> APIC 0x00 -> Node 0",
        "SRAT: PXM 1 -> APIC 0x00 -> Node 1",
    )
    assert (seen.kernel, seen.cpu_nodes) == ("6.8.0", {0: 0})


@pytest.mark.parametrize(
    ("seen", "number"),
    [
        (Seen(), None),
        (Seen(packages=2), 2),
        (Seen(packages=2, hotplug=0), 2),
        (Seen(packages=2, hotplug=1), None),
        (Seen(packages=2, packages_by_smt=4), 2),
        (Seen(packages_by_smt=4), 4),
        (Seen(packages_by_smt=4, smt_off=True), None),
        (Seen(packages_by_smt=4, brought_up=8, possible=8), 4),
        (Seen(packages_by_smt=4, brought_up=9, possible=8), 4),
        (Seen(packages_by_smt=4, brought_up=8, possible=8, smt_off=True), None),
        (Seen(packages_by_smt=4, brought_up=8), 4),
        (Seen(packages_by_smt=4, possible=8), 4),
        (Seen(packages_by_smt=4, brought_up=7, possible=8), None),
        (Seen(packages_by_smt=4, brought_up=8, possible=16), None),
        (Seen(packages_by_smt=4, brought_up=8, possible=16, smt_off=True), 2),
        (Seen(packages_by_smt=4, brought_up=7, possible=16, smt_off=True), None),
    ],
)
def test_packages_are_counted_where_what_is_printed_tells(seen: Seen, number: int | None) -> None:
    assert number_of_packages(seen) == number


@pytest.mark.parametrize(
    ("kernel", "later"),
    [
        ("6.3", True),
        ("6.2.16", False),
        ("6.10-rc1", True),
        ("7.0.0", True),
        ("5.19.0", False),
        ("5.4", False),
        (None, False),
    ],
)
def test_disabled_cpus_are_counted_anew_since_6_3(kernel: str | None, later: bool) -> None:
    assert disabled_cpus(Seen(hotplug=4, kernel=kernel)) == ((None, 4) if later else (4, None))
    assert disabled_cpus(Seen(hotplug=4, kernel=kernel, counts_as_later=True)) == (None, 4)


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("BIOS-e820: [mem 0x0-0xfff] usable", True),
        ("BIOS-e820: [mem 0x0-0xfff] ACPI NVS", True),
        ("BIOS-e820: [mem 0x0-0xfff] persistent (type 7)", True),
        ("BIOS-e820: [mem 0x0-0xfff] usable ==> reserved", True),
        ("BIOS-e820: [mem 0x0-0xfff] usab", False),
        ("BIOS-e820: [mem 0x0-0xfff] ACPI", False),
        ("  node   0: [mem 0x0-0xfff]", True),
    ],
)
def test_a_memory_maps_line_is_whole_where_its_type_is(line: str, whole: bool) -> None:
    found = find(line)
    assert found is not None
    assert is_whole(found) is whole


def _on_tdx(*lines: str) -> Seen:
    seen = Seen()
    for line in lines:
        for found in read(line):
            lines_on_tdx.take(seen, found)
    return seen


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (
            "virt/tdx: BIOS enabled: private KeyID range [32, 64)",
            Seen(keyids=(32, 64), seamrr=Seamrr.ENABLED),
        ),
        (
            "virt/tdx: BIOS enabled: private KeyID range [32, 4294967295)",
            Seen(keyids=(32, 0xFFFFFFFF), seamrr=Seamrr.ENABLED),
        ),
        (
            "virt/tdx: BIOS enabled: private KeyID range [32, 4294967296)",
            Seen(seamrr=Seamrr.ENABLED),
        ),
        (
            "virt/tdx: BIOS enabled: private KeyID range [64, 32)",
            Seen(seamrr=Seamrr.ENABLED),
        ),
        (
            "virt/tdx: BIOS enabled: private KeyID range [32, 32)",
            Seen(keyids=(32, 32), seamrr=Seamrr.ENABLED),
        ),
        ("virt/tdx: CMR: [0x100000, 0x80000000)", Seen(cmrs={(0x100000, 0x80000000): None})),
        ("virt/tdx: CMR: [0x100000, 0x10000000000000)", Seen(cmrs={(0x100000, LAST): None})),
        ("virt/tdx: CMR: [0x100000, 0x10000000000001)", Seen()),
        ("virt/tdx: CMR: [0x100000, 0x100000)", Seen()),
        ("virt/tdx: module not loaded", Seen(loaded=False)),
        ("virt/tdx: module initialized", Seen(loaded=True)),
        (
            "virt/tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, "
            "minor_version 5, build_date 20240129, build_num 698",
            Seen(loaded=True, version="1.5", build_date=20240129, build_num=698),
        ),
        ("x86/mktme: 63 KeyIDs available", Seen(mktme_keyids=63)),
        ("SEAM_RR bit: 1 (expected value: 1)", Seen(seamrr=Seamrr.ENABLED)),
        ("SEAM_RR bit: 0 (expected value: 1)", Seen(seamrr=Seamrr.DISABLED)),
        ("NUM_TDX_PRIV_KEYS: 20", Seen(tdx_keyids=32)),
        ("NUM_TDX_PRIV_KEYS: ffffffff", Seen(tdx_keyids=0xFFFFFFFF)),
        ("NUM_TDX_PRIV_KEYS: 100000000", Seen()),
        (
            "virt/tdx: initialization failed: Hibernation support is enabled",
            Seen(hibernation=True),
        ),
        ("virt/tdx: something else", Seen()),
    ],
)
def test_a_line_on_tdx_adds_what_it_says(line: str, seen: Seen) -> None:
    assert _on_tdx(line) == seen


def test_a_log_shows_all_that_its_lines_say() -> None:
    """Expect ranges in order and once each, and a node whose last range was lost to be told."""
    log = read_log(
        b"Linux version 6.2.0\n"
        b"BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] usable\n"
        b"  node   0: [mem 0x0000000000200000-0x00000000002fffff]\n"
        b"  node   0: [mem 0x0000000000100000-0x00000000001fffff]\n"
        b"  node   0: [mem 0x0000000000100000-0x00000000001fffff]\n"
        b"Initmem setup node 0 [mem 0x0000000000100000-0x00000000003fffff]\n"
        b"SRAT: PXM 0 -> APIC 0x00 -> Node 0\n"
        b"ACPI: LAPIC (acpi_id[0x00] lapic_id[0x00] enabled)\n"
        b"smpboot: Allowing 3 CPUs, 2 hotplug CPUs\n"
        b"smp: Brought up 1 node, 1 CPU\n"
        b"virt/tdx: module not loaded\n",
        "t",
    )
    assert read_dmesg(log, "the report") == Findings(
        source="the report",
        blocks=(Block(0x100000, 0x200000, 0), Block(0x200000, 0x300000, 0)),
        usable=((0x100000, 0x200000),),
        apics=(LocalApic(0, enabled=True),),
        cpu_nodes=((0, 0),),
        present=1,
        not_enabled=2,
        brought_up=1,
        module=ModuleShown(loaded=False),
        kernel="6.2.0",
        warnings=(
            "the report has lost memory ranges: node 0 ends at 0x400000, its last range at "
            "0x300000",
        ),
    )


@pytest.mark.parametrize(
    ("lines", "blocks", "overlap"),
    [
        ("0x1000-0x2fff 0x3000-0x3fff", [(0x1000, 0x3000), (0x3000, 0x4000)], False),
        ("0x1000-0x2fff 0x2000-0x3fff", [(0x1000, 0x3000)], True),
        ("0x1000-0x3fff 0x1000-0x1fff", [(0x1000, 0x2000)], True),
    ],
)
def test_of_ranges_that_overlap_the_first_is_taken(
    lines: str, blocks: list[tuple[int, int]], overlap: bool
) -> None:
    text = "".join(f"  node   0: [mem {one}]\n" for one in lines.split())
    shown = read_dmesg(read_log(text.encode(), "t", of_a_kernel=False))
    assert [(block.start, block.end) for block in shown.blocks] == blocks
    note = "the log has memory ranges that overlap: the first of each is taken"
    assert shown.warnings == ((note,) if overlap else ())


@pytest.mark.parametrize(
    ("labels", "start"),
    [
        (["Xen"], 1),
        (["Xen", "BIOS-e820"], 2),
        (["BIOS-e820", "extended"], 2),
        (["extended", "user"], 2),
        (["user", "modified"], 2),
        (["modified", "user"], 1),
    ],
)
def test_of_several_maps_the_one_the_kernel_went_on_with_is_taken(
    labels: list[str], start: int
) -> None:
    text = "".join(
        f"{label}: [mem 0x{at}00000-0x{at}00fff] usable\n"
        for at, label in enumerate(labels, start=1)
    )
    shown = read_dmesg(read_log(text.encode(), "t", of_a_kernel=False))
    assert shown.usable == ((start << 20, (start << 20) + 0x1000),)


def test_nodes_that_lost_ranges_are_told_of_in_order() -> None:
    """Expect a node whose last range reaches its end to have lost none."""
    text = (
        "  node   0: [mem 0x1000-0x1fff]\n  node   1: [mem 0x4000-0x4fff]\n"
        "  node   2: [mem 0x8000-0x8fff]\n"
        "Initmem setup node 2 [mem 0x8000-0x8fff]\n"
        "Initmem setup node 1 [mem 0x4000-0x5fff]\nInitmem setup node 0 [mem 0x1000-0x2fff]\n"
    )
    shown = read_dmesg(read_log(text.encode(), "t", of_a_kernel=False))
    assert shown.warnings == (
        "the log has lost memory ranges: node 0 ends at 0x3000, its last range at 0x2000",
        "the log has lost memory ranges: node 1 ends at 0x6000, its last range at 0x5000",
    )


def test_it_is_told_whether_a_line_on_tdx_says_something_of_the_machine() -> None:
    seen = Seen()
    [loaded] = read("virt/tdx: module initialized")
    [failed] = read("virt/tdx: module initialization failed (-22)")
    assert lines_on_tdx.take(seen, loaded) is True
    assert lines_on_tdx.take(seen, failed) is False
    assert seen == Seen(loaded=True)


def test_more_lines_than_a_machine_prints_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect lines on memory and on TDX to be counted together, and others not at all."""
    text = f"{PFN}\nusb 1: x\nvirt/tdx: module initialized\n"
    monkeypatch.setattr(dmesg, "MAX_RECORDS", 2)
    assert read_dmesg(read_log(text.encode(), "t")).module == ModuleShown(loaded=True)
    monkeypatch.setattr(dmesg, "MAX_RECORDS", 1)
    with pytest.raises(FirmwareDataError) as caught:
        read_dmesg(read_log(text.encode(), "t"))
    problem = caught.value.diagnostics()[0]
    assert (problem.summary, problem.file) == ("shows more than a machine has", "t")
    assert problem.detail == "line 3: more than 1 lines on memory and CPUs"
