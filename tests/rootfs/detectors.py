# SPDX-License-Identifier: Apache-2.0
"""Detectors of TDX, hosts to try them on, and what each says there."""

from __future__ import annotations

import shutil
from functools import cache
from typing import Any, NamedTuple

from tdxctl import Machine
from tdxctl.rootfs.document import machine_root
from tdxctl.rootfs.run import isolation_for, placed, run_captured
from tdxctl.verdicts import ReadyToRunTds
from tests.machines import small

RELEASES = ("6.16", "6.18", "7.2")


class Detector(NamedTuple):
    """A line for a shell that exits 0 where TDX can be used, 3 where it says nothing of it.

    after: whose documentation has it so. program: what it needs, and its Debian package.
    """

    title: str
    line: str
    after: str
    program: tuple[str, str] | None = None


#: A program that says nothing of TDX is silent where it runs at all.
_RUNS = "{} >/dev/null && exit 3; exit 1"
DETECTORS = (
    Detector(
        "flag in cpuinfo",
        "grep -q -w tdx_host_platform /proc/cpuinfo",
        "guides for operators",
    ),
    Detector(
        "line of the boot",
        "dmesg | grep -q 'virt/tdx: BIOS enabled: private KeyID range'",
        "the kernel's Documentation/arch/x86/tdx.rst",
    ),
    Detector(
        "line of success, words until 7.0",
        "dmesg | grep -q 'virt/tdx: module initialized'",
        "the README of canonical/tdx",
    ),
    Detector(
        "line of success, both wordings",
        "dmesg | grep -q -i -E 'virt/tdx: (tdx-)?module initialized'",
        "the same, of 7.1 too",
    ),
    Detector("any line", "dmesg | grep -q -i tdx", "guides for operators"),
    Detector(
        "kvm_intel.tdx",
        "grep -q Y /sys/module/kvm_intel/parameters/tdx 2>/dev/null",
        "the documentation of Node Feature Discovery",
    ),
    Detector(
        "KeyIDs in misc.capacity",
        "grep -q '^tdx [1-9]' /sys/fs/cgroup/misc.capacity",
        "the documentation of Node Feature Discovery",
    ),
    Detector("/dev/kvm", "test -c /dev/kvm", "guides for operators"),
    Detector(
        "SEAMRR, MSR 0x1401",
        'test "$(rdmsr -f 11:11 0x1401)" = 1',
        "Intel's TDX Enabling Guide",
    ),
    Detector(
        "KeyIDs, MSR 0x87",
        'test "$(rdmsr -d -f 63:32 0x87)" -gt 0',
        "Intel's TDX Enabling Guide",
    ),
    Detector(
        "`lscpu`: flags",
        "lscpu | grep -q -w tdx_host_platform",
        "the program, run as it is",
        ("lscpu", "util-linux"),
    ),
    Detector(
        "`lsmem`", _RUNS.format("lsmem"), "the program, run as it is", ("lsmem", "util-linux")
    ),
    Detector(
        "`lstopo`",
        _RUNS.format("lstopo-no-graphics"),
        "the program, run as it is",
        ("lstopo-no-graphics", "hwloc-nox"),
    ),
    Detector(
        "`virt-host-validate qemu`: secure guests",
        "LC_ALL=C virt-host-validate qemu 2>&1 | grep -i 'secure guest' | grep -q PASS && exit 0; "
        "LC_ALL=C virt-host-validate qemu 2>&1 | grep -i 'secure guest' | grep -q WARN && exit 3; "
        "exit 1",
        "the program, run as it is",
        ("virt-host-validate", "libvirt-clients"),
    ),
)

#: Hosts: ready, and one that fails at each of five stages.
HOSTS: dict[str, dict[str, Any]] = {
    "ready": {},
    "one KeyID": {"firmware": {"mktme_keyids": 62, "tdx_keyids": 1}},
    "no module": {"module": {"loaded": False}},
    "LP.INIT fails": {
        "faults": [{"leaf": "TDH.SYS.LP.INIT", "cpu": 2, "status": "0xc0000920000001f2"}]
    },
    "no room for the PAMT": {"memory": {"reserved": [{"start": "64MiB", "end": "67GiB"}]}},
    "KEY.CONFIG fails": {
        "faults": [{"leaf": "TDH.SYS.KEY.CONFIG", "status": "TDX_KEY_GENERATION_FAILED"}]
    },
}


@cache
def cells(release: str, host: str) -> dict[str, str]:
    """Title of a detector -> right, wrong or silent, on that host under that release.

    Programs that are not installed are left out. Raises RunError where nothing isolates.
    """
    machine = Machine.boot(small(**HOSTS[host]), release)
    machine.init_host()
    assert machine.kvm is not None
    ready = isinstance(machine.kvm.verdict, ReadyToRunTds)
    asked = [d for d in DETECTORS if d.program is None or shutil.which(d.program[0])]
    script = "\n".join(f"( {detector.line} ); echo $?" for detector in asked)
    with placed(machine_root(machine)) as place:
        done = run_captured(place, ["sh", "-c", script], isolation_for(place))
    codes = [int(line) for line in done.stdout.split()]
    return {
        detector.title: "silent" if code == 3 else "right" if (code == 0) == ready else "**wrong**"
        for detector, code in zip(asked, codes, strict=True)
    }


def table(release: str) -> list[str]:
    """The lines of a release's table: a row for each detector, a column for each host."""
    columns = {host: cells(release, host) for host in HOSTS}
    lines = [f"| | {' | '.join(HOSTS)} |", f"|---{'|---' * len(HOSTS)}|"]
    for detector in DETECTORS:
        said = [columns[host].get(detector.title, "") for host in HOSTS]
        lines.append(f"| {detector.title} | {' | '.join(said)} |")
    return lines
