# SPDX-License-Identifier: Apache-2.0
"""Logs as people send them: prefixes, boots, escapes, cuts."""

from __future__ import annotations

import gzip

import pytest

from tdxctl.capture.bootlog import message_of, parse_log, read_log, which_boot
from tdxctl.capture.wrapped import LogLine
from tdxctl.errors import FirmwareDataError, UsageError

TEXT = "virt/tdx: module initialized"


@pytest.mark.parametrize(
    "line",
    [
        "[    1.234567] virt/tdx: module initialized",
        "[    1.234567][    T1] virt/tdx: module initialized",
        "[    1.234567] [   T1] virt/tdx: module initialized",
        "[    1.234567@3] virt/tdx: module initialized",
        "<6>[    1.234567] virt/tdx: module initialized",
        "kern  :info  : [    1.234567] virt/tdx: module initialized",
        "Nov 22 18:56:15 some-host kernel: [    1.234567] virt/tdx: module initialized",
        "Nov 22 18:56:15 some-host kernel: virt/tdx: module initialized",
        "Nov 02 08:06:05.123456 some-host kernel: virt/tdx: module initialized",
        "2024-09-20T12:34:56+0200 some-host kernel: virt/tdx: module initialized",
        "2024-09-20T12:34:56,123456+02:00 virt/tdx: module initialized",
        "[    1.234567] some-host kernel: virt/tdx: module initialized",
        "[Fri Sep 20 12:34:56 2024] virt/tdx: module initialized",
        "[  +0.000012] virt/tdx: module initialized",
        "[    1.234567 <    0.000012>] virt/tdx: module initialized",
        "[..] virt/tdx: module initialized",
        "12:34:56.789 ttyS0 | [    1.234567] virt/tdx: module initialized\r",
        "\x1b[32m[    1.234567] \x1b[0m\x1b[33mvirt/tdx: \x1b[0mmodule initialized\x1b[0m",
        "  virt/tdx: module initialized",
        "virt/tdx: module initialized",
    ],
)
def test_what_tools_and_consoles_put_before_a_message_is_taken_off(line: str) -> None:
    [read] = read_log(f"{line}\n".encode(), "t").lines
    assert read.text.strip() == TEXT
    assert read.number == 1


def test_messages_that_ran_into_one_line_of_a_console_are_told_apart_by_their_times() -> None:
    log = read_log(b"[    1.000000] tdx: one[    2.000000] tdx: two\n", "t")
    assert [(line.number, line.seconds, line.text) for line in log.lines] == [
        (1, 1.0, "tdx: one"),
        (1, 2.0, "tdx: two"),
    ]


@pytest.mark.parametrize("fence", ["```", "~~~", "~~~ text", "  ~~~~"])
def test_the_fences_of_a_document_are_no_lines_of_a_log(fence: str) -> None:
    log = read_log(f"{fence}\n[    1.000000] tdx: one ~ two\n{fence}\n".encode(), "t")
    assert [line.text for line in log.lines] == ["tdx: one ~ two"]


def test_of_several_boots_the_last_is_kept() -> None:
    log = read_log(
        b"[    0.000000] Linux version 6.8.0\n[    1.000000] tdx: one\n"
        b"[    0.000000] Linux version 6.9.0\n[    1.000000] tdx: two\n",
        "t",
    )
    assert [line.text for line in log.lines] == ["Linux version 6.9.0", "tdx: two"]
    assert (log.boots, log.begins) == (2, True)
    assert log.lines[0].number == 3


def test_journalctl_separates_boots_itself() -> None:
    log = read_log(
        b"Nov 22 18:00:00 h kernel: tdx: one\n-- Reboot --\nNov 22 19:00:00 h kernel: tdx: two\n",
        "t",
    )
    assert [line.text for line in log.lines] == ["tdx: two"]
    assert log.boots == 2


def test_a_filtered_log_of_two_boots_begins_each_with_its_command_line() -> None:
    one = b"[    0.000000] Command line: a\n[    0.5] Kernel command line: a\n[    1.0] tdx: x\n"
    log = read_log(one + one, "t")
    assert (log.boots, len(log.lines), log.begins) == (2, 3, False)


BIOS = "virt/tdx: BIOS enabled: private KeyID range [32, 64)"


