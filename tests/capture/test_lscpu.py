# SPDX-License-Identifier: Apache-2.0
"""lscpu and /proc/cpuinfo: CPUs, packages and models, and what of them is not taken."""

from __future__ import annotations

import pytest

from tdxctl.capture.findings import Findings, LocalApic
from tdxctl.capture.host_texts import Fact, HostText, cpus_of, family_and_model, number_of
from tdxctl.capture.lscpu import read_cpuinfo, read_lscpu
from tdxctl.capture.wrapped import LogLine
from tdxctl.messages import machine


def _lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.split("\n"), start=1))


@pytest.mark.parametrize(
    ("family", "model", "vendor", "cpu"),
    [
        ("6", "207", "GenuineIntel", (6, 207)),
        ("255", "1", "GenuineIntel", (255, 1)),
        ("1", "255", "GenuineIntel", (1, 255)),
        ("256", "1", "GenuineIntel", None),
        ("1", "256", "GenuineIntel", None),
        ("6", None, "GenuineIntel", None),
        (None, "207", "GenuineIntel", None),
        ("6", "207", None, None),
        ("6", "207", "", None),
    ],
)
def test_family_and_model_have_8_bits_and_are_of_a_vendor(
    family: str | None, model: str | None, vendor: str | None, cpu: tuple[int, int] | None
) -> None:
    assert family_and_model(family, model, vendor) == cpu


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("999999999", 999999999), ("1000000000", None), ("-1", None), ("0x1", None),
     ("\u0661", None), ("", None), (None, None)],
)  # fmt: skip
def test_a_number_is_one_in_decimal(text: str | None, number: int | None) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("3,0-1\n", [0, 1, 3]), ("9,1", [1, 9]), ("0-8191", list(range(8192))), ("0-8192", None),
     ("all", None), ("", None), (None, None)],
)  # fmt: skip
def test_a_list_of_cpus_is_ascending(text: str | None, cpus: list[int] | None) -> None:
    assert cpus_of(text) == cpus


LSCPU = """\
Architecture:            x86_64
CPU(s):                  4
  On-line CPU(s) list:   0-2
Vendor ID:               GenuineIntel
  Model name:            INTEL(R) XEON(R) PLATINUM 8558
    CPU family:          6
    Model:               207
    Socket(s):           2
  NUMA node0 CPU(s):     0,2
  NUMA node1 CPU(s):     1,3
Flags:                   fpu tdx_host_platform hypervisor
"""


def test_lscpu_shows_a_machine() -> None:
    """Expect packages by nodes, the line of the CPU's name, and what its flags say."""
    assert read_lscpu(_lines(LSCPU)) == HostText(
        "lscpu",
        Findings(
            source="lscpu",
            present=4,
            online=(0, 1, 2),
            packages=2,
            package_of=(0, 1, 0, 1),
            cpu=(6, 207),
        ),
        brand="INTEL(R) XEON(R) PLATINUM 8558",
        cpu_line=LogLine(5, "Model name: INTEL(R) XEON(R) PLATINUM 8558", None),
        facts=(
            Fact(
                LogLine(11, "flags: hypervisor", None),
                machine.HYPERVISOR,
                {"words": "the CPU's flag `hypervisor`"},
            ),
            Fact(LogLine(11, "flags: tdx_host_platform", None), machine.REPORT_HAS_TDX, {}),
        ),
    )


def test_lscpu_in_json_is_in_one_place() -> None:
    text = (
        '{"lscpu": [{"field": "CPU(s):", "data": "2"}, {"field": "Socket(s):", "data": "1"},\n'
        '{"field": "Model name:", "data": "Xeon\n  Gold"},\n'
        '{"field": "Flags:", "data": "tdx_guest"}]}'
    )
    assert read_lscpu(_lines(text)) == HostText(
        "lscpu",
        Findings(source="lscpu", present=2, packages=1),
        brand="Xeon Gold",
        cpu_line=LogLine(1, "Model name: Xeon Gold", None),
        facts=(Fact(LogLine(1, "flags: tdx_guest", None), machine.GUEST, {}),),
    )


@pytest.mark.parametrize(
    ("change", "to", "package_of"),
    [
        # Packages have as many nodes each, one behind the other.
        ("Socket(s):           2", "Socket(s):           1", (0, 0, 0, 0)),
        ("Socket(s):           2", "Socket(s):           3", ()),
        ("Socket(s):           2", "Socket(s):           4", ()),
        ("Socket(s):           2", "Socket(s):           0", ()),
        ("    Socket(s):           2\n", "", ()),
        ("CPU(s):                  4", "CPU(s):                  5", ()),
        ("CPU(s):                  4\n", "", ()),
        ("1,3", "1,4", ()),
        ("  NUMA node0 CPU(s):     0,2\n  NUMA node1 CPU(s):     1,3\n", "", ()),
    ],
)
def test_packages_by_nodes_are_taken_where_they_come_out_even(
    change: str, to: str, package_of: tuple[int, ...]
) -> None:
    read = read_lscpu(_lines(LSCPU.replace(change, to)))
    assert read is not None
    assert read.findings.package_of == package_of


