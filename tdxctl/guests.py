# SPDX-License-Identifier: Apache-2.0
"""How many TDs a planned platform has room for, and what one costs beside its memory.

What the module's metadata says is exact; what depends on how a TD's memory is mapped is an upper
bound, of arithmetic. What the host itself needs is not counted.
"""

from __future__ import annotations

from msgspec import Struct

from tdxctl.assembly import version_of
from tdxctl.plan import PAGE_PAIR, KernelPlan, PlatformPlan
from tdxctl.platform.description import Platform
from tdxctl.seam.metadata import field_named
from tdxctl.seam.releases import release
from tdxctl.units import SZ_2M, SZ_4K
from tdxctl.verdicts import ReadyToRunTds

#: Bytes that a page of the S-EPT maps, from the lowest level up.
_MAPPED = (SZ_2M, 1 << 30, 512 << 30)

#: What limits a number of TDs.
KEYIDS, MEMORY, VCPUS, KERNEL = "KeyIDs", "memory", "vCPUs", "kernel"


class Guest(Struct, frozen=True):
    """A TD's size: bytes of memory, and virtual CPUs."""

    memory: int
    vcpus: int


class TdCost(Struct, frozen=True):
    """Bytes of a TD's control structures: its own, and of each virtual CPU."""

    tdr: int
    tdcs: int
    tdvps: int

    def of(self, guest: Guest) -> int:
        """Of a TD of that size."""
        return self.tdr + self.tdcs + guest.vcpus * self.tdvps


class Fit(Struct, frozen=True):
    """How many TDs of a size there is room for, and what limits them.

    by_keyids, by_memory: each by itself. at_most: bytes that one TD takes at most, its memory, the
    S-EPT (sept) and page pairs of a Dynamic PAMT (pairs) included.
    """

    tds: int
    limit: str
    by_keyids: int
    by_memory: int
    at_most: int
    sept: int
    pairs: int


def cost_of(platform: Platform) -> TdCost:
    """What the metadata of the platform's module says that a TD costs."""
    tdr, tdcs, tdvps = (
        _metadata(platform, f"{name}_BASE_SIZE") for name in ("TDR", "TDCS", "TDVPS")
    )
    return TdCost(tdr, tdcs, tdvps)


def guest_keyids(plan: PlatformPlan) -> int:
    """KeyIDs that TDs can have, a TD each: all of TDX but the module's own."""
    return max(plan.platform.firmware.tdx_keyids - 1, 0)


def sept_of(guest: Guest) -> int:
    """Bytes of the TD's S-EPT, at most: all of its memory mapped by 4 KiB pages.

    A page for each 2 MiB, 1 GiB and 512 GiB that is begun, one more of each for memory that is in
    two parts, below 4 GiB and above; its root is in the TDCS.
    """
    return SZ_4K * sum(-(-guest.memory // mapped) + 1 for mapped in _MAPPED)


def fit_of(plan: PlatformPlan, kernel: KernelPlan, guest: Guest) -> Fit:
    """How many TDs of that size there is room for under a kernel of the plan.

    Room is the memory that TDX can use, without the PAMTs that the kernel allocated.
    """
    cost, sept = cost_of(plan.platform), sept_of(guest)
    pages = cost.of(guest) + sept
    # At worst no two of those pages lie in the same 2 MiB.
    pairs = PAGE_PAIR * (-(-guest.memory // SZ_2M) + pages // SZ_4K) if kernel.dynamic else 0
    at_most = guest.memory + pages + pairs
    room = sum(size for _, size in plan.by_node) - kernel.pamt.total
    by_keyids = kernel.host.tds if isinstance(kernel.host, ReadyToRunTds) else guest_keyids(plan)
    by_memory = max(room, 0) // at_most
    tds, limit = min((by_keyids, KEYIDS), (by_memory, MEMORY))
    most = plan.platform.module.max_vcpus_per_td
    if most is not None and guest.vcpus > most:
        tds, limit = 0, VCPUS
    if not kernel.is_ready:
        tds, limit = 0, KERNEL
    return Fit(tds, limit, by_keyids, by_memory, at_most, sept, pairs)


def _metadata(platform: Platform, name: str) -> int:
    values = release(version_of(platform.module).release).profile.values
    row = field_named(name)
    assert row is not None
    return values.get(name, row[4][0])