@pytest.mark.parametrize(
    ("text", "boots", "last"),
    [
        # What a filter for tdx leaves of two boots: the clock begins again.
        (
            f"[    0.31] {BIOS}\n[    9.2] tdx: one\n[    0.2] tdx: early\n[    0.30] {BIOS}\n",
            *(2, ["tdx: early", BIOS]),
        ),
        (f"Apr  1 10:00:00 h kernel: {BIOS}\nApr  2 10:00:00 h kernel: {BIOS}\n", 2, [BIOS]),
        # Of two boots only the ends.
        (
            "[  146.5] virt/tdx: module initialization failed (-22)\n"
            "[   29.3] virt/tdx: 24636 KB allocated for PAMT\n"
            "[   29.4] virt/tdx: module initialized\n",
            *(2, ["virt/tdx: 24636 KB allocated for PAMT", "virt/tdx: module initialized"]),
        ),
        # Two filters over one boot.
        (
            f"[    0.31] {BIOS}\n[    9.2] tdx: one\n[    0.2] x86/tme: enabled by BIOS\n",
            *(1, [BIOS, "tdx: one", "x86/tme: enabled by BIOS"]),
        ),
        # The same line pasted twice.
        (
            f"[    0.31] {BIOS}\n[    9.2] tdx: one\n[    0.31] {BIOS}\n",
            1,
            [BIOS, "tdx: one", BIOS],
        ),
    ],
)
def test_boots_that_a_filter_cut_are_told_apart_by_what_comes_once(
    text: str, boots: int, last: list[str]
) -> None:
    log = read_log(text.encode(), "t")
    assert (log.boots, [line.text for line in log.lines]) == (boots, last)


@pytest.mark.parametrize(
    "parameters",
    [
        "ro elfcorehdr=0x73ff1000 maxcpus=1",
        "ro irqpoll nr_cpus=1 nousb systemd.unit=kdump-tools-dump.service",
        "root=kdump rootflags=bind acpi_no_memhotplug numa=off",
        "ro nr_cpus=1 irqpoll",
    ],
)
def test_the_boot_of_a_kernel_that_saves_a_crashed_one_is_not_taken(parameters: str) -> None:
    log = read_log(
        b"[    0.000000] Linux version 6.8.0\n[    1.000000] tdx: one\n"
        b"[    0.000000] Linux version 6.8.0\n"
        b"[    0.000000] Command line: " + parameters.encode() + b"\n",
        "t",
    )
    assert (log.boot, [boot.is_crash_kernel for boot in log.all_boots]) == (1, [False, True])


@pytest.mark.parametrize(
    "line", ["tdx: Guest detected", "Memory Encryption Features active: Intel TDX"]
)
def test_the_boot_of_a_td_behind_its_hosts_is_not_taken(line: str) -> None:
    host = "[    0.000000] Linux version 6.8.0\n[    1.000000] tdx: one\n"
    td = f"[    0.000000] Linux version 6.6.0\n[    0.000000] {line}\n"
    assert read_log((host + td).encode(), "t").boot == 1
    assert "2 (in a TD, Linux 6.6.0, line 3)" in str(
        which_boot(read_log((host + td).encode(), "t"))
    )
    assert "are the TD's, not the machine's" in str(which_boot(read_log(td.encode(), "t")))
    # Where there is no other.
    assert read_log((td + td).encode(), "t").boot == 2


def test_what_someone_left_out_is_noticed() -> None:
    assert read_log(b"[    1.000000] tdx: one\n...\n", "t").elided
    assert not read_log(b"[    1.000000] tdx: one ...\n", "t").elided


def test_other_encodings_are_read() -> None:
    assert read_log("\ufefftdx: one\n".encode(), "t").lines[0].text == "tdx: one"
    assert read_log("tdx: one\r\n".encode("utf-16"), "t").lines[0].text == "tdx: one"
    assert read_log(b"tdx: \xff\xfe one\n", "t").lines[0].text == "tdx: \ufffd\ufffd one"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "t: is not a kernel's log (no line of it is one that a kernel prints)"),
        (b"dear colleague,\n", "t: is not a kernel's log (no line of it is one that a kernel "),
        (gzip.compress(b"tdx: one\n", mtime=0), "t: is compressed with gzip"),
    ],
)
def test_what_is_no_log_is_told(data: bytes, message: str) -> None:
    with pytest.raises(FirmwareDataError) as caught:
        read_log(data, "t")
    assert caught.value.diagnostics()[0].render().startswith(message)


def _named(text: str, boot: int | None = None) -> str | None:
    return which_boot(read_log(text.encode(), "t", of_a_kernel=False, boot=boot))


HOST = "[    0.000000] Linux version 6.8.0\n[    1.000000] tdx: one\n"
CRASH = "[    0.000000] Linux version 6.8.0\n[    0.000000] Command line: ro elfcorehdr=0x1\n"
TD = "[    0.000000] Linux version 6.6.0\n[    0.000000] tdx: Guest detected\n"


