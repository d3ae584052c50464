# SPDX-License-Identifier: Apache-2.0
"""What the lines of a log come to where several say something of one thing."""

from __future__ import annotations

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.merge import Captured, merge

FIRST = "[    0.000000] Linux version 6.8.0\n"


def _captured(lines: str, first: str = FIRST) -> Captured:
    return merge([read_dmesg(read_log((first + lines).encode(), "t"))], assume_tdx=False)


def test_a_map_that_ends_at_4_gib_lacks_what_the_cmrs_have_above() -> None:
    """
    map    |-------- usable --------|
    CMRs   |------------------------|------------|
           1MiB                    4GiB         6GiB

    Expect the CMR above to stand for the rest of a map that was cut at 4 GiB.
    """
    captured = _captured(
        "BIOS-e820: [mem 0x0000000000100000-0x00000000ffffffff] usable\n"
        "virt/tdx: CMR: [0x100000, 0x100000000)\n"
        "virt/tdx: CMR: [0x100000000, 0x180000000)\n"
    )
    assert [(hex(block.start), hex(block.end)) for block in captured.ranges] == [
        ("0x100000", "0x100000000"),
        ("0x100000000", "0x180000000"),
    ]
    assert "the log shows no memory above 4 GiB: the CMRs stand for it" in captured.warnings


def test_a_map_that_goes_on_above_4_gib_is_whole() -> None:
    """Expect one page above 4 GiB to be all there is, whatever the CMRs have."""
    captured = _captured(
        "BIOS-e820: [mem 0x0000000000100000-0x0000000100000fff] usable\n"
        "virt/tdx: CMR: [0x100000, 0x100000000)\n"
        "virt/tdx: CMR: [0x100000000, 0x180000000)\n"
    )
    assert [(hex(block.start), hex(block.end)) for block in captured.ranges] == [
        ("0x100000", "0x100001000")
    ]


def test_a_cpu_that_is_listed_twice_is_enabled_if_one_of_its_lines_says_so() -> None:
    """Expect it in either order, as in a LAPIC and an x2APIC list of the same CPUs."""
    captured = _captured(
        "ACPI: LAPIC (acpi_id[0x00] lapic_id[0x00] enabled)\n"
        "ACPI: LAPIC (acpi_id[0x01] lapic_id[0x02] enabled)\n"
        "ACPI: LAPIC (acpi_id[0x02] lapic_id[0x02] disabled)\n"
        "ACPI: LAPIC (acpi_id[0x03] lapic_id[0x04] disabled)\n"
        "ACPI: LAPIC (acpi_id[0x04] lapic_id[0x04] enabled)\n"
        "ACPI: LAPIC (acpi_id[0x05] lapic_id[0x06] disabled)\n"
        "ACPI: X2APIC (apic_id[0x00] uid[0x00] disabled)\n"
    )
    assert [(slot.apic_id, slot.enabled) for slot in captured.slots] == [
        (0, True),
        (2, True),
        (4, True),
        (6, False),
    ]


def test_packages_that_hotplug_slots_could_be_in_are_no_packages() -> None:
    """Expect two, one of each node with CPUs: 4 are for the slots that nothing is in, too."""
    captured = _captured(
        "SRAT: PXM 0 -> APIC 0x00 -> Node 0\n"
        "SRAT: PXM 0 -> APIC 0x02 -> Node 0\n"
        "SRAT: PXM 1 -> APIC 0x20 -> Node 1\n"
        "SRAT: PXM 1 -> APIC 0x22 -> Node 1\n"
        "smpboot: Allowing 8 CPUs, 4 hotplug CPUs\n"
        "smpboot: Max logical packages: 4\n"
    )
    assert [(slot.apic_id, slot.package) for slot in captured.slots] == [
        (0x00, 0),
        (0x02, 0),
        (0x20, 1),
        (0x22, 1),
    ]


NOSMT = (
    "Command line: BOOT_IMAGE=/vmlinuz ro {option} quiet\n"
    "smpboot: Allowing 16 CPUs, 0 hotplug CPUs\n"
    "smp: Brought up 2 nodes, {up} CPUs\n"
    "{words} logical packages: {printed}\n"
)


@pytest.mark.parametrize(
    ("option", "up", "words", "printed", "packages"),
    [
        ("nosmt", 8, "smpboot: Max", 4, 2),
        ("nosmt=force", 8, "smpboot: Max", 2, 1),
        ("mitigations=auto,nosmt", 8, "smpboot: Max", 4, 2),
        ("nohibernate", 16, "smpboot: Max", 2, 2),
        # Of CPUs that were left out for another reason nothing is known: one stands there.
        ("maxcpus=3", 3, "smpboot: Max", 6, 1),
        # Since 6.9 APIC ids are counted, whatever runs.
        ("nosmt", 8, "CPU topo: Max.", 2, 2),
    ],
)
def test_packages_are_not_doubled_where_smt_is_off(
    option: str, up: int, words: str, printed: int, packages: int
) -> None:
    captured = _captured(NOSMT.format(option=option, up=up, words=words, printed=printed))
    assert len({slot.package for slot in captured.slots}) == packages


def test_smt_is_off_where_the_kernel_says_so() -> None:
    log = NOSMT.replace("Command line", "SMT: Force disabled\nWhatever")
    captured = _captured(log.format(option="", up=8, words="smpboot: Max", printed=4))
    assert len({slot.package for slot in captured.slots}) == 2


@pytest.mark.parametrize(
    ("kernel", "counts"),
    [("5.19.0", "the v5-era kernel counts"), ("6.3.0", "kernels since 6.3 count")],
)
def test_disabled_cpus_of_a_log_are_counted_as_its_kernel_counts(kernel: str, counts: str) -> None:
    first = f"[    0.000000] Linux version {kernel} (gcc)\n"
    captured = _captured("smpboot: Allowing 16 CPUs, 4 hotplug CPUs\n", first)
    assert captured.disabled_cpus == 4
    assert captured.origins["disabled_cpus"] == f"the log, as {counts}"
