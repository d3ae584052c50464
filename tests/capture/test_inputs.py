# SPDX-License-Identifier: Apache-2.0
"""Files of any kind, given without saying which: what each is, and what it shows."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from tdxctl.capture import inputs
from tdxctl.capture.bundles import _Bounded
from tdxctl.capture.host_texts import HostText
from tdxctl.capture.inputs import read_bytes, read_inputs
from tdxctl.errors import FirmwareDataError
from tdxctl.platform.description import Seamrr
from tests.capture import acpi_tables as acpi
from tests.cli.runner import ROOT, tdxctl

BOOT_LOG = ROOT / "tests" / "data" / "boot.log"
LSCPU = """Architecture:            x86_64
  CPU op-mode(s):        32-bit, 64-bit
CPU(s):                  8
  On-line CPU(s) list:   0-6
  Off-line CPU(s) list:  7
Vendor ID:               GenuineIntel
  Model name:            INTEL(R) XEON(R) PLATINUM 8558
    CPU family:          6
    Model:               207
    Thread(s) per core:  2
    Core(s) per socket:  2
    Socket(s):           2
NUMA:
  NUMA node(s):          2
  NUMA node0 CPU(s):     0,1,4,5
  NUMA node1 CPU(s):     2,3,6,7
"""
PAIRS = [line.split(":", 1) for line in LSCPU.splitlines() if ":" in line]
LSCPU_J = json.dumps(
    {"lscpu": [{"field": f"{key.strip()}:", "data": value.strip()} for key, value in PAIRS]},
    indent=3,
)


def _text(data: str) -> HostText:
    [text] = read_bytes(data.encode(), "t").texts
    return text


@pytest.mark.parametrize("data", [LSCPU, LSCPU_J, "> " + LSCPU.replace("\n", "\n> ")])
def test_lscpu_shows_cpus_packages_and_the_model(data: str) -> None:
    text = _text(data)
    shown = text.findings
    assert (text.what, shown.present, shown.packages, shown.cpu) == ("lscpu", 8, 2, (6, 207))
    assert shown.online == (0, 1, 2, 3, 4, 5, 6)
    assert shown.package_of == (0, 0, 1, 1, 0, 0, 1, 1)
    assert text.brand == "INTEL(R) XEON(R) PLATINUM 8558"


def test_a_value_of_lscpus_json_that_mail_broke_is_one() -> None:
    """Expect the name of the CPU, whose sign is written as JSON does, on one line."""
    broken = LSCPU_J.replace("INTEL(R) XEON(R) ", "Intel\\u00ae Xeon\\u00ae\n")
    assert _text(broken).brand == "Intel\u00ae Xeon\u00ae PLATINUM 8558"


def _processor(number: int, package: int, apic_id: int) -> str:
    return (
        f"processor\t: {number}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
        f"model name\t: Intel(R) Xeon(R) Platinum 8480CTDX\nphysical id\t: {package}\n"
        f"apicid\t\t: {apic_id}\ninitial apicid\t: {apic_id}\nflags\t\t: fpu vme\n\n"
    )


def test_cpuinfo_shows_apic_ids_packages_and_the_model() -> None:
    text = _text(_processor(0, 0, 0) + _processor(1, 0, 2) + _processor(2, 3, 0x80))
    shown = text.findings
    assert [apic.apic_id for apic in shown.apics] == [0, 2, 0x80]
    assert (shown.package_of, shown.cpu) == ((0, 0, 1), (6, 143))
    assert text.brand == "Intel(R) Xeon(R) Platinum 8480CTDX"


@pytest.mark.parametrize(
    "transcript",
    [
        "$ sudo rdmsr 0x1401\n3ffe000c00\n$ sudo rdmsr 0x87\n200000001f\n",
        "root@h:~# rdmsr -p 0 0x1401\n3ffe000c00\nroot@h:~# rdmsr -p 0 0x87\n0x200000001f\n",
        "rdmsr -d 0x1401\n274844355584\nrdmsr -d 0x87\n137438953503\n",
        "MSR 0x1401: 0x3ffe000c00\nMSR 0x87 = 0x200000001f\n",
        "```\n$ rdmsr -x 5121\n3ffe000c00\n$ rdmsr -a 135\n200000001f\n200000001f\n```\n",
        "$ sudo rdmsr 0x1401; sudo rdmsr 0x87\n3ffe000c00\n200000001f\n",
        "rdmsr -xp 3 0x1401 -> 3ffe000c00\nrdmsr -u --processor=3 0x87 = 137438953503\n",
        "rdmsr --all 0x1401\n3ffe000c00\n3ffe000c00\n# rdmsr 0x87\n200000001f\n",
        "rdmsr --octal 0x1401\n3777600006000\nrdmsr -o 0x87\n2000000000037\n",
    ],
)
def test_rdmsr_shows_seamrr_and_keyids(transcript: str) -> None:
    shown = _text(transcript).findings
    assert shown.seamrr is Seamrr.ENABLED
    assert (shown.keyids, shown.mktme_keyids, shown.tdx_keyids) == ((32, 64), 63, 32)


@pytest.mark.parametrize(
    ("transcript", "seamrr"),
    [
        ("rdmsr -f 11:11 0x1401\n1\n", Seamrr.ENABLED),
        ("rdmsr -f 11:11 0x1401\n0\n", Seamrr.DISABLED),
        ("rdmsr --bitfield 11:10 0x1401\n3\n", Seamrr.ENABLED),
        ("rdmsr -f11:10 0x1401\n2\n", Seamrr.DISABLED),
        ("rdmsr 0x1401 -f 11:11\n1\n", Seamrr.ENABLED),
        # Enabled and not locked; locked and not enabled; not locked.
        ("rdmsr 0x1401\n3ffe000800\n", Seamrr.DISABLED),
        ("rdmsr 0x1401\n3ffe000400\n", Seamrr.DISABLED),
        ("rdmsr -f 10:10 0x1401\n0\n", Seamrr.DISABLED),
        # A CPU that differs.
        ("rdmsr -a 0x1401\n3ffe000c00\n0\n3ffe000c00\n", Seamrr.DISABLED),
    ],
)
def test_seamrr_is_on_where_all_its_bits_that_are_shown_are(
    transcript: str, seamrr: Seamrr
) -> None:
    assert _text(f"$ sudo {transcript}").findings.seamrr is seamrr


def test_a_field_of_an_msr_tells_of_that_field_only() -> None:
    assert _text("rdmsr -f 63:32 0x87\n20\n").findings.tdx_keyids == 32
    assert _text("rdmsr -f 63:32 0x87\n20\n").findings.keyids is None
    with pytest.raises(FirmwareDataError):
        read_bytes(b"rdmsr -f 10:10 0x1401\n1\n", "t")


def test_keyids_that_differ_between_cpus_are_told_of_and_not_taken() -> None:
    shown = _text("$ rdmsr -a 0x87\n200000001f\n0\n$ rdmsr 0x1401\n3ffe000c00\n").findings
    assert (shown.keyids, shown.tdx_keyids) == (None, None)
    assert shown.warnings == ("MSR 0x87 differs between CPUs: the BIOS did not set all of them up",)


@pytest.mark.parametrize(
    "transcript",
    [
        "$ rdmsr 0x1401\nrdmsr: CPU 0 cannot read MSR 0x00001401\n",
        "$ rdmsr 0x1401\nrdmsr:open: No such file or directory\n3ffe000c00\n",
        "$ sudo rdmsr 0x1401\nsudo: rdmsr: command not found\n",
        "$ rdmsr 0x1401 | tail -1\n3ffe000c00\n",
        "$ sudo rdmsr -f 11:!1 0x1401\n1\n",
        "rdmsr 0x1401 should return bit 11 set\n0\n",
        "$ rdmsr 0x1401\n$ ls\nc0ffee\n",
    ],
)
def test_an_msr_that_could_not_be_read_is_none(transcript: str) -> None:
    with pytest.raises(FirmwareDataError, match="is the output of rdmsr"):
        read_bytes(transcript.encode(), "t")


SYS = "/sys/devices/system/cpu"


@pytest.mark.parametrize(
    "transcript",
    [
        f"$ cat {SYS}/present\n0-3\n$ cat {SYS}/online\n0,2-3\n$ cat {SYS}/possible\n0-5\n",
        f"$ sudo cat {SYS}/{{present,online,possible}}\n[sudo] password for u:\n0-3\n0,2-3\n0-5\n",
        f"{SYS}/present:0-3\n{SYS}/online:0,2-3\n{SYS}/possible:0-5\n",
        f"==> {SYS}/present <==\n0-3\n\n==> {SYS}/online <==\n0,2-3\n\n"
        f"==> {SYS}/possible <==\n0-5\n",
    ],
)
def test_files_of_sys_in_a_shell_show_cpus(transcript: str) -> None:
    shown = _text(transcript).findings
    assert (shown.present, shown.online, shown.not_enabled_later) == (4, (0, 2, 3), 2)


@pytest.mark.parametrize(("value", "said"), [("Y", "KVM can use TDX"), ("N", "KVM cannot use TDX")])
def test_kvms_parameter_is_told(value: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_text(f"$ cat /sys/module/kvm_intel/parameters/tdx\n{value}\n")
    done = tdxctl("diagnose", str(file))
    assert done.returncode == 1
    assert f"note: kvm_intel's parameter tdx is {value}: {said}" in done.stdout


@pytest.mark.parametrize(
    "answer",
    [
        "cat: /sys/module/kvm_intel/parameters/tdx: No such file or directory",
        "cat: /sys/module/kvm_intel/parameters/tdx: Permission denied",
        "No such file or directory",
        "bash: cat: command not found",
        "",
    ],
)
def test_a_parameter_of_kvms_that_could_not_be_read_is_not_shown(answer: str) -> None:
    """Expect neither Y nor N: words that begin with an N are no answer."""
    shown = f"$ cat /sys/module/kvm_intel/parameters/tdx\n{answer}\n$ cat {SYS}/present\n0-3\n"
    text = _text(shown)
    assert (text.kvm_tdx, text.findings.present) == (None, 4)


def test_files_that_are_asked_for_together_answer_in_that_order() -> None:
    files = f"/sys/module/kvm_intel/parameters/tdx {SYS}/present {SYS}/online"
    text = _text(f"[root@h ~]# cat {files}\nY\n0-3\n0-2\n")
    assert (text.kvm_tdx, text.findings.present, text.findings.online) == (True, 4, (0, 1, 2))


def test_the_command_line_and_the_kernel_in_a_shell_are_those_of_the_host(tmp_path: Path) -> None:
    """Expect the words of /proc/cmdline to be judged beside a log that begins later."""
    file = tmp_path / "t.txt"
    file.write_text(
        "$ uname -a\nLinux h 6.8.0-1015-intel #23 SMP x86_64 GNU/Linux\n"
        "$ cat /proc/cmdline\nBOOT_IMAGE=/vmlinuz ro nohibernate kvm_inte.tdx=1\n"
        "$ dmesg | grep -i tdx\n"
        "[    1.5] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    )
    done = tdxctl("diagnose", str(file), "--format", "json")
    found = json.loads(done.stdout)
    assert (found["state"], found["check"]) == ("not started", "command-line")
    assert found["kernel"] == "6.8.0"
    assert "kvm_inte.tdx is misspelt" in found["summary"]


def test_what_is_shown_beside_a_log_fills_what_the_log_lacks(tmp_path: Path) -> None:
    """Expect the CPU from lscpu and SEAMRR from rdmsr, and the state from the checks on them."""
    log, cpus, msrs = (tmp_path / name for name in ("dmesg", "lscpu", "msrs"))
    log.write_text("[    1.000000] usb 1: device\n[    2.000000] usb 2: device\n")
    cpus.write_text(LSCPU)
    msrs.write_text("$ rdmsr 0x1401\n0\n")
    found = json.loads(
        tdxctl("diagnose", str(log), str(cpus), str(msrs), "--format", "json").stdout
    )
    verdicts = {check["id"]: check["verdict"] for check in found["checks"]}
    assert (verdicts["cpu"], verdicts["seamrr"], found["check"]) == ("PASS", "FAIL", "seamrr")


def test_a_cpu_without_tdx_is_told_from_lscpu_alone(tmp_path: Path) -> None:
    file = tmp_path / "lscpu"
    file.write_text(LSCPU.replace("207", "85"))
    found = json.loads(tdxctl("diagnose", str(file), "--format", "json").stdout)
    assert (found["state"], found["check"]) == ("not supported", "cpu")


@pytest.mark.parametrize(
    ("flags", "state", "words"),
    [
        ("fpu vme tme tdx_host_platform", "unknown", "it shows what the BIOS set up"),
        ("fpu hypervisor", "not supported", "it is the log of a virtual machine"),
        ("fpu hypervisor tdx_guest", "not supported", "it is the log of a kernel inside a TD"),
    ],
)
@pytest.mark.parametrize("form", ["cpuinfo", "lscpu"])
def test_flags_of_the_cpu_tell_what_the_kernel_found(
    flags: str, state: str, words: str, form: str, tmp_path: Path
) -> None:
    file = tmp_path / "t.txt"
    cpuinfo = _processor(0, 0, 0).replace("fpu vme", flags)
    file.write_text(cpuinfo if form == "cpuinfo" else f"{LSCPU}Flags:    {flags}\n")
    found = json.loads(tdxctl("diagnose", str(file), "--format", "json").stdout)
    assert (found["state"], words in found["summary"]) == (state, True)


def test_lscpu_that_was_filtered_is_lscpu() -> None:
    text = _text("Model name:            Intel(R) Xeon(R) Gold 6548Y+\nSocket(s):             2\n")
    assert (text.brand, text.findings.packages) == ("Intel(R) Xeon(R) Gold 6548Y+", 2)


def test_proc_cmdline_and_uname_are_known_without_a_prompt() -> None:
    text = _text(
        "Linux h 6.8.0-1028-intel #31-Ubuntu SMP PREEMPT_DYNAMIC x86_64 x86_64 GNU/Linux\n"
        "BOOT_IMAGE=/vmlinuz-6.8.0-1028-intel root=UUID=1 ro kvm_intel.tdx=1\n"
    )
    assert text.kernel_line is not None
    assert text.kernel_line.text == "Linux version 6.8.0-1028-intel"
    assert text.command_line is not None
    assert text.command_line.text.endswith("root=UUID=1 ro kvm_intel.tdx=1")


FOREIGN = {
    "lsmem": "Memory block size:         2G\nTotal online memory:     512G\n",
    "dmidecode": "Handle 0x0000, DMI type 0, 26 bytes\nBIOS Information\n",
    "hwloc": "Machine (503GB total)\n  Package L#0\n",
    "Redfish": '{"Attributes": {"EnableTdx": "Enabled"}}\n',
    "XML of libvirt": "<domain type='kvm'>\n  <launchSecurity type='tdx'/>\n</domain>\n",
    "QEMU": "2025-04-02T10:00:00.1Z qemu-system-x86_64: vm-type tdx not supported by KVM\n",
    "numactl -H": "available: 2 nodes (0-1)\nnode 0 cpus: 0 1\nnode 0 size: 64000 MB\n",
    "lsmem ": "RANGE                  SIZE  STATE REMOVABLE BLOCK\n0x0-0x7fffffff 2G online\n",
    "dmidecode ": "# dmidecode 3.3\nGetting SMBIOS data from sysfs.\nSMBIOS 3.5.0 present.\n",
    "hwloc ": '<?xml version="1.0"?>\n<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n<topology>\n',
    "Redfish ": '{"@odata.id": "/redfish/v1/Systems/1/Bios", "Attributes": {"TdxEnable": "On"}}',
    "iasl": "/*\n * Intel ACPI Component Architecture\n * Disassembly of apic.dat\n */\n",
    "QEMU ": "qemu-system-x86_64: -accel kvm: vm-type tdx not supported by KVM\n",
    "libvirt": "error: Failed to start domain 'td'\nerror: internal error: process exited\n",
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("command", [["diagnose"], ["capture"], ["capture", "--dmesg"]])
def test_of_what_is_not_read_it_is_said_what_it_is_and_what_is_needed(
    what: str, command: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "t.txt"
    file.write_text(FOREIGN[what])
    done = tdxctl(*command, str(file))
    assert (done.returncode, done.stdout) == (4, "")
    assert what.strip() in done.stderr
    assert "dmesg" in done.stderr


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        (b"\x89PNG\r\n\x1a\n", "is a picture", "dmesg"),
        (b"%PDF-1.7\n", "is a PDF document", "dmesg"),
        (b"LPKSHHRH\0\0", "is a binary journal", "journalctl --file"),
        (b"KDUMP   \0", "is a crash dump", "makedumpfile --dump-dmesg"),
        (b"\x04\x22\x4d\x18\0", "is compressed with lz4", "unpack it first"),
        (b"7z\xbc\xaf\x27\x1c\0", "is a 7z archive", "unpack it first"),
    ],
)
def test_what_is_no_text_is_named_with_what_to_do(data: bytes, what: str, hint: str) -> None:
    with pytest.raises(FirmwareDataError, match=what) as caught:
        read_bytes(data, "t")
    assert hint in str(caught.value.diagnostics()[0].hint)


@pytest.mark.parametrize(
    "text",
    [
        "CPU NODE SOCKET CORE L1d:L1i:L2:L3 ONLINE\n  0    0      0    0 0:0:0:0          yes\n",
        "# The following is the parsable format, which can be fed to other\n0,0,0,0\n",
        "Architektur:             x86_64\nSockel:                  2\n",
    ],
)
def test_of_lscpu_in_other_forms_the_one_that_is_read_is_named(text: str) -> None:
    done = tdxctl("capture", "-", stdin=text)
    assert (done.returncode, "lscpu -J" in done.stderr) == (4, True)


def test_lscpu_given_as_a_log_is_told_of() -> None:
    done = tdxctl("capture", "--dmesg", "-", stdin=LSCPU)
    assert done.returncode == 4
    assert "lscpu" in done.stderr


def _tar(mode: Literal["w", "w:gz", "w:xz", "w:bz2"]) -> bytes:
    buffer = io.BytesIO()
    files = {
        "sosreport-h/sos_commands/kernel/dmesg": BOOT_LOG.read_bytes(),
        "sosreport-h/proc/cpuinfo": _processor(0, 0, 0).encode(),
        "sosreport-h/etc/hostname": b"h\n",
        "sosreport-h/var/log/messages": b"Apr  1 00:00:00 h systemd[1]: started\n",
    }
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("bundle/dmesg.txt", BOOT_LOG.read_bytes())
        archive.writestr("bundle/logo.png", b"\x89PNG")
    return buffer.getvalue()


ARCHIVES = {
    "t.tar": _tar("w"),
    "t.tar.gz": _tar("w:gz"),
    "t.tar.xz": _tar("w:xz"),
    "t.tar.bz2": _tar("w:bz2"),
    "t.zip": _zip(),
    "boot.log.gz": gzip.compress(BOOT_LOG.read_bytes()),
    "boot.log.xz": lzma.compress(BOOT_LOG.read_bytes()),
    "boot.log.bz2": bz2.compress(BOOT_LOG.read_bytes()),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_logs_in_archives_are_read(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(ARCHIVES[name])
    found = json.loads(tdxctl("diagnose", str(file), "--format", "json").stdout)
    assert (found["state"], found["check"]) == ("initialized", "initialized")


def test_what_was_read_of_an_archive_is_named(tmp_path: Path) -> None:
    file = tmp_path / "t.tar"
    file.write_bytes(ARCHIVES["t.tar"])
    done = tdxctl("diagnose", str(file))
    assert (
        "note: read: sosreport-h/sos_commands/kernel/dmesg, sosreport-h/proc/cpuinfo" in done.stderr
    )


def test_a_sosreport_tells_with_its_compressed_and_small_files_too(tmp_path: Path) -> None:
    """Expect the rotated log, the command line and uname of a tree to be read."""
    bios = "[    0.5] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    files = {
        "var/log/dmesg.1.gz": gzip.compress(bios.encode()),
        "proc/cmdline": b"BOOT_IMAGE=/vmlinuz ro kvm_intel.tdx=0\n",
        "sos_commands/kernel/uname_-a": b"Linux h 6.8.0-1015-intel #22-Ubuntu SMP x86_64 GNU\n",
        "var/log/dmesg.2.gz": b"\x1f\x8bdamaged",
    }
    for name, data in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    done = tdxctl("diagnose", str(tmp_path), "--format", "json")
    found = json.loads(done.stdout)
    assert (found["check"], found["kernel"]) == ("command-line", "6.8.0")
    assert "kvm_intel.tdx=0 does not ask for TDX" in found["summary"]


@pytest.mark.parametrize("name", ["t.tar.gz", "t.tar.xz", "t.zip", "boot.log.bz2"])
def test_a_damaged_archive_is_told(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    data = ARCHIVES[name]
    file.write_bytes(data[: len(data) // 2])
    done = tdxctl("diagnose", str(file))
    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot be unpacked" in done.stderr


def test_a_file_of_the_largest_size_is_read_and_none_beyond_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect the size of this log to be taken where it is the limit."""
    file = tmp_path / "dmesg"
    file.write_bytes(b"[    1.000000] virt/tdx: module initialized\n")
    monkeypatch.setattr(inputs, "MAX_FILE", 44)
    [found] = read_inputs((str(file),))
    assert found.log is not None
    monkeypatch.setattr(inputs, "MAX_FILE", 43)
    with pytest.raises(FirmwareDataError, match="is too large"):
        read_inputs((str(file),))


