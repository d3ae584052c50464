# SPDX-License-Identifier: Apache-2.0
"""What a log holds on TDX, sorted by what it is: the ground that checks stand on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tdxctl.capture.bootlog import BootLog, LogLine
from tdxctl.explain.loglines import find_line
from tdxctl.seam.leaves import Leaf
from tdxctl.units import U64_MASK

#: Lines of a kind that are kept: the first few tell, a flood does not more.
_KEPT = 64
_COMMAND_LINE = re.compile(r"(?:^|\s|Kernel )[Cc]ommand line: (.*)$")
_CPUS_UP = re.compile(r"(?:Brought|Booted) up ")
_FIRST_WORDS = ("Linux version ", "kernel: ")
_KERNEL = re.compile(r"(?:Linux version |^kernel: )(\d{1,3}\.\d{1,4}(?:\.\d{1,4})?)")
_CPU0 = re.compile(
    r"CPU0: .*\(fam(?:ily)?: (?:0x)?([0-9a-f]{1,3}), model: (?:0x)?([0-9a-f]{1,3})", re.ASCII
)
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
    """A line of the log, and what its pattern found in it."""

    line: LogLine
    groups: tuple[str | None, ...]


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
        return self.leaf not in _BRING_UP | _UPDATE and not self.is_debug

    @property
    def is_of_an_update(self) -> bool:
        """Whether it is of a runtime update, behind which no module is initialized any more."""
        return self.leaf in (Leaf.SEAMLDR_INSTALL, Leaf.TDH_SYS_UPDATE)


@dataclass(slots=True)
class Evidence:
    """The lines of a log on TDX, by their ids, in the order of the log.

    kernel: the running kernel's number. cpu: family and model of CPU 0. command_line: of the
    kernel, as often as the log has it, each with its line. reaches_tdx: the log goes on beyond
    where a kernel finds TDX. others: lines on other things. ends: the last timestamp, in seconds.
    """

    log: BootLog
    lines: dict[str, list[Seen]] = field(default_factory=dict)
    seamcalls: list[FailedSeamcall] = field(default_factory=list)
    kernel: str | None = None
    kernel_line: LogLine | None = None
    cpu: tuple[int, int] | None = None
    cpu_line: LogLine | None = None
    command_lines: list[tuple[LogLine, str]] = field(default_factory=list)
    reaches_tdx: bool = False
    others: int = 0
    ends: float = 0.0

    def first(self, *ids: str) -> Seen | None:
        """The first line of one of these kinds, in the order of the kinds."""
        return next((self.lines[i][0] for i in ids if self.lines.get(i)), None)

    def last(self, *ids: str) -> Seen | None:
        """The last line of one of these kinds, in the order of the kinds."""
        return next((self.lines[i][-1] for i in ids if self.lines.get(i)), None)

    def failed(self, *leaves: Leaf) -> FailedSeamcall | None:
        """The first SEAMCALL of one of these leaves that failed."""
        return next((call for call in self.seamcalls if call.leaf in leaves), None)

    @property
    def is_cut(self) -> bool:
        """Whether lines are missing that could tell: left out, of the beginning or the end."""
        return self.log.elided or not self.log.begins or not self.reaches_tdx


def gather(log: BootLog) -> Evidence:
    """The evidence in log."""
    evidence = Evidence(log)
    wrapped = False
    for line in log.lines:
        evidence.ends = max(evidence.ends, line.seconds or 0.0)
        if match := _COMMAND_LINE.search(line.text):
            wrapped = line.seconds is not None
            if len(evidence.command_lines) < _KEPT:
                evidence.command_lines.append((line, match[1]))
            continue
        found = find_line(line.text)
        if wrapped and line.seconds is None and found is None:
            _join(evidence, line)
        elif found:
            _note(evidence, found[0].id, Seen(line, found[1].groups()))
        else:
            _of_the_machine(evidence, line)
        wrapped = False
    return evidence


def _join(evidence: Evidence, rest: LogLine) -> None:
    # A terminal wrapped the command line, between words or in one.
    line, text = evidence.command_lines[-1]
    evidence.command_lines += [(line, text + rest.text), (line, f"{text} {rest.text}")]


def _of_the_machine(evidence: Evidence, line: LogLine) -> None:
    evidence.others += 1
    # Secondary CPUs come up after the boot CPU was looked at for TDX.
    evidence.reaches_tdx = evidence.reaches_tdx or bool(_CPUS_UP.search(line.text))
    if evidence.kernel is None and line.text.startswith(_FIRST_WORDS):
        if match := _KERNEL.search(line.text):
            evidence.kernel, evidence.kernel_line = match[1], line
    elif evidence.cpu is None and (match := _CPU0.search(line.text)):
        evidence.cpu = (int(match[1], 16), int(match[2], 16))
        evidence.cpu_line = line


def _note(evidence: Evidence, line_id: str, seen: Seen) -> None:
    call = _seamcall(line_id, seen)
    if call is not None:
        if len(evidence.seamcalls) < _KEPT:
            evidence.seamcalls.append(call)
    elif line_id == "seamcall-output":
        _add_field(evidence, seen)
    elif len(kept := evidence.lines.setdefault(line_id, [])) < _KEPT:
        kept.append(seen)
    else:
        kept[-1] = seen


def _seamcall(line_id: str, seen: Seen) -> FailedSeamcall | None:
    match line_id, seen.groups:
        case "seamcall-failed" | "seamcall-failed-v5", (str(leaf), str(status)):
            return FailedSeamcall(seen.line, int(leaf, 16), int(status, 16))
        case "seamcall-failed-decimal", (cpu, str(leaf), str(status)):
            number = None if cpu is None else int(cpu)
            return FailedSeamcall(seen.line, int(leaf) & U64_MASK, int(status, 16), number)
        case _:
            return None


def _add_field(evidence: Evidence, seen: Seen) -> None:
    # "RDX in": the field that TDH.SYS.RD was asked for, printed beside its failure.
    last = evidence.seamcalls[-1] if evidence.seamcalls else None
    if last is None or last.leaf != Leaf.TDH_SYS_RD or last.field_id is not None:
        return
    rdx = int(seen.groups[0] or "0", 16)
    evidence.seamcalls[-1] = FailedSeamcall(last.line, last.leaf, last.status, last.cpu, rdx)
