# SPDX-License-Identifier: Apache-2.0
"""What a shell's transcript shows: values of MSRs, files of /sys and /proc, uname."""

from __future__ import annotations

import pytest

from tdxctl.capture.findings import Findings
from tdxctl.capture.host_texts import Fact, HostText
from tdxctl.capture.transcripts import read_transcript
from tdxctl.capture.wrapped import LogLine
from tdxctl.messages import machine
from tdxctl.platform.description import Seamrr

SYS = "/sys/devices/system/cpu"
WHAT = "a shell's transcript"


def _read(text: str) -> HostText | None:
    return read_transcript(list(enumerate(text.split("\n"), start=1)))


def _facts(text: str) -> list[tuple[int, str, dict[str, int | str]]]:
    read = _read(text)
    return [] if read is None else [(f.line.number, f.message.id, f.fields) for f in read.facts]


def test_msrs_tell_of_keyids_seamrr_tme_and_mcheck() -> None:
    """Expect a fact of each register, with the line that its value stands in."""
    read = _read(
        "$ sudo rdmsr 0x87\n200000001f\n$ sudo rdmsr 0x1401\n 3ffe000c00\n"
        "$ rdmsr 0x982\n300000002\n$ rdmsr 0xa0\n24\n$ rdmsr 0x10\nff\n"
    )
    assert read == HostText(
        WHAT,
        Findings(
            source=WHAT,
            keyids=(32, 64),
            tdx_keyids=32,
            mktme_keyids=63,
            seamrr=Seamrr.ENABLED,
        ),
        facts=(
            Fact(LogLine(2, "rdmsr 0x87: 200000001f", None), machine.REPORT_KEYIDS, {"keyids": 32}),
            Fact(
                LogLine(4, "rdmsr 0x1401: 3ffe000c00", None), machine.REPORT_SEAMRR, {"enabled": 1}
            ),
            Fact(LogLine(6, "rdmsr 0x982: 300000002", None), machine.REPORT_TME, {"enabled": 1}),
            Fact(LogLine(8, "rdmsr 0xa0: 24", None), machine.REPORT_MCHECK, {"mcheck": 0x24}),
        ),
    )


def test_files_and_the_kernel_in_a_shell_are_read_in_any_order() -> None:
    """Expect CPUs and packages numbered from 0, KVM's parameter, and lines as a log has them."""
    read = _read(
        f"{SYS}/present: 0,2-3\n{SYS}/online: 0,3\n{SYS}/possible: 0-7\n"
        f"{SYS}/cpu0/topology/physical_package_id: 5\n"
        f"{SYS}/cpu2/topology/physical_package_id: 1\n"
        f"{SYS}/cpu3/topology/physical_package_id: 5\n"
        "/sys/module/kvm_intel/parameters/tdx = y\n"
        "$ cat /proc/cmdline\n  ro quiet \n"
        "$ uname -r\n6.8.0-59-generic\n"
    )
    assert read == HostText(
        WHAT,
        Findings(
            source=f"{SYS}",
            present=3,
            online=(0, 2),
            not_enabled_later=5,
            package_of=(0, 1, 0),
        ),
        kvm_tdx=True,
        command_line=LogLine(9, "Command line: ro quiet", None),
        kernel_line=LogLine(11, "Linux version 6.8.0-59-generic", None),
    )


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        (["online: 0-2"], (3, (0, 1, 2), None, ())),
        (["present: 0-3"], (4, None, None, ())),
        # A CPU that is online and not present is of another machine.
        (["present: 0-1", "online: 0-2"], (2, (0, 1), None, ())),
        (["present: 0-3", "possible: 0-1"], (4, None, 0, ())),
        (["present: 0-1", "possible: 0-1"], (2, None, 0, ())),
        # Of one CPU the package is not shown, of another it is no number.
        (["present: 0-1", "cpu0/topology/physical_package_id: 0"], (2, None, None, ())),
        (["present: 0", "cpu0/topology/physical_package_id: -1"], (1, None, None, ())),
        (["present: 0", "cpu0/topology/physical_package_id: 7"], (1, None, None, (0,))),
    ],
)
def test_of_files_of_sys_what_is_not_shown_is_not_made_up(
    files: list[str], shown: tuple[object, ...]
) -> None:
    read = _read("\n".join(f"{SYS}/{file}" for file in files))
    assert read is not None
    found = read.findings
    assert (found.present, found.online, found.not_enabled_later, found.package_of) == shown
    assert found.source == SYS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dear colleague",
        f"{SYS}/possible: 0-7",
        f"{SYS}/present: many",
        "/sys/module/kvm_intel/parameters/tdx: maybe",
        "$ rdmsr 0x87",
        "$ rdmsr 0x10\nff",
    ],
)
def test_a_text_that_shows_none_of_it_is_no_transcript(text: str) -> None:
    assert _read(text) is None


