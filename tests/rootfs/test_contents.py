# SPDX-License-Identifier: Apache-2.0
"""What single files of a root say of a small machine, none of them written anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tdxctl import Machine
from tdxctl.events import LogLine
from tdxctl.rootfs.acpi import affinity, madt, srat
from tdxctl.rootfs.host import Host
from tdxctl.rootfs.log import _on_tdx, log_files, stamped
from tdxctl.rootfs.not_shown import not_shown
from tdxctl.rootfs.proc import command_line, firmware_map, flags, proc_files, usable
from tdxctl.rootfs.tdx import msrs, tdx_files
from tdxctl.rootfs.topology import cpu_files, memory_files, node_files
from tdxctl.rootfs.tree import File, Files, Link
from tdxctl.rootfs.write import _is_equal
from tests.machines import booted, small

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


def _shown(files: Iterable[Files]) -> dict[str, str]:
    # Path, from /sys/devices/system on where it is there -> content, or what a link leads to.
    return {
        entry.path.removeprefix("sys/devices/system/"): entry.target
        if isinstance(entry, Link)
        else entry.data.decode()
        for part in files
        for entry in part.entries
    }


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


@pytest.mark.parametrize(
    ("ids", "of_madt", "of_srat"),
    [
        ("254", "0008 00fe 0100 0000", "0010 00fe 0100 0000 0000 0000 0000 0000"),
        (
            "255",
            "0910 0000 ff00 0000 0100 0000 0000 0000",
            "0218 0000 0000 0000 ff00 0000 0100 0000 0000 0000 0000 0000",
        ),
        # 255 structures have numbers from 0 to 254; 256 would have 255 among them.
        ("0-254", "0008 0000 0100 0000", "0010 0000 0100 0000 0000 0000 0000 0000"),
        (
            "0-255",
            "0910 0000 0000 0000 0100 0000 0000 0000",
            "0218 0000 0000 0000 0000 0000 0100 0000 0000 0000 0000 0000",
        ),
    ],
)
def test_an_id_of_255_or_above_takes_the_longer_structures(
    ids: str, of_madt: str, of_srat: str
) -> None:
    """Expect a byte for an id and a UID as long as no CPU needs more; 255 means none there."""
    host = _host(cpus={"madt": [{"apic_id": ids}]}, memory=_memory((4 * GIB, 5 * GIB, 0)))
    assert madt(host)[44:].hex(" ", -2).startswith(of_madt)
    assert srat(host)[48:].hex(" ", -2).startswith(of_srat)
    assert sum(madt(host)) % 256 == 0


@pytest.mark.parametrize(
    ("entries", "disabled", "expected"),
    [
        # type, length, UID, APIC id, flags: 1 enabled, 2 online capable.
        ([(0, True), (1, True)], 0, "0008000001000000 0008010101000000"),
        ([(0, True), (2, False)], 1, "0008000001000000 0008010202000000"),
        # An enabled CPU's id stands a second time for one that is not listed.
        ([(2, False), (5, True)], 2, "0008000202000000 0008010501000000 0008020502000000"),
        ([(0, True), (2, False)], 0, "0008000001000000 0008010200000000"),
        # Of more that are listed than there are, the last can never be brought online.
        (
            [(0, True), (2, False), (3, False), (4, True)],
            1,
            "0008000001000000 0008010202000000 0008020300000000 0008030401000000",
        ),
    ],
)
def test_disabled_cpus_are_slots_of_the_madt(
    entries: list[tuple[int, bool]], disabled: int, expected: str
) -> None:
    listed = [{"apic_id": apic_id, "enabled": enabled} for apic_id, enabled in entries]
    table = madt(_host(cpus={"madt": listed, "disabled_cpus": disabled}))
    assert table[:4] + table[8:9] + table[10:36] == (
        b"APIC\5TDXCTLPLATFORM\1\0\0\0TDXC\1\0\0\0"  # revisions 5, 1 and 1
    )
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


@pytest.mark.parametrize(("level", "number"), [("err", 3), ("warn", 4), ("WARN", 4), ("info", 6)])
def test_a_line_on_tdx_has_its_level_as_a_number(level: str, number: int) -> None:
    line = LogLine(level, "virt/tdx: so it is")
    assert list(_on_tdx(line, 7)) == [(number, 7, "virt/tdx: so it is")]


def test_the_log_stands_as_dmesg_prints_it_and_as_records() -> None:
    """Expect seconds with six digits, and level, number and microseconds of each record."""
    shown = _shown(log_files(_host("6.16")))
    assert shown["var/log/dmesg"].splitlines()[-2:] == [
        "[    0.500000] virt/tdx: BIOS enabled: private KeyID range [32, 64)",
        "[    0.501000] virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.",
    ]
    records = shown["dev/kmsg"].splitlines()
    assert records[0] == "5,0,0,-;Linux version 6.16.0 (tdxctl) #1 SMP PREEMPT_DYNAMIC"
    assert records[-1] == (
        "6,25,501000,-;virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3."
    )


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


def test_cpuinfo_is_laid_out_as_the_kernel_lays_it_out() -> None:
    """Expect two tabs behind a short key, and a blank line between CPUs."""
    host = _host(cpus={"features": {"vmx": False}})
    text = _shown(proc_files(host))["proc/cpuinfo"]
    blocks = text.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == [f"processor\t: {n}" for n in range(4)]
    assert text.endswith("power management:\n")
    lines = blocks[3].splitlines()
    known = " ".join(flags(host))
    assert lines == [
        "processor\t: 3",
        "vendor_id\t: GenuineIntel",
        "cpu family\t: 6",
        "model\t\t: 173",
        "model name\t: Intel(R) Xeon(R) Processor, described as granite-rapids",
        "stepping\t: 0",
        "microcode\t: 0x1",
        "cpu MHz\t\t: 2000.000",
        "cache size\t: 32768 KB",
        "physical id\t: 1",
        "siblings\t: 2",
        "core id\t\t: 64",
        "cpu cores\t: 1",
        "apicid\t\t: 129",
        "initial apicid\t: 129",
        "fpu\t\t: yes",
        "fpu_exception\t: yes",
        "cpuid level\t: 32",
        "wp\t\t: yes",
        f"flags\t\t: {known}",
        "bugs\t\t: spectre_v1 spectre_v2 spec_store_bypass swapgs",
        "bogomips\t: 4000.00",
        "clflush size\t: 64",
        "cache_alignment\t: 64",
        "address sizes\t: 52 bits physical, 57 bits virtual",
        "power management:",
    ]
    assert {"vmx", "ept", "vpid", "ept_ad"} & set(flags(host)) == set()
    assert {"mtrr", "xsave", "movdir64b", "tdx_host_platform"} <= set(flags(host))


@pytest.mark.parametrize(
    ("feature", "flag"),
    [("mtrr", "mtrr"), ("xsave", "xsave"), ("self_snoop", "ss"), ("movdir64b", "movdir64b")],
)
def test_a_feature_that_is_not_there_is_no_flag(feature: str, flag: str) -> None:
    assert flag in flags(_host())
    assert flag not in flags(_host(cpus={"features": {feature: False}}))


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


def test_a_host_whose_kvm_offers_no_tdx_has_all_the_rest_of_it() -> None:
    """Expect no TDX where EPT has no accessed and dirty bits."""
    machine = booted("6.16", kvm={"ept_ad": False})
    machine.init_host()
    shown = _shown(tdx_files(Host(machine)))
    del shown["msr"]
    assert shown == {
        "sys/module/kvm_intel/initstate": "live\n",
        "sys/module/kvm_intel/parameters/ept": "Y\n",
        "sys/module/kvm_intel/parameters/eptad": "N\n",
        "sys/module/kvm_intel/parameters/enable_apicv": "Y\n",
        "sys/module/kvm_intel/parameters/tdx": "N\n",
        "sys/module/kvm/parameters/tdp_mmu": "Y\n",
        "sys/module/kvm/parameters/mmio_caching": "Y\n",
        "sys/module/kvm/parameters/enable_virt_at_load": "Y\n",
        "dev/kvm": "",
        "sys/fs/cgroup/misc.capacity": "",
        "sys/fs/cgroup/misc.current": "",
        "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
        **{f"dev/cpu/{cpu}/msr": "" for cpu in range(4)},
    }


@pytest.mark.parametrize(
    ("version", "shown_as"), [("1.5.25", "1.5.25"), ("1.5.09", "1.5.09"), ("1.5", "1.5.00")]
)
def test_a_ready_host_says_how_many_tds_it_takes_and_what_module_it_has(
    version: str, shown_as: str
) -> None:
    """Expect a TD for each KeyID but the module's own, and the version as `%u.%u.%02u`."""
    machine = booted("7.2", firmware={"tdx_keyids": 16}, module={"version": version})
    machine.init_host()
    shown = _shown(tdx_files(Host(machine)))
    assert shown["sys/module/kvm_intel/parameters/tdx"] == "Y\n"
    assert shown["sys/fs/cgroup/misc.capacity"] == "tdx 15\n"
    assert shown["sys/fs/cgroup/misc.current"] == "tdx 0\n"
    device = {n.rpartition("/")[2]: text for n, text in shown.items() if "/tdx_host/" in n}
    assert device == {
        "version": f"{shown_as}\n",
        "seamldr_version": "1.5.00\n",
        "num_remaining_updates": "64\n",
    }


