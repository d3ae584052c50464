# SPDX-License-Identifier: Apache-2.0
"""A kernel's lines on memory and CPUs, as patterns.

Every wording since Linux 2.6.32 that the field notes or a collected log has; a line is searched for
one, so that what a console put before it does not hide it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tdxctl.capture import messages
from tdxctl.capture.messages import Seen

_MEM = r"\[mem 0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})\]"
# The types of a memory map, in the words of every generation.
_WHOLE_TYPE = re.compile(
    r"usable|reserved|device reserved|System RAM|.*kernel usable RAM|ACPI (?:data|NVS|Tables)"
    r"|unusable(?: memory)?|[Ss]oft [Rr]eserved|type \d{1,10}|(?:P|p)ersistent .*"
    r"|(?:usable|System RAM) ==> .*"
)

_Take = Callable[[Seen, re.Match[str]], None]


class OnMachine(NamedTuple):
    """A line on memory or CPUs: where it is, and what adds it to what is kept."""

    match: re.Match[str]
    take: _Take


def find(text: str) -> OnMachine | None:
    """What of text is a line on memory or CPUs."""
    for words, pattern, take in _MESSAGES:
        if words in text and (match := pattern.search(text)):
            return OnMachine(match, take)
    return None


def is_whole(found: OnMachine) -> bool:
    """Whether nothing of it is missing: a memory map's type may have lost its end."""
    return found.take is not messages.e820 or bool(_WHOLE_TYPE.fullmatch(found.match[4]))


def _message(words: str, pattern: str, take: _Take) -> tuple[str, re.Pattern[str], _Take]:
    return words, re.compile(pattern, re.ASCII), take


_LABEL = r"(BIOS-e820|user|modified|extended|reserve setup_data|Xen): "
# What a line must hold to be looked at, its message, what is taken from it.
_MESSAGES = (
    _message("[mem 0x", _LABEL + _MEM + r" +(.*?)\s*$", messages.e820),
    _message(
        "physical RAM map",
        r"(BIOS-provided|user-defined|modified|extended) physical RAM map",
        messages.map_begins,
    ),
    _message(
        "e820 ",
        r"e820 (?:update|remove) range: ([0-9a-f]{16}) - ([0-9a-f]{16}) \(usable\)"
        r"(?: ==> \((?!usable)|$)",
        messages.e820_change_old,
    ),
    _message(" - ", _LABEL + r"([0-9a-f]{16}) - ([0-9a-f]{16}) \(usable\)", messages.e820_old),
    _message(" node ", r"\bInitmem setup node (\d{1,4}) " + _MEM, messages.node_span),
    _message("node ", r"(?:^|\s)node +(\d{1,4}): " + _MEM, messages.node_range),
    _message(
        " -> 0x", r"^ {2,}(\d{1,4}): 0x([0-9a-f]{1,16}) -> 0x([0-9a-f]{1,16})$", messages.node_pfns
    ),
    _message("SRAT: ", r"SRAT: Node (\d{1,4}) PXM \d+ " + _MEM, messages.srat_memory),
    _message(
        "SRAT: ",
        r"SRAT: PXM \d+ -> APIC (?:0x([0-9a-f]{1,8})|(\d{1,5})) -> Node (\d{1,4})",
        messages.srat_cpu,
    ),
    _message(
        "SRAT: ",
        r"SRAT: Node (\d{1,4}) PXM \d+ ([0-9a-f]{1,16})-([0-9a-f]{1,16})$",
        messages.srat_memory_old,
    ),
    _message(
        "e820: ",
        r"e820: (?:update|remove) "
        + _MEM
        + r" +(?:usable|System RAM)(?: ==> (?!usable|System RAM)|$)",
        messages.e820_change,
    ),
    _message("last_pfn = ", r"last_pfn = 0x[0-9a-f]+ max_arch_pfn", messages.last_pfn),
    _message("RAMDISK: ", r"\bRAMDISK: ", messages.memblock_filled),
    _message("ACPI: ", r"ACPI: (?:Early table checksum|RSDP )", messages.memblock_filled),
    _message(
        "LAPIC (", r"\bLAPIC \(.*lapic_id\[0x([0-9a-f]{1,4})\] (enabled|disabled)\)", messages.lapic
    ),
    _message(
        "X2APIC (",
        r"X2APIC \(apic_id\[0x([0-9a-f]{1,8})\].*? (enabled|disabled)\)",
        messages.x2apic,
    ),
    _message("Allowing ", r"Allowing (\d{1,6}) CPUs, (\d{1,6}) hotplug CPUs", messages.allowing),
    _message(
        "Allowing ",
        r"Allowing (\d{1,6}) present CPUs plus (\d{1,6}) hotplug CPUs",
        messages.allowing_present,
    ),
    _message(
        " up ", r"(?:Brought|Booted) up (?:\d+ nodes?, )?(\d{1,6}) CPUs?\b", messages.brought_up
    ),
    _message("packages", r"Max\. logical packages: +(\d{1,4})$", messages.packages),
    _message("packages", r"Max logical packages: +(\d{1,4})$", messages.packages_by_smt),
    _message(
        "ommand line: ",
        r"[Cc]ommand line: .*(?:\bnosmt(?:=force)?(?: |$)|\bmitigations=\S*\bnosmt\b)",
        messages.smt_off,
    ),
    _message("SMT: ", r"\bSMT: (?:Force )?disabled", messages.smt_off),
    _message(
        "CPU0: ",
        r"CPU0: .*\(fam(?:ily)?: (?:0x)?([0-9a-f]{1,3}), model: (?:0x)?([0-9a-f]{1,3})",
        messages.cpu,
    ),
    _message(
        "Linux version ",
        r"Linux version (\d{1,3}\.\d{1,4}(?:\.\d{1,4})?(?:-rc\d+)?)",
        messages.kernel,
    ),
    _message("kernel: ", r"^kernel: (\d{1,3}\.\d{1,4}\.\d{1,4})", messages.kernel),
)
