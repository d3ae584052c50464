# SPDX-License-Identifier: Apache-2.0
"""One log in the forms that tools, mail and people give it: each shows the same machine."""

from __future__ import annotations

import json
import quopri
import textwrap
from base64 import b64encode
from html import escape
from typing import Any

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.diagnose.diagnosis import diagnose

MESSAGES = (
    "Linux version 6.8.0-59-generic (builder@example) (gcc 13.2.0) #61 SMP",
    "Command line: BOOT_IMAGE=/vmlinuz ro root=UUID=00000000-0000-0000-0000-000000000000 "
    "nohibernate kvm_intel.tdx=1 quiet splash crashkernel=512M console=ttyS0,115200",
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009efff] usable",
    "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable",
    "BIOS-e820: [mem 0x0000000080000000-0x000000008fffffff] ACPI NVS",
    "BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable",
    "Early memory node ranges",
    "  node   0: [mem 0x0000000000001000-0x000000000009efff]",
    "  node   0: [mem 0x0000000000100000-0x000000007fffffff]",
    "  node   1: [mem 0x0000000100000000-0x000000017fffffff]",
    "smpboot: Allowing 4 CPUs, 0 hotplug CPUs",
    "smp: Brought up 2 nodes, 4 CPUs",
    "virt/tdx: BIOS enabled: private KeyID range [32, 64)",
    "virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.",
    "virt/tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, minor_version 5, "
    "build_date 20240129, build_num 698",
    "virt/tdx: CMR: [0x100000, 0x80000000)",
    "virt/tdx: CMR: [0x100000000, 0x180000000)",
    "virt/tdx: SEAMCALL (0x0000000000000021) failed: 0xc000090000000000",
    "virt/tdx: module initialization failed (-5)",
)
SECONDS = [0.0, 0.0, *(0.001 * i for i in range(10)), 1.5, 1.5, *(8.0 + 0.1 * i for i in range(5))]


def _stamped(prefix: str = "", suffix: str = "") -> list[str]:
    return [
        f"{prefix}[{at:12.6f}]{suffix} {text}" for at, text in zip(SECONDS, MESSAGES, strict=True)
    ]


def _before(prefix: str) -> str:
    return "\n".join(prefix + text for text in MESSAGES)


def _mail(lines: list[str], quote: str = "", width: int = 72) -> str:
    wrapped = (textwrap.wrap(line, width, break_on_hyphens=False) for line in lines)
    return "\n".join(quote + part for parts in wrapped for part in parts)


def _terminal(lines: list[str], width: int) -> str:
    return "\n".join(line[at : at + width] for line in lines for at in range(0, len(line), width))


def _journal(text: str, at: float, **more: str) -> dict[str, Any]:
    return {
        "_HOSTNAME": "h",
        "_TRANSPORT": "kernel",
        "_BOOT_ID": "0123456789abcdef0123456789abcdef",
        "MESSAGE": text,
        "_SOURCE_MONOTONIC_TIMESTAMP": str(round(at * 1e6)),
        **more,
    }


RECORDS = [_journal(text, at) for at, text in zip(SECONDS, MESSAGES, strict=True)]
DMESG = [{"pri": 6, "time": at, "msg": text} for at, text in zip(SECONDS, MESSAGES, strict=True)]
EXPORT = "\n\n".join("\n".join(f"{k}={v}" for k, v in record.items()) for record in RECORDS)
VERBOSE = "\n".join(
    "Wed 2025-04-09 13:03:01.000000 UTC [s=0;i=1;b=0123456789abcdef;m=0;t=0;x=0]\n"
    + "\n".join(f"    {k}={v}" for k, v in record.items())
    for record in RECORDS
)

