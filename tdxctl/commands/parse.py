# SPDX-License-Identifier: Apache-2.0
"""Arguments in the field's notation, and names."""

from __future__ import annotations

import os
import re
import sys

from tdxctl.errors import UsageError
from tdxctl.platform.limits import MAX_CPUS
from tdxctl.units import (
    MAX_PHYSICAL_ADDRESS,
    NAME_PATTERN,
    parse_cpulist,
    parse_range,
    parse_size,
    printable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.parts import UpdateImage
    from tdxctl.operations import Operation
    from tdxctl.seam.codes import LeafCode

_IMAGE_HEADER = 4096


def cpulist(text: str) -> list[int]:
    """The CPUs of a cpulist, at least one. Raises UsageError."""
    try:
        cpus = parse_cpulist(text, limit=MAX_CPUS)
    except ValueError as error:
        raise UsageError(f"the CPU list '{printable(text)}' {error}") from None
    if not cpus:
        raise UsageError("the CPU list names no CPU", hint="for example 3 or 0-63,65")
    return cpus


def words(arguments: tuple[str, ...]) -> list[str]:
    """The arguments; `-` stands for standard input: known lines of a log whole, other words."""
    found: list[str] = []
    for argument in arguments:
        if argument == "-":
            for line in sys.stdin.read().splitlines():
                message = _message(line)
                found += [message] if message is not None else line.split()
        else:
            found.append(_message(argument) or argument)
    if not any(found):
        raise UsageError("there is nothing to explain", hint="give a code or a name")
    return found


def _message(line: str) -> str | None:
    # The message of a line of a kernel's log; None for what is none.
    if " " not in line:
        return None
    from tdxctl.capture.bootlog import message_of
    from tdxctl.explain.lookup import names_a_call
    from tdxctl.messages.reading import has_prefix

    message = message_of(line).strip()
    known = message != line.strip() or has_prefix(message) or names_a_call(message)
    return message if known else None


def named_leaf(text: str) -> LeafCode:
    """The leaf of that name or number. Raises UsageError."""
    from tdxctl.explain.lookup import find_leaf

    leaf = find_leaf(text)
    if leaf is None:
        hint = "a name such as TDH.MNG.INIT, or a SEAMCALL's number"
        raise UsageError(f"not a leaf: '{printable(text)}'", hint=hint)
    return leaf


def module_operation(
    action: str, version: str | None, image: str | None, *, force: bool
) -> Operation:
    """The operation of `tdxctl module`. Raises UsageError."""
    from tdxctl.operations import ModuleLoad, ModuleShutdown, ModuleUnload, ModuleUpdate

    if action != "update":
        if version is not None or image is not None or force:
            raise UsageError(
                "--version, --image and --force are for update",
                hint="`tdxctl module update --version V`",
            )
        return {"load": ModuleLoad, "unload": ModuleUnload, "shutdown": ModuleShutdown}[action]()
    if version is not None:
        from tdxctl.seam.releases import ModuleVersion, nearest

        try:
            ModuleVersion.parse(version)
        except ValueError as error:
            message = f"the version '{printable(version)}' {error}"
            raise UsageError(message, hint=nearest(version)) from None
    return ModuleUpdate(force, version, None if image is None else _uploaded(image))


def _uploaded(path: str) -> UpdateImage:
    from tdxctl.linux.parts import UpdateImage

    # The header, without the zeros at its end, and the size: all that is looked at.
    try:
        with open(path, "rb") as file:
            header = file.read(_IMAGE_HEADER).rstrip(b"\0")
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read '{printable(path)}': {reason}") from None
    return UpdateImage(header, size)


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


def named(name: str | None) -> str | None:
    """The machine's name from --machine, else from TDXCTL_MACHINE. Raises UsageError."""
    variable = "" if name else os.environ.get("TDXCTL_MACHINE", "")
    name = name or variable or None
    if name is not None and not re.fullmatch(NAME_PATTERN, name, re.ASCII):
        raise UsageError(
            f"not a machine's name: '{printable(name)}'{' (TDXCTL_MACHINE)' if variable else ''}",
            hint="1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or "
            "digit",
        )
    return name
