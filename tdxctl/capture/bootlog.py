# SPDX-License-Identifier: Apache-2.0
"""A kernel log as people send it: prefixes of many tools, several boots, cut at either end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tdxctl.capture.foreign import named
from tdxctl.capture.records import Record, unpacked
from tdxctl.capture.text import decode, plain_line, plain_lines
from tdxctl.capture.wrapped import LogLine, joined
from tdxctl.errors import FirmwareDataError, UsageError
from tdxctl.messages import bring_up, machine
from tdxctl.messages.boot import KEYIDS
from tdxctl.messages.reading import has_prefix, read
from tdxctl.units import counted, printable

#: A log may have this many bytes; a week of debug output has a tenth of it.
MAX_LOG_SIZE = 64 << 20

# `[    1.234567]`, also with the task or CPU behind it: `[    1.234567][    T1]`, `[ 1.2@3]`.
_TIMESTAMP = re.compile(
    r"\[ {0,8}(\d{1,9}\.\d{0,9})(?:@\d+| < *\d+\.\d+ ?>)?\](?: ?\[ {0,6}[TC]\d{1,9}\])? ?"
)
_KERNELS_OWN = re.compile(r"(?:[\w.-]+ )?kernel(?:\[\d+\])?(?:: | (?:- ){3})")
# A message that another ran into, as serial consoles have them.
_STAMP_INSIDE = re.compile(r"(?<=[^\s<>])\s*(?=\[ {0,8}\d{1,9}\.\d{6}\])")
# What stands before the message where there is no such timestamp, by the tool that put it there.
_PREFIXES = (
    re.compile(r"\d{1,7}[:-](?=[\[<A-Za-z])"),  # grep -n
    re.compile(r"<\d{1,3}>(?:1 )?"),  # the level, as in pstore and syslog
    re.compile(r"(?:kern|user|daemon|syslog|auth) *: ?\w+ *: "),  # dmesg -x
    # dmesg -T, with -d too.
    re.compile(r"\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}(?: < *\d+\.\d+>)?\] "),
    # Documents; dmesg -H, -e and -d.
    re.compile(r"\[(?:\.\.+|\w{3} {0,2}\d{1,2} \d\d:\d\d| *[+<] *\d+\.\d+>?)\] "),
    re.compile(
        r"\w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Z+-][A-Z\d]{1,5} "
    ),  # short-full
    re.compile(
        r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d{2,3}[.,\d]*(?:Z|[+-]\d\d:?\d\d)?\]? "
    ),  # ISO times
    # syslog, journalctl; months in any language.
    re.compile(r"[^\s\d:\[\]]{2,12} {1,2}\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)? "),
    re.compile(r"\[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]? "),  # what takes down a console
    re.compile(r"\d{9,10}\.\d{6} "),  # journalctl -o short-unix
    re.compile(r"\[ {0,6}[TC]\d{1,9}\] "),  # the task or CPU, without a time
    re.compile(r"In\(\d{1,4}\) |cpu\d{1,4}:\d{1,9}\)"),  # ESXi
    _KERNELS_OWN,  # a host's name is not kept
)
_SHORTEST_PREFIX = 3
_NEW_BOOT = re.compile(r"^-- (?:Reboot|Boot [0-9a-f]{32}) --\s*$")
_FIRST = "Linux version "
_KERNEL = re.compile(r"Linux version (\d{1,3}\.\d{1,4}(?:\.\d{1,4})?\S{0,40})")
_COMMAND_LINE = re.compile(r"[Cc]ommand line: ")
# What kexec-tools and kdump put on the command line of the kernel that saves a crashed one.
_CRASH_KERNEL = re.compile(
    r"\belfcorehdr=|\breset_devices\b|\bsystemd\.unit=kdump|\broot=kdump\b"
    r"|\birqpoll\b.*\b(?:nr|max)_?cpus=1\b|\b(?:nr|max)_?cpus=1\b.*\birqpoll\b"
)
# What may be one of the messages below: a word of each.
_MAY_TELL = re.compile(r"KeyID|nitiali[sz]|Guest|Encryption")
# What a kernel inside a TD prints.
_OF_A_TD = frozenset({machine.GUEST.id, machine.GUEST_FEATURES.id})
# What every boot with TDX has once, and a filter for tdx leaves; and how a bring-up ends.
_ONCE = KEYIDS.id
_ENDS = frozenset({bring_up.MODULE_INITIALIZED.id, bring_up.INITIALIZATION_FAILED.id})
# Two kernels' clocks are further apart than a console mixes the lines of one.
_APART = 0.5
_BOOTS_NAMED = 8
_ELIDED = re.compile(
    r"\W*(?:\.{3,}|\u2026|snip(?:ped)?)\W*"
    r"|[\[(<{*-].*\b(?:snip(?:ped)?|cut|omitted|elided|skipped|truncated"
    r"|lines? (?:removed|deleted))\b.*[\])>}*-]",
    re.IGNORECASE,
)
_LONGEST_ELISION = 80
# What no text other than a kernel's log has, lines of the catalogue aside.
_OF_A_KERNEL = re.compile(
    r"\[ {0,8}\d{1,9}\.\d{6}\]|Linux version \d|BIOS-e820: "
    r"|Command line: |Early memory node ranges|CPU topo: |smpboot: |SRAT: "
    r"|\bCPU: \d+ (?:UID: \d+ )?PID: \d+"
)


@dataclass(frozen=True, slots=True)
class _Piece:
    # A message. begins: it has a prefix, so that it is no continuation of the line before.
    # of_a_kernel: its prefix is a kernel's.
    line: LogLine
    begins: bool
    of_a_kernel: bool


@dataclass(frozen=True, slots=True)
class Boot:
    """One of the boots in a log: its first line, its kernel, whether a crash kernel's or a TD's."""

    line: int
    kernel: str | None
    is_crash_kernel: bool
    is_of_a_td: bool = False


@dataclass(frozen=True, slots=True)
class BootLog:
    """A boot of a log: the last one that is no crash kernel's, or the one asked for.

    all_boots: those that the log holds. boot: which it is, from 1. elided: whoever sent it left
    lines out. begins: its first line is there.
    """

    name: str
    lines: tuple[LogLine, ...]
    all_boots: tuple[Boot, ...]
    boot: int
    elided: bool
    begins: bool

    @property
    def boots(self) -> int:
        """How many boots the log holds."""
        return len(self.all_boots)

    @property
    def is_crash_kernel(self) -> bool:
        """Whether it is of the kernel that saves a crashed one's memory."""
        return self.all_boots[self.boot - 1].is_crash_kernel


