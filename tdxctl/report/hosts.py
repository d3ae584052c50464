# SPDX-License-Identifier: Apache-2.0
"""What a host is left with, as text and as JSON documents have it."""

from __future__ import annotations

from tdxctl.advice.words import HOST
from tdxctl.rootfs.record import Host, host_of
from tdxctl.verdicts import HostVerdict

__all__ = ["Host", "host_line", "host_of"]


def host_line(verdict: HostVerdict) -> str:
    """The verdict as a line of text."""
    from tdxctl.advice.hosts import explain_host

    return f"{HOST}:  {explain_host(verdict).line}"
