# SPDX-License-Identifier: Apache-2.0
"""`tdxctl capture`: sources in any combination become a description that loads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from tdxctl import Machine, Platform
from tdxctl.capture.findings import Findings
from tdxctl.capture.merge import merge
from tdxctl.capture.sources import READERS, capture
from tdxctl.capture.sysfs import read_sysfs
from tdxctl.errors import FirmwareDataError
from tdxctl.units import parse_cpulist
from tests.capture import acpi_tables as acpi
from tests.cli.runner import ROOT, tdxctl

BOOT_LOG = ROOT / "tests" / "data" / "boot.log"


def _captured(*sources: tuple[str, Path], assume_tdx: bool = False) -> tuple[Platform, str]:
    text, _ = capture(
        [(option, str(path)) for option, path in sources],
        name="captured",
        assume_tdx=assume_tdx,
        source=None,
    )
    return Platform.from_dict(yaml.safe_load(text)), text


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_whole_log_gives_the_whole_platform() -> None:
    done = tdxctl("capture", "--dmesg", str(BOOT_LOG), "--name", "my-server")
    assert done.stdout == (
        "# Captured with: tdxctl capture --dmesg\n"
        "schema: tdxctl.platform/1\n"
        "name: my-server\n"
        "description: 4 CPUs in 2 packages, 5.9 GiB in 2 NUMA nodes\n"
        "cpus:\n"
        "  # running Linux 6.8.0 when captured\n"
        "  model: {family: 0x6, model: 0xcf}\n"
        "  madt:  # the log: its SRAT lines; packages: the log: 2, told apart by APIC ids\n"
        '    - {apic_id: "0,2", package: 0}\n'
        '    - {apic_id: "128,130", package: 1}\n'
        "  disabled_cpus: auto  # the log, as kernels since 6.3 count\n"
        "memory:\n"
        "  ranges:  # the log: early memory node ranges (memblock)\n"
        "    - {start: 0x1000, end: 0xa0000, node: 0}\n"
        "    - {start: 0x100000, end: 0x70000000, node: 0}\n"
        "    - {start: 0x74000000, end: 0x80000000, node: 0}\n"
        "    - {start: 0x100000000, end: 0x180000000, node: 0}\n"
        "    - {start: 0x180000000, end: 0x200000000, node: 1}\n"
        "  cmrs:  # the log\n"
        "    - {base: 0x100000, size: 0x7ff00000}\n"
        "    - {base: 0x100000000, size: 0x100000000}\n"
        "firmware:\n"
        "  seamrr: enabled  # the log: private KeyID range\n"
        "  mktme_keyids: 31\n"
        "  tdx_keyids: 32\n"
        "module:  # the log\n"
        "  loaded: true\n"
        '  version: "1.5.05"  # shown as 1.5: its build names it\n'
        "  build_date: 20240129\n"
        "  build_num: 698\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_captured_costs_what_the_log_says() -> None:
    machine = Machine.boot(_captured(("--dmesg", BOOT_LOG))[0], "6.8")
    assert machine.tdx_init().returned == 0
    # The log's `24636 KB allocated for PAMT`: three TDMRs of 2 GiB, 8192 + 16 + 4 KB each.
    assert machine.pamt_bytes == 24636 << 10


def test_names_and_command_lines_are_not_carried_over() -> None:
    text = _captured(("--dmesg", BOOT_LOG))[1]
    for secret in ("builder", "example", "BOOT_IMAGE", "kvm_intel", str(BOOT_LOG)):
        assert secret not in text


def test_without_node_ranges_the_map_is_cut_as_the_kernel_does(tmp_path: Path) -> None:
    lines = BOOT_LOG.read_text().splitlines()
    cut = "\n".join(line for line in lines if " node   " not in line)
    platform, text = _captured(("--dmesg", _file(tmp_path, "cut.log", cut)))
    assert "the log: usable RAM as the kernel cuts it, nodes from the log's SRAT" in text
    assert platform.memory == _captured(("--dmesg", BOOT_LOG))[0].memory


def test_memory_that_is_shown_by_cmrs_only_comes_with_a_warning(tmp_path: Path) -> None:
    log = _file(tmp_path, "cmr.log", "virt/tdx: CMR: [0x100000, 0x80000000)\n")
    text, warnings = capture(
        [("--dmesg", str(log))], name="captured", assume_tdx=False, source=None
    )
    assert "{start: 0x100000, end: 0x80000000, node: 0}" in text
    assert any("the memory ranges are the CMRs" in warning for warning in warnings)


def test_a_log_that_shows_no_tdx_gives_firmware_without_it(tmp_path: Path) -> None:
    lines = [line for line in BOOT_LOG.read_text().splitlines() if "tdx" not in line]
    log = _file(tmp_path, "no.log", "\n".join(lines))
    platform, text = _captured(("--dmesg", log))
    assert "  seamrr: absent  # the log shows no TDX\n" in text
    for kernel in ("v5", "6.8"):
        assert Machine.boot(platform, kernel).tdx_init().returned == -19
    assumed, text = _captured(("--dmesg", log), assume_tdx=True)
    assert "  seamrr: enabled  # assumed (--assume-tdx), not shown\n" in text
    assert Machine.boot(assumed, "v5").tdx_init().returned == 0


def test_slots_that_are_not_enabled_stop_v5_and_not_6_8(tmp_path: Path) -> None:
    text = BOOT_LOG.read_text().replace("4 CPUs, 0 hotplug", "10 CPUs, 6 hotplug")
    platform, text = _captured(("--dmesg", _file(tmp_path, "hotplug.log", text)))
    assert "  disabled_cpus: 6  # the log, as kernels since 6.3 count\n" in text
    assert Machine.boot(platform, "v5").tdx_init().returned == -22
    assert Machine.boot(platform, "6.8").tdx_init().returned == 0


@pytest.mark.parametrize(
    ("message", "present", "not_enabled"),
    [
        ("smpboot: Allowing 12 CPUs, 2 hotplug CPUs", 10, 2),
        ("CPU topo: Allowing 10 present CPUs plus 2 hotplug CPUs", 10, 2),
    ],
)
def test_both_wordings_of_the_number_of_cpus_are_read(
    message: str, present: int, not_enabled: int, tmp_path: Path
) -> None:
    platform, _ = _captured(("--dmesg", _file(tmp_path, "t.log", message + "\n")))
    assert sum(entry.enabled for entry in platform.cpus.madt) == present
    assert platform.cpus.disabled_cpus == not_enabled


def test_cpus_that_were_not_brought_up_are_offline(tmp_path: Path) -> None:
    text = BOOT_LOG.read_text().replace("Brought up 2 nodes, 4 CPUs", "Brought up 2 nodes, 3 CPUs")
    platform, _ = _captured(("--dmesg", _file(tmp_path, "t.log", text)))
    assert platform.cpus.online == (0, 1, 2)


@pytest.mark.parametrize(
    ("line", "version", "build_date", "build_num"),
    [
        (
            "tdx: TDX module: atributes 0x0, vendor_id 0x8086, major_version 1, minor_version 5, "
            "build_date 20230420, build_num 507",
            "1.5",
            20230420,
            507,
        ),
        (
            "tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, "
            "minor_version 0, build_date 20211209, build_num 160",
            "1.0",
            20211209,
            160,
        ),
        (
            "virt/tdx: TDX module 1.5.06.00, build number 744, build date 0134d817",
            "1.5.06",
            20240407,
            744,
        ),
        (
            "virt/tdx: TDX module 2.0.08.00, build number 882, build date 0134fed5",
            "2.0.08",
            20250325,
            882,
        ),
        ("virt/tdx: TDX module version: 1.5.24", "1.5.24", 0, 0),
        ("virt/tdx: Module version: 1.5.24", "1.5.24", 0, 0),
    ],
)
def test_every_wording_of_the_modules_version_is_read(
    line: str, version: str, build_date: int, build_num: int, tmp_path: Path
) -> None:
    platform, _ = _captured(("--dmesg", _file(tmp_path, "t.log", line + "\n")))
    module = platform.module
    assert (module.version, module.build_date, module.build_num) == (version, build_date, build_num)


def test_a_module_that_is_not_modelled_is_said_to_be(tmp_path: Path) -> None:
    log = _file(tmp_path, "t.log", "virt/tdx: TDX module version: 2.0.9\n")
    platform, text = _captured(("--dmesg", log))
    assert text.endswith("  # version 2.0.9 is not modelled: the default stands")
    assert platform.module.version == "1.5.25"


def test_old_maps_are_read(tmp_path: Path) -> None:
    """Expect the ends exclusive, and page frame numbers times 4 KiB."""
    log = _file(
        tmp_path,
        "old.log",
        "[    0.000000] BIOS-e820: 0000000000000000 - 000000000009f400 (usable)\n"
        "[    0.000000] BIOS-e820: 0000000000100000 - 0000000080000000 (usable)\n"
        "[    0.000000] Early memory PFN ranges\n"
        "    0: 0x00000010 -> 0x0000009f\n"
        "    1: 0x00000100 -> 0x00080000\n",
    )
    platform, _ = _captured(("--dmesg", log))
    assert [(r.start, r.end, r.node) for r in platform.memory.ranges] == [
        (0x10000, 0x9F000, 0),
        (0x100000, 0x80000000, 1),
    ]


def test_one_cpu_brought_up_is_the_first(tmp_path: Path) -> None:
    text = BOOT_LOG.read_text().replace("2 nodes, 4 CPUs", "1 node, 1 CPU")
    platform, text = _captured(("--dmesg", _file(tmp_path, "t.log", text)))
    assert platform.cpus.online == (0,)
    assert "  online: 0  #" in text


def test_the_v5_era_count_of_a_madt_is_not_that_of_a_later_kernels_log(tmp_path: Path) -> None:
    """Expect four slots that revision 5 says can never come online: v5 counts them."""
    slots = [acpi.lapic(0, 0), *(acpi.x2apic(i, i, flags=0) for i in range(1, 5))]
    (tmp_path / "apic.dat").write_bytes(acpi.madt(slots, revision=5))
    log = _file(tmp_path, "t.log", "CPU topo: Allowing 1 present CPUs plus 0 hotplug CPUs\n")
    platform, text = _captured(("--dmesg", log), ("--acpi", tmp_path / "apic.dat"))
    assert platform.cpus.disabled_cpus == 4
    assert "auto  # the MADT, as the v5-era kernel counts; the log, as later ones do: 0" in text


@pytest.mark.parametrize("name", ["2024", "null", "true", "1.0", "0x10", "my-server"])
def test_any_name_and_description_is_text(name: str) -> None:
    done = tdxctl(
        "capture", "--dmesg", str(BOOT_LOG), "--name", name, "--description", "\U0001f600 a: #b"
    )
    loaded = yaml.safe_load(done.stdout)
    assert (loaded["name"], loaded["description"]) == (name, "\U0001f600 a: #b")


def test_overlapping_cmrs_lose_no_memory(tmp_path: Path) -> None:
    log = _file(
        tmp_path,
        "t.log",
        "virt/tdx: CMR: [0x100000, 0x80000000)\nvirt/tdx: CMR: [0x70000000, 0x90000000)\n",
    )
    platform, _ = _captured(("--dmesg", log))
    assert [(r.start, r.end) for r in platform.memory.ranges] == [
        (0x100000, 0x80000000),
        (0x80000000, 0x90000000),
    ]


def test_standard_output_is_a_file_too() -> None:
    done = tdxctl("capture", "--dmesg", str(BOOT_LOG), "-o", "/dev/stdout")
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, "schema: tdxctl.platform/1")


def test_the_map_of_linux_7_is_read(tmp_path: Path) -> None:
    log = _file(
        tmp_path,
        "7.log",
        "[    0.000000] Linux version 7.1.0-rc2\n"
        "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff]  System RAM\n"
        "[    0.000000] BIOS-e820: [mem 0x00000000000a0000-0x00000000000fffff]  device reserved\n"
        "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000005fffffff]  System RAM\n"
        "[    0.000000] BIOS-e820: [gap 0x0000000060000000-0x00000000fcffffff]\n"
        "[    0.000070] e820: remove [mem 0x50000000-0x5fffffff] System RAM\n",
    )
    platform, _ = _captured(("--dmesg", log))
    assert [(r.start, r.end) for r in platform.memory.ranges] == [
        (0x1000, 0xA0000),
        (0x100000, 0x50000000),
    ]


def test_the_wordings_of_2_6_32_are_read(tmp_path: Path) -> None:
    """Expect ends that are exclusive, APIC ids in decimal, two nodes."""
    log = _file(
        tmp_path,
        "old.log",
        "[    0.000000] BIOS-e820: 0000000000100000 - 0000000100000000 (usable)\n"
        "[    0.000000] e820 remove range: 0000000080000000 - 0000000090000000 (usable)\n"
        "[    0.000000] SRAT: PXM 0 -> APIC 0 -> Node 0\n"
        "[    0.000000] SRAT: PXM 1 -> APIC 32 -> Node 1\n"
        "[    0.000000] SRAT: Node 0 PXM 0 0-80000000\n"
        "[    0.000000] SRAT: Node 1 PXM 1 80000000-100000000\n"
        "[    0.100000] x86: Booted up 2 nodes, 1 CPUs\n",
    )
    platform, _ = _captured(("--dmesg", log))
    assert [(r.start, r.end, r.node) for r in platform.memory.ranges] == [
        (0x100000, 0x80000000, 0),
        (0x90000000, 0x100000000, 1),
    ]
    assert [entry.apic_id for entry in platform.cpus.madt] == [0, 32]
    assert platform.cpus.online == (0,)


def test_of_a_map_printed_twice_the_last_one_counts(tmp_path: Path) -> None:
    log = _file(
        tmp_path,
        "t.log",
        "[    0.000000] modified physical RAM map:\n"
        "[    0.000000] modified: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
        "[    0.000000] modified physical RAM map:\n"
        "[    0.000000] modified: [mem 0x0000000000100000-0x0000000077ffffff] usable\n",
    )
    platform, _ = _captured(("--dmesg", log))
    assert [(r.start, r.end) for r in platform.memory.ranges] == [(0x100000, 0x78000000)]


def test_a_node_without_memory_has_lost_none(tmp_path: Path) -> None:
    line = "[    0.013012] Initmem setup node 2 [mem 0x0000000000000000-0x0000000000000000]\n"
    log = _file(tmp_path, "t.log", BOOT_LOG.read_text() + line)
    assert capture([("--dmesg", str(log))], name="captured")[1] == ()


def test_a_users_own_map_is_the_one_the_kernel_went_on_with(tmp_path: Path) -> None:
    log = _file(
        tmp_path,
        "mem.log",
        "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x00000000ffffffff] usable\n"
        "[    0.000000] user-defined physical RAM map:\n"
        "[    0.000000] user: [mem 0x0000000000100000-0x000000003fffffff] usable\n",
    )
    platform, _ = _captured(("--dmesg", log))
    assert [(r.start, r.end) for r in platform.memory.ranges] == [(0x100000, 0x40000000)]


def test_a_log_cut_inside_its_node_ranges_is_told(tmp_path: Path) -> None:
    text = BOOT_LOG.read_text().replace(
        "[    0.013004]   node   0: [mem 0x0000000100000000-0x000000017fffffff]\n", ""
    )
    _, warnings = capture(
        [("--dmesg", str(_file(tmp_path, "t.log", text)))],
        name="captured",
        assume_tdx=False,
        source=None,
    )
    assert warnings == (
        "the log has lost memory ranges: node 0 ends at 0x180000000, its last range at 0x80000000",
    )


def _tables(folder: Path) -> Path:
    # Four enabled CPUs in two packages by x2APIC id, one slot not enabled; two nodes.
    madt = acpi.madt(
        [acpi.x2apic(i, apic_id) for i, apic_id in enumerate((0, 2, 0x80, 0x82))]
        + [acpi.x2apic(4, 0x84, flags=0)]
    )
    srat = acpi.srat(
        [
            acpi.x2apic_affinity(0, 0),
            acpi.x2apic_affinity(0, 2),
            acpi.x2apic_affinity(1, 0x80),
            acpi.x2apic_affinity(1, 0x82),
            acpi.memory_affinity(0, 0, 6 << 30),
            acpi.memory_affinity(1, 6 << 30, 2 << 30),
        ]
    )
    folder.mkdir(exist_ok=True)
    (folder / "apic.dat").write_bytes(madt)
    (folder / "srat.dat").write_bytes(srat)
    return folder


def test_tables_and_iomem_make_a_platform_together(tmp_path: Path) -> None:
    iomem = _file(
        tmp_path,
        "iomem",
        "00000000-00000fff : Reserved\n"
        "00001000-0009ffff : System RAM\n"
        "00100000-7fffffff : System RAM\n"
        "  01000000-01ffffff : Kernel code\n"
        "100000000-1ffffffff : System RAM\n"
        "300000000-3ffffffff : Persistent Memory\n"
        "  300000000-3ffffffff : System RAM (kmem)\n",
    )
    platform, _ = _captured(("--iomem", iomem), ("--acpi", _tables(tmp_path / "acpi")))
    assert [(e.apic_id, e.package, e.enabled) for e in platform.cpus.madt] == [
        (0, 0, True),
        (2, 0, True),
        (0x80, 1, True),
        (0x82, 1, True),
        (0x84, 0, False),
    ]
    assert platform.cpus.disabled_cpus == 1
    assert [(r.start, r.end, r.node) for r in platform.memory.ranges] == [
        (0x1000, 0xA0000, 0),
        (0x100000, 0x80000000, 0),
        (0x100000000, 0x180000000, 0),
        (0x180000000, 0x200000000, 1),
    ]


def test_iomem_read_without_root_is_told(tmp_path: Path) -> None:
    iomem = _file(tmp_path, "iomem", "00000000-00000000 : System RAM\n")
    with pytest.raises(FirmwareDataError, match="it was read without root"):
        _captured(("--iomem", iomem))


def test_conflicts_are_told_and_the_first_source_is_taken(tmp_path: Path) -> None:
    tables = _tables(tmp_path / "acpi")
    text = BOOT_LOG.read_text().replace("Allowing 4 CPUs", "Allowing 3 CPUs")
    _, warnings = capture(
        [("--acpi", str(tables)), ("--dmesg", str(_file(tmp_path, "t.log", text)))],
        name="captured",
        assume_tdx=False,
        source=None,
    )
    assert warnings == ("the MADT has 4 enabled CPUs, the log 3: the MADT is taken",)


def test_two_logs_that_disagree_are_told(tmp_path: Path) -> None:
    other = _file(
        tmp_path,
        "t.log",
        BOOT_LOG.read_text().replace("0x00000001ffffffff]", "0x00000001efffffff]"),
    )
    done = tdxctl("capture", "--dmesg", str(BOOT_LOG), "--dmesg", str(other))
    assert "note: the log and the log show different memory ranges: the log is taken" in done.stderr


def _sysfs(folder: Path, **files: str) -> Path:
    cpu = folder / "sys" / "devices" / "system" / "cpu"
    for name, text in files.items():
        path = cpu / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


def test_really_offline_is_present_minus_online(tmp_path: Path) -> None:
    """Expect CPU 3 offline: 4 to 7 in `offline` are possible and absent."""
    folder = _sysfs(
        tmp_path, present="0-3", online="0-2", possible="0-7", offline="3-7", cpu0__x="1"
    )
    platform, _ = _captured(("--sysfs", folder))
    assert platform.cpus.online == (0, 1, 2)
    assert len(platform.cpus.madt) == 4
    assert platform.cpus.disabled_cpus == 4


def test_packages_are_numbered_from_0(tmp_path: Path) -> None:
    ids = {
        f"cpu{cpu}__topology__physical_package_id": package for cpu, package in enumerate("3388")
    }
    platform, _ = _captured(("--sysfs", _sysfs(tmp_path, present="0-3", online="0-3", **ids)))
    assert [entry.package for entry in platform.cpus.madt] == [0, 0, 1, 1]


def test_a_cpu_without_topology_is_in_the_package_of_the_one_before(tmp_path: Path) -> None:
    ids = {f"cpu{cpu}__topology__physical_package_id": "01"[cpu // 2] for cpu in (0, 2, 3)}
    folder = _sysfs(tmp_path, present="0-3", online="0,2-3", **ids)
    text, warnings = capture([("--sysfs", str(folder))], name="captured")
    platform = Platform.from_dict(yaml.safe_load(text))
    assert [entry.package for entry in platform.cpus.madt] == [0, 0, 1, 1]
    assert warnings[0] == ("/sys shows no package of 1 CPU: that of the CPU before it is taken")


def test_a_first_cpu_without_topology_is_in_the_package_of_the_first_that_has_one(
    tmp_path: Path,
) -> None:
    ids = {f"cpu{cpu}__topology__physical_package_id": "01"[cpu // 2] for cpu in (1, 2, 3)}
    shown, *_ = read_sysfs(str(_sysfs(tmp_path, present="0-3", online="1-3", **ids)))
    assert shown.package_of == (0, 0, 1, 1)


@pytest.mark.parametrize("option", ["--iomem", "--system-report"])
def test_a_text_of_more_than_16_mib_is_none(option: str, tmp_path: Path) -> None:
    file = tmp_path / "t"
    with file.open("wb") as written:
        written.truncate((16 << 20) + 1)
    with pytest.raises(FirmwareDataError) as caught:
        READERS[option](str(file))
    assert caught.value.diagnostics()[0].detail == "more than 16 MiB"


def test_a_pipe_in_a_sysfs_does_not_hang(tmp_path: Path) -> None:
    folder = _sysfs(tmp_path, present="0-3")
    os.mkfifo(folder / "sys" / "devices" / "system" / "cpu" / "online")
    assert len(_captured(("--sysfs", folder))[0].cpus.madt) == 4


def test_an_old_sysfs_without_lists_is_read_by_its_folders(tmp_path: Path) -> None:
    folder = _sysfs(tmp_path, cpu0__x="1", cpu1__online="1", cpu2__online="0", cpu3__online="1")
    platform, _ = _captured(("--sysfs", folder))
    assert platform.cpus.online == (0, 1, 3)


def test_a_folder_that_is_no_sysfs_is_told(tmp_path: Path) -> None:
    with pytest.raises(FirmwareDataError, match="is not a /sys"):
        _captured(("--sysfs", tmp_path))


REPORT = """\
If you are running this for reporting an issue on GitHub,

