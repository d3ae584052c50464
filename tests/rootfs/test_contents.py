# SPDX-License-Identifier: Apache-2.0
"""What single files of a root say of a small machine, none of them written anywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tdxctl.rootfs.acpi import affinity, madt, srat
from tdxctl.rootfs.host import Host
from tdxctl.rootfs.log import stamped
from tdxctl.rootfs.proc import firmware_map, flags, proc_files, usable
from tdxctl.rootfs.tdx import msrs
from tdxctl.rootfs.tree import File
from tdxctl.rootfs.write import _is_equal
from tests.machines import booted

MIB, GIB = 1 << 20, 1 << 30
SAPPHIRE_RAPIDS = {"family": 6, "model": 0x8F}


def _host(kernel: str = "6.16", **sections: Any) -> Host:
    return Host(booted(kernel, **sections))


def _memory(*ranges: tuple[int, int, int]) -> dict[str, Any]:
    return {"ranges": [{"start": start, "end": end, "node": node} for start, end, node in ranges]}


def _cpuinfo(host: Host) -> dict[str, str]:
    # Key -> value of the first CPU.
    (file,) = next(files for files in proc_files(host) if files.pattern == "proc/cpuinfo").entries
    assert isinstance(file, File)
    rows = file.data.decode().partition("\n\n")[0].splitlines()
    return {key.rstrip(): value.strip() for key, _, value in (row.partition(":") for row in rows)}


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        # Holes between a node's ranges are nobody's; what is below 4 GiB stands alone.
        (
            [(0x1000, 0x9F000, 0), (MIB, 2 * GIB, 0), (4 * GIB, 6 * GIB, 0), (7 * GIB, 9 * GIB, 0)],
            [(0, 2 * GIB, 0), (4 * GIB, 9 * GIB, 0)],
        ),
        # Each node that takes turns has all of its turns.
        (
            [(4 * GIB, 5 * GIB, 1), (5 * GIB, 6 * GIB, 0), (6 * GIB, 7 * GIB, 1)],
            [(4 * GIB, 5 * GIB, 1), (5 * GIB, 6 * GIB, 0), (6 * GIB, 7 * GIB, 1)],
        ),
        ([(MIB, GIB, 0), (2 * GIB, 3 * GIB, 1)], [(0, GIB, 0), (2 * GIB, 3 * GIB, 1)]),
    ],
)
def test_a_run_of_a_node_s_memory_is_one_entry_of_the_srat(
    ranges: list[tuple[int, int, int]], expected: list[tuple[int, int, int]]
) -> None:
    assert affinity(_host(memory=_memory(*ranges))) == expected


def test_the_srat_is_as_acpi_lays_it_out() -> None:
    """Expect a structure of 16 bytes per CPU, then one of 40 per range; reserved fields are 0."""
    table = srat(_host(memory=_memory((4 * GIB, 35 * GIB, 0), (35 * GIB, 67 * GIB, 1))))
    assert table[:9] == b"SRAT" + b"\xc0\0\0\0" + b"\3"
    assert sum(table) % 256 == 0
    assert table[36:].hex(" ", 4).split(" ") == [
        *("01000000", "00000000", "00000000"),
        *("00100000", "01000000", "00000000", "00000000"),
        *("00100001", "01000000", "00000000", "00000000"),
        *("00100180", "01000000", "00000000", "00000000"),
        *("00100181", "01000000", "00000000", "00000000"),
        *("01280000", "00000000", "00000000", "01000000", "000000c0", "07000000"),
        *("00000000", "01000000", "00000000", "00000000"),
        *("01280100", "00000000", "000000c0", "08000000", "00000000", "08000000"),
        *("00000000", "01000000", "00000000", "00000000"),
    ]


def test_an_x2apic_id_of_255_or_above_takes_the_longer_structures() -> None:
    host = _host(cpus={"madt": [{"apic_id": 300}]}, memory=_memory((4 * GIB, 5 * GIB, 0)))
    assert madt(host)[44:].hex(" ", 4) == "09100000 2c010000 01000000 00000000"
    assert srat(host)[48:72].hex(" ", 4) == "02180000 00000000 2c010000 01000000 00000000 00000000"


@pytest.mark.parametrize(
    ("slots", "disabled", "expected"),
    [
        # type, length, UID, APIC id, flags: 1 enabled, 2 online capable.
        ([], 0, "0008000001000000 0008010101000000"),
        ([2], 1, "0008000001000000 0008010101000000 0008020202000000"),
        # An enabled CPU's id stands a second time for one that is not listed.
        ([], 1, "0008000001000000 0008010101000000 0008020002000000"),
        # Of more that are listed than there are, the last can never be brought online.
        ([2, 3], 1, "0008000001000000 0008010101000000 0008020202000000 0008030300000000"),
    ],
)
def test_disabled_cpus_are_slots_of_the_madt(
    slots: list[int], disabled: int, expected: str
) -> None:
    listed = [{"apic_id": "0-1"}, *({"apic_id": slot, "enabled": False} for slot in slots)]
    table = madt(_host(cpus={"madt": listed, "disabled_cpus": disabled}))
    assert table[:4] == b"APIC"
    assert table[36:44].hex(" ", 4) == "0000e0fe 01000000"
    assert table[44:].hex(" ", -8) == expected
    assert sum(table) % 256 == 0


def test_the_log_tells_of_the_machine_then_of_tdx_with_times_that_grow() -> None:
    """Expect the boot's lines on TDX from 0.5 s on, those after it from 8 s on, a ms a line."""
    machine = booted("6.16")
    machine.init_host()
    assert [
        f"{line.microseconds:7} {line.level} {line.text}" for line in stamped(Host(machine))
    ] == [
        "      0 5 Linux version 6.16.0 (tdxctl) #1 SMP PREEMPT_DYNAMIC",
        "      0 6 Command line: root=/dev/vda1 ro kvm_intel.tdx=1 nohibernate",
        "      0 6 BIOS-provided physical RAM map:",
        "      0 6 BIOS-e820: [mem 0x0000000000000000-0x0000000000000fff] reserved",
        "      0 6 BIOS-e820: [mem 0x0000000000001000-0x000000000009efff] usable",
        "      0 6 BIOS-e820: [mem 0x00000000000a0000-0x00000000000fffff] reserved",
        "      0 6 BIOS-e820: [mem 0x0000000000100000-0x0000000079ffffff] usable",
        "      0 6 BIOS-e820: [mem 0x0000000100000000-0x00000010bfffffff] usable",
        "      0 6 BIOS-e820: [mem 0x00000010c0000000-0x00000010c1ffffff] reserved",
        "      0 6 ACPI: SRAT: PXM 0 -> APIC 0x0000 -> Node 0",
        "      0 6 ACPI: SRAT: PXM 0 -> APIC 0x0001 -> Node 0",
        "      0 6 ACPI: SRAT: PXM 1 -> APIC 0x0080 -> Node 1",
        "      0 6 ACPI: SRAT: PXM 1 -> APIC 0x0081 -> Node 1",
        "      0 6 ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x79ffffff]",
        "      0 6 ACPI: SRAT: Node 0 PXM 0 [mem 0x100000000-0x8bfffffff]",
        "      0 6 ACPI: SRAT: Node 1 PXM 1 [mem 0x8c0000000-0x10bfffffff]",
        "      0 6 Early memory node ranges",
        "      0 6   node   0: [mem 0x0000000000001000-0x000000000009efff]",
        "      0 6   node   0: [mem 0x0000000000100000-0x0000000079ffffff]",
        "      0 6   node   0: [mem 0x0000000100000000-0x00000008bfffffff]",
        "      0 6   node   1: [mem 0x00000008c0000000-0x00000010bfffffff]",
        "      0 6 CPU topo: Allowing 4 present CPUs plus 0 hotplug CPUs",
        "      0 6 smpboot: CPU0: Intel(R) Xeon(R) Processor (family: 0x6, model: 0xad, stepping: "
        "0x0)",
        "      0 6 smp: Brought up 2 nodes, 4 CPUs",
        " 500000 6 virt/tdx: BIOS enabled: private KeyID range [32, 64)",
        " 501000 6 virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.",
        "8002000 6 virt/tdx: 266772 KB allocated for PAMT",
        "8003000 6 virt/tdx: module initialized",
    ]


