# SPDX-License-Identifier: Apache-2.0
"""A kernel log as people send it: prefixes of many tools, several boots, cut at either end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tdxctl.errors import FirmwareDataError
from tdxctl.messages.reading import has_prefix, read

#: A log may have this many bytes; a week of debug output has a tenth of it.
MAX_LOG_SIZE = 64 << 20

# Colours and cursor movements of serial consoles.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]")
# `[    1.234567]`, also with the task or CPU behind it: `[    1.234567][    T1]`, `[ 1.2@3]`.
_TIMESTAMP = re.compile(
    r"\[ {0,8}(\d{1,9}\.\d{1,9})(?:@\d+| < *\d+\.\d+>)?\](?: ?\[ {0,6}[TC]\d{1,9}\])? ?"
)
# What stands before the message where there is no such timestamp, by the tool that put it there.
_PREFIXES = (
    re.compile(r"<\d{1,3}>"),  # the level, as in pstore and /dev/kmsg
    re.compile(r"(?:kern|user|daemon|syslog|auth) *: ?\w+ *: "),  # dmesg -x
    re.compile(r"\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\] "),  # dmesg -T
    re.compile(r"\[(?:\.\.+|\w{3}\d\d \d\d:\d\d| *[+<] *\d+\.\d+>?)\] "),  # documents; dmesg -e, -d
    re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(?:Z|[+-]\d\d:?\d\d)? "),  # ISO times
    re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? "),  # syslog, journalctl
    re.compile(r"(?:[\w.-]+ )?kernel(?:\[\d+\])?: "),  # a host's name is not kept
)
_NEW_BOOT = re.compile(r"^-- (?:Reboot|Boot [0-9a-f]{32}) --\s*$")
_FIRST = "Linux version "
_ELIDED = re.compile(r"^\s*(?:\.{3,}|\[\.\.\.\]|<snip>|\(snip\)|\[snip\]|…)\s*$", re.IGNORECASE)
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
# What no text other than a kernel's log has, lines of the catalogue aside.
_OF_A_KERNEL = re.compile(
    r"\[ {0,8}\d{1,9}\.\d{6}\]|Linux version \d|BIOS-e820: "
    r"|Command line: |Early memory node ranges|CPU topo: |smpboot: |SRAT: "
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log: its number in the file, from 1, and the message without prefixes.

    seconds: since boot, None where the line has no such timestamp.
    """

    number: int
    text: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class BootLog:
    """The last boot of a log.

    boots: how many the log holds. elided: whoever sent it left lines out. begins: its first line
    is there.
    """

    name: str
    lines: tuple[LogLine, ...]
    boots: int
    elided: bool
    begins: bool


def read_log(data: bytes, name: str, *, of_a_kernel: bool = True) -> BootLog:
    """The last boot in data.

    Raises FirmwareDataError where that is no text, or, with of_a_kernel, no kernel's log.
    """
    text = decode(data, name)
    if of_a_kernel and not _is_of_a_kernel(_ESCAPES.sub("", text)):
        raise FirmwareDataError(
            "is not a kernel's log",
            file=name,
            detail="no line of it is one that a kernel prints",
            hint="the output of dmesg, journalctl -k or a serial console",
        )
    lines = [_line(number, raw) for number, raw in enumerate(text.split("\n"), start=1)]
    boots = _boots(lines)
    last = boots[-1]
    return BootLog(
        name,
        tuple(last),
        len(boots),
        elided=any(_ELIDED.match(line.text) for line in last),
        begins=any(line.text.startswith(_FIRST) for line in last),
    )


def _is_of_a_kernel(text: str) -> bool:
    if _OF_A_KERNEL.search(text) or has_prefix(text):
        return True
    return any(read(line) for line in filter(None, text.split("\n")))


def _boots(lines: list[LogLine]) -> list[list[LogLine]]:
    # The lines of each boot, empty ones left out; at least one boot.
    boots: list[list[LogLine]] = [[]]
    has_first = has_command_line = False
    for line in lines:
        if not line.text:
            continue
        separator = bool(_NEW_BOOT.match(line.text))
        first = line.text.startswith(_FIRST)
        # What was filtered for a word lacks the first line, and begins with the command line.
        command_line = line.text.startswith("Command line: ") and not line.seconds
        if separator or (first and has_first) or (command_line and has_command_line):
            boots.append([])
            has_first = has_command_line = False
        has_first = has_first or first
        has_command_line = has_command_line or command_line
        if not separator:
            boots[-1].append(line)
    return [boot for boot in boots if boot] or [[]]


def decode(data: bytes, name: str) -> str:
    """data as text with newlines only. Raises FirmwareDataError for what is no text."""
    for magic, tool in _COMPRESSED.items():
        if data.startswith(magic):
            raise FirmwareDataError(f"is compressed with {tool}", file=name, hint="unpack it first")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    else:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def message_of(line: str) -> str:
    """A line of a log without what tools and consoles put before the kernel's message."""
    return _line(1, line).text


def _line(number: int, raw: str) -> LogLine:
    text = _ESCAPES.sub("", raw).rstrip()
    # Whatever a console or a pager put before the kernel's timestamp goes with it.
    stamp = _TIMESTAMP.search(text, 0, 200)
    if stamp is not None:
        rest = text[stamp.end() :]
        for prefix in _PREFIXES[-1:]:  # journalctl -o short-monotonic
            if match := prefix.match(rest):
                rest = rest[match.end() :]
        return LogLine(number, rest, float(stamp[1]))
    stripped = text
    for prefix in _PREFIXES:
        if match := prefix.match(stripped.lstrip()):
            stripped = stripped.lstrip()[match.end() :]
    return LogLine(number, stripped if stripped != text else text, None)