FORMS = {
    "dmesg": "\n".join(_stamped()),
    "dmesg -t": "\n".join(MESSAGES),
    "dmesg -x": "\n".join(_stamped("kern  :info  : ")),
    "dmesg -T": _before("[Wed Apr  9 13:03:01 2025] "),
    "dmesg -H": _before("[Apr 9 13:03] "),
    "dmesg --time-format iso": _before("2025-04-09T13:03:01,123456+00:00 "),
    "dmesg --color": "\n".join(
        f"\x1b[32m[{at:12.6f}] \x1b[0m\x1b[33m{text}\x1b[0m"
        for at, text in zip(SECONDS, MESSAGES, strict=True)
    ),
    "colours without their escape": "\n".join(
        f"[32m[{at:12.6f}] [0m{text}" for at, text in zip(SECONDS, MESSAGES, strict=True)
    ),
    "dmesg --json": json.dumps({"dmesg": DMESG}, indent=3),
    "dmesg --json in one line": json.dumps({"dmesg": DMESG}),
    "dmesg --json cut": json.dumps({"dmesg": DMESG}, indent=3)[20:-3],
    "printk with callers": "\n".join(_stamped(suffix="[    T1]")),
    "callers without times": _before("[    T1] "),
    "/dev/kmsg": "\n".join(
        f"6,{number},{round(at * 1e6)},-;{text}\n SUBSYSTEM=cpu"
        for number, (at, text) in enumerate(zip(SECONDS, MESSAGES, strict=True))
    ),
    "journalctl": _before("Apr 09 13:03:01 some-host kernel: "),
    "short-full": _before("Wed 2025-04-09 13:03:01 UTC some-host kernel: "),
    "short-iso": _before("2025-04-09T13:03:01+0000 some-host kernel: "),
    "short-iso-precise": _before("2025-04-09T13:03:01.123456+00:00 some-host kernel: "),
    "short-unix": _before("1744203781.123456 some-host kernel: "),
    "short-monotonic": "\n".join(line.replace("] ", "] h kernel: ", 1) for line in _stamped()),
    "json": "\n".join(map(json.dumps, RECORDS)),
    "json-pretty": "\n".join(json.dumps(record, indent=8) for record in RECORDS),
    "json, grepped out of all": "\n".join(
        json.dumps(_journal("virt/tdx: module initialized", 99.0, _TRANSPORT="stdout"))
        + "\n"
        + json.dumps(record)
        for record in RECORDS
    ),
    "export": EXPORT,
    "export, messages only": "\n".join(f"MESSAGE={text}" for text in MESSAGES),
    "verbose": VERBOSE,
    "syslog": "\n".join(_stamped("Apr  9 13:03:01 some-host kernel: ")),
    "syslog of RFC 5424": _before("<6>1 2025-04-09T13:03:01.123Z some-host kernel - - - "),
    "ESXi": _before("2025-04-09T13:03:01.000Z In(182) kernel: "),
    "console with times": _before("[2025-04-09 13:03:01.123] "),
    "console with carriage returns": "\r\r\n".join(_stamped()),
    "serial console, two in one line": "".join(_stamped()),
    "grep -n": "\n".join(f"{number}:{line}" for number, line in enumerate(_stamped(), start=7)),
    "mail": _mail(_stamped()),
    "mail of a journal": _mail(_before("Apr 09 13:03:01 h kernel: ").split("\n")),
    "mail, without times": _mail(list(MESSAGES)),
    "mail, quoted": _mail(_stamped(), "> "),
    "mail, quoted again": _mail(_stamped(), ">> > "),
    "mail, quoted, then wrapped": _mail(_stamped("> > "), width=78),
    "quoted-printable": "=\n".join(
        textwrap.wrap(
            "\n".join(_stamped()).replace("=", "=3D"),
            900,
            break_on_hyphens=False,
            replace_whitespace=False,
            drop_whitespace=False,
        )
    ),
    "a terminal of 80": _terminal(_stamped(), 80),
    "a terminal of 100": _terminal(_stamped(), 100),
    "Markdown": "Hello,\n\n```console\n" + "\n".join(_stamped()) + "\n```\nthanks\n",
    "Markdown, escaped": "\n".join(_stamped()).replace("[", "\\[").replace("kvm_", "kvm\\_"),
    "Markdown, a table": "| line |\n|---|\n" + "\n".join(f"| {line} |" for line in _stamped()),
    "Markdown, code": "\n".join(f"`{line}`" for line in MESSAGES),
    "HTML": "<pre>" + escape("\n".join(_stamped())) + "</pre>",
    "HTML with entities": "<br>\n".join(
        line.replace(" ", "&nbsp;").replace("[", "&#91;") for line in _stamped()
    ),
    "stored mail, base64": "Content-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: base64\n\n"
    + b64encode("\n".join(_stamped()).encode()).decode()
    + "\n--b--\n",
    "stored mail, quoted-printable": "Content-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: quoted-printable\n\n"
    + quopri.encodestring("\n".join(_stamped()).encode()).decode(),
    "a list of code": "\n".join(f"- `{line}`" for line in _stamped()),
    "a list of HTML": "\n".join(f"<li>{escape(line)}</li>" for line in _stamped()),
    "bold": "\n".join(f"**{line}**" for line in _stamped()),
    "cat -A": "\n".join(f"{line}^M$" for line in _stamped()),
    "a string of JSON": json.dumps({"body": "\n".join(_stamped())}),
    "a container's log": "\n".join(
        json.dumps({"log": f"{line}\n", "stream": "stdout"}) for line in _stamped()
    ),
    "a table of commas": "\n".join(f'"{line}","host"' for line in _stamped()),
    "full-width characters": "\n".join(_stamped()).translate(
        {ord(plain): chr(ord(plain) + 0xFEE0) for plain in "():[]"}
    ),
    "short-delta": "\n".join(
        f"[{at:12.6f} <    0.000001 >] h kernel: {text}"
        for at, text in zip(SECONDS, MESSAGES, strict=True)
    ),
    "dmesg -T -d": _before("[Wed Apr  9 13:03:01 2025 <    0.000001>] "),
    "non-breaking spaces": "\n".join(_stamped()).replace(" ", "\u00a0"),
    "zero-width spaces": "\n".join(_stamped()).replace(":", ":\u200b"),
    "UTF-16": "\n".join(_stamped()),
}


