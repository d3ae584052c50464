# SPDX-License-Identifier: Apache-2.0
"""What may be fed with anything: the readers of files, each with inputs to start from."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from tdxctl.capture.acpi import tables_of
from tdxctl.capture.bootlog import parse_log, read_log
from tdxctl.capture.bundles import files_of_archive, is_archive
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.findings import Findings
from tdxctl.capture.inputs import read_bytes
from tdxctl.capture.iomem import read_iomem
from tdxctl.capture.madt import madt_findings
from tdxctl.capture.merge import merge
from tdxctl.capture.srat import srat_findings
from tdxctl.capture.system_report import read_report
from tdxctl.capture.tables import table_findings
from tdxctl.capture.write import write_description
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.errors import DescriptionError, FirmwareDataError, TdxctlError
from tdxctl.platform.load import load_yaml, platform_of
from tdxctl.platform.reading import read
from tdxctl.report.diagnosis import to_json, to_text
from tests.capture import acpi_tables as acpi
from tests.cli.runner import ROOT


@dataclass(frozen=True, slots=True)
class Target:
    """run: reads data as tdxctl does. seeds: good inputs. declared: how it may refuse one.

    large: an input of about so many bytes that is read to its end.
    """

    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    large: Callable[[int], bytes]
    declared: tuple[type[Exception], ...] = (FirmwareDataError,)


def _described(findings: list[Findings]) -> None:
    # What was captured is a description that loads.
    for assume_tdx in (False, True):
        captured = merge(findings, assume_tdx=assume_tdx)
        load_yaml(write_description(captured, name="fuzzed", options="", source=None))


def _dmesg(data: bytes) -> None:
    log = read_log(data, "fuzzed")
    diagnosis = diagnose(log)
    to_json(diagnosis)
    assert all(line.isprintable() for line in to_text(diagnosis, verbose=True).split("\n"))
    _described([read_dmesg(log)])


def _madt(data: bytes) -> None:
    for table in tables_of(data, "fuzzed"):
        _described([madt_findings(table)])


def _srat(data: bytes) -> None:
    for table in tables_of(data, "fuzzed"):
        _described([srat_findings(table)])


def _acpidump(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(data)
    try:
        _described(table_findings(file.name))
    finally:
        os.unlink(file.name)


def _iomem(data: bytes) -> None:
    _described([read_iomem(data, "fuzzed")])


def _report(data: bytes) -> None:
    _described([read_report(data, "fuzzed")])


def _input(data: bytes) -> None:
    found = read_bytes(data, "fuzzed")
    if found.log is not None or found.texts:
        log = found.log or parse_log("", "fuzzed", of_a_kernel=False)
        to_json(diagnose(log, found.texts))
    _described(list(found.shows))


def _archive(data: bytes) -> None:
    if not is_archive(data):
        return
    for name, content in files_of_archive(data, "fuzzed"):
        with contextlib.suppress(TdxctlError):
            read_bytes(content, name)


def _yaml(data: bytes) -> None:
    platform_of(read(data, "fuzzed", is_json=False), default_name="fuzzed")


_MADT = acpi.madt(
    [acpi.lapic(0, 0), acpi.lapic(1, 0xFF, flags=0), acpi.x2apic(2, 0x180), acpi.x2apic(3, 4, 0)],
    revision=5,
)
_SRAT = acpi.srat(
    [
        acpi.cpu_affinity(0, 0),
        acpi.x2apic_affinity(1, 0x180),
        acpi.memory_affinity(0, 0, 0x80000000),
        acpi.memory_affinity(1, 0x100000000, 0x80000000, 3),
    ]
)
_LOG = (ROOT / "tests" / "data" / "boot.log").read_bytes()
_REPORT = (
    b"### Kernel version\n\n```\n6.8.0-101-generic #101\n```\n\n### TDX kernel logs\n\n```\n"
    b"[    1.1] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n```\n\n"
    b"### Model specific registers (MSRs)\n\n```\nSEAM_RR bit: 1 (expected value: 1)\n"
    b"NUM_TDX_PRIV_KEYS: 20\n```\n"
)
_IOMEM = (
    b"00000000-00000fff : Reserved\n00001000-0009ffff : System RAM\n"
    b"00100000-7fffffff : System RAM\n  01000000-01ffffff : Kernel code\n"
)

_HOST_TEXTS = (
    b"Architecture: x86_64\nCPU(s): 2\nSocket(s): 1\nNUMA node0 CPU(s): 0,1\n"
    b"Vendor ID: GenuineIntel\nCPU family: 6\nModel: 207\n"
    b"processor\t: 0\ncpu family\t: 6\nmodel\t\t: 207\nphysical id\t: 0\napicid\t\t: 0\n\n"
    b"$ sudo rdmsr 0x1401\n3ffe000c00\n$ rdmsr -f 63:32 0x87\n20\n"
    b"$ cat /sys/devices/system/cpu/present\n0-1\n/sys/devices/system/cpu/online:0\n"
)
_RECORDS = (
    b'{"_TRANSPORT": "kernel", "_BOOT_ID": "0", "MESSAGE": "virt/tdx: module initialized"}\n',
    b'{\n "dmesg": [\n  {\n "time": 1.5,\n "msg": "virt/tdx: module initialized"\n },{\n',
    b"6,1000,2605559,-;virt/tdx: BIOS enabled: private KeyID range [32, 64)\n SUBSYSTEM=cpu\n",
    b"__CURSOR=s\n_BOOT_ID=1\nMESSAGE=virt/tdx: module initialized\n\n"
    b"_BOOT_ID=2\nMESSAGE=BIOS-e820: [mem 0x0-0x7fffffff] usable\n",
)
_SENT = (
    b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    b"WyAgICAxLjFdIHZpcnQvdGR4OiBtb2R1bGUgaW5pdGlhbGl6ZWQK\n--b\n"
    b"Content-Transfer-Encoding: quoted-printable\n\n[    1.1] tdx: a=3Db=\n c\n--b--\n",
    b'{"body": "[    0.3] virt/tdx: BIOS enabled: private KeyID range [32, 64)\\n[    0.2] x\\n'
    b'[    9.0] virt/tdx: module initialization failed (-5)\\n[    1.0] tdx: y\\n"}\n',
    b'{"log":"[    0.3] virt/tdx: module not loaded\\n","stream":"stdout"}\n"[ 0.1] a","h"\n',
    b"$ sudo cat /sys/devices/system/cpu/{present,online}\n0-3\n0-2\n"
    b"# rdmsr -f63:32 0x87; uname -a\n"
    b"20\nLinux h 6.8.0-1 #1 SMP x86_64 GNU/Linux\nBOOT_IMAGE=/v kvm_intel.tdx=1\n- `[ 1.0] x`\n"
    b"MSR 0x1401: 3ffe000c00^M$\n**[    1.0] Guest**\nrdmsr -a 0x1401\n0\n1\n",
    ("> " + acpi.acpidump(_MADT).replace("\n", "\n> ")).encode(),
)
_WRAPPED = (
    b"> Oct 30 10:41:34 host-a kernel: BIOS-e820: [mem\n> 0x0000000000000000-0x000000000009efff]\n"
    b"> usable\n> [    1.000000] Command line: a=3Db\n> kvm_intel.tdx=3D1\n<pre>&nbsp;`x`|y|\n"
)


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("dmesg")
        member.size = len(_LOG)
        archive.addfile(member, io.BytesIO(_LOG))
    return buffer.getvalue()


_TAR = _tar()
_ACPIDUMP = acpi.acpidump(_MADT, _SRAT).encode()
_PLATFORMS = tuple(
    (ROOT / "platforms" / f"{name}.yaml").read_bytes() for name in ("small", "offline-cpu")
)


def _again(seed: bytes) -> Callable[[int], bytes]:
    # The seed again and again: what grows is the number of records.
    return lambda size: seed * (size // len(seed) + 1)


def _filled(table: Callable[..., bytes], entries: list[bytes]) -> Callable[[int], bytes]:
    # A table with those entries and others of a type that is only counted.
    unknown = bytes([127, 16]) + bytes(14)
    return lambda size: table(entries + [unknown] * (size // len(unknown)))


def _long_yaml(size: int) -> bytes:
    lines = ["cpus: {madt: [{apic_id: 0}]}", "memory:", "  ranges:"]
    lines += [f"    - {{start: {i}MiB, size: 1MiB, node: 0}}" for i in range(size // 38)]
    return "\n".join(lines).encode()


TARGETS = {
    "dmesg": Target(
        _dmesg, (_LOG, (ROOT / "tests" / "data" / "failed.log").read_bytes()), _again(_LOG)
    ),
    "madt": Target(_madt, (_MADT,), _filled(acpi.madt, [acpi.x2apic(i, i) for i in range(999)])),
    "srat": Target(_srat, (_SRAT,), _filled(acpi.srat, [acpi.cpu_affinity(0, 0)])),
    "acpidump": Target(_acpidump, (_ACPIDUMP,), _again(_ACPIDUMP)),
    "iomem": Target(_iomem, (_IOMEM,), _again(_IOMEM)),
    "report": Target(_report, (_REPORT,), _again(_REPORT)),
    "input": Target(_input, (_HOST_TEXTS, *_RECORDS, _WRAPPED, *_SENT), _again(_HOST_TEXTS)),
    "archive": Target(
        _archive, (_TAR, gzip.compress(_LOG)), lambda size: gzip.compress(bytes(size))
    ),
    "yaml": Target(_yaml, _PLATFORMS, _long_yaml, (DescriptionError,)),
}