@pytest.mark.parametrize(
    ("value", "shown"), [("Y", True), ("1", True), ("y", True), ("N", False), ("0", False)]
)
def test_the_parameter_of_kvm_is_a_truth_value(value: str, shown: bool) -> None:
    read = _read(f"$ cat /sys/module/kvm_intel/parameters/tdx\n{value}")
    assert read == HostText(WHAT, Findings(source=WHAT), kvm_tdx=shown)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("rdmsr 0x87", "200000001f"),
        ("rdmsr 0X87", "0x200000001f"),
        ("rdmsr 135", "200000001F"),
        ("rdmsr -p 3 0x87", "200000001f"),
        ("rdmsr -p3 0x87", "200000001f"),
        ("rdmsr --processor 3 0x87", "200000001f"),
        ("rdmsr --processor=3 0x87", "200000001f"),
        ("rdmsr 0x87 -p 3", "200000001f"),
        ("rdmsr -xp 3 0x87", "200000001f"),
        ("rdmsr -d 0x87", "137438953503"),
        ("rdmsr -u 0x87", "137438953503"),
        ("rdmsr -ud 0x87", "137438953503"),
        ("rdmsr --decimal 0x87", "137438953503"),
        ("rdmsr --unsigned 0x87", "137438953503"),
        ("rdmsr -o 0x87", "2000000000037"),
        ("rdmsr --octal 0x87", "2000000000037"),
        ("rdmsr --hexadecimal 0x87", "200000001f"),
        ("rdmsr -c 0x87", "0x200000001f"),
        ("rdmsr -f 63:0 0x87", "200000001f"),
        ("rdmsr -f63:0 0x87", "200000001f"),
        ("rdmsr --bitfield 63:0 0x87", "200000001f"),
        ("rdmsr --bitfield=63:0 0x87", "200000001f"),
        ("rdmsr -xf 63:0 0x87", "200000001f"),
        ("rdmsr 0x87 # KeyIDs", "200000001f"),
        ("rdmsr 0x87 2>&1", "200000001f"),
        ("modprobe msr && rdmsr 0x87", "200000001f"),
        ("sudo rdmsr 0x87; true", "200000001f"),
        ("echo $(rdmsr 0x87)", "200000001f"),
        ("echo `rdmsr 0x87`", "200000001f"),
        ("rdmsr 0x87 || true", "200000001f"),
    ],
)
def test_rdmsrs_options_tell_what_it_prints(command: str, answer: str) -> None:
    """Expect 31 KeyIDs of TME-MT and 32 of TDX from each."""
    read = _read(f"$ {command}\n{answer}\n")
    assert read is not None
    assert (read.findings.mktme_keyids, read.findings.tdx_keyids) == (63, 32)
    assert read.facts[0].line == LogLine(2, f"rdmsr 0x87: {answer}", None)


@pytest.mark.parametrize(
    "line",
    [
        "rdmsr 0x87 = 200000001f",
        "rdmsr 0x87: 200000001f",
        "rdmsr 0x87 : 200000001f",
        "rdmsr 0x87 -> 0x200000001f",
        "rdmsr 0x87 => 200000001f",
        "rdmsr 0x87 is 200000001f",
        "rdmsr 0x87 returns 200000001f",
        "rdmsr 0x87 200000001f",
        "rdmsr -d 0x87 shows 137438953503",
        "MSR 0x87: 200000001f",
        "msr (0x87) -> 0x200000001f",
        "MSR 0x87 is 200000001F",
    ],
)
def test_a_value_may_stand_beside_its_register(line: str) -> None:
    read = _read(line)
    assert read is not None
    assert (read.findings.mktme_keyids, read.findings.tdx_keyids) == (63, 32)
    assert read.facts[0].line.number == 1


