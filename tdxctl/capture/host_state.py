# SPDX-License-Identifier: Apache-2.0
"""What a host's files show of TDX itself: KVM's parameter, misc.capacity, CPU flags, MSRs [kvm 4].

The folder is a host's /, or a root that tdxctl wrote: there the MSRs are a text, and host.json has
what no file of a host shows.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tdxctl.capture.findings import Findings
from tdxctl.capture.host_texts import HostText
from tdxctl.capture.lscpu import read_cpuinfo
from tdxctl.capture.transcripts import read_transcript
from tdxctl.platform.description import Seamrr
from tdxctl.seam.msrs import (
    MSR_IA32_MKTME_KEYID_PARTITIONING,
    MSR_IA32_SEAMRR_PHYS_MASK,
    MSR_IA32_TME_ACTIVATE,
    MSR_MTRRCAP,
    MSRS,
    MTRRCAP_SEAMRR,
    SEAMRR_PHYS_MASK_ENABLED,
)

#: Flag of /proc/cpuinfo -> feature of a description.
FEATURE_OF_FLAG = {
    "mtrr": "mtrr",
    "vmx": "vmx",
    "xsave": "xsave",
    "movdir64b": "movdir64b",
    "ss": "self_snoop",
}
#: Where a root that tdxctl wrote has MSRs, as text, and what it says of itself.
MSR_FILE, HOST_FILE, ROOT_SCHEMA = "msr", "host.json", "tdxctl.root/1"
_LARGEST = 16 << 20
_MSRS = (
    MSR_IA32_MKTME_KEYID_PARTITIONING,
    MSR_MTRRCAP,
    MSR_IA32_TME_ACTIVATE,
    MSRS["IA32_SEAMRR_PHYS_BASE"],
    MSR_IA32_SEAMRR_PHYS_MASK,
)
_MSR_LINE = re.compile(r"MSR (0x[0-9a-f]{1,8}): (0x[0-9a-f]{1,16})")
_CAPACITY = re.compile(r"^tdx (\d{1,9})$", re.MULTILINE)
_FLAGS = re.compile(r"^flags\s*: (.+)$", re.MULTILINE)
#: Fewer flags than any server has are not all of them.
_ENOUGH_FLAGS = 20
# Bits of an address in SEAMRR's registers, and the smallest SEAM range.
_ADDRESS = ((1 << 52) - 1) & ~((1 << 25) - 1)
_KEYID_BITS_AT = 32


@dataclass(frozen=True, slots=True)
class HostState:
    """What the files of a host show of TDX; None is not shown.

    kvm_loaded, kvm_tdx: kvm_intel, and its parameter. capacity: of the line tdx in misc.capacity,
    0 where there is none. has_capacity: whether that file was read. flags: of /proc/cpuinfo. msrs:
    those that could be read. version: of the device tdx_host. has_kvm: whether there is /dev/kvm.
    texts: the same as those of a transcript.
    """

    kvm_loaded: bool
    kvm_tdx: bool | None
    capacity: int | None
    flags: frozenset[str]
    msrs: dict[int, int]
    version: str | None
    has_kvm: bool
    texts: tuple[HostText, ...]

    @property
    def findings(self) -> Iterator[Findings]:
        """What of it is of a description."""
        for text in self.texts:
            # The CPUs that are online are in /sys, with those that are not.
            yield replace(text.findings, apics=(), present=None, package_of=(), warnings=())
        if self.flags:
            off = (name for flag, name in FEATURE_OF_FLAG.items() if flag not in self.flags)
            yield Findings(source="/proc/cpuinfo", features_off=tuple(off))
        if self.msrs:
            yield _of_msrs(self.msrs)
        if self.capacity:
            # "capacity of `tdx` := number of guest KeyIDs" [kvm 2]; the global one is beside them.
            yield Findings(
                source="misc.capacity", seamrr=Seamrr.ENABLED, tdx_keyids=self.capacity + 1
            )


def read_state(folder: str) -> HostState:
    """What the files of a host at folder show of TDX; what cannot be read is not shown."""
    module = os.path.join(folder, "sys/module/kvm_intel")
    parameter = _text(os.path.join(module, "parameters/tdx"))
    capacity = _text(os.path.join(folder, "sys/fs/cgroup/misc.capacity"))
    cpuinfo = _text(os.path.join(folder, "proc/cpuinfo")) or ""
    msrs = _msrs(folder)
    lines = []
    for number, value in msrs.items():
        lines += [f"rdmsr {number:#x}", f"{value:x}"]
    if parameter:
        lines.append(f"/sys/module/kvm_intel/parameters/tdx: {parameter.strip()}")
    texts = read_cpuinfo(_numbered(cpuinfo.split("\n"))), read_transcript(_numbered(lines))
    shown = _FLAGS.search(cpuinfo)
    flags = frozenset(shown[1].split()) if shown is not None else frozenset()
    found = _CAPACITY.search(capacity) if capacity is not None else None
    return HostState(
        kvm_loaded=os.path.isdir(module),
        kvm_tdx=None if not parameter else parameter[:1].upper() in ("Y", "1"),
        capacity=None if capacity is None else int(found[1]) if found is not None else 0,
        flags=flags if len(flags) >= _ENOUGH_FLAGS else frozenset(),
        msrs=msrs,
        version=(_text(os.path.join(folder, "sys/devices/faux/tdx_host/version")) or "").strip()
        or None,
        has_kvm=os.path.exists(os.path.join(folder, "dev/kvm")),
        texts=tuple(text for text in texts if text is not None),
    )


def _numbered(lines: list[str]) -> list[tuple[int, str]]:
    return list(enumerate(lines, start=1))


def not_shown(folder: str) -> Findings | None:
    """What host.json of a root that tdxctl wrote says that no file of a host shows."""
    try:
        host = json.loads(_text(os.path.join(folder, HOST_FILE)) or "")
        if host["schema"] != ROOT_SCHEMA:
            return None
        values = tuple((str(path), json.dumps(value)) for path, value in host["not_shown"].items())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Findings(source=HOST_FILE, not_shown=values) if values else None


def _of_msrs(msrs: dict[int, int]) -> Findings:
    cap, mask = msrs.get(MSR_MTRRCAP), msrs.get(MSR_IA32_SEAMRR_PHYS_MASK)
    base = msrs.get(MSRS["IA32_SEAMRR_PHYS_BASE"])
    seamrr = where = None
    if cap is not None and not cap & MTRRCAP_SEAMRR:
        seamrr = Seamrr.ABSENT
    elif mask is not None:
        enabled = mask & SEAMRR_PHYS_MASK_ENABLED
        seamrr = Seamrr.ENABLED if enabled else Seamrr.DISABLED
        if enabled and base is not None and (size := mask & _ADDRESS):
            where = base & _ADDRESS, size & -size
    activate = msrs.get(MSR_IA32_TME_ACTIVATE)
    bits = None if activate is None else activate >> _KEYID_BITS_AT & 0xF
    return Findings(source="MSRs", seamrr=seamrr, seamrr_range=where, keyid_bits=bits or None)


def _msrs(folder: str) -> dict[int, int]:
    listed = _text(os.path.join(folder, MSR_FILE))
    if listed is not None:
        return {int(msr, 16): int(value, 16) for msr, value in _MSR_LINE.findall(listed)}
    try:
        device = os.open(os.path.join(folder, "dev/cpu/0/msr"), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return {}
    try:
        read = {msr: _read_msr(device, msr) for msr in _MSRS}
    finally:
        os.close(device)
    return {msr: value for msr, value in read.items() if value is not None}


def _read_msr(device: int, msr: int) -> int | None:
    try:
        data = os.pread(device, 8, msr)
    except OSError:
        return None
    return struct.unpack("<Q", data)[0] if len(data) == 8 else None


def _text(path: str) -> str | None:
    if not os.path.isfile(path):  # a pipe would wait for ever
        return None
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST).decode("utf-8", errors="replace")
    except OSError:
        return None