def which_boot(log: BootLog) -> str | None:
    """Which boots the log holds and which is taken; None where there is nothing to say."""
    if log.boots == 1:
        if log.all_boots[0].is_of_a_td:
            return "is of a kernel in a TD: the memory and the CPUs are the TD's, not the machine's"
        if not log.is_crash_kernel:
            return None
        return (
            "is of a crash kernel (kdump: elfcorehdr= is on its command line): the memory and the "
            "CPUs are those it was left, not the machine's"
        )
    shown = [
        f"{number} ({'crash kernel, ' if boot.is_crash_kernel else ''}"
        f"{'in a TD, ' if boot.is_of_a_td else ''}"
        f"{f'Linux {boot.kernel}, ' if boot.kernel else ''}line {boot.line})"
        for number, boot in enumerate(log.all_boots, start=1)
    ]
    if len(shown) > _BOOTS_NAMED:
        shown[_BOOTS_NAMED // 2 : -_BOOTS_NAMED // 2] = ["..."]
    text = f"holds {log.boots} boots: {', '.join(shown)}. Boot {log.boot} is taken"
    return text + (
        "; it is a crash kernel's" if log.is_crash_kernel else "; --boot N takes another"
    )


def read_log(
    data: bytes, name: str, *, of_a_kernel: bool = True, boot: int | None = None
) -> BootLog:
    """The boot in data that tells of the machine, or the boot-th, from 1.

    Raises FirmwareDataError where that is no text, or, with of_a_kernel, no kernel's log;
    UsageError where it has no such boot.
    """
    return parse_log(decode(data, name), name, of_a_kernel=of_a_kernel, boot=boot)


def parse_log(
    text: str,
    name: str,
    *,
    of_a_kernel: bool = True,
    boot: int | None = None,
    lines: list[tuple[int, str]] | None = None,
) -> BootLog:
    """The same of a text. lines: its plain lines, where they are known."""
    if lines is None:
        lines = plain_lines(text)
    pieces = [piece for record in unpacked(lines) for piece in _pieces(record)]
    if of_a_kernel and not any(_is_of_a_kernel(piece) for piece in pieces):
        foreign = named(text)
        raise FirmwareDataError(
            "is not a kernel's log",
            file=name,
            detail=f"it {foreign.what}" if foreign else "no line of it is one that a kernel prints",
            hint=foreign.instead
            if foreign
            else "the output of dmesg, journalctl -k or a serial console",
        )
    boots = _boots(joined([(piece.line, piece.begins) for piece in pieces]))
    shown = tuple(_shown(lines) for lines in boots)
    if boot is None:
        boot = _last_of_the_machine(shown)
    elif not 1 <= boot <= len(shown):
        raise UsageError(
            f"no boot {boot} in '{printable(name)}'", hint=f"it holds {counted(len(shown), 'boot')}"
        )
    taken = boots[boot - 1]
    return BootLog(
        name,
        tuple(taken),
        shown,
        boot,
        elided=any(_is_elision(line.text) for line in taken),
        begins=any(line.text.startswith(_FIRST) for line in taken),
    )


def _last_of_the_machine(boots: tuple[Boot, ...]) -> int:
    # The last boot of the host itself; else the last that is at least no crash kernel's.
    numbers = range(1, len(boots) + 1)
    no_crash = [n for n in numbers if not boots[n - 1].is_crash_kernel]
    hosts = [n for n in no_crash if not boots[n - 1].is_of_a_td]
    return (hosts or no_crash or numbers)[-1]


def _is_elision(text: str) -> bool:
    # A backtrace begins with the kernel's own `[ cut here ]`.
    if len(text) > _LONGEST_ELISION or "cut here" in text:
        return False
    return bool(_ELIDED.fullmatch(text.strip()))


def _shown(lines: list[LogLine]) -> Boot:
    first = next((line for line in lines if line.text.startswith(_FIRST)), None)
    kernel = None if first is None else _KERNEL.match(first.text)
    return Boot(
        line=lines[0].number if lines else 1,
        kernel=None if kernel is None else kernel[1],
        is_crash_kernel=any(
            _COMMAND_LINE.search(line.text) and _CRASH_KERNEL.search(line.text) for line in lines
        ),
        is_of_a_td=any(not _OF_A_TD.isdisjoint(_ids(line)) for line in lines),
    )


def _is_of_a_kernel(piece: _Piece) -> bool:
    if not piece.line.text:
        return False
    if piece.of_a_kernel or _OF_A_KERNEL.search(piece.line.text) or has_prefix(piece.line.text):
        return True
    return bool(read(piece.line.text))


def _ids(line: LogLine) -> set[str]:
    # The messages that a line is that may tell.
    if not _MAY_TELL.search(line.text):
        return set()
    return {found.message.id for found in read(line.text)}


def _boots(lines: Iterable[LogLine]) -> list[list[LogLine]]:
    # The lines of each boot, empty ones left out; at least one boot.
    boots = _Boots()
    for line in lines:
        if line.text:
            boots.add(line)
    return [boot for boot in boots.all if boot] or [[]]


class _Boots:
    # Boots as they are told apart: by what comes once in each. clock: the last timestamp.
    # turned: where in the boot the clock last went back. keyids, end: where in it its KeyIDs and
    # the end of a bring-up are told.
    def __init__(self) -> None:
        self.all: list[list[LogLine]] = [[]]
        self._begin([])

    def _begin(self, lines: list[LogLine]) -> None:
        self.all.append(lines)
        self._has_first = self._has_command_line = False
        self._clock = 0.0
        self._turned = 0
        self._keyids: int | None = None
        self._end: int | None = None

    def add(self, line: LogLine) -> None:
        if _NEW_BOOT.match(line.text):
            self._begin([])
            return
        first = line.text.startswith(_FIRST)
        # What was filtered for a word lacks the first line, and begins with the command line.
        command_line = line.text.startswith("Command line: ") and not line.seconds
        if (first and self._has_first) or (command_line and self._has_command_line):
            self._begin([])
        self._has_first = self._has_first or first
        self._has_command_line = self._has_command_line or command_line
        self._look_at_the_clock(line)
        ids = _ids(line)
        if _ONCE in ids:
            self._tell_keyids(line)
        elif not _ENDS.isdisjoint(ids):
            self._tell_end(line)
        self.all[-1].append(line)

    def _look_at_the_clock(self, line: LogLine) -> None:
        if line.seconds is None:
            return
        if line.seconds < self._clock - _APART:
            self._turned = len(self.all[-1])
        self._clock = line.seconds

    def _tell_keyids(self, line: LogLine) -> None:
        # A second time: the same line pasted again, or another boot whose beginning is filtered
        # out. That began where the clock went back.
        boot = self.all[-1]
        if self._keyids is not None and (
            line.seconds is None or line.seconds != boot[self._keyids].seconds
        ):
            self._split(self._turned if self._turned > self._keyids else len(boot))
        self._keyids = len(self.all[-1])

    def _tell_end(self, line: LogLine) -> None:
        # Another end, earlier than what is shown: of another boot.
        boot = self.all[-1]
        end = self._end
        if end is not None and self._turned > end and line.seconds != boot[end].seconds:
            self._split(self._turned)
        self._end = len(self.all[-1])

    def _split(self, begin: int) -> None:
        boot = self.all[-1]
        self.all[-1] = boot[:begin]
        self._begin(boot[begin:])


def message_of(line: str) -> str:
    """A line of a log without what tools and consoles put before the kernel's message."""
    pieces = [piece for record in unpacked([(1, plain_line(line))]) for piece in _pieces(record)]
    return pieces[-1].line.text if pieces else ""


def _pieces(record: Record) -> Iterator[_Piece]:
    # The messages in a line, most often one.
    if not record.text:
        yield _Piece(LogLine(record.number, "", None), begins=False, of_a_kernel=False)
        return
    if record.is_record and record.seconds is not None:
        line = LogLine(record.number, record.text, record.seconds)
        yield _Piece(line, begins=True, of_a_kernel=True)
        return
    for text in _STAMP_INSIDE.split(record.text) if record.text.count("[") > 1 else (record.text,):
        piece = _piece(record.number, text)
        if record.is_record:
            whole = replace(piece.line, bare=False)
            piece = _Piece(whole, begins=True, of_a_kernel=True)
        yield piece


def _piece(number: int, text: str) -> _Piece:
    # Whatever a console or a pager put before the kernel's timestamp goes with it.
    stamp = _TIMESTAMP.search(text, 0, 200)
    if stamp is not None:
        rest = text[stamp.end() :]
        if match := _KERNELS_OWN.match(rest):  # journalctl -o short-monotonic
            rest = rest[match.end() :]
        of_a_kernel = len(stamp[1].partition(".")[2]) == 6
        return _Piece(LogLine(number, rest, float(stamp[1])), begins=True, of_a_kernel=of_a_kernel)
    stripped = text
    of_a_kernel = False
    for prefix in _PREFIXES if len(text) > _SHORTEST_PREFIX else ():
        if match := prefix.match(stripped.lstrip()):
            stripped = stripped.lstrip()[match.end() :]
            of_a_kernel = of_a_kernel or prefix is _KERNELS_OWN
    begins = stripped != text
    return _Piece(LogLine(number, stripped, None, bare=not begins), begins, of_a_kernel)