def test_proc_says_what_is_free_and_that_kvm_is_loaded() -> None:
    """Expect the 266772 KiB of PAMTs not to be free."""
    machine = booted("6.16")
    machine.init_host()
    shown = _shown(proc_files(Host(machine)))
    assert shown["proc/meminfo"].splitlines() == [
        "MemTotal:       68058744 kB",
        "MemFree:        67791972 kB",
        "MemAvailable:   67791972 kB",
        "Buffers:               0 kB",
        "Cached:                0 kB",
        "SwapTotal:             0 kB",
        "SwapFree:              0 kB",
        "HugePages_Total:        0",
        "HugePages_Free:        0",
        "Hugepagesize:       2048 kB",
    ]
    assert shown["proc/modules"].splitlines() == [
        "kvm_intel 499712 0 - Live 0x0000000000000000",
        "kvm 1404928 1 kvm_intel, Live 0x0000000000000000",
    ]
    assert shown["proc/iomem"].splitlines()[3:] == [
        "00100000-79ffffff : System RAM",
        "100000000-10bfffffff : System RAM",
        "10c0000000-10c1ffffff : Reserved",
    ]
    assert [shown[f"sys/firmware/memmap/{name}"] for name in ("5/start", "5/end", "5/type")] == [
        *("0x10c0000000\n", "0x10c1ffffff\n", "Reserved\n")
    ]
    assert shown["sys/firmware/memmap/4/type"] == "System RAM\n"
    assert shown["proc/version"] == "Linux version 6.16.0 (tdxctl) #1 SMP PREEMPT_DYNAMIC\n"
    assert shown["proc/sys/kernel/osrelease"] == "6.16.0\n"