@pytest.mark.parametrize(
    ("online", "shown"),
    [("0-3", (0, 1, 2, 3)), ("0-4", None), ("none", None), ("3", (3,))],
)
def test_cpus_online_are_those_of_lscpus_own_number(
    online: str, shown: tuple[int, ...] | None
) -> None:
    read = read_lscpu(_lines(LSCPU.replace("0-2", online)))
    assert read is not None
    assert read.findings.online == shown


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Model name: Xeon\nSocket(s): 2", True),
        ("Architecture: x86_64\nCPU(s): 2", True),
        ("Model name: Xeon", False),
        ("Model name: Xeon\nMemory: much", False),
        ("Socket(s) 2\nCPU(s) 2", False),
    ],
)
def test_two_keys_of_lscpus_own_are_enough(text: str, known: bool) -> None:
    assert (read_lscpu(_lines(text)) is not None) is known


def test_where_lscpu_has_no_name_of_the_cpu_there_is_no_line_of_it() -> None:
    read = read_lscpu(_lines("CPU(s): 2\nSocket(s): 1\nCPU(s): 9"))
    assert read == HostText("lscpu", Findings(source="lscpu", present=2, packages=1))


def _cpu(number: int, package: int, apic_id: int) -> str:
    return (
        f"processor\t: {number}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
        f"model name\t: Xeon 8480\nphysical id\t: {package}\napicid\t\t: {apic_id}\n"
        "flags\t\t: fpu tdx_host_platform\n\n"
    )


ONLINE = "/proc/cpuinfo has the CPUs that are online, no others"


def test_cpuinfo_shows_the_cpus_that_are_online() -> None:
    """Expect packages numbered from 0, and the name and flags of the first CPU."""
    assert read_cpuinfo(_lines(_cpu(0, 3, 0) + _cpu(1, 1, 0x80) + _cpu(2, 3, 2))) == HostText(
        "/proc/cpuinfo",
        Findings(
            source="/proc/cpuinfo",
            apics=(
                LocalApic(0, enabled=True),
                LocalApic(0x80, enabled=True),
                LocalApic(2, enabled=True),
            ),
            present=3,
            package_of=(0, 1, 0),
            cpu=(6, 143),
            warnings=(ONLINE,),
        ),
        brand="Xeon 8480",
        cpu_line=LogLine(5, "model name\t: Xeon 8480", None),
        facts=(Fact(LogLine(5, "flags: tdx_host_platform", None), machine.REPORT_HAS_TDX, {}),),
    )


@pytest.mark.parametrize(
    ("text", "apics", "package_of"),
    [
        (_cpu(0, 0, 4) + _cpu(1, 0, 4), 0, (0, 0)),  # one id of two CPUs
        (_cpu(0, 0, 4) + "processor: 1\nphysical id: 0", 0, (0, 0)),
        (_cpu(0, 0, 4) + "processor: 1\napicid: 5", 2, ()),
    ],
)
def test_of_a_cpuinfo_that_lost_lines_what_is_left_is_taken(
    text: str, apics: int, package_of: tuple[int, ...]
) -> None:
    read = read_cpuinfo(_lines(text))
    assert read is not None
    assert (len(read.findings.apics), read.findings.package_of) == (apics, package_of)
    assert read.findings.present == 2


@pytest.mark.parametrize(
    ("text", "present"),
    [
        ("", None),
        ("model name: Xeon", None),
        ("processor: 0", None),
        ("processor: ARMv7\nmodel name: x", None),
        ("processor: 0\nmodel: 143", 1),
        ("processor: 0\nmodel: 143\n" + "processor: 1\n" * 8191, 8192),
        ("processor: 0\nmodel: 143\n" + "processor: 1\n" * 8192, None),
        ("processor: 0\nmodel: 143\n" + "processor: 1\n" * 9000, None),
    ],
)
def test_a_cpuinfo_is_of_one_to_8192_cpus(text: str, present: int | None) -> None:
    read = read_cpuinfo(_lines(text))
    assert (None if read is None else read.findings.present) == present


def test_where_cpuinfo_has_no_name_of_the_cpu_its_flags_are_told_of_the_first_line() -> None:
    read = read_cpuinfo(_lines("processor: 0\nflags: tdx_guest hypervisor\nflags: no"))
    assert read == HostText(
        "/proc/cpuinfo",
        Findings(source="/proc/cpuinfo", present=1, warnings=(ONLINE,)),
        facts=(Fact(LogLine(1, "flags: tdx_guest", None), machine.GUEST, {}),),
    )