def test_what_is_unpacked_fills_a_buffer_and_not_more() -> None:
    """Expect ten bytes in a buffer of ten, and the eleventh in the next one."""
    unpacked = _Bounded(io.BytesIO(b"virt/tdx: m").read)
    buffer = bytearray(10)
    assert (unpacked.readinto(buffer), bytes(buffer)) == (10, b"virt/tdx: ")
    assert (unpacked.readinto(buffer), bytes(buffer[:1])) == (1, b"m")


def test_a_folder_is_read_with_those_below_it(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "dmesg.txt").write_bytes(BOOT_LOG.read_bytes())
    (tmp_path / "logs" / "README.md").write_text("what is here\n")
    (tmp_path / "acpi").mkdir()
    (tmp_path / "acpi" / "apic.dat").write_bytes(acpi.madt([acpi.lapic(0, 0), acpi.lapic(1, 6)]))
    found = read_inputs((str(tmp_path),))
    assert sorted(Path(one.name).name for one in found) == ["apic.dat", "dmesg.txt"]
    done = tdxctl("capture", str(tmp_path))
    assert done.returncode == 0
    assert "node: 1" in done.stdout


def test_of_several_logs_the_one_that_tells_most_of_tdx_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("[    0.000000] Linux version 6.8.0\n[    1.000000] usb: x\n")
    (tmp_path / "b.log").write_bytes(BOOT_LOG.read_bytes())
    done = tdxctl("diagnose", str(tmp_path / "a.log"), str(tmp_path / "b.log"))
    assert done.returncode == 0
    assert f"{tmp_path / 'b.log'} tells most of TDX and is taken; left aside: " in done.stderr


