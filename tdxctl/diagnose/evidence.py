# SPDX-License-Identifier: Apache-2.0
"""What a log holds on TDX, sorted by what it is: the ground that checks stand on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from tdxctl.capture.bootlog import BootLog
from tdxctl.capture.host_texts import HostText
from tdxctl.capture.wrapped import LogLine
from tdxctl.messages.bring_up import (
    INITIALIZATION_FAILED,
    MODULE_INITIALIZED,
    MODULE_NOT_LOADED,
    SEAMCALL_FAILED,
    SEAMCALL_OUTPUT,
)
from tdxctl.messages.message import Message, Release, Stage
from tdxctl.messages.reading import Found, has_prefix, read
from tdxctl.seam.leaves import Leaf
from tdxctl.units import U64_MASK

#: Lines of a kind that are kept: the first few tell, a flood does not more.
_KEPT = 64
_COMMAND_LINE = re.compile(r"(?:^|\s|Kernel )[Cc]ommand line: (.*)$")
_CPUS_UP = re.compile(r"(?:Brought|Booted) up ")
_FIRST_WORDS = ("Linux version ", "kernel: ")
_KERNEL = re.compile(
    r"(?:Linux version |^kernel: )((\d{1,3}\.\d{1,4}(?:\.\d{1,4})?)[A-Za-z0-9._+~-]{0,80})"
)
_CPU0 = re.compile(
    r"CPU0: (.{0,80}?) ?\(fam(?:ily)?: (?:0x)?([0-9a-f]{1,3}), model: (?:0x)?([0-9a-f]{1,3})",
    re.ASCII,
)
# Of /proc/cpuinfo or lscpu, pasted beside a log.
_MODEL_NAME = re.compile(r"^\s*[Mm]odel name\s*: *(\S.{1,80})$")
# The board, of the boot and of backtraces.
_BOARD = re.compile(r"(?:^|\s)(?:DMI|Hardware name): (\S.{0,160})$")
_ON_TDX = re.compile(r"tdx|seam", re.IGNORECASE)
# Leaves that a kernel tries and does without: debug interfaces of pre-production modules.
_DEBUG_LEAVES = frozenset({254, 255})
# Leaves of the bring-up; any other one is a TD's, and only an initialized module takes it.
_BRING_UP = frozenset(
    {
        Leaf.TDH_SYS_KEY_CONFIG,
        Leaf.TDH_SYS_INFO,
        Leaf.TDH_SYS_INIT,
        Leaf.TDH_SYS_RD,
        Leaf.TDH_SYS_LP_INIT,
        Leaf.TDH_SYS_TDMR_INIT,
        Leaf.TDH_SYS_LP_SHUTDOWN,
        Leaf.TDH_SYS_CONFIG,
    }
)

# A leaf with a name that is not known here: of no check.
_NO_LEAF = U64_MASK >> 1

# Leaves of a runtime update and of the end: no TD makes them.
_UPDATE = frozenset(
    {
        Leaf.TDH_SYS_SHUTDOWN,
        Leaf.TDH_SYS_UPDATE,
        Leaf.TDH_SYS_DISABLE,
        Leaf.SEAMLDR_INFO,
        Leaf.SEAMLDR_INSTALL,
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A line of the log, the message that it is, and the message's fields."""

    line: LogLine
    message: Message
    fields: dict[str, int | str]

    def number(self, name: str) -> int:
        """A field that is a number."""
        return int(self.fields[name])


@dataclass(frozen=True, slots=True)
class FailedSeamcall:
    """A SEAMCALL that the log says failed. field_id: of a TDH.SYS.RD, where it is shown."""

    line: LogLine
    leaf: int
    status: int
    cpu: int | None = None
    field_id: int | None = None

    @property
    def is_debug(self) -> bool:
        """Whether kernels do without what this leaf would give."""
        return self.leaf in _DEBUG_LEAVES

    @property
    def is_of_a_td(self) -> bool:
        """Whether it is none of the bring-up's leaves."""
        known = self.leaf not in _BRING_UP | _UPDATE and self.leaf != _NO_LEAF
        return known and not self.is_debug

    @property
    def is_of_an_update(self) -> bool:
        """Whether it is of a runtime update, behind which no module is initialized any more."""
        return self.leaf in (Leaf.SEAMLDR_INSTALL, Leaf.TDH_SYS_UPDATE)