@pytest.mark.parametrize(
    ("kernel", "sections", "expected"),
    [
        ("6.16", {}, "root=/dev/vda1 ro kvm_intel.tdx=1 nohibernate"),
        ("6.16", {"kvm": {"tdx": False}}, "root=/dev/vda1 ro nohibernate"),
        ("6.8", {}, "root=/dev/vda1 ro nohibernate"),
    ],
)
def test_the_command_line_asks_for_what_is_described(
    kernel: str, sections: dict[str, Any], expected: str
) -> None:
    """Expect no parameter of a KVM that does not know it."""
    assert command_line(_host(kernel, **sections)) == expected


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, {}),
        ({"memory": {"reserved": [{"start": 0x5000, "end": 0x6000}]}}, {"memory.reserved"}),
        ({"memory": {"cmrs": [{"base": 0, "size": "4GiB"}]}}, {"memory.cmrs"}),
        ({"cpus": {"features": {"no_seamret_invd_vmcs": False}}}, {"cpus.features"}),
        ({"cpus": {"features": {"movdir64b": False}}}, {}),
        ({"cpus": {"cpuid": [{"leaf": 7, "register": "edx", "value": 0}]}}, {"cpus.cpuid"}),
        ({"cpus": {"seamops": [{"value": 1}]}}, {"cpus.seamops"}),
        ({"firmware": {"msrs": [{"msr": 0x98, "value": 1}]}}, {"firmware.msrs"}),
        ({"firmware": {"tdx_without_integrity": True}}, {"firmware.tdx_without_integrity"}),
        ({"firmware": {"seamrr": "absent"}}, {"module"}),
        ({"module": {"version": "1.5.01"}}, {"module"}),
        ({"module": {"loaded": False}}, {"module"}),
        ({"kvm": {"tdx": False}}, {"kvm"}),
        ({"faults": [{"msr": 0x87}]}, {"faults"}),
    ],
)
def test_what_no_file_of_a_host_shows(sections: dict[str, Any], expected: set[str]) -> None:
    """Expect what differs from a description without it, and nothing of what a file shows."""
    assert set(not_shown(booted("6.16", **sections))) == set(expected)


