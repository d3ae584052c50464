# SPDX-License-Identifier: Apache-2.0
"""What programs look at to find TDX on a host, and which of it is right [kvm 4]."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from tdxctl.capture.host_state import HostState
from tdxctl.diagnose.outcome import Diagnosis
from tdxctl.seam.msrs import (
    MSR_IA32_MKTME_KEYID_PARTITIONING,
    MSR_IA32_SEAMRR_PHYS_MASK,
    SEAMRR_PHYS_MASK_ENABLED,
)
from tdxctl.units import counted

#: From here on mainline's KVM asks for TDX, and its verdict is the host's.
_KVM_ASKS_FROM = (6, 16)
_FLAG = "tdx_host_platform"


class Says(StrEnum):
    """Whether a signal says that TDX can be used."""

    YES = "yes"
    NO = "no"
    SILENT = "silent"


class Signal(NamedTuple):
    """A thing that programs look at. shows: what is there. misleads: whether it says otherwise
    than what the host is left with. why: what it tells, a sentence.
    """

    name: str
    shows: str
    says: Says
    misleads: bool
    why: str


class Signals(NamedTuple):
    """Whether TDs can run, what says so, and what all signals say."""

    ready: bool
    because: str
    signals: tuple[Signal, ...]


def signals_of(state: HostState, diagnosis: Diagnosis) -> Signals:
    """What the files of a host say of TDX, beside what its log says."""
    ready, because = _verdict(state, diagnosis)
    found = tuple(
        Signal(name, shows, says, says is not Says.SILENT and (says is Says.YES) != ready, why)
        for name, shows, says, why in _signals(state, diagnosis)
    )
    return Signals(ready, because, found)


def _verdict(state: HostState, diagnosis: Diagnosis) -> tuple[bool, str]:
    # KVM's word is the last, where it has one.
    kvm_asks = _kernel(diagnosis) >= _KVM_ASKS_FROM or state.kvm_tdx is not None
    if not kvm_asks:
        module = "initialized" if diagnosis.healthy else "not initialized"
        return diagnosis.healthy, f"the module is {module}; KVM of this kernel asks for no TDX"
    if not state.kvm_loaded:
        return False, "kvm_intel is not loaded"
    if not state.kvm_tdx:
        return False, "kvm_intel is loaded without TDX"
    if state.capacity:
        return True, f"KVM has TDX, and room for {counted(state.capacity, 'TD')}"
    return False, "kvm_intel says Y, and misc.capacity has no line tdx: no TD can be made"


def _kernel(diagnosis: Diagnosis) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", diagnosis.kernel or "")
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _signals(state: HostState, diagnosis: Diagnosis) -> Iterator[tuple[str, str, Says, str]]:
    if state.flags:
        has = _FLAG in state.flags
        yield (
            "flags in /proc/cpuinfo",
            _FLAG if has else f"no {_FLAG}",
            _of(has),
            "it is set as soon as the boot finds KeyIDs, also where initialization fails later",
        )
    parameter = {True: "Y", False: "N", None: "not there"}[state.kvm_tdx]
    yield (
        "kvm_intel.tdx",
        parameter,
        Says.SILENT if state.kvm_tdx is None and state.kvm_loaded else _of(bool(state.kvm_tdx)),
        "what KVM made of it: N where it was not asked for, or failed",
    )
    asked = state.kvm_tdx is not None or not state.kvm_loaded
    if state.capacity is not None:
        yield (
            "misc.capacity",
            f"tdx {state.capacity}" if state.capacity else "no line tdx",
            _of(bool(state.capacity)) if asked else _if_yes(state.capacity),
            "a line only where TDs can run: one KeyID each",
        )
    yield (
        "/dev/kvm",
        "there" if state.has_kvm else "not there",
        Says.SILENT if state.has_kvm else Says.NO,
        "virtual machines of any kind",
    )
    if diagnosis.state != "unknown":
        yield (
            "the kernel's log",
            diagnosis.state,
            _of(diagnosis.healthy),
            "how far the module got; whether KVM can serve it is not in it",
        )
    if state.version is not None:
        yield (
            "tdx_host/version",
            state.version,
            Says.YES,
            "an initialized module, from Linux 7.2 on",
        )
    yield from _of_msrs(state.msrs)


def _of_msrs(msrs: dict[int, int]) -> Iterator[tuple[str, str, Says, str]]:
    why = "of firmware, not of the kernel: the same on a host whose bring-up fails"
    if (value := msrs.get(MSR_IA32_SEAMRR_PHYS_MASK)) is not None:
        enabled = bool(value & SEAMRR_PHYS_MASK_ENABLED)
        shown = f"SEAMRR {'on' if enabled else 'off'}"
        yield f"MSR {MSR_IA32_SEAMRR_PHYS_MASK:#x}", shown, _of(enabled), why
    if (value := msrs.get(MSR_IA32_MKTME_KEYID_PARTITIONING)) is not None:
        keyids = value >> 32
        shown = counted(keyids, "KeyID") + " for TDX"
        yield f"MSR {MSR_IA32_MKTME_KEYID_PARTITIONING:#x}", shown, _of(keyids > 1), why


def _of(is_so: bool) -> Says:
    return Says.YES if is_so else Says.NO


def _if_yes(value: int) -> Says:
    return Says.YES if value else Says.SILENT
