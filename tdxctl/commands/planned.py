# SPDX-License-Identifier: Apache-2.0
"""From the options of `plan` to plans of a platform as it is, and changed."""

from __future__ import annotations

from collections.abc import Iterator

from tdxctl.commands.described import described
from tdxctl.commands.kernel_name import ALL
from tdxctl.commands.parse import memory_range
from tdxctl.errors import UsageError
from tdxctl.linux.releases import KERNELS, KernelId
from tdxctl.plan import PlatformPlan, plan
from tdxctl.platform.changes import with_hole, with_memory_added
from tdxctl.platform.limits import MAX_NODE
from tdxctl.progress import say, shown
from tdxctl.units import parse_size, printable


def planned(
    platform: str,
    kernels: tuple[KernelId | str, ...],
    settings: tuple[str, ...],
    add_memory: tuple[str, ...],
    holes: tuple[str, ...],
) -> tuple[PlatformPlan, PlatformPlan | None]:
    """The plan of the platform as it is, and as changed; None where nothing is changed."""
    asked = _asked(kernels)
    if platform == "-" and settings:
        raise UsageError("--set with a platform from standard input: it can be read only once")
    unchanged = described(platform, ())
    changed = described(platform, settings) if settings else unchanged
    for text in add_memory:
        changed = with_memory_added(changed, *_size_at_node(text))
    for text in holes:
        changed = with_hole(changed, *memory_range(text))
    with shown("planning"):
        before = plan(unchanged, _told(asked))
        return before, None if changed == unchanged else plan(changed, _told(asked))


def _asked(kernels: tuple[KernelId | str, ...]) -> tuple[KernelId, ...]:
    # In the order asked for, each one once.
    if ALL in kernels:
        return KERNELS
    return tuple(dict.fromkeys(kernel for kernel in kernels if isinstance(kernel, KernelId)))


def _told(kernels: tuple[KernelId, ...]) -> Iterator[KernelId]:
    for kernel in kernels:
        say(f"planning for kernel {kernel.id}")
        yield kernel


def _size_at_node(text: str) -> tuple[int, int]:
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