def test_kernels_before_6_9_count_cpus_in_other_words() -> None:
    lines = [line.text for line in stamped(_host("6.8", cpus={"disabled_cpus": 2}))]
    assert "smpboot: Allowing 6 CPUs, 2 hotplug CPUs" in lines


def test_touching_ram_is_one_range_whatever_its_nodes() -> None:
    memory = _memory((MIB, 2 * GIB, 0), (4 * GIB, 6 * GIB, 0), (6 * GIB, 8 * GIB, 1))
    assert usable(_host(memory=memory)) == [(MIB, 2 * GIB), (4 * GIB, 8 * GIB)]


@pytest.mark.parametrize(
    ("seamrr", "ranges", "reserved"),
    [
        # Page 0, where RAM begins behind it; the window of VGA and ROMs; the SEAM range.
        (
            "enabled",
            [(0x1000, 0x9F000), (MIB, GIB)],
            [(0, 0x1000), (0xA0000, MIB), (2 * GIB, 2 * GIB + 32 * MIB)],
        ),
        ("absent", [(0x1000, 0x9F000), (MIB, GIB)], [(0, 0x1000), (0xA0000, MIB)]),
        ("absent", [(0, 0x9F000), (MIB, GIB)], [(0xA0000, MIB)]),
        # What is described as RAM stays RAM.
        ("absent", [(0, GIB)], []),
        ("enabled", [(0, 4 * GIB)], []),
        ("enabled", [(0, 2 * GIB)], [(2 * GIB, 2 * GIB + 32 * MIB)]),
        ("enabled", [(0, MIB), (2 * GIB + 32 * MIB, 3 * GIB)], [(2 * GIB, 2 * GIB + 32 * MIB)]),
    ],
)
def test_what_firmware_s_map_has_reserved(
    seamrr: str, ranges: list[tuple[int, int]], reserved: list[tuple[int, int]]
) -> None:
    host = _host(
        memory=_memory(*((start, end, 0) for start, end in ranges)),
        firmware={"seamrr": seamrr, "seamrr_range": {"base": 2 * GIB, "size": 32 * MIB}},
    )
    found = firmware_map(host)
    assert [(start, end) for start, end, is_usable in found if is_usable] == ranges
    assert [(start, end) for start, end, is_usable in found if not is_usable] == reserved
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("model", "name"),
    [(0x8F, "sapphire-rapids"), (0xAD, "granite-rapids"), (0x01, "family 6, model 1")],
)
def test_a_cpu_is_called_what_it_is_described_as(model: int, name: str) -> None:
    """Expect family and model in numbers where the generation has no name here."""
    shown = _cpuinfo(_host(cpus={"model": {"family": 6, "model": model}}))
    assert shown["model name"] == f"Intel(R) Xeon(R) Processor, described as {name}"
    assert (shown["cpu family"], shown["model"]) == ("6", str(model))