def test_capture_finds_out_what_tables_and_maps_are(tmp_path: Path) -> None:
    (tmp_path / "tables.txt").write_text(acpi.acpidump(acpi.madt([acpi.lapic(0, 0)])))
    (tmp_path / "iomem").write_text(
        "00001000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n"
    )
    done = tdxctl("capture", str(tmp_path / "tables.txt"), str(tmp_path / "iomem"))
    assert done.returncode == 0
    assert "{start: 0x100000, end: 0x80000000, node: 0}" in done.stdout
    assert "madt:  # the MADT, in table order" in done.stdout


TABLE = acpi.madt([acpi.lapic(0, 0), acpi.lapic(1, 6)])
BYTES = [f"{byte:02x}" for byte in TABLE]
DUMPS = {
    "quoted by mail": "> " + acpi.acpidump(TABLE).replace("\n", "\n> "),
    "quoted twice, wrapped": "> > "
    + acpi.acpidump(TABLE).replace("  ..", "\n> > ..").replace("\n    ", "\n> >     "),
    "hexdump -C": "\n".join(
        f"{at:08x}  {' '.join(BYTES[at : at + 8])}  {' '.join(BYTES[at + 8 : at + 16])}  |...|"
        for at in range(0, len(BYTES), 16)
    ),
    "xxd": "\n".join(
        f"{at:08x}: {' '.join(''.join(BYTES[i : i + 2]) for i in range(at, at + 16, 2))}  ..."
        for at in range(0, len(BYTES), 16)
    ),
}


@pytest.mark.parametrize("form", DUMPS)
def test_a_table_is_found_in_a_dump_of_any_form(form: str) -> None:
    [findings] = read_bytes(DUMPS[form].encode(), "t").findings
    assert [apic.apic_id for apic in findings.apics] == [0, 6]


def test_a_boot_that_is_not_there_is_told() -> None:
    done = tdxctl("diagnose", str(BOOT_LOG), "--boot", "3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no boot 3 in" in done.stderr
    assert "it holds 1 boot" in done.stderr
