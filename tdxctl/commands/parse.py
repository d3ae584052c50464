# SPDX-License-Identifier: Apache-2.0
"""Arguments in the field's notation, and names."""

from __future__ import annotations

import os
import re
import sys

from tdxctl.errors import UsageError
from tdxctl.units import MAX_PHYSICAL_ADDRESS, NAME_PATTERN, parse_cpulist, parse_size, printable

_MAX_CPUS = 8192


def cpulist(text: str) -> list[int]:
    """The CPUs of a cpulist, at least one. Raises UsageError."""
    try:
        cpus = parse_cpulist(text, limit=_MAX_CPUS)
    except ValueError as error:
        raise UsageError(f"the CPU list '{printable(text)}' {error}") from None
    if not cpus:
        raise UsageError("the CPU list names no CPU")
    return cpus


def words(arguments: tuple[str, ...]) -> list[str]:
    """The arguments, `-` standing for the words on standard input."""
    found: list[str] = []
    for argument in arguments:
        found += sys.stdin.read().split() if argument == "-" else [argument]
    if not any(found):
        raise UsageError("there is nothing to explain", hint="give a code or a name")
    return found


def memory_range(text: str) -> tuple[int, int]:
    """[start, end) from `START-END`, end exclusive, or `START+SIZE`. Raises UsageError."""
    for separator in ("-", "+"):
        first, found, second = text.partition(separator)
        if not found:
            continue
        try:
            start, other = parse_size(first), parse_size(second)
        except ValueError as error:
            raise UsageError(f"the range '{printable(text)}': an end {error}") from None
        end = other if separator == "-" else start + other
        if not start < end <= MAX_PHYSICAL_ADDRESS:
            raise UsageError(f"the range '{printable(text)}' is empty or ends beyond 2^52")
        return start, end
    raise UsageError(
        f"not a memory range: '{printable(text)}'",
        hint="START-END, end exclusive, or START+SIZE: 4GiB-5GiB, 0x100000000+1GiB",
    )


def named(name: str | None) -> str | None:
    """The machine's name from --machine, else from TDXCTL_MACHINE. Raises UsageError."""
    name = name or os.environ.get("TDXCTL_MACHINE") or None
    if name is not None and not re.fullmatch(NAME_PATTERN, name, re.ASCII):
        raise UsageError(
            f"not a machine's name: '{printable(name)}'",
            hint="1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or "
            "digit",
        )
    return name