@pytest.mark.parametrize(
    "text",
    [
        "rdmsr 0x87 | tail -1\n200000001f",
        "rdmsr\n200000001f",
        "rdmsr register\n200000001f",
        "rdmsr 0o207\n200000001f",
        "rdmsr 0x123456789\n200000001f",
        "rdmsr 0x87 gives what the BIOS set\n200000001f",
        "rdmsr 0x87 = = 200000001f",
        "rdmsr -f 0:63 0x87\n200000001f",
        "rdmsr -f 64:0 0x87\n200000001f",
        "rdmsr -f all 0x87\n200000001f",
        "rdmsr -d 0x87\n200000001f",
        "rdmsr -o 0x87\n9",
        "rdmsr 0x87\n$ ls\n200000001f",
        "rdmsr 0x87\nroot@h:~# ls\n200000001f",
        "rdmsr 0x87\nrdmsr: CPU 0 cannot read\n200000001f",
        "rdmsr 0x87\ncat: /x: Permission denied\n200000001f",
        "rdmsr 0x87\nno answer\n200000001f",
        "rdmsr 0x87\nBOOT_IMAGE=/vmlinuz ro\n200000001f",
        "rdmsr 0x87\nLinux h 6.8.0-1-x #1 SMP x86_64\n200000001f",
        "rdmsr 0x87 what?\n200000001f",
        "rdmsr -f\n200000001f",
        "rdmsr 0x87\n12345678901234567",
        "bash: rdmsr: command not found\n200000001f",
    ],
)
def test_what_is_no_answer_of_rdmsrs_is_none(text: str) -> None:
    assert _facts(text) == []


@pytest.mark.parametrize(
    ("field", "answer", "facts"),
    [
        ("63:32", "20", [(2, "report-keyids", {"keyids": 32})]),
        ("63:31", "40", [(2, "report-keyids", {"keyids": 32})]),
        ("63:33", "10", []),
        ("62:32", "20", []),
        ("31:0", "1f", []),
    ],
)
def test_a_field_of_keyids_tells_where_all_their_bits_are_in_it(
    field: str, answer: str, facts: list[tuple[int, str, dict[str, int | str]]]
) -> None:
    found = _facts(f"$ rdmsr -f {field} 0x87\n{answer}\n")
    assert [(number, fields) for number, _, fields in found] == [
        (number, fields) for number, _, fields in facts
    ]


def test_keyids_of_tme_mt_alone_are_no_number_of_all() -> None:
    read = _read("$ rdmsr -f 31:0 0x87\n1f\n$ uname -r\n6.8.0\n")
    assert read is not None
    shown = read.findings
    assert (shown.keyids, shown.tdx_keyids, shown.mktme_keyids) == (None, None, None)


def test_a_machine_without_keyids_of_tdx_has_those_of_tme_mt() -> None:
    read = _read("$ rdmsr 0x87\n3f\n")
    assert read is not None
    shown = read.findings
    assert (shown.keyids, shown.tdx_keyids, shown.mktme_keyids) == (None, 0, 63)
    assert read.facts[0].fields == {"keyids": 0}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        # Bit 1 of IA32_TME_ACTIVATE is the switch.
        ("rdmsr 0x982\n2", [(2, {"enabled": 1})]),
        ("rdmsr 0x982\n1", [(2, {"enabled": 0})]),
        ("rdmsr -f 1:1 0x982\n1", [(2, {"enabled": 1})]),
        ("rdmsr -f 0:0 0x982\n1", []),
        ("rdmsr -a 0x982\n2\n2\n0\n2", [(4, {"enabled": 0})]),
        ("rdmsr --all 0x982\n2\n0", [(3, {"enabled": 0})]),
        ("rdmsr --all --decimal 0x982\n10\n0", [(3, {"enabled": 0})]),
        ("rdmsr --decimal 0x982\n10\n0", [(2, {"enabled": 1})]),
        ("rdmsr --all 0x982\n2\n2\nends here\n0", [(2, {"enabled": 1})]),
        # Of SEAMRR the lock is wanted too, and does not tell alone that it is on.
        ("rdmsr 0x1401\nc00", [(2, {"enabled": 1})]),
        ("rdmsr 0x1401\n800", [(2, {"enabled": 0})]),
        ("rdmsr 0x1401\n400", [(2, {"enabled": 0})]),
        ("rdmsr -f 10:10 0x1401\n1", []),
        ("rdmsr -f 11:11 0x1401\n1", [(2, {"enabled": 1})]),
        # A part of the status of MCHECK is none of it.
        ("rdmsr 0xa0\n0", [(2, {"mcheck": 0})]),
        ("rdmsr -f 7:0 0xa0\n0", []),
    ],
)
def test_a_switch_is_on_where_every_cpu_has_all_of_its_bits(
    text: str, facts: list[tuple[int, dict[str, int | str]]]
) -> None:
    """Expect the line of the first CPU that has not, where one has not."""
    assert [(number, fields) for number, _, fields in _facts(text)] == facts