def test_that_a_kernel_is_built_without_tdx_no_file_shows() -> None:
    platform = small(kernel={"tdx_host": False})
    assert not_shown(Machine.boot(platform, "6.16")) == {"kernel.tdx_host": False}


#: Two packages of two cores of two threads; two more CPUs may come.
CPUS: dict[str, Any] = {
    "madt": [{"apic_id": "0-3", "package": 0}, {"apic_id": "128-131", "package": 1}],
    "disabled_cpus": 2,
}


def test_a_cpu_has_the_siblings_of_its_core_and_of_its_package() -> None:
    """Expect masks as wide as there may be CPUs, and CPU 3, which is offline, in none of them."""
    shown = _shown(cpu_files(_host("v5", cpus=CPUS | {"online": "0-2,4-7"})))
    for name, text in {
        "cpu/possible": "0-9",
        "cpu/present": "0-7",
        "cpu/online": "0-2,4-7",
        "cpu/offline": "3,8-9",
        "cpu/kernel_max": "8191",
        "cpu/cpu2/online": "1",
        "cpu/cpu3/online": "0",
        "cpu/cpu2/topology/physical_package_id": "0",
        "cpu/cpu2/topology/core_id": "1",
        "cpu/cpu2/topology/die_id": "0",
        "cpu/cpu2/topology/thread_siblings": "004",
        "cpu/cpu2/topology/thread_siblings_list": "2",
        "cpu/cpu2/topology/core_siblings": "007",
        "cpu/cpu2/topology/core_siblings_list": "0-2",
        "cpu/cpu7/topology/physical_package_id": "1",
        "cpu/cpu7/topology/core_id": "65",
        "cpu/cpu7/topology/core_cpus": "0c0",
        "cpu/cpu7/topology/core_cpus_list": "6-7",
        "cpu/cpu7/topology/package_cpus": "0f0",
        "cpu/cpu7/topology/package_cpus_list": "4-7",
        "cpu/cpu7/topology/die_cpus": "0f0",
        "cpu/cpu7/topology/die_cpus_list": "4-7",
    }.items():
        assert (name, shown[name]) == (name, f"{text}\n")
    assert shown["cpu/cpu2/node0"] == "../../node/node0"
    assert shown["cpu/cpu7/node1"] == "../../node/node1"
    assert {"cpu/cpu0/online", "cpu/cpu3/topology/core_id", "cpu/cpu3/node0"} & set(shown) == set()


