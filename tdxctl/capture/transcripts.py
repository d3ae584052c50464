# SPDX-License-Identifier: Apache-2.0
"""What was typed in a shell, and what it answered: rdmsr, files of /sys and /proc, uname."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tdxctl.capture.findings import Findings
from tdxctl.capture.host_texts import Fact, HostText, Line, cpus_of, number_of
from tdxctl.capture.wrapped import LogLine
from tdxctl.messages import machine
from tdxctl.messages.message import Message
from tdxctl.platform.description import Seamrr
from tdxctl.seam.msrs import (
    MSR_IA32_MKTME_KEYID_PARTITIONING,
    MSR_IA32_SEAMRR_PHYS_MASK,
    MSR_IA32_TME_ACTIVATE,
    SEAMRR_PHYS_MASK_ENABLED,
    SEAMRR_PHYS_MASK_LOCKED,
    TME_ACTIVATE_ENABLED,
)
from tdxctl.units import U32_MASK, U64_MASK

_WHAT = "a shell's transcript"
_CMDLINE = "/proc/cmdline"
_KVM_PARAMETER = "/sys/module/kvm_intel/parameters/tdx"
_SGX_AND_MCHECK_STATUS = 0xA0
_TDX_KEYIDS = U32_MASK << 32
#: More values of one MSR no machine has CPUs for.
_MAX_VALUES = 8192

_PATH = r"/(?:sys|proc)/[\w./:-]{1,200}"
_PATHS = re.compile(rf"({_PATH})(?:\{{([\w.,-]{{1,200}})\}})?")
_PATH_VALUE = re.compile(rf"\s*({_PATH})\s{{0,4}}[:=]\s{{0,4}}(\S.{{0,400}}?)\s*")
_PATH_HEAD = re.compile(rf"\s*==> ({_PATH}) <==\s*")
_CAT = re.compile(r"\b(?:cat|head|tail|more|grep)\s.{0,60}?(?=/(?:sys|proc)/)")
_UNAME = re.compile(r"(?:^|[$#%>] ?)(?:sudo )?uname -[ar]\s*")
_UNAME_ANSWER = re.compile(
    r"\s*(?:Linux \S{1,64} )?(\d{1,3}\.\d{1,4}\.\d{1,4}[\w.+~-]{0,80})(?:\s.*)?"
)
# /proc/cmdline and uname -a, whoever showed them.
_BOOT_IMAGE = re.compile(r"\s*(BOOT_IMAGE=\S.*)")
_UNAME_LINE = re.compile(r"\s*Linux \S{1,64} (\d\S{2,80}) #\d\S* .{0,120}x86_64.{0,40}")
# What a shell or a tool says instead of an answer.
_REFUSED = re.compile(r"\s*(?:-?\w*sh|sudo|cat|head|tail|more|grep|rdmsr|modprobe)(?:\[\d+\])?:.*")
_PROMPT = re.compile(r"\s*(?:\[?[\w.-]{1,32}@[\w.-]{1,64}[: ][^$#%>]{0,80})?[$#%>] ?(?=[a-z./(])")
# A command ends there; what it prints goes elsewhere behind a pipe.
_ENDS_A_COMMAND = re.compile(r"&&|;|\|\||\)|`")
_SHOWS = frozenset({"=", ":", "->", "=>", "is", "returns", "shows", "gives", "\u2192"})
_MSR_LINE = re.compile(
    r"\s*(?:MSR|msr)\s*\(?(0x[0-9a-fA-F]{2,8})\)?\s*(?:[:=]|->|is)\s*(?:0x)?([0-9a-fA-F]{1,16})\s*"
)
_VALUE = re.compile(r"(?:0x)?([0-9a-fA-F]{1,16})")
_TAKES_A_WORD = re.compile(r"-\w{0,8}[pf]|--processor|--bitfield")
_BITS = re.compile(r"(\d{1,2}):(\d{1,2})")
_TOPOLOGY = re.compile(r"/sys/devices/system/cpu/cpu(\d{1,5})/topology/physical_package_id")


class _Rdmsr(NamedTuple):
    # A call: the register, the bits asked for, the base of what it prints, whether of all CPUs.
    msr: int
    first_bit: int = 0
    bits: int = 64
    base: int = 16
    every_cpu: bool = False

    @property
    def mask(self) -> int:
        return ((1 << self.bits) - 1) << self.first_bit & U64_MASK


class _Value(NamedTuple):
    # A value of an MSR, its bits in place, and which of them were asked for.
    line: LogLine
    value: int
    mask: int


@dataclass(slots=True)
class _Shell:
    msrs: dict[int, list[_Value]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    command_line: LogLine | None = None
    uname: LogLine | None = None


_Asked = _Rdmsr | str


def read_transcript(lines: list[Line]) -> HostText | None:
    """What a transcript shows; None where a text is none."""
    seen = _Shell()
    asked: deque[_Asked] = deque()
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("[sudo] "):
            continue
        if "==>" in line and (match := _PATH_HEAD.fullmatch(line)) is not None:
            asked = deque([match[1]])
        elif "rdmsr" in line and not _REFUSED.fullmatch(line):
            asked = deque(_calls(seen, number, line))
        elif ("/sys/" in line or "/proc/" in line) and (cat := _CAT.search(line)):
            asked = deque(_paths(line, cat.end())) if "|" not in line else deque()
        elif "uname" in line and _UNAME.search(line):
            asked = deque(["uname"])
        elif "/sys/" in line and (match := _PATH_VALUE.fullmatch(line)):
            seen.files.setdefault(match[1], match[2])
        elif ("MSR" in line or "msr" in line) and (match := _MSR_LINE.fullmatch(line)):
            _note(seen, _Rdmsr(int(match[1], 16)), number, line, int(match[2], 16))
        elif "x86_64" in line and (match := _UNAME_LINE.fullmatch(line)):
            asked.clear()
            seen.uname = seen.uname or LogLine(number, f"Linux version {match[1]}", None)
        elif "BOOT_IMAGE=" in line and (match := _BOOT_IMAGE.fullmatch(line)):
            asked.clear()
            text = f"Command line: {match[1].rstrip()}"
            seen.command_line = seen.command_line or LogLine(number, text, None)
        elif asked and _PROMPT.match(line):
            asked.clear()
        elif asked:
            _answer(seen, asked, number, line)
    return _of_shell(seen)


def _paths(line: str, start: int) -> Iterator[str]:
    # The files in a command, those in braces one by one.
    for match in _PATHS.finditer(line, start):
        for name in match[2].split(",")[:16] if match[2] else ("",):
            yield match[1] + name


def _answer(seen: _Shell, asked: deque[_Asked], number: int, line: str) -> None:
    what = asked[0]
    if isinstance(what, _Rdmsr) and what.every_cpu:
        # All CPUs answer, a line each.
        value = _value_of(what, line.strip())
        if value is None:
            asked.popleft()
        else:
            _note(seen, what, number, line, value)
        return
    asked.popleft()
    if _REFUSED.fullmatch(line):
        return
    if isinstance(what, _Rdmsr):
        if (value := _value_of(what, line.strip())) is not None:
            _note(seen, what, number, line, value)
    elif what == "uname":
        if match := _UNAME_ANSWER.fullmatch(line):
            seen.uname = seen.uname or LogLine(number, f"Linux version {match[1]}", None)
    elif what == _CMDLINE:
        text = f"Command line: {line.strip()}"
        seen.command_line = seen.command_line or LogLine(number, text, None)
    else:
        seen.files.setdefault(what, line.strip())


def _note(seen: _Shell, call: _Rdmsr, number: int, line: str, value: int) -> None:
    values = seen.msrs.setdefault(call.msr, [])
    if len(values) < _MAX_VALUES:
        shown = LogLine(number, f"rdmsr {call.msr:#x}: {line.strip()}", None)
        values.append(_Value(shown, value << call.first_bit & call.mask, call.mask))


def _value_of(call: _Rdmsr, text: str) -> int | None:
    if (match := _VALUE.fullmatch(text)) is None:
        return None
    try:
        return int(match[1], call.base)
    except ValueError:
        return None


# rdmsr's own options


def _calls(seen: _Shell, number: int, line: str) -> Iterator[_Rdmsr]:
    # The calls in a line, each as a shell parts it; a value that stands beside one is taken.
    for part in _ENDS_A_COMMAND.split(line):
        _, found, text = part.partition("rdmsr")
        words = text.split()[:16] if found and "|" not in text else []
        call, rest = _call(words)
        if call is None:
            continue
        if len(rest) > 1 and rest[0] in _SHOWS:
            rest = rest[1:]
        value = _value_of(call, rest[0]) if len(rest) == 1 else None
        if value is not None:
            _note(seen, call, number, rest[0], value)
        elif not rest or rest[0].startswith("#") or ">" in rest[0]:
            yield call  # else somebody writes of it


def _call(words: list[str]) -> tuple[_Rdmsr | None, list[str]]:
    # The call, and the words behind it.
    call, msr, at = _Rdmsr(0), None, 0
    while at < len(words):
        word, at = words[at], at + 1
        if not word.startswith("-"):
            if msr is not None:
                return call._replace(msr=msr), words[at - 1 :]
            if (msr := _register(word.rstrip(":="))) is None:
                return None, []
            continue
        name, _, value = word.partition("=")
        if name.startswith(("-f", "-p")) and len(name) > 2:
            name, value = name[:2], name[2:]
        elif not value and (
            name in ("--processor", "--bitfield") or re.fullmatch(r"-\w{0,8}[pf]", name)
        ):
            value, at = words[at] if at < len(words) else "", at + 1
        call = _with_option(call, name, value)
    return (None if msr is None else call._replace(msr=msr)), []


def _register(word: str) -> int | None:
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|\d{1,9}", word, re.ASCII) is None:
        return None
    try:
        return int(word, 0)
    except ValueError:
        return None


def _with_option(call: _Rdmsr, name: str, value: str) -> _Rdmsr:
    if name == "--bitfield" or (name[:2] != "--" and name.endswith("f")):
        if (bits := _BITS.fullmatch(value)) and 63 >= int(bits[1]) >= int(bits[2]):
            return call._replace(first_bit=int(bits[2]), bits=int(bits[1]) - int(bits[2]) + 1)
        return call._replace(bits=0)  # bits that nobody knows
    if name.startswith("--"):
        base = {"--decimal": 10, "--unsigned": 10, "--octal": 8}.get(name, call.base)
        return call._replace(base=base, every_cpu=call.every_cpu or name == "--all")
    if "a" in name:
        call = call._replace(every_cpu=True)
    return call._replace(base=8 if "o" in name else 10 if {"d", "u"} & set(name) else call.base)


# What it shows


def _of_shell(seen: _Shell) -> HostText | None:
    facts = tuple(_facts(seen))
    cpus = _of_sys(seen.files)
    kvm = {"Y": True, "1": True, "N": False, "0": False}.get(
        seen.files.get(_KVM_PARAMETER, "").upper()
    )
    beside = seen.command_line or seen.uname
    if not facts and cpus is None and kvm is None and beside is None:
        return None
    of_msrs = cpus is None or bool(facts)
    cpus = cpus or Findings(source=_WHAT)
    mktme, tdx, warnings = _keyids(seen.msrs.get(MSR_IA32_MKTME_KEYID_PARTITIONING, []))
    findings = Findings(
        source=_WHAT if of_msrs else cpus.source,
        present=cpus.present,
        online=cpus.online,
        not_enabled_later=cpus.not_enabled_later,
        package_of=cpus.package_of,
        keyids=(mktme + 1, mktme + 1 + tdx) if mktme is not None and tdx else None,
        tdx_keyids=tdx,
        mktme_keyids=None if mktme is None or tdx is None else mktme + tdx,
        seamrr=next((_seamrr_of(fact) for fact in facts if _is_seamrr(fact)), None),
        warnings=warnings,
    )
    return HostText(
        _WHAT,
        findings,
        facts=facts,
        kvm_tdx=kvm,
        command_line=seen.command_line,
        kernel_line=seen.uname,
    )


def _is_seamrr(fact: Fact) -> bool:
    return fact.message is machine.REPORT_SEAMRR


def _seamrr_of(fact: Fact) -> Seamrr:
    return Seamrr.ENABLED if fact.fields["enabled"] else Seamrr.DISABLED


def _facts(seen: _Shell) -> Iterator[Fact]:
    for msr, values in seen.msrs.items():
        first = values[0]
        if msr == MSR_IA32_MKTME_KEYID_PARTITIONING:
            _, tdx, warnings = _keyids(values)
            if tdx is not None and not warnings:
                yield Fact(first.line, machine.REPORT_KEYIDS, {"keyids": tdx})
        elif msr == MSR_IA32_SEAMRR_PHYS_MASK:
            wanted = SEAMRR_PHYS_MASK_LOCKED | SEAMRR_PHYS_MASK_ENABLED
            yield from _switch(values, wanted, SEAMRR_PHYS_MASK_ENABLED, machine.REPORT_SEAMRR)
        elif msr == MSR_IA32_TME_ACTIVATE:
            yield from _switch(
                values, TME_ACTIVATE_ENABLED, TME_ACTIVATE_ENABLED, machine.REPORT_TME
            )
        elif msr == _SGX_AND_MCHECK_STATUS and first.mask == U64_MASK:
            yield Fact(first.line, machine.REPORT_MCHECK, {"mcheck": first.value})


def _switch(values: list[_Value], wanted: int, enabled: int, message: Message) -> Iterator[Fact]:
    # On where every CPU has all bits that are wanted, of those that were asked for.
    for one in values:
        if wanted & one.mask & ~one.value:
            yield Fact(one.line, message, {"enabled": 0})
            return
    if values[0].mask & enabled:
        yield Fact(values[0].line, message, {"enabled": 1})


def _keyids(values: list[_Value]) -> tuple[int | None, int | None, tuple[str, ...]]:
    # KeyIDs of TME-MT and of TDX, where they are shown and the same on all CPUs.
    mktme = {one.value & U32_MASK for one in values if one.mask & U32_MASK == U32_MASK}
    tdx = {one.value >> 32 for one in values if one.mask & _TDX_KEYIDS == _TDX_KEYIDS}
    if len(mktme) > 1 or len(tdx) > 1:
        return None, None, ("MSR 0x87 differs between CPUs: the BIOS did not set all of them up",)
    return next(iter(mktme), None), next(iter(tdx), None), ()


def _of_sys(files: dict[str, str]) -> Findings | None:
    base = "/sys/devices/system/cpu/"
    present, online = cpus_of(files.get(f"{base}present")), cpus_of(files.get(f"{base}online"))
    possible = cpus_of(files.get(f"{base}possible"))
    packages = {
        int(match[1]): number
        for path, value in files.items()
        if (match := _TOPOLOGY.fullmatch(path)) and (number := number_of(value)) is not None
    }
    # Where only one of them is shown, the other is not known to differ.
    present = present if present is not None else online
    if present is None:
        return None
    logical = {cpu: index for index, cpu in enumerate(present)}
    index_of = {number: i for i, number in enumerate(dict.fromkeys(packages.values()))}
    complete = packages and all(cpu in packages for cpu in present)
    return Findings(
        source="/sys/devices/system/cpu",
        present=len(present),
        online=None if online is None else tuple(logical[cpu] for cpu in online if cpu in logical),
        not_enabled_later=None if possible is None else max(len(possible) - len(present), 0),
        package_of=tuple(index_of[packages[cpu]] for cpu in present) if complete else (),
    )
