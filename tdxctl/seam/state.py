# SPDX-License-Identifier: Apache-2.0
"""The TDX module's global state, as every leaf sees it [tdx-module 1.2, 3.2, 4]."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from msgspec import Struct

from tdxctl.seam.conditions import Conditions
from tdxctl.seam.environment import Environment
from tdxctl.seam.handoff import NEEDED_PAGES, Handoff, PamtMemory
from tdxctl.seam.port import PhysicalMemory
from tdxctl.seam.releases import ModuleVersion, Profile, Release, release
from tdxctl.seam.status import Status
from tdxctl.units import MAX_PHYSICAL_ADDRESS, SZ_4K, U64_MASK

MAX_CMRS = 32
MAX_KEYIDS = 2048
_MAX_PACKAGES = 8
INTEL_VENDOR_ID = 0x8086

# x2APIC ids that differ only below this bit are of one package.
_PACKAGE_SHIFT = 7


class Refused(Exception):
    """A check failed: completion status, and RCX, RDX, R8, R9, R10 where they say more."""

    def __init__(self, status: int, **registers: int) -> None:
        super().__init__(status)
        self.status = status
        self.registers = registers


class Samples(Struct):
    """What SYS.INIT saw and LP.INIT compares with: MSRs, CPUID by (leaf, sub-leaf)."""

    msrs: dict[int, int] = {}
    cpuid: dict[tuple[int, int | None], tuple[int, int, int, int]] = {}
    seamops: int = 0
    package_shift: int = 0


class SysState(IntEnum):
    """SYS_STATE."""

    SYSINIT_PENDING = 0
    SYSINIT_DONE = 1
    SYSCONFIG_DONE = 2
    SYS_READY = 3
    SYS_SHUTDOWN = 4


class ModuleInfo(Struct, frozen=True):
    """What the module image is and reports; pamt_entry_sizes is bytes for (4K, 2M, 1G).

    reports: global metadata fields by name that hold another value than the release's; None is no
    such field.
    """

    version: ModuleVersion
    build_date: int
    build_num: int
    features0: int
    num_cpuid_config: int
    vendor_id: int = INTEL_VENDOR_ID
    max_tdmrs: int = 64
    max_reserved_per_tdmr: int = 16
    pamt_entry_sizes: tuple[int, int, int] = (16, 16, 16)
    pamt_page_bitmap_entry_bits: int = 1
    sysinfo_cmr_entries: int = MAX_CMRS
    strict: bool = True
    reports: dict[str, int | None] = {}

    @property
    def of_release(self) -> Release:
        """The release that the image is of."""
        return release(self.version.release)

    @property
    def profile(self) -> Profile:
        """What the module does where releases differ."""
        return self.of_release.profile

    @property
    def fields(self) -> frozenset[str]:
        """The global metadata fields that it has of those that not every release has."""
        absent = {name for name, value in self.reports.items() if value is None}
        return (self.profile.fields | frozenset(self.reports)) - absent

    @property
    def num_handoff_pages(self) -> int:
        """The handoff pages of its signature structure minus 1; the fewest where not known."""
        return (self.of_release.handoff_pages or NEEDED_PAGES) - 1

    @classmethod
    def of_version(cls, text: str) -> ModuleInfo:
        """The module as its published source is. Raises ValueError if it is not modelled."""
        version = ModuleVersion.parse(text)
        row = release(version.release)
        return cls(
            version=version,
            build_date=row.build_date,
            build_num=row.build_num,
            features0=row.features0,
            num_cpuid_config=row.num_cpuid_config,
        )


class ModulePlatform(Struct, frozen=True):
    """What the module finds on the platform, as MCHECK hands it over.

    lps, packages: how many logical processors and packages MCHECK counted. cmrs: (base, size)
    pairs in bytes, order and empty entries kept, at most 32. seamrr: (base, size).
    package_ids: the package of each LP; by default x2APIC id >> 7 of x2apic_ids, and LPs
    spread evenly over the packages where neither is given. module_hv, no_downgrade: the
    handoff version and rule of the signature structure, by default those built in.
    num_handoff_pages is the number of pages minus 1.
    """

    lps: int
    packages: int
    keyid_bits: int
    mktme_keyids: int
    tdx_keyids: int
    cmrs: Sequence[tuple[int, int]]
    seamrr: tuple[int, int]
    x2apic_ids: Sequence[int] | None = None
    package_ids: Sequence[int] | None = None
    module_hv: int | None = None
    min_update_hv: int = 0
    no_downgrade: int | None = None
    num_handoff_pages: int = 13

    @property
    def callers(self) -> int:
        """How many LPs can call: MCHECK may have counted fewer than there are."""
        return max(self.lps, len(self.x2apic_ids or ()), len(self.package_ids or ()))

    def x2apic_id(self, lp: int) -> int:
        """The x2APIC id of logical processor lp."""
        if self.x2apic_ids is not None:
            return self.x2apic_ids[lp]
        per_package = -(-self.callers // self.packages)
        return lp // per_package << _PACKAGE_SHIFT | lp % per_package

    def package_of(self, lp: int) -> int:
        """The package of logical processor lp."""
        if self.package_ids is not None:
            return self.package_ids[lp]
        return self.x2apic_id(lp) >> _PACKAGE_SHIFT


class TdmrEntry(Struct):
    """A configured TDMR; next is its next-to-initialise address.

    reserved: (offset, size) of its reserved areas, relative to base.
    """

    base: int
    size: int
    next: int
    reserved: tuple[tuple[int, int], ...] = ()

    @property
    def end(self) -> int:
        """The first byte behind the TDMR."""
        return self.base + self.size

    def is_reserved(self, pa: int) -> bool:
        """Whether the page at pa lies in a reserved area."""
        offset = pa - self.base
        return any(start <= offset < start + size for start, size in self.reserved)


class ModuleState:
    """Everything the module keeps between SEAMCALLs."""

    def __init__(
        self,
        platform: ModulePlatform,
        info: ModuleInfo,
        memory: PhysicalMemory,
        *,
        conditions: Conditions,
        environment: Environment,
        handoff: Handoff,
        pamt: PamtMemory,
    ) -> None:
        self.platform = platform
        self.info = info
        self.profile = info.profile
        #: Global metadata fields that not every release has, as far as this image has them.
        self.fields = info.fields
        self.memory = memory
        self.conditions = conditions
        self.environment = environment
        #: None: the baseline, which need not be compared.
        self.samples: Samples | None = None
        # What outlives the module: the next image finds it.
        self.handoff = handoff
        self.pamt = pamt
        self.sys_state = SysState.SYSINIT_PENDING
        #: The physical address width, until SYS.INIT of a module that reads it from CPUID.
        self.maxpa = 52
        self.initialized_lps: set[int] = set()
        #: LPs on which no SEAMCALL enters any more, of a module whose LP.SHUTDOWN is final.
        self.shut_down_lps: set[int] = set()
        self.lp_package: dict[int, int] = {}
        self.initialized_packages = 0
        self.package_config_bitmap = 0
        self.global_hkid = 0
        self.dynamic_pamt = False
        self.tdmrs: list[TdmrEntry] = []

    @property
    def module_hv(self) -> int:
        """The handoff version: the one built in, unless the platform says otherwise."""
        stated = self.platform.module_hv
        return self.profile.module_hv if stated is None else stated

    @property
    def no_downgrade(self) -> int:
        """Whether an update may not hand over to an older module, 0 or 1."""
        stated = self.platform.no_downgrade
        return self.profile.no_downgrade if stated is None else stated

    @property
    def private_hkid_min(self) -> int:
        """The first private HKID: "private_hkid_min = NUM_MKTME_KIDS + 1"."""
        return self.platform.mktme_keyids + 1

    @property
    def private_hkid_max(self) -> int:
        """The last private HKID."""
        return self.platform.mktme_keyids + self.platform.tdx_keyids

    @property
    def hkid_start_bit(self) -> int:
        """The lowest HKID bit of a physical address."""
        return self.maxpa - self.platform.keyid_bits

    @property
    def _hkid_mask(self) -> int:
        return (1 << self.maxpa) - (1 << self.hkid_start_bit)

    def has_hkid_bits(self, pa: int) -> bool:
        """Whether pa has HKID bits or is not below 2^52.

        [25]: "the address below max PA test still uses 2^52, so with MAXPA < 52 a TDMR/PAMT address
        with a bit in [MAXPA,51] passes".
        """
        return pa >= MAX_PHYSICAL_ADDRESS or pa & self._hkid_mask != 0

    def without_hkid(self, pa: int) -> int:
        """pa with its HKID bits removed."""
        return pa & ~self._hkid_mask

    def cmr_list_is_valid(self) -> bool:
        """Whether SYS.INIT accepts the CMR list."""
        # "non-null CMR whose base+size wraps; base or last byte has HKID bits (or > 2^52); base or
        # size not 4 KiB multiple; start below previous start or inside previous CMR (null entries
        # skipped, anywhere)"
        previous_end = 0
        for base, size in self.platform.cmrs:
            if size == 0:
                continue
            last = base + size - 1
            if last > U64_MASK or last >= MAX_PHYSICAL_ADDRESS:
                return False
            if self.has_hkid_bits(base) or self.has_hkid_bits(last):
                return False
            if base % SZ_4K or size % SZ_4K or base < previous_end:
                return False
            previous_end = base + size
        return True

    def set_lp_package(self, lp: int, package: int) -> None:
        """Note the package of an LP. Raises Refused where the module has no such package."""
        # "package id = EDX >> package shift; >= 8 -> INVALID_PKG_ID + id (lp_info.pkg is set even
        # then)"
        self.lp_package[lp] = package
        if package >= _MAX_PACKAGES and self.info.strict:
            raise Refused(Status.TDX_INVALID_PKG_ID + package)

    def is_shared_hpa(self, pa: int, alignment: int, size: int) -> bool:
        """Whether [pa, pa+size) is a buffer the host may pass.

        "512-aligned; < 2^52; [addr,+512) not overlapping SEAMRR (HKID stripped); HKID <
        private_hkid_min (shared HKIDs allowed)", here with any alignment and size.
        """
        if pa % alignment or pa >= MAX_PHYSICAL_ADDRESS:
            return False
        start = self.without_hkid(pa)
        seamrr_base, seamrr_size = self.platform.seamrr
        if start < seamrr_base + seamrr_size and seamrr_base < start + size:
            return False
        return (pa & self._hkid_mask) >> self.hkid_start_bit < self.private_hkid_min