@dataclass(slots=True)
class Evidence:
    """The lines of a log on TDX, by the ids of their messages, in the order of the log.

    release: the oldest that its words can be of. wordings_of: whose words it has that no release
    prints. kernel: the running kernel's number. uname: what `uname -r` says of it. cpu: family and
    model of CPU 0. brand: its name. board: vendor, model and BIOS. command_line: of the kernel, as
    often as the log has it, each with its line. strange: lines on TDX in words that are not known
    here. quoted: those that are no log's. reaches_tdx: the log goes on beyond where a kernel finds
    TDX. others: lines on other things. ends: the last timestamp, in seconds. kvm_tdx: kvm_intel's
    parameter, None where it is not shown.
    """

    log: BootLog
    lines: dict[str, list[Seen]] = field(default_factory=dict)
    release: Release | None = None
    wordings_of: set[str] = field(default_factory=set)
    seamcalls: list[FailedSeamcall] = field(default_factory=list)
    kernel: str | None = None
    uname: str | None = None
    kernel_line: LogLine | None = None
    cpu: tuple[int, int] | None = None
    cpu_line: LogLine | None = None
    brand: str = ""
    board: str = ""
    strange: list[LogLine] = field(default_factory=list)
    quoted: list[LogLine] = field(default_factory=list)
    command_lines: list[tuple[LogLine, str]] = field(default_factory=list)
    reaches_tdx: bool = False
    others: int = 0
    ends: float = 0.0
    kvm_tdx: bool | None = None

    def first(self, *messages: Message) -> Seen | None:
        """The first line of the first of these messages that the log has."""
        return next((self.lines[m.id][0] for m in messages if m.id in self.lines), None)

    def last(self, *messages: Message) -> Seen | None:
        """The last line of the first of these messages that the log has."""
        return next((self.lines[m.id][-1] for m in messages if m.id in self.lines), None)

    def earliest(self, test: Callable[[Message], bool]) -> Seen | None:
        """The first line of the log whose message passes test."""
        first = (seen[0] for seen in self.lines.values() if test(seen[0].message))
        return min(first, key=lambda seen: seen.line.number, default=None)

    def reached(self, stage: Stage) -> Seen | None:
        """The first line of the log that is printed in stage or later."""
        return self.earliest(lambda message: message.stage >= stage)

    def latest(self, stage: Stage) -> Seen | None:
        """The last line of the log that is printed in stage."""
        last = (seen[-1] for seen in self.lines.values() if seen[0].message.stage is stage)
        return max(last, key=lambda seen: seen.line.number, default=None)

    def failed(self, *leaves: Leaf) -> FailedSeamcall | None:
        """The first SEAMCALL of one of these leaves that failed."""
        return next((call for call in self.seamcalls if call.leaf in leaves), None)

    @property
    def is_cut(self) -> bool:
        """Whether lines are missing that could tell: left out, of the beginning or the end."""
        return self.log.elided or not self.log.begins or not self.reaches_tdx


def gather(log: BootLog, texts: Iterable[HostText] = ()) -> Evidence:
    """The evidence in log, and in what is shown beside it where the log does not show it."""
    evidence = Evidence(log)
    quoted = _quoted(log)
    for line in log.lines:
        if line.bare and line in quoted:
            evidence.quoted.append(line)
            continue
        evidence.ends = max(evidence.ends, line.seconds or 0.0)
        if match := _COMMAND_LINE.search(line.text):
            if len(evidence.command_lines) < _KEPT:
                evidence.command_lines += [(line, text) for text in _command_lines(line, match[1])]
            continue
        found = read(line.text)
        for one in found:
            _note_release(evidence, one)
            _note(evidence, Seen(line, one.message, one.fields))
        if not found:
            _of_the_machine(evidence, line)
    for text in texts:
        _beside_the_log(evidence, text)
    return evidence


# How a bring-up ends.
_MAY_END = re.compile(r"nitiali[sz]|loaded")
_ENDS = frozenset({MODULE_INITIALIZED.id, INITIALIZATION_FAILED.id, MODULE_NOT_LOADED.id})


def _quoted(log: BootLog) -> frozenset[LogLine]:
    # Where the end of a bring-up comes with what a kernel or a tool puts before a line, another
    # end that does not is of whoever tells of it: `expected: virt/tdx: module initialized`.
    ends = [
        (line, found.message.id)
        for line in log.lines
        if _MAY_END.search(line.text)
        for found in read(line.text)
        if found.message.id in _ENDS
    ]
    stamped = {end for line, end in ends if not line.bare}
    if not stamped:
        return frozenset()
    return frozenset(line for line, end in ends if line.bare and end not in stamped)