### Kernel version

```
6.8.0-101-generic #101-Ubuntu SMP PREEMPT_DYNAMIC x86_64 GNU/Linux
```

### TDX kernel logs

```
{log}
```

### Model specific registers (MSRs)

```
MK_TME_ENABLED bit: 1 (expected value: 1)
SEAM_RR bit: {seamrr} (expected value: 1)
NUM_TDX_PRIV_KEYS: {keys}
```
"""


def test_a_system_report_shows_the_firmware(tmp_path: Path) -> None:
    """Expect 32 KeyIDs: the report prints 20, in hex."""
    report = _file(tmp_path, "report.md", REPORT.format(log="", seamrr=1, keys=20))
    platform, text = _captured(("--system-report", report))
    assert (platform.firmware.seamrr, platform.firmware.tdx_keyids) == ("enabled", 32)
    assert "running Linux 6.8.0 when captured" in text
    assert "Ubuntu" not in text


def test_a_system_report_of_a_machine_whose_bios_is_incomplete(tmp_path: Path) -> None:
    report = _file(tmp_path, "report.md", REPORT.format(log="", seamrr=0, keys=0))
    platform, _ = _captured(("--system-report", report))
    assert (platform.firmware.seamrr, platform.firmware.tdx_keyids) == ("disabled", 0)


def test_a_log_given_as_a_report_is_told(tmp_path: Path) -> None:
    with pytest.raises(FirmwareDataError, match="is not a system report"):
        _captured(("--system-report", BOOT_LOG))


def test_output_goes_to_a_file_that_initializes(tmp_path: Path) -> None:
    file = tmp_path / "my-server.yaml"
    done = tdxctl(
        "capture", "--dmesg", str(BOOT_LOG), "-o", str(file), "--source", "a \x1b[31m log"
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"written to {file}\n"
    text = file.read_text()
    assert "name: my-server\n" in text
    assert "# Source: a \\x1b[31m log\n" in text
    assert tdxctl("init", "--once", "--platform", str(file)).returncode == 0


def test_standard_input_is_a_source() -> None:
    done = tdxctl("capture", "--dmesg", "-", stdin=BOOT_LOG.read_text())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "error: nothing to capture from\n"),
        (("--dmesg", "no-such.log"), 2, "error: cannot read 'no-such.log': no such file"),
        (("--dmesg", "-", "--iomem", "-"), 2, "error: standard input can be one source only\n"),
        (("--dmesg", "README.md", "--name", "a b"), 2, "error: not a platform's name: 'a b'\n"),
        (("--dmesg", "LICENSE"), 4, "LICENSE: is not a kernel's log"),
        (("--acpi", "LICENSE"), 4, "LICENSE: holds no ACPI table"),
        (("--iomem", "LICENSE"), 4, "LICENSE: is not a /proc/iomem"),
        (("--acpi", "tests"), 4, "tests: holds no ACPI table"),
    ],
)
def test_wrong_sources_are_told(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = tdxctl("capture", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(message)


def test_a_folder_that_cannot_be_written_is_exit_74(tmp_path: Path) -> None:
    done = tdxctl("capture", "--dmesg", str(BOOT_LOG), "-o", str(tmp_path / "no" / "x.yaml"))
    assert done.returncode == 74
    assert "no such file or directory" in done.stderr


def test_a_log_that_shows_nothing_of_a_platform_is_told() -> None:
    with pytest.raises(FirmwareDataError, match="shows no part of a platform"):
        merge([Findings(source="the log")], assume_tdx=False)


@pytest.mark.skipif(sys.platform != "linux", reason="--live reads Linux's /proc and /sys")
def test_this_machine_has_the_cpus_that_sys_says() -> None:
    text, _ = capture([("--live", "")], name="captured", assume_tdx=False, source=None)
    platform = Platform.from_dict(yaml.safe_load(text))
    present = Path("/sys/devices/system/cpu/present").read_text()
    assert sum(entry.enabled for entry in platform.cpus.madt) == len(
        parse_cpulist(present, limit=8192)
    )


def test_where_the_cpu_is_not_shown_it_is_one_that_the_module_is_signed_for(
    tmp_path: Path,
) -> None:
    """1.5.08, by its build, is signed for Sapphire Rapids and others."""
    line = (
        "virt/tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, minor_version 5, "
        "build_date 20240725, build_num 784\n"
    )
    platform, text = _captured(("--dmesg", _file(tmp_path, "t.log", line)))
    assert (
        "  # which CPU is not shown; the module is signed for this one\n"
        "  model: {family: 0x6, model: 0x8f}\n"
    ) in text
    assert platform.cpus.model.model == 0x8F
