# SPDX-License-Identifier: Apache-2.0
"""Logs as people send them: prefixes, boots, escapes, cuts."""

from __future__ import annotations

import gzip

import pytest

from tdxctl.capture.bootlog import read_log, which_boot
from tdxctl.errors import FirmwareDataError

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
