# SPDX-License-Identifier: Apache-2.0
"""Files as data: what stands in a root, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

#: What only root reads, what anybody reads, what root writes too.
SECRET, READABLE, WRITABLE = 0o400, 0o444, 0o644


class File(NamedTuple):
    """A file: path from the root without a leading slash, content, mode."""

    path: str
    data: bytes
    mode: int = READABLE


class Link(NamedTuple):
    """A symbolic link, relative as the kernel's are."""

    path: str
    target: str


class Files(NamedTuple):
    """Files that say one thing, of one CPU, node or block each.

    pattern: their path, `*` for what is counted. says: what they tell, a sentence. facts: paths of
    the description, and what the bring-up left, that it comes from. taken: what is not described
    and is taken to be so, where something is.
    """

    pattern: str
    says: str
    facts: tuple[str, ...]
    entries: tuple[File | Link, ...]
    taken: str | None = None


def text(path: str, value: str | int, mode: int = READABLE) -> File:
    """A file of one line, as those of /sys are."""
    return File(path, f"{value}\n".encode(), mode)


def one(
    path: str,
    value: str,
    says: str,
    *facts: str,
    mode: int = READABLE,
    taken: str | None = None,
) -> Files:
    """A file that stands alone; value as it is, its newlines included."""
    return Files(path, says, facts, (File(path, value.encode(), mode),), taken)


def cpumask(cpus: Iterable[int], width: int) -> str:
    """CPUs as the kernel prints a mask of width bits: 32 bits in hex a group, the highest first."""
    value = 0
    for cpu in cpus:
        value |= 1 << cpu
    groups = max((width + 31) // 32, 1)
    words = [f"{value >> 32 * group & 0xFFFFFFFF:08x}" for group in reversed(range(groups))]
    if width % 32:
        words[0] = words[0][-((width % 32 + 3) // 4) :]
    return ",".join(words)
