# SPDX-License-Identifier: Apache-2.0
"""Files that show nothing that is read: what each is, and which command gives what is needed."""

from __future__ import annotations

import re
from typing import NamedTuple

_LOG = "the kernel's log: sudo dmesg > FILE, from boot on"
_CPUS = "sudo dmesg, /proc/cpuinfo or lscpu"
_MEMORY = "sudo dmesg from boot on, or sudo cat /proc/iomem"
_BIOS = "sudo dmesg; sudo rdmsr 0x1401 and sudo rdmsr 0x87 show what the BIOS has set"


class Foreign(NamedTuple):
    """what: a fragment, `is the output of numactl -H`. instead: what gives what is needed."""

    what: str
    instead: str


_FOREIGN = (
    (r"^available: \d+ nodes? \(", Foreign("is the output of numactl -H", _MEMORY)),
    (
        r"^RANGE +SIZE +STATE\b|^Memory block size: {1,20}\d",
        Foreign("is the output of lsmem", _MEMORY),
    ),
    (
        r"^# dmidecode \d|^SMBIOS \d+\.\d+.* present|^Handle 0x[0-9A-F]{4}, DMI type \d",
        Foreign("is the output of dmidecode", _BIOS),
    ),
    (
        r"<!DOCTYPE topology|<topology[\s>]|^Machine \(.{1,40}\)$",
        Foreign("is a topology of hwloc's (lstopo)", _CPUS),
    ),
    (
        r'"@odata\.(?:id|type)"\s*:|"AttributeRegistry"\s*:|^\s{0,8}[{]?\s{0,8}"Attributes"\s*:',
        Foreign("has BIOS attributes of a BMC (Redfish)", _BIOS),
    ),
    (
        r"(?:^|Z )[ \t]{0,8}(?:\./)?qemu-(?:system-\w+|kvm): |^QEMU emulator version \d",
        Foreign("has messages of QEMU's", _LOG),
    ),
    (
        r"<domainCapabilities>|<domain type=|<launchSecurity type=",
        Foreign("is XML of libvirt's", _LOG),
    ),
    (
        r"^# The following is the parsable format|^CPU NODE SOCKET CORE\b",
        Foreign("is the output of lscpu -p or -e", "lscpu, or lscpu -J"),
    ),
    (
        r"^Architecture:[ \t]{1,40}\S{1,40}$",
        Foreign("is the output of lscpu", "tdxctl capture FILE reads it"),
    ),
    (
        r"^\S.{0,40}[:\uff1a] {0,60}x86_64$",
        Foreign("may be the output of lscpu in another language", "LC_ALL=C lscpu, or lscpu -J"),
    ),
    (
        r"^[ \t]{0,8}error: (?:Failed to|internal error|unsupported configuration|operation failed)"
        r"|\blibvirtd?(?:\[\d+\])?: |\bvirt(?:qemu)?d\[\d+\]: ",
        Foreign("has messages of libvirt's", _LOG),
    ),
    (r'"lscpu"\s*:', Foreign("is the output of lscpu -J", "tdxctl capture FILE reads it")),
    (
        r"^processor[ \t]{0,8}: ?\d{1,5}$",
        Foreign("is a /proc/cpuinfo", "tdxctl capture FILE reads it"),
    ),
    (
        r"^[ *]{0,4}Intel ACPI Component Architecture|^DefinitionBlock \(",
        Foreign(
            "is iasl's disassembly of ACPI tables",
            "sudo acpidump, or the tables themselves (/sys/firmware/acpi/tables/APIC); of the "
            "rest, sudo dmesg tells as much",
        ),
    ),
    (r"\brdmsr\b", Foreign("is the output of rdmsr", "tdxctl capture FILE reads it")),
    (r"/sys/devices/system/", Foreign("has files of /sys", "tdxctl capture FILE reads it")),
    (
        r"^[0-9a-f]{8,16}-[0-9a-f]{8,16} : ",
        Foreign("is a /proc/iomem", "tdxctl capture FILE reads it, and capture --iomem FILE"),
    ),
    (
        r"^[ \t]{0,8}\S[^@\n]{2,7} ?@ (?:0x)?[0-9A-Fa-f]{1,16}[ \t]{0,8}$",
        Foreign("is acpidump's text", "tdxctl capture FILE reads it, and capture --acpi FILE"),
    ),
    (
        r"^schema: tdxctl\.platform/",
        Foreign("is a platform description of tdxctl's", "tdxctl validate FILE"),
    ),
)
#: A file tells what it is at its beginning.
_LOOKED_AT = 1 << 18


def named(text: str) -> Foreign | None:
    """What a text is that is none of those looked for."""
    start = text[:_LOOKED_AT]
    for pattern, foreign in _FOREIGN:
        if re.search(pattern, start, re.MULTILINE | re.ASCII):
            return foreign
    return None