@pytest.mark.parametrize(
    "wrapped",
    [
        "[    0.3] virt/tdx: initialization failed: Hibernation\nsupport is enabled\n",
        "> [    0.3] virt/tdx: initialization failed: too few private\n> KeyIDs available.\n",
    ],
)
def test_a_known_line_is_preferred_to_any_words(wrapped: str) -> None:
    """Expect the first part, which any words may follow, to be no whole line."""
    found = diagnose(read_log(wrapped.encode(), "t"))
    assert found.deciding is not None
    assert found.deciding.check.id in ("hibernation", "keyids")


@pytest.mark.parametrize("form", FORMS)
def test_what_a_log_shows_survives_its_form(form: str) -> None:
    data = FORMS[form].encode("utf-16" if form == "UTF-16" else "utf-8")
    log = read_log(data, "t")
    shown = read_dmesg(log)
    assert [(block.start, block.end, block.node) for block in shown.blocks] == [
        (0x1000, 0x9F000, 0),
        (0x100000, 0x80000000, 0),
        (0x100000000, 0x180000000, 1),
    ]
    assert shown.usable == (
        (0x1000, 0x9F000),
        (0x100000, 0x80000000),
        (0x100000000, 0x180000000),
    )
    assert shown.cmrs == ((0x100000, 0x80000000), (0x100000000, 0x180000000))
    assert (shown.present, shown.keyids, shown.kernel) == (4, (32, 64), "6.8.0")
    assert shown.module is not None
    assert (shown.module.version, shown.module.build_num) == ("1.5", 698)
    found = diagnose(log)
    assert found.deciding is not None
    assert (found.state, found.deciding.check.id) == ("failed", "sys-init")
    [command_line] = [r.outcome for r in found.results if r.check.id == "command-line"]
    assert command_line.verdict == "PASS"


def test_a_verdict_that_rests_on_a_joined_line_says_so() -> None:
    found = diagnose(read_log(FORMS["mail, quoted"].encode(), "t"))
    assert found.deciding is not None
    line = found.deciding.outcome.line
    assert line is not None
    assert line.text == MESSAGES[-2]
    assert found.notes == (
        f"line {line.number}, on which this rests, was wrapped: it is put together from 2 lines of "
        "the file",
    )


def test_capture_says_that_lines_were_joined() -> None:
    warnings = read_dmesg(read_log(FORMS["mail"].encode(), "t")).warnings
    assert any("was wrapped" in warning for warning in warnings)
    assert not read_dmesg(read_log(FORMS["dmesg"].encode(), "t")).warnings


KEPT_APART = {
    "prose behind a whole line": (
        "[    1.0] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\nand so on\n"
    ),
    "a word behind a reason": (
        "[    1.0] virt/tdx: initialization failed: Hibernation support is enabled\nplease help\n"
    ),
    "another message": "tdx: SEAMCALL failed: leaf 33,\nvirt/tdx: module initialized\n",
    "a line with a time": "[ 1.0] virt/tdx: BIOS enabled: private KeyID range [32,\n[ 2.0] 64)\n",
}


@pytest.mark.parametrize("what", KEPT_APART)
def test_lines_that_no_kernel_prints_as_one_are_not_joined(what: str) -> None:
    assert [line.parts for line in read_log(KEPT_APART[what].encode(), "t").lines] == [(), ()]


def test_a_status_that_lost_its_end_is_made_whole() -> None:
    text = "[    8.000000] virt/tdx: SEAMCALL (0x0000000000000022) failed: 0xc0000505\n00000000\n"
    [line] = read_log(text.encode(), "t").lines
    assert line.text.endswith("failed: 0xc000050500000000")