@pytest.mark.parametrize(
    ("kernel", "model", "tdx_keyids", "has_flag", "has_bug"),
    [
        ("6.16", SAPPHIRE_RAPIDS, 32, True, True),
        # Granite Rapids has no such erratum, and who has no KeyIDs no TDX to be hurt by it.
        ("6.16", {"family": 6, "model": 0xAD}, 32, True, False),
        ("6.16", SAPPHIRE_RAPIDS, 0, False, False),
        # The v5 series sets neither.
        ("v5", SAPPHIRE_RAPIDS, 32, False, False),
    ],
)
def test_cpuinfo_says_that_firmware_enabled_tdx_and_what_it_suffers_from(
    kernel: str, model: dict[str, int], tdx_keyids: int, *, has_flag: bool, has_bug: bool
) -> None:
    host = _host(kernel, cpus={"model": model}, firmware={"tdx_keyids": tdx_keyids})
    assert ("tdx_host_platform" in flags(host)) is has_flag
    bugs = ["spectre_v1", "spectre_v2", "spec_store_bypass", "swapgs"]
    assert _cpuinfo(host)["bugs"].split() == bugs + ["tdx_pw_mce"] * has_bug


def test_a_cpu_is_counted_among_those_of_its_package_that_are_online() -> None:
    """Two packages of four threads of two cores, one thread of the first offline."""
    host = _host(
        "v5",
        cpus={
            "madt": [{"apic_id": "0-3", "package": 0}, {"apic_id": "128-131", "package": 1}],
            "online": "0-2,4-7",
        },
    )
    shown = _cpuinfo(host)
    assert (shown["siblings"], shown["cpu cores"], shown["physical id"]) == ("3", "2", "0")


def test_msrs_are_those_of_firmware_that_enabled_tdx() -> None:
    """Expect the SEAM range with the bit that says it is configured (3), locked and enabled."""
    firmware: dict[str, Any] = {"tdx_keyids": 32, "mktme_keyids": 31, "keyid_bits": 6}
    firmware |= {"seamrr_range": {"base": 0x7A000000, "size": 32 * MIB}}
    assert msrs(_host(firmware=firmware)) == {
        0x87: 32 << 32 | 31,
        0xFE: 0xDD0A,
        0x981: 0x7F600000002,
        0x982: 0x2000600000003,
        0x1400: 0x7A000008,
        0x1401: 0xFFFFFFE000C00,
    }


@pytest.mark.parametrize(
    ("seamrr", "expected"), [("absent", {}), ("disabled", {0x1400: 0, 0x1401: 0})]
)
def test_msrs_of_the_seam_range_are_zero_where_it_is_disabled(
    seamrr: str, expected: dict[int, int]
) -> None:
    found = msrs(_host(firmware={"seamrr": seamrr}))
    assert {msr: value for msr, value in found.items() if msr in (0x1400, 0x1401)} == expected
    assert found[0xFE] == (0x5D0A if seamrr == "absent" else 0xDD0A)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        ("the same", True),
        ("another text", False),
        ("a longer text", False),
        ("another mode", False),
        ("a link", False),
        ("a second name", False),
        ("a folder", False),
    ],
)
def test_a_file_stays_only_where_it_is_as_it_would_be_written(
    make: str, tmp_path: Path, *, expected: bool
) -> None:
    file = tmp_path / "x"
    match make:
        case "a folder":
            file.mkdir()
        case "a link":
            file.symlink_to("y")
            (tmp_path / "y").write_text("Y\n")
        case _:
            text = {"another text": "N\n", "a longer text": "Yes\n"}.get(make, "Y\n")
            file.write_text(text)
            file.chmod(0o644 if make == "another mode" else 0o444)
    if make == "a second name":
        (tmp_path / "y").hardlink_to(file)
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert _is_equal(descriptor, "x", File("x", b"Y\n", 0o444)) is expected
    finally:
        os.close(descriptor)
