# SPDX-License-Identifier: Apache-2.0
"""The kernel's log as text, without timestamps."""

from __future__ import annotations

from collections.abc import Iterable

from tdxctl.events import LogLine


def render(log: Iterable[LogLine]) -> str:
    """One line per printk, without a newline at the end.

    A line whose format string ends without a newline is a record of its own all the same.
    """
    return "\n".join(line.text for line in log)