def _beside_the_log(evidence: Evidence, text: HostText) -> None:
    # Of lscpu below a log the name is a line of the log too: the numbers are here alone.
    numbers = evidence.cpu is None and text.findings.cpu is not None
    if text.cpu_line is not None and (evidence.cpu_line is None or numbers):
        evidence.cpu, evidence.brand = text.findings.cpu, text.brand
        evidence.cpu_line = text.cpu_line
    if text.kvm_tdx is not None:
        evidence.kvm_tdx = text.kvm_tdx
    if text.command_line is not None and not evidence.command_lines:
        line = text.command_line
        evidence.command_lines.append((line, line.text.partition(": ")[2]))
    if text.kernel_line is not None:
        _note_kernel(evidence, text.kernel_line)
    for fact in text.facts:
        if fact.message.id not in evidence.lines:
            _note(evidence, Seen(fact.line, fact.message, fact.fields))


def _command_lines(line: LogLine, text: str) -> list[str]:
    # A terminal wrapped it in words, mail between them.
    if not line.parts:
        return [text]
    match = _COMMAND_LINE.search("".join(line.parts))
    return [text, match[1] if match else text]


def _of_the_machine(evidence: Evidence, line: LogLine) -> None:
    if has_prefix(line.text) and _ON_TDX.search(line.text):
        if len(evidence.strange) < _KEPT:
            evidence.strange.append(line)
        return
    evidence.others += 1
    # Secondary CPUs come up after the boot CPU was looked at for TDX.
    evidence.reaches_tdx = evidence.reaches_tdx or bool(_CPUS_UP.search(line.text))
    if evidence.kernel is None and line.text.startswith(_FIRST_WORDS):
        _note_kernel(evidence, line)
    elif evidence.cpu is None and (match := _CPU0.search(line.text)):
        evidence.cpu = (int(match[2], 16), int(match[3], 16))
        evidence.brand, evidence.cpu_line = match[1], line
    elif not evidence.brand and (match := _MODEL_NAME.search(line.text)):
        evidence.brand, evidence.cpu_line = match[1].strip(), line
    elif not evidence.board and (match := _BOARD.search(line.text)):
        evidence.board = match[1].strip()


def _note_kernel(evidence: Evidence, line: LogLine) -> None:
    if evidence.kernel is None and (match := _KERNEL.search(line.text)):
        evidence.uname, evidence.kernel, evidence.kernel_line = match[1], match[2], line


def _note_release(evidence: Evidence, found: Found) -> None:
    evidence.wordings_of.add(found.template.of)
    if found.release is not None:
        evidence.release = max(found.release, evidence.release or found.release)


def _note(evidence: Evidence, seen: Seen) -> None:
    if seen.message is SEAMCALL_FAILED:
        if _is_cut_short(seen):
            evidence.strange.append(seen.line)
        elif len(evidence.seamcalls) < _KEPT:
            evidence.seamcalls.append(_seamcall(seen))
    elif seen.message is SEAMCALL_OUTPUT:
        _add_field(evidence, seen)
    elif len(kept := evidence.lines.setdefault(seen.message.id, [])) < _KEPT:
        kept.append(seen)
    else:
        kept[-1] = seen


# The error bit of a status, its highest: what failed has it.
_ERROR = 1 << 63


def _is_cut_short(seen: Seen) -> bool:
    # The line ends within its status.
    last = seen.line.text.rstrip(" .)")
    digits = re.search(r"0x([0-9a-fA-F]{1,15})$", last)
    return digits is not None and not seen.number("status") & _ERROR


def _seamcall(seen: Seen) -> FailedSeamcall:
    # A leaf in decimal may be of any width; trees of 5.10 have its name.
    status = seen.number("status")
    if "name" in seen.fields:
        leaf = int(Leaf.__members__.get(str(seen.fields["name"]), _NO_LEAF))
    else:
        leaf = seen.number("leaf") & U64_MASK
    cpu = seen.number("cpu") if "cpu" in seen.fields else None
    return FailedSeamcall(seen.line, leaf, status, cpu)


def _add_field(evidence: Evidence, seen: Seen) -> None:
    # "RDX in": the field that TDH.SYS.RD was asked for, printed beside its failure.
    last = evidence.seamcalls[-1] if evidence.seamcalls else None
    if last is None or last.leaf != Leaf.TDH_SYS_RD or last.field_id is not None:
        return
    evidence.seamcalls[-1] = replace(last, field_id=seen.number("rdx"))
