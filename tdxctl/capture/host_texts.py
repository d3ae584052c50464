# SPDX-License-Identifier: Apache-2.0
"""What people show beside a log: lscpu, /proc/cpuinfo, rdmsr, files of /sys in a shell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tdxctl.capture.findings import Findings, LocalApic
from tdxctl.capture.wrapped import LogLine
from tdxctl.messages import machine
from tdxctl.messages.message import Message
from tdxctl.platform.description import Seamrr
from tdxctl.platform.limits import MAX_CPUS
from tdxctl.units import U32_MASK, parse_cpulist

# Bits of IA32_SEAMRR_PHYS_MASK (0x1401) and of IA32_TME_ACTIVATE (0x982).
_SEAMRR_ENABLED, _TME_ENABLED = 11, 1

Line = tuple[int, str]


class Fact(NamedTuple):
    """What a line says, in the words of the message that a system report has for it."""

    line: LogLine
    message: Message
    fields: dict[str, int | str]


@dataclass(frozen=True, slots=True)
class HostText:
    """What one of them shows. what: its name.

    brand: the CPU's name. cpu_line: the line that its family and model, or its name, stand in.
    facts: of MSRs. kvm_tdx: kvm_intel's parameter, None where it is not shown.
    """

    what: str
    findings: Findings
    brand: str = ""
    cpu_line: LogLine | None = None
    facts: tuple[Fact, ...] = ()
    kvm_tdx: bool | None = None


def host_texts(lines: list[Line]) -> list[HostText]:
    """What of a text is one of them, each once."""
    readers = (_lscpu, _cpuinfo, _shell)
    return [found for reader in readers if (found := reader(lines)) is not None]


# lscpu

_LSCPU = re.compile(r"\s*([A-Z][A-Za-z0-9()/ -]{2,40}):\s+(\S.*)")
_LSCPU_JSON = re.compile(
    r'"field"\s{0,8}:\s{0,8}"([^"]{1,80})"\s{0,8},\s{0,40}"data"\s{0,8}:\s{0,8}("(?:[^"\\]|\\.)*")'
)
_LSCPU_KEYS = frozenset({"Architecture", "CPU(s)", "Model name", "Socket(s)", "CPU family"})
_ENOUGH_KEYS = 3
_NODE = re.compile(r"NUMA node(\d{1,4}) CPU\(s\)")


def _lscpu(lines: list[Line]) -> HostText | None:
    values: dict[str, tuple[int, str]] = {}
    for number, key, value in _lscpu_pairs(lines):
        values.setdefault(key, (number, value))
    if len(_LSCPU_KEYS & values.keys()) < _ENOUGH_KEYS:
        return None
    text = {key: value for key, (_, value) in values.items()}
    brand = text.get("Model name", "")
    number = values.get("Model name", values.get("Model", (1, "")))[0]
    present = _number(text.get("CPU(s)"))
    packages = _number(text.get("Socket(s)"))
    nodes = [cpus for key, value in text.items() if _NODE.fullmatch(key) and (cpus := _cpus(value))]
    findings = Findings(
        source="lscpu",
        present=present,
        online=_online(text.get("On-line CPU(s) list"), present),
        packages=packages,
        package_of=_packages_of_nodes(nodes, packages, present),
        cpu=_family_and_model(text.get("CPU family"), text.get("Model"), text.get("Vendor ID")),
    )
    line = LogLine(number, f"Model name: {brand}", None) if brand else None
    return HostText("lscpu", findings, brand, line)


def _lscpu_pairs(lines: list[Line]) -> Iterator[tuple[int, str, str]]:
    if any('"lscpu"' in line for _, line in lines):
        for pair in _LSCPU_JSON.finditer("\n".join(line for _, line in lines)):
            yield 1, pair[1].rstrip(":"), _unquoted(pair[2])
        return
    for number, line in lines:
        if ":" in line and (match := _LSCPU.fullmatch(line.rstrip())):
            yield number, match[1].strip(), match[2]


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text.strip('"')


def _online(text: str | None, present: int | None) -> tuple[int, ...] | None:
    cpus = _cpus(text)
    if cpus is None or present is None or max(cpus, default=0) >= present:
        return None
    return tuple(cpus)


def _packages_of_nodes(
    nodes: list[list[int]], packages: int | None, present: int | None
) -> tuple[int, ...]:
    # A package has the same number of nodes as any other, one behind the other.
    if not packages or not nodes or len(nodes) % packages:
        return ()
    package_of = {
        cpu: index * packages // len(nodes) for index, cpus in enumerate(nodes) for cpu in cpus
    }
    if present is None or sorted(package_of) != list(range(present)):
        return ()
    return tuple(package_of[cpu] for cpu in range(present))


# /proc/cpuinfo

_CPUINFO = re.compile(
    r"\s*(processor|vendor_id|cpu family|model|model name|physical id|apicid)\s{0,16}:\s?(.*)"
)


@dataclass(slots=True)
class _Processor:
    values: dict[str, str] = field(default_factory=dict)


def _cpuinfo(lines: list[Line]) -> HostText | None:
    processors: list[_Processor] = []
    first: LogLine | None = None
    for number, line in lines:
        if ":" not in line or (match := _CPUINFO.fullmatch(line.rstrip())) is None:
            continue
        key, value = match[1], match[2].strip()
        if key == "processor":
            if not value.isdigit() or len(processors) > MAX_CPUS:
                return None
            processors.append(_Processor())
        elif processors:
            processors[-1].values.setdefault(key, value)
            if key == "model name" and first is None:
                first = LogLine(number, line.strip(), None)
    if not processors or len(processors) > MAX_CPUS or not processors[0].values:
        return None
    ids = [_number(one.values.get("apicid")) for one in processors]
    physical = [_number(one.values.get("physical id")) for one in processors]
    known = [number for number in physical if number is not None]
    index_of = {number: index for index, number in enumerate(dict.fromkeys(known))}
    values = processors[0].values
    findings = Findings(
        source="/proc/cpuinfo",
        apics=tuple(LocalApic(apic_id, enabled=True) for apic_id in ids if apic_id is not None)
        if None not in ids and len(set(ids)) == len(ids)
        else (),
        present=len(processors),
        package_of=tuple(index_of[number] for number in known)
        if len(known) == len(processors)
        else (),
        cpu=_family_and_model(
            values.get("cpu family"), values.get("model"), values.get("vendor_id")
        ),
        warnings=("/proc/cpuinfo has the CPUs that are online, no others",),
    )
    return HostText("/proc/cpuinfo", findings, values.get("model name", ""), first)


# rdmsr, and files of /sys

_RDMSR = re.compile(
    r"rdmsr((?:\s+-{1,2}\S{1,20}(?:\s+\d{1,4}(?::\d{1,2})?(?=\s))?){0,6})"
    r"\s+(0x[0-9a-fA-F]{1,8}|\d{1,6})\b"
)
_BITS = re.compile(r"(?:-f|--bitfield)[\s=]*(\d{1,2}):(\d{1,2})")
_MSR_LINE = re.compile(
    r"\s*(?:MSR|msr|rdmsr)\s*\(?(0x[0-9a-fA-F]{2,8})\)?\s*(?:[:=]|->|is)\s*(?:0x)?([0-9a-fA-F]{1,16})\s*"
)
_VALUE = re.compile(r"\s*(?:0x)?([0-9a-fA-F]{1,16})\s*")
_PATH = r"/sys/[\w./:-]{1,200}"
_PATH_VALUE = re.compile(rf"\s*({_PATH})\s{{0,4}}[:=]\s{{0,4}}(\S.{{0,400}}?)\s*")
_PATH_HEAD = re.compile(rf"\s*==> ({_PATH}) <==\s*")
_CAT = re.compile(rf"(?:cat|head\s.{{0,40}}|tail\s.{{0,40}})\s+({_PATH})")
_TOPOLOGY = re.compile(r"/sys/devices/system/cpu/cpu(\d{1,5})/topology/physical_package_id")


@dataclass(slots=True)
class _Shell:
    # What a transcript shows: values of MSRs, each with its line and first bit, and of files.
    msrs: dict[int, tuple[LogLine, int, int | None]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def _shell(lines: list[Line]) -> HostText | None:
    seen = _Shell()
    asked: tuple[str, int, bool] | str | None = None
    for number, line in lines:
        if not line.strip():
            continue
        if (match := _PATH_HEAD.fullmatch(line)) or (match := _CAT.search(line)):
            asked = match[1]
        elif "rdmsr" in line and (call := _RDMSR.search(line)):
            asked = (call[1], int(call[2], 0), _is_decimal(call[1]))
        elif "/sys/" in line and (match := _PATH_VALUE.fullmatch(line)):
            seen.files.setdefault(match[1], match[2])
        elif match := _MSR_LINE.fullmatch(line):
            shown = LogLine(number, line.strip(), None)
            seen.msrs.setdefault(int(match[1], 16), (shown, int(match[2], 16), None))
        elif asked is not None:
            _answer(seen, asked, number, line)
            asked = None
    return _of_shell(seen)


def _is_decimal(options: str) -> bool:
    return bool(re.search(r"(?:^|\s)-(?:\w*d\w*|-decimal)\b", options))


def _answer(seen: _Shell, asked: tuple[str, int, bool] | str, number: int, line: str) -> None:
    if isinstance(asked, str):
        seen.files.setdefault(asked, line.strip())
        return
    options, msr, is_decimal = asked
    if (match := _VALUE.fullmatch(line)) is None:
        return
    if is_decimal and not match[1].isdigit():
        return
    bits = _BITS.search(options)
    value = int(match[1], 10 if is_decimal else 16)
    shown = LogLine(number, f"rdmsr {msr:#x}: {line.strip()}", None)
    seen.msrs.setdefault(msr, (shown, value, int(bits[2]) if bits else None))


def _of_shell(seen: _Shell) -> HostText | None:
    facts: list[Fact] = []
    keyids: tuple[int, int] | None = None
    seamrr: Seamrr | None = None
    for msr, (line, value, first_bit) in seen.msrs.items():
        # A bit field that was asked for begins at first_bit.
        whole = value << (first_bit or 0)
        match msr:
            case 0x87 if first_bit is None:
                mktme, tdx = value & U32_MASK, value >> 32
                keyids = (mktme + 1, mktme + 1 + tdx)
                facts.append(Fact(line, machine.REPORT_KEYIDS, {"keyids": tdx}))
            case 0x87 if first_bit == 32:
                facts.append(Fact(line, machine.REPORT_KEYIDS, {"keyids": value}))
            case 0x1401 if first_bit in (None, 11):
                on = whole >> _SEAMRR_ENABLED & 1
                seamrr = Seamrr.ENABLED if on else Seamrr.DISABLED
                facts.append(Fact(line, machine.REPORT_SEAMRR, {"enabled": on}))
            case 0x982 if first_bit in (None, 1):
                on = whole >> _TME_ENABLED & 1
                facts.append(Fact(line, machine.REPORT_TME, {"enabled": on}))
            case 0xA0 if first_bit is None:
                facts.append(Fact(line, machine.REPORT_MCHECK, {"mcheck": value}))
    cpus = _of_sys(seen.files)
    kvm = seen.files.get("/sys/module/kvm_intel/parameters/tdx", "")[:1].upper()
    if not facts and cpus is None and kvm not in ("Y", "N", "1", "0"):
        return None
    cpus = cpus or Findings(source="a shell's transcript")
    findings = Findings(
        source=cpus.source if not facts else "a shell's transcript",
        present=cpus.present,
        online=cpus.online,
        not_enabled_later=cpus.not_enabled_later,
        package_of=cpus.package_of,
        keyids=keyids if keyids is not None and keyids[0] < keyids[1] else None,
        tdx_keyids=None if keyids is None else keyids[1] - keyids[0],
        mktme_keyids=None if keyids is None else keyids[1] - 1,
        seamrr=seamrr,
    )
    asked = None if not kvm else kvm in ("Y", "1")
    return HostText("a shell's transcript", findings, facts=tuple(facts), kvm_tdx=asked)


def _of_sys(files: dict[str, str]) -> Findings | None:
    base = "/sys/devices/system/cpu/"
    present, online = _cpus(files.get(f"{base}present")), _cpus(files.get(f"{base}online"))
    possible = _cpus(files.get(f"{base}possible"))
    packages = {
        int(match[1]): number
        for path, value in files.items()
        if (match := _TOPOLOGY.fullmatch(path)) and (number := _number(value)) is not None
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


def _cpus(text: str | None) -> list[int] | None:
    if not text:
        return None
    try:
        return sorted(set(parse_cpulist(text.strip(), limit=MAX_CPUS)))
    except ValueError:
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _family_and_model(
    family: str | None, model: str | None, vendor: str | None
) -> tuple[int, int] | None:
    numbers = _number(family), _number(model)
    if numbers[0] is None or numbers[1] is None or max(numbers[0], numbers[1]) > 0xFF:
        return None
    return (numbers[0], numbers[1]) if vendor else None