@pytest.mark.parametrize(
    ("values", "warned"), [("20\n21", True), ("2000000000\n2100000000", True), ("20\n20", False)]
)
def test_keyids_that_differ_between_cpus_are_not_taken(values: str, warned: bool) -> None:
    read = _read(f"$ uname -r\n6.8.0\n$ rdmsr -a 0x87\n{values}\n")
    assert read is not None
    assert bool(read.findings.warnings) is warned
    assert (read.facts == ()) is warned
    assert (read.findings.mktme_keyids is None) is warned


@pytest.mark.parametrize(
    "text",
    [
        "$ uname -r\n6.8.0-59-generic",
        "$ uname -a\nLinux h 6.8.0-59-generic #61 SMP x86_64 GNU/Linux",
        "[u@h ~]$ sudo uname -r\n6.8.0-59-generic",
        "uname -r\n6.8.0-59-generic\n$ uname -r\n5.1.0",
        "Linux h 6.8.0-59-generic #61-Ubuntu SMP x86_64 GNU/Linux",
        "Linux h 6.8.0-59-generic #61 SMP x86_64\nLinux i 5.1.0 #1 SMP x86_64",
    ],
)
def test_the_kernel_is_the_first_that_uname_names(text: str) -> None:
    read = _read(text)
    assert read is not None
    assert read.kernel_line is not None
    assert read.kernel_line.text == "Linux version 6.8.0-59-generic"
    assert read.kernel_line.number == (1 if text.startswith("Linux") else 2)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$ cat /proc/cmdline\nBOOT_IMAGE=/vmlinuz ro", 2),
        ("BOOT_IMAGE=/vmlinuz ro  ", 1),
        ("  BOOT_IMAGE=/vmlinuz ro\nBOOT_IMAGE=/other", 1),
        ("$ sudo head -n1 /proc/cmdline\n BOOT_IMAGE=/vmlinuz ro \n", 2),
        ("$ cat /proc/cmdline\nBOOT_IMAGE=/vmlinuz ro\n$ cat /proc/cmdline\nquiet", 2),
        ("==> /proc/cmdline <==\nBOOT_IMAGE=/vmlinuz ro\n\n", 2),
    ],
)
def test_the_command_line_is_the_first_that_is_shown(text: str, number: int) -> None:
    read = _read(text)
    assert read is not None
    assert read.command_line == LogLine(number, "Command line: BOOT_IMAGE=/vmlinuz ro", None)


def test_answers_belong_to_the_files_asked_for_and_to_no_others() -> None:
    """Expect a file that cannot be read to have no answer, and a prompt to end those asked for."""
    read = _read(
        f"$ cat {SYS}/{{present,online}} {SYS}/possible\n"
        f"cat: {SYS}/present: Permission denied\n0-3\n\n0-7\n9-9\n"
        f"$ cat {SYS}/present\n$ ls\n0-1\n"
        f"$ grep . {SYS}/present | head\n0-2\n"
    )
    assert read is not None
    found = read.findings
    assert (found.present, found.online, found.not_enabled_later) == (4, (0, 1, 2, 3), 4)


def test_a_file_that_is_shown_twice_has_its_first_content() -> None:
    read = _read(f"{SYS}/present: 0-3\n{SYS}/present: 0-7\n$ cat {SYS}/present\n0-1\n")
    assert read is not None
    assert read.findings.present == 4


def test_where_msrs_are_shown_too_all_of_it_is_the_transcripts() -> None:
    read = _read(f"{SYS}/present: 0-3\n$ rdmsr 0x1401\nc00\n")
    assert read is not None
    assert (read.findings.source, read.findings.present) == (WHAT, 4)
