# SPDX-License-Identifier: Apache-2.0
"""What people show beside a log, and the numbers in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from tdxctl.capture.findings import Findings
from tdxctl.capture.wrapped import LogLine
from tdxctl.messages.message import Message
from tdxctl.platform.limits import MAX_CPUS
from tdxctl.units import parse_cpulist

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
    facts: of MSRs. kvm_tdx: kvm_intel's parameter, None where it is not shown. command_line: of
    the kernel, and kernel_line: its `uname -r`, each as a log has it.
    """

    what: str
    findings: Findings
    brand: str = ""
    cpu_line: LogLine | None = None
    facts: tuple[Fact, ...] = ()
    kvm_tdx: bool | None = None
    command_line: LogLine | None = None
    kernel_line: LogLine | None = None


def cpus_of(text: str | None) -> list[int] | None:
    """The CPUs of a kernel's list, ascending; None for what is none."""
    if not text:
        return None
    try:
        return sorted(set(parse_cpulist(text.strip(), limit=MAX_CPUS)))
    except ValueError:
        return None


def number_of(text: str | None) -> int | None:
    """A number in decimal; None for what is none."""
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def family_and_model(
    family: str | None, model: str | None, vendor: str | None
) -> tuple[int, int] | None:
    """Family and model of a CPU whose vendor is shown; None where one of them is not."""
    numbers = number_of(family), number_of(model)
    if numbers[0] is None or numbers[1] is None or max(numbers[0], numbers[1]) > 0xFF:
        return None
    return (numbers[0], numbers[1]) if vendor else None