BOOT = (
    "[    0.000000] Linux version 6.6.0 (gcc)\n[    0.000000] Command line: ro crashkernel=512M\n"
)
CRASH = (
    "[    0.000000] Linux version 6.6.0 (gcc)\n"
    "[    0.000000] Command line: elfcorehdr=0x2f000000 ro irqpoll nr_cpus=1 reset_devices\n"
)


def _allowing(cpus: int) -> str:
    return f"[    0.005000] smpboot: Allowing {cpus} CPUs, 0 hotplug CPUs\n"


@pytest.mark.parametrize(
    ("log", "boot", "taken", "cpus"),
    [
        (BOOT + _allowing(96) + CRASH + _allowing(1), None, 1, 96),
        (BOOT + _allowing(96) + CRASH + _allowing(1), 2, 2, 1),
        (BOOT + _allowing(96) + CRASH + _allowing(1) + BOOT + _allowing(64), None, 3, 64),
        (BOOT + _allowing(96) + CRASH + _allowing(1) + BOOT + _allowing(64), 1, 1, 96),
        (CRASH + _allowing(1), None, 1, 1),
    ],
)
def test_the_last_boot_that_is_no_crash_kernels_is_taken(
    log: str, boot: int | None, taken: int, cpus: int
) -> None:
    read = read_log(log.encode(), "t", boot=boot)
    shown = read_dmesg(read)
    assert (read.boot, shown.present) == (taken, cpus)
    assert any("crash kernel" in warning for warning in shown.warnings)


def test_a_line_on_cpus_that_ran_into_one_on_tdx_is_read_too() -> None:
    log = read_log(b"virt/tdx: 24636 KB allocated for PAMTsmp: Brought up 1 node, 4 CPUs\n", "t")
    assert read_dmesg(log).brought_up == 4


def test_the_boots_of_a_log_are_named() -> None:
    log = read_log((BOOT + _allowing(96) + CRASH + _allowing(1)).encode(), "t")
    assert read_dmesg(log).warnings == (
        "the log holds 2 boots: 1 (Linux 6.6.0, line 1), 2 (crash kernel, Linux 6.6.0, line 4). "
        "Boot 1 is taken; --boot N takes another",
    )


def test_records_of_two_boots_are_told_apart() -> None:
    second = [{**record, "_BOOT_ID": "f" * 32} for record in RECORDS[12:]]
    log = read_log("\n".join(map(json.dumps, RECORDS + second)).encode(), "t")
    assert (log.boots, log.boot, len(log.lines)) == (2, 2, 7)


def test_a_crash_kernels_log_alone_says_nothing_of_tdx() -> None:
    """Expect no verdict: a crash kernel does without TDX whatever the machine has."""
    lines = "".join(f"[    {i}.000000] usb {i}: device\n" for i in range(1, 9))
    found = diagnose(read_log((CRASH + _allowing(1) + lines).encode(), "t"))
    assert (found.state, found.deciding) == ("unknown", None)
    assert "crash kernel" in found.summary


BIOS = "[    2.000000] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"


@pytest.mark.parametrize(
    "rest",
    [
        "[   19.000000] virt/tdx: SEAMCALL (0x00000000\n",
        "[   19.000000] virt/tdx: initial\n",
        "[   19.000000] virt/tdx: something that is not known\n",
    ],
)
def test_what_may_say_what_became_of_tdx_is_no_silence(rest: str) -> None:
    """Expect no `not started` where the kernel did say something, cut or in unknown words."""
    others = "".join(f"[   2{i}.000000] usb {i}: device\n" for i in range(9))
    found = diagnose(read_log((BIOS + rest + others).encode(), "t"))
    assert found.state in ("unknown", "failed")
    assert diagnose(read_log((BIOS + others).encode(), "t")).state == "not started"


@pytest.mark.parametrize(
    "line",
    ["...", "[...]", "[ ... ]", "<snip>", "-- snip --", "[ 123 lines skipped ]", "(cut)", "\u2026"],
)
def test_marks_of_lines_left_out_are_known(line: str) -> None:
    assert read_log(f"{BIOS}{line}\n".encode(), "t").elided


@pytest.mark.parametrize("line", ["usb 1-1: device removed", "ata1: cut", "frames skipped"])
def test_messages_that_only_sound_so_are_none(line: str) -> None:
    assert not read_log(f"{BIOS}[    3.000000] {line}\n".encode(), "t").elided