@pytest.mark.parametrize(
    ("text", "boot", "named"),
    [
        (HOST, None, None),
        (
            CRASH,
            None,
            "is of a crash kernel (kdump: elfcorehdr= is on its command line): the memory and the "
            "CPUs are those it was left, not the machine's",
        ),
        (
            TD,
            None,
            "is of a kernel in a TD: the memory and the CPUs are the TD's, not the machine's",
        ),
        (
            HOST + CRASH + TD,
            None,
            "holds 3 boots: 1 (Linux 6.8.0, line 1), 2 (crash kernel, Linux 6.8.0, line 3), "
            "3 (in a TD, Linux 6.6.0, line 5). Boot 1 is taken; --boot N takes another",
        ),
        (
            HOST + CRASH,
            2,
            "holds 2 boots: 1 (Linux 6.8.0, line 1), 2 (crash kernel, Linux 6.8.0, line 3). Boot 2 "
            "is taken; it is a crash kernel's",
        ),
        (
            "tdx: one\n-- Reboot --\ntdx: two\n",
            None,
            "holds 2 boots: 1 (line 1), 2 (line 3). Boot 2 is taken; --boot N takes another",
        ),
        # Of more than eight the first four and the last four are named.
        (
            "-- Reboot --\n".join(f"tdx: {i}\n" for i in range(9)),
            None,
            "holds 9 boots: 1 (line 1), 2 (line 3), 3 (line 5), 4 (line 7), ..., 6 (line 11), "
            "7 (line 13), 8 (line 15), 9 (line 17). Boot 9 is taken; --boot N takes another",
        ),
        (
            "-- Reboot --\n".join(f"tdx: {i}\n" for i in range(8)),
            1,
            "holds 8 boots: 1 (line 1), 2 (line 3), 3 (line 5), 4 (line 7), 5 (line 9), "
            "6 (line 11), 7 (line 13), 8 (line 15). Boot 1 is taken; --boot N takes another",
        ),
        ("", None, None),
    ],
)
def test_the_boots_of_a_log_are_named_with_the_one_that_is_taken(
    text: str, boot: int | None, named: str | None
) -> None:
    assert _named(text, boot) == named


@pytest.mark.parametrize(
    ("text", "boot"),
    [(HOST + CRASH, 1), (CRASH + TD, 2), (TD + HOST + TD, 2), (CRASH + CRASH, 2), (HOST + HOST, 2)],
)
def test_the_last_boot_of_the_host_is_taken_else_the_last_that_is_no_crash_kernels(
    text: str, boot: int
) -> None:
    assert read_log(text.encode(), "t").boot == boot


@pytest.mark.parametrize("boot", [0, 3, -1])
def test_a_boot_of_another_number_is_not_there(boot: int) -> None:
    with pytest.raises(UsageError) as caught:
        read_log((HOST + HOST).encode(), "t", boot=boot)
    problem = caught.value.diagnostics()[0]
    assert problem.summary == f"no boot {boot} in 't'"
    assert problem.hint == "it holds 2 boots"


@pytest.mark.parametrize(
    ("line", "of_a_kernel"),
    [
        ("[    1.234567] usb 1: new device", True),
        ("[    1.2345] usb 1: new device", False),
        ("Nov 22 18:00:00 h kernel: usb 1: new device", True),
        ("Nov 22 18:00:00 h systemd[1]: started", False),
        ("6,1,1000000,-;usb 1: new device", True),
        ('{"MESSAGE": "usb 1: new device"}', True),
        ("BIOS-e820: [mem 0x1000-0x1fff] usable", True),
        ("CPU: 3 PID: 1 Comm: x", True),
        ("virt/tdx: anything", True),
        ("what is known of TDX", False),
    ],
)
def test_a_log_is_a_kernels_by_one_line_that_a_kernel_prints(line: str, of_a_kernel: bool) -> None:
    if of_a_kernel:
        assert len(read_log(f"dear all,\n{line}\n".encode(), "t").lines) == 2
        return
    with pytest.raises(FirmwareDataError) as caught:
        read_log(f"dear all,\n{line}\n".encode(), "t")
    problem = caught.value.diagnostics()[0]
    assert problem.summary == "is not a kernel's log"
    assert problem.hint == "the output of dmesg, journalctl -k or a serial console"


