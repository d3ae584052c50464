# SPDX-License-Identifier: Apache-2.0
"""Lines of other programs that users of TDX meet: QEMU, kexec, libvirt. No kernel prints them."""

from __future__ import annotations

import re
from typing import NamedTuple

from tdxctl.advice import to_do

_OF_A_TD = "look at the log of the TD and of its virtual machine monitor: the bring-up is done"
_SAME_SERIES = (
    "take QEMU and the kernel of one release: before 6.16 each series had ioctls of its own"
)


class OtherLine(NamedTuple):
    """A line: its id, a pattern of words that stand in it, what it means, what to do."""

    id: str
    pattern: re.Pattern[str]
    means: str
    to_do: str


def _line(name: str, pattern: str, means: str, to_do: str) -> OtherLine:
    return OtherLine(name, re.compile(pattern, re.IGNORECASE), means, to_do)


OTHER_LINES = (
    _line(
        "qemu-memory-region",
        r"KVM_TDX_INIT_MEM_REGION|TDX_INIT_MEM_REGION",
        "QEMU could not copy the firmware (TDVF) into the memory of the TD: no matter of the "
        "host's "
        "bring-up.",
        "look at KVM's lines of that moment; use a firmware that is meant for a TD",
    ),
    _line(
        "qemu-capabilities",
        r"KVM_TDX_CAPABILITIES|get_tdx_capabilities|KVM_TDX_INIT_VM|KVM_TDX_\w+ failed",
        "QEMU and the kernel's KVM do not understand each other, or KVM has no TDX.",
        f"{_SAME_SERIES}; see that /sys/module/kvm_intel/parameters/tdx is Y",
    ),
    _line(
        "qemu-vm-type",
        r"vm[- ]type.{0,40}tdx|tdx.{0,60}(?:not supported by (?:KVM|the kernel)|invalid object)"
        r"|tdx-guest.{0,40}(?:not|invalid)",
        "QEMU asks for a TD, and KVM has none to give, or QEMU does not know them.",
        f"{_SAME_SERIES}; ask `tdxctl diagnose` about the host's log",
    ),
    _line(
        "kvm-unknown-exit",
        r"KVM: unknown exit|hardware reason [0-9a-f]+",
        "A line of QEMU about a TD that ended (a guest's exit that nobody expected): no status of "
        "the module at the bring-up.",
        _OF_A_TD,
    ),
    _line(
        "kexec-refused",
        r"kexec(?:_file)?_load(?:\(\))? (?:failed|returned)|kexec.{0,40}not supported",
        "The kernel refused kexec. On a host with the partial-write erratum its log has the "
        "reason: "
        "tdx_pw_mce.",
        f"look for `kexec:` in the kernel's log; {to_do.RENEW_FOR_KEXEC}",
    ),
    _line(
        "memory-not-onlined",
        r"write error: Operation not permitted|memory.{0,30}online.{0,60}not permitted",
        "Memory may not be onlined: it lies outside what was fixed for TDX at the initialization.",
        f"online it before TDX is initialized, or {to_do.USE_AS_DEVICE_MEMORY}",
    ),
    _line(
        "modprobe-kvm",
        r"modprobe.{0,20}kvm_intel.{0,80}|could not insert 'kvm_intel'",
        "KVM's module for Intel did not load: its errno tells. Operation not supported is "
        "virtualization off in the BIOS, or SEAMRR off; Invalid argument one of KVM's own tests.",
        "read the kernel's log of that moment, and give it to `tdxctl diagnose`",
    ),
    _line(
        "quote-failed",
        r"\b(?:quote generation|qgs|get_?quote|tdx_att_get_quote|quoting enclave)\b",
        "Attestation failed: the quote generation service (QGS) or its registration, no status of "
        "the TDX module.",
        "look at the log of qgsd, and at the registration of the platform (PCCS, MPA)",
    ),
)


def find_line(text: str) -> OtherLine | None:
    """The line of another program that text is; None where it is none."""
    return next((line for line in OTHER_LINES if line.pattern.search(text)), None)
