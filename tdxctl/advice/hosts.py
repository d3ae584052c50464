# SPDX-License-Identifier: Apache-2.0
"""What a host is left with, in words: the verdict in a line, and what helps for now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tdxctl.units import counted
from tdxctl.verdicts import (
    HostVerdict,
    KvmDoesNotLoad,
    ModuleLost,
    NoCapacity,
    ReadyToRunTds,
    TdxOff,
)

#: What the advice is called: it is not what mends the cause.
UNTIL_THEN = "until then"


class HostWords(Struct, frozen=True):
    """line: the verdict. to_do: what to do with such a host for now, None where nothing is."""

    line: str
    to_do: str | None


HOSTS: dict[type[HostVerdict], Callable[[Any], HostWords]] = {
    ReadyToRunTds: lambda v: HostWords(f"ready to run {counted(v.tds, 'TD')}", None),
    TdxOff: lambda _: HostWords("TDX off, KVM works", None),
    KvmDoesNotLoad: lambda _: HostWords(
        "kvm_intel does not load: no virtual machine starts on this host",
        "load kvm_intel with tdx=0: other virtual machines start then",
    ),
    ModuleLost: lambda _: HostWords(
        "kvm_intel goes on offering TDs, of a module that an update left unusable: none can run",
        "reboot: other virtual machines go on until then",
    ),
    NoCapacity: lambda _: HostWords(
        "loaded with tdx=Y and no capacity: TDs cannot be created, and unloading kvm_intel "
        "crashes the kernel",
        "leave kvm_intel loaded, and reboot with tdx=0",
    ),
}


def explain_host(verdict: HostVerdict) -> HostWords:
    """The words for a verdict."""
    return HOSTS[type(verdict)](verdict)