def test_a_log_without_a_line_is_one_boot_without_any() -> None:
    log = parse_log("\n\n", "t", of_a_kernel=False)
    assert (log.lines, log.boots, log.boot, log.begins, log.elided) == ((), 1, 1, False, False)
    assert (log.all_boots[0].line, log.all_boots[0].kernel) == (1, None)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("[    1.500000] tdx: one", LogLine(1, "tdx: one", 1.5)),
        ("tdx: one", LogLine(1, "tdx: one", None, bare=True)),
        ("12:34:56 tdx: one", LogLine(1, "tdx: one", None)),
        ("6,1,1500000,-;tdx: one", LogLine(1, "tdx: one", 1.5)),
        ('{"MESSAGE": "tdx: one"}', LogLine(1, "tdx: one", None)),
    ],
)
def test_a_line_keeps_its_time_and_whether_anything_stood_before_it(
    line: str, read: LogLine
) -> None:
    assert read_log(f"{line}\n".encode(), "t", of_a_kernel=False).lines == (read,)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[    1.500000] tdx: one", "tdx: one"),
        ("[    1.0] tdx: one[    2.000000] tdx: two", "tdx: two"),
        ("> <6>tdx: one", "tdx: one"),
        ("", ""),
        ('{"MESSAGE": "x", "_TRANSPORT": "stdout"}', ""),
    ],
)
def test_the_message_of_a_line_is_the_last_in_it(line: str, message: str) -> None:
    assert message_of(line) == message


KEYIDS = "virt/tdx: BIOS enabled: private KeyID range [32, 64)"


@pytest.mark.parametrize(
    ("times", "lengths"),
    [
        # The KeyIDs of two boots: the second begins where the clock went back.
        (((5.0, KEYIDS), (9.0, "a"), (2.0, "b"), (3.0, KEYIDS)), [2, 2]),
        (((5.0, KEYIDS), (9.0, "a"), (8.6, "b"), (9.0, KEYIDS)), [3, 1]),
        (((5.0, KEYIDS), (9.0, "a"), (8.4, "b"), (9.0, KEYIDS)), [2, 2]),
        (((5.0, "a"), (1.0, KEYIDS), (2.0, "b"), (3.0, KEYIDS)), [3, 1]),
        (((5.0, KEYIDS), (9.0, "a"), (5.0, KEYIDS)), [3]),
        # Ends of two bring-ups.
        (((5.0, TEXT), (9.0, "a"), (2.0, "b"), (3.0, TEXT)), [2, 2]),
        (((5.0, TEXT), (9.0, "a"), (9.5, TEXT)), [3]),
        (((5.0, TEXT), (9.0, "a"), (2.0, "b"), (5.0, TEXT)), [4]),
        (((5.0, "a"), (1.0, TEXT), (3.0, TEXT)), [3]),
    ],
)
def test_two_boots_are_told_apart_where_the_clock_went_back(
    times: tuple[tuple[float, str], ...], lengths: list[int]
) -> None:
    """Expect half a second to be what a console mixes of one boot."""
    text = "".join(f"[{seconds:12.6f}] {line}\n" for seconds, line in times)
    logs = [read_log(text.encode(), "t", boot=number) for number in range(1, len(lengths) + 1)]
    assert [len(log.lines) for log in logs] == lengths
    assert logs[0].boots == len(lengths)


@pytest.mark.parametrize(
    ("line", "elided"),
    [
        ("....", True),
        ("x...", False),
        ("-- snip --", True),
        ("[ cut here ]", False),
        ("[ " + "x" * 71 + " snip ]", True),
        ("[ " + "x" * 72 + " snip ]", False),
    ],
)
def test_a_mark_of_lines_left_out_is_short_and_stands_alone(line: str, elided: bool) -> None:
    assert read_log(f"tdx: one\n{line}\n".encode(), "t").elided is elided


@pytest.mark.parametrize(
    "text",
    [
        "6,1,1000000,-;virt/tdx: CMR: [0x100000,\n6,2,1000000,-;0x80000000)\n",
        '{"MESSAGE": "virt/tdx: CMR: [0x100000,"}\n{"MESSAGE": "0x80000000)"}\n',
    ],
)
def test_records_are_whole_lines_and_not_joined(text: str) -> None:
    assert [line.text for line in read_log(text.encode(), "t").lines] == [
        "virt/tdx: CMR: [0x100000,",
        "0x80000000)",
    ]


def test_a_command_line_that_is_printed_later_begins_no_boot() -> None:
    text = "[    0.000000] Command line: a\n[    3.000000] Command line: a\n"
    assert read_log(text.encode(), "t").boots == 1


def test_what_stands_before_the_first_line_of_a_kernel_is_of_its_boot() -> None:
    log = read_log(f"tdx: early\n{HOST}".encode(), "t")
    assert (log.boots, len(log.lines)) == (1, 3)
