# SPDX-License-Identifier: Apache-2.0
"""lscpu and /proc/cpuinfo: how many CPUs, in which packages, and of which model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tdxctl.capture.findings import Findings, LocalApic
from tdxctl.capture.host_texts import (
    Fact,
    HostText,
    Line,
    cpus_of,
    family_and_model,
    number_of,
)
from tdxctl.capture.wrapped import LogLine
from tdxctl.messages import machine
from tdxctl.platform.limits import MAX_CPUS

# lscpu

_LSCPU = re.compile(r"\s*([A-Z][A-Za-z0-9()/ -]{2,40}):\s+(\S.*)")
_LSCPU_JSON = re.compile(
    r'"field"\s{0,8}:\s{0,8}"([^"]{1,80})"\s{0,8},\s{0,40}"data"\s{0,8}:\s{0,8}("(?:[^"\\]|\\.)*")'
)
_LSCPU_KEYS = frozenset({"Architecture", "CPU(s)", "Model name", "Socket(s)", "CPU family"})
# A filter leaves two of them.
_ENOUGH_KEYS = 2
_NODE = re.compile(r"NUMA node(\d{1,4}) CPU\(s\)")


def read_lscpu(lines: list[Line]) -> HostText | None:
    """What lscpu shows, as text or with -J; None where a text has none of it."""
    values: dict[str, tuple[int, str]] = {}
    for number, key, value in _lscpu_pairs(lines):
        values.setdefault(key, (number, value))
    if len(_LSCPU_KEYS & values.keys()) < _ENOUGH_KEYS:
        return None
    text = {key: value for key, (_, value) in values.items()}
    brand = text.get("Model name", "")
    number = values.get("Model name", values.get("Model", (1, "")))[0]
    present = number_of(text.get("CPU(s)"))
    packages = number_of(text.get("Socket(s)"))
    nodes = [
        cpus for key, value in text.items() if _NODE.fullmatch(key) and (cpus := cpus_of(value))
    ]
    findings = Findings(
        source="lscpu",
        present=present,
        online=_online(text.get("On-line CPU(s) list"), present),
        packages=packages,
        package_of=_packages_of_nodes(nodes, packages, present),
        cpu=family_and_model(text.get("CPU family"), text.get("Model"), text.get("Vendor ID")),
    )
    line = LogLine(number, f"Model name: {brand}", None) if brand else None
    flags = values.get("Flags", (number, ""))
    return HostText("lscpu", findings, brand, line, facts=tuple(_of_flags(*flags)))


def _of_flags(number: int, flags: str) -> Iterator[Fact]:
    # What the running kernel says of itself in the flags of its CPUs.
    found = set(flags.split())
    if "tdx_guest" in found:
        yield Fact(LogLine(number, "flags: tdx_guest", None), machine.GUEST, {})
    elif "hypervisor" in found:
        shown = LogLine(number, "flags: hypervisor", None)
        yield Fact(shown, machine.HYPERVISOR, {"words": "the CPU's flag `hypervisor`"})
    if "tdx_host_platform" in found:
        yield Fact(LogLine(number, "flags: tdx_host_platform", None), machine.REPORT_HAS_TDX, {})


def _lscpu_pairs(lines: list[Line]) -> Iterator[tuple[int, str, str]]:
    if any('"lscpu"' in line for _, line in lines):
        for pair in _LSCPU_JSON.finditer("\n".join(line for _, line in lines)):
            yield 1, pair[1].rstrip(":"), _unquoted(pair[2])
        return
    for number, line in lines:
        if ":" in line and (match := _LSCPU.fullmatch(line.rstrip())):
            yield number, match[1].strip(), match[2]


def _unquoted(text: str) -> str:
    # Mail may have broken it into lines.
    try:
        return " ".join(str(json.loads(text, strict=False)).split())
    except ValueError:
        return text.strip('"')


def _online(text: str | None, present: int | None) -> tuple[int, ...] | None:
    cpus = cpus_of(text)
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
    r"\s*(processor|vendor_id|cpu family|model|model name|physical id|apicid|flags)\s{0,16}:"
    r"\s?(.*)"
)


def read_cpuinfo(lines: list[Line]) -> HostText | None:
    """What /proc/cpuinfo shows; None where a text has none of it."""
    processors: list[dict[str, str]] = []
    first: LogLine | None = None
    for number, line in lines:
        if ":" not in line or (match := _CPUINFO.fullmatch(line.rstrip())) is None:
            continue
        key, value = match[1], match[2].strip()
        if key == "processor":
            if not value.isdigit() or len(processors) > MAX_CPUS:
                return None
            processors.append({})
        elif processors and (key != "flags" or len(processors) == 1):
            processors[-1].setdefault(key, value)
            if key == "model name" and first is None:
                first = LogLine(number, line.strip(), None)
    if not processors or len(processors) > MAX_CPUS or not processors[0]:
        return None
    ids = [number_of(one.get("apicid")) for one in processors]
    physical = [number_of(one.get("physical id")) for one in processors]
    known = [number for number in physical if number is not None]
    index_of = {number: index for index, number in enumerate(dict.fromkeys(known))}
    values = processors[0]
    findings = Findings(
        source="/proc/cpuinfo",
        apics=tuple(LocalApic(apic_id, enabled=True) for apic_id in ids if apic_id is not None)
        if None not in ids and len(set(ids)) == len(ids)
        else (),
        present=len(processors),
        package_of=tuple(index_of[number] for number in known)
        if len(known) == len(processors)
        else (),
        cpu=family_and_model(
            values.get("cpu family"), values.get("model"), values.get("vendor_id")
        ),
        warnings=("/proc/cpuinfo has the CPUs that are online, no others",),
    )
    number = first.number if first else 1
    facts = tuple(_of_flags(number, values.get("flags", "")))
    return HostText("/proc/cpuinfo", findings, values.get("model name", ""), first, facts)
