# SPDX-License-Identifier: Apache-2.0
"""What the load of kvm_intel leaves a host with: a frozen type per verdict.

KVM gives one, `advice.hosts` has the words for it. `id` is its name in JSON.
"""

from __future__ import annotations

from msgspec import Struct

from tdxctl.errnos import Errno


class ReadyToRunTds(Struct, frozen=True):
    """misc.capacity has a line for TDX: so many TDs can run."""

    id = "ready"
    tds: int


class TdxOff(Struct, frozen=True):
    """kvm_intel is loaded without TDX."""

    id = "tdx-off"


class KvmDoesNotLoad(Struct, frozen=True):
    """The load of kvm_intel returns -errno: there is no /dev/kvm."""

    id = "kvm-does-not-load"
    errno: Errno


class NoCapacity(Struct, frozen=True):
    """kvm_intel is loaded with TDX, which it cannot use."""

    id = "no-capacity"


class ModuleLost(Struct, frozen=True):
    """kvm_intel is loaded with TDX and a capacity, of a module that is no longer initialized."""

    id = "module-lost"


HostVerdict = ReadyToRunTds | TdxOff | KvmDoesNotLoad | NoCapacity | ModuleLost
#: The ids, best first.
IDS = tuple(
    verdict.id for verdict in (ReadyToRunTds, TdxOff, KvmDoesNotLoad, NoCapacity, ModuleLost)
)