def test_a_node_has_its_cpus_its_blocks_and_its_memory_without_the_pamts() -> None:
    """Expect the 266772 KiB of PAMTs to be in use on the nodes that they lie on."""
    machine = booted("6.16", cpus=CPUS)
    before = _shown(node_files(Host(machine)))
    machine.tdx_init()
    shown = _shown(node_files(Host(machine)))
    for name, text in {
        "node/possible": "0-1",
        "node/online": "0-1",
        "node/has_cpu": "0-1",
        "node/has_memory": "0-1",
        "node/has_normal_memory": "0-1",
        "node/node0/cpulist": "0-3",
        "node/node1/cpulist": "4-7",
        "node/node0/cpumap": "00f",
        "node/node1/cpumap": "0f0",
        "node/node0/distance": "10 21",
        "node/node1/distance": "21 10",
        "node/node0/meminfo": "Node 0 MemTotal:       34504312 kB\n"
        "Node 0 MemFree:        34368872 kB\n"
        "Node 0 MemUsed:          135440 kB",
        "node/node1/meminfo": "Node 1 MemTotal:       33554432 kB\n"
        "Node 1 MemFree:        33423100 kB\n"
        "Node 1 MemUsed:          131332 kB",
    }.items():
        assert (name, shown[name]) == (name, f"{text}\n")
    assert before["node/node1/meminfo"].splitlines()[1:] == [
        "Node 1 MemFree:        33554432 kB",
        "Node 1 MemUsed:               0 kB",
    ]
    assert shown["node/node1/cpu7"] == "../../cpu/cpu7"
    # Blocks of 2 GiB: RAM ends at 1952 MiB and goes on at 4 GiB; node 1 begins at 35 GiB.
    blocks = [name for name in shown if "/memory" in name]
    assert blocks == [
        "node/node0/memory0",
        *(f"node/node0/memory{block}" for block in range(2, 18)),
        *(f"node/node1/memory{block}" for block in range(17, 34)),
    ]
    assert shown["node/node1/memory17"] == "../../memory/memory17"


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        # Two packages of four CPUs: nodes are theirs in order, CPUs spread over a package's.
        ([0, 1], [0, 0, 0, 0, 1, 1, 1, 1]),
        ([0, 1, 2, 3], [0, 0, 1, 1, 2, 2, 3, 3]),
        ([2, 5], [2, 2, 2, 2, 5, 5, 5, 5]),
        # Where they do not come out even, a package has one node.
        ([0], [0] * 8),
        ([0, 1, 2], [0, 0, 0, 0, 1, 1, 1, 1]),
    ],
)
def test_cpus_are_on_the_nodes_of_their_package(nodes: list[int], expected: list[int]) -> None:
    memory = _memory(
        *((4 * GIB + n * GIB, 5 * GIB + n * GIB, node) for n, node in enumerate(nodes))
    )
    assert [cpu.node for cpu in _host(cpus=CPUS, memory=memory).cpus] == expected


@pytest.mark.parametrize(("kernel", "has_one"), [("7.1", False), ("7.2", True)])
def test_the_device_is_of_kernels_that_update_the_module(kernel: str, *, has_one: bool) -> None:
    machine = booted(kernel)
    machine.init_host()
    assert machine.status == "INITIALIZED"
    assert Host(machine).has_device is has_one


@pytest.mark.parametrize(("end", "size"), [(64 * GIB - 0x1000, "8000000"), (64 * GIB, "80000000")])
def test_a_memory_block_is_2_gib_where_memory_ends_at_64_gib_or_above(end: int, size: str) -> None:
    shown = _shown(memory_files(_host(memory=_memory((MIB, GIB, 0), (4 * GIB, end, 0)))))
    assert shown["memory/block_size_bytes"] == f"{size}\n"


def test_a_memory_block_says_which_zone_it_is_of_where_it_is_of_one() -> None:
    """Blocks of 2 GiB: the first has DMA, the fourth two nodes, and DMA32 ends at 4 GiB."""
    memory = _memory((MIB, 3 * GIB, 0), (4 * GIB, 7 * GIB, 0), (7 * GIB, 65 * GIB, 1))
    shown = _shown(memory_files(_host(memory=memory)))
    zones = [shown[f"memory/memory{block}/valid_zones"] for block in (0, 1, 2, 3, 4, 32)]
    assert zones == ["none\n", "DMA32\n", "Normal\n", "none\n", "Normal\n", "Normal\n"]
    assert {name: text for name, text in shown.items() if name.startswith("memory/memory3/")} == {
        "memory/memory3/phys_index": "00000003\n",
        "memory/memory3/state": "online\n",
        "memory/memory3/removable": "1\n",
        "memory/memory3/valid_zones": "none\n",
        "memory/memory3/node0": "../../node/node0",
        "memory/memory3/node1": "../../node/node1",
    }
    assert shown["memory/memory32/phys_index"] == "00000020\n"
    assert "memory/memory33/state" not in shown


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
