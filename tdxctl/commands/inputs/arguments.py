# SPDX-License-Identifier: Apache-2.0
"""Arguments in the field's notation, and names."""

from __future__ import annotations

import os

from tdxctl.errors import UsageError
from tdxctl.platform.limits import MAX_CPUS, MAX_NODE
from tdxctl.units import (
    MAX_PHYSICAL_ADDRESS,
    is_name,
    parse_cpulist,
    parse_range,
    parse_size,
    printable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.guests import Guest


def cpulist(text: str) -> list[int]:
    """The CPUs of a cpulist, at least one. Raises UsageError."""
    try:
        cpus = parse_cpulist(text, limit=MAX_CPUS)
    except ValueError as error:
        raise UsageError(f"the CPU list '{printable(text)}' {error}") from None
    if not cpus:
        raise UsageError("the CPU list names no CPU", hint="for example 3 or 0-63,65")
    return cpus


def address(text: str) -> int:
    """A physical address. Raises UsageError."""
    try:
        value = parse_size(text)
    except ValueError as error:
        raise UsageError(f"the address '{printable(text)}' {error}") from None
    if value >= MAX_PHYSICAL_ADDRESS:
        raise UsageError(f"the address '{printable(text)}' is beyond 2^52")
    return value


def memory_range(text: str) -> tuple[int, int]:
    """[start, end) from `START-END`, end exclusive, or `START+SIZE`. Raises UsageError."""
    if not {"-", "+"} & set(text):
        raise UsageError(
            f"not a memory range: '{printable(text)}'",
            hint="START-END, end exclusive, or START+SIZE: 4GiB-5GiB, 0x100000000+1GiB",
        )
    try:
        return parse_range(text)
    except ValueError as error:
        raise UsageError(f"the range '{printable(text)}' {error}") from None


def size_at_node(text: str) -> tuple[int, int]:
    """Bytes and a node from `SIZE@NODE`. Raises UsageError."""
    size, separator, node = text.partition("@")
    try:
        if not separator or not node.isdecimal() or int(node) > MAX_NODE or not parse_size(size):
            raise ValueError
        return parse_size(size), int(node)
    except ValueError:
        raise UsageError(
            f"not more memory: '{printable(text)}'",
            hint="SIZE@NODE: 512GiB@1, with a node from 0 to 1023",
        ) from None


def size_and_vcpus(text: str) -> Guest:
    """A TD's memory and virtual CPUs from `SIZE,VCPUS`. Raises UsageError."""
    from tdxctl.guests import Guest

    size, separator, vcpus = text.partition(",")
    try:
        if not separator or not vcpus.isdecimal() or not 1 <= int(vcpus) <= MAX_CPUS:
            raise ValueError
        if not 0 < parse_size(size) < MAX_PHYSICAL_ADDRESS:
            raise ValueError
        return Guest(parse_size(size), int(vcpus))
    except ValueError:
        raise UsageError(
            f"not a TD's size: '{printable(text)}'",
            hint=f"SIZE,VCPUS: 8GiB,4, with 1 to {MAX_CPUS} virtual CPUs",
        ) from None


def machine_name(name: str | None) -> str | None:
    """The machine's name from --machine, else from TDXCTL_MACHINE. Raises UsageError."""
    variable = "" if name else os.environ.get("TDXCTL_MACHINE", "")
    name = name or variable or None
    if name is not None and not is_name(name):
        raise UsageError(
            f"not a machine's name: '{printable(name)}'{' (TDXCTL_MACHINE)' if variable else ''}",
            hint="1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or "
            "digit",
        )
    return name
