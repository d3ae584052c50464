# SPDX-License-Identifier: Apache-2.0
"""What SYS.INIT and SYS.LP.INIT check of the platform [tdx-module 1.5, 4]."""

from __future__ import annotations

from tdxctl.seam import msrs
from tdxctl.seam.conditions import Halt
from tdxctl.seam.environment import EVERY_SUBLEAF
from tdxctl.seam.msrs import (
    CPUID_REGISTERS,
    MSR_IA32_MKTME_KEYID_PARTITIONING,
    MSR_IA32_TME_ACTIVATE,
    MSR_IA32_TME_CAPABILITY,
    MSR_MTRRCAP,
)
from tdxctl.seam.platform_tables import (
    CpuidBit,
    CpuidRow,
    MsrRule,
    Tables,
    tables,
    tme_activate,
    tme_capability,
)
from tdxctl.seam.releases import Values
from tdxctl.seam.state import MAX_KEYIDS, ModuleState, Refused, Samples
from tdxctl.seam.status import Status, with_bytes
from tdxctl.units import U32_MASK

_NO_SUBLEAF = 0xFFFFFFFF
_MSR_MISC_ENABLE = 0x1A0
_MSR_WBINVDP, _MSR_WBNOINVDP = 0x98, 0x99
_SMRRS = ((0x1F2, 0x1F3), (0x1F6, 0x1F7))
_LIMIT_CPUID_MAXVAL = 1 << 22
_SEAMDB_LEAVES = 1 << 4 | 1 << 5
_MIN_TSC_HZ = 0x2540C
_MIN_BASE_LEAF, _MIN_EXTENDED_LEAF = 0x1F, 0x80000008
_TOPOLOGY_LEAF = 0x1F
_CORE_LEVEL, _SMT_LEVEL = 2, 1
_USER_XSAVE, _SUPERVISOR_XSAVE = 0x602FF, 0x1FD00


class Platform:
    """The platform as one logical processor sees it."""

    def __init__(self, state: ModuleState, lp: int) -> None:
        self.state = state
        self.lp = lp
        self.tables: Tables = tables(state.profile.checks)
        self._leaves_set = {leaf for _, leaf, *_ in state.environment.cpuids}

    def msr(self, msr: int) -> int:
        """An MSR: set on this LP, else on all, else as the platform has it, else 0."""
        environment, platform = self.state.environment, self.state.platform
        for lp in (self.lp, None):
            if (lp, msr) in environment.msrs:
                return environment.msrs[lp, msr]
        plain = environment.without_integrity
        match msr:
            case msrs.MSR_IA32_TME_CAPABILITY:
                return tme_capability(platform.keyid_bits, plain=plain)
            case msrs.MSR_IA32_TME_ACTIVATE:
                return tme_activate(platform.keyid_bits, plain=plain)
            case msrs.MSR_IA32_MKTME_KEYID_PARTITIONING:
                return platform.mktme_keyids | platform.tdx_keyids << 32
            case _:
                return self.tables.baseline_msr.get(msr, 0)

    def cpuid(self, leaf: int, subleaf: int | None) -> Values:
        """A CPUID leaf; the baseline with what was set on top, the last of several."""
        baseline = self._baseline(leaf, subleaf)
        if leaf not in self._leaves_set:
            return baseline
        values = dict(zip(CPUID_REGISTERS, baseline, strict=True))
        asked = 0 if subleaf is None else subleaf
        for lp, of_leaf, of_subleaf, register, value in self.state.environment.cpuids:
            mine = lp in (None, self.lp) and of_leaf == leaf
            if mine and of_subleaf in (EVERY_SUBLEAF, asked):
                values[register] = value
        return values["eax"], values["ebx"], values["ecx"], values["edx"]

    def _baseline(self, leaf: int, subleaf: int | None) -> Values:
        apic_id = self.state.platform.x2apic_id(self.lp)
        if leaf == 0x80000000:
            return self.tables.max_extended_leaf, 0, 0, 0
        eax, ebx, ecx, edx = self.tables.baseline_cpuid.get((leaf, subleaf), (0, 0, 0, 0))
        if leaf == 1:
            # "leaf 1 EBX[31:24] = x2APIC id bits 7:0"
            ebx = ebx & 0xFFFFFF | (apic_id & 0xFF) << 24
        if leaf == 0x1F:
            edx = apic_id
        return eax, ebx, ecx, edx

    @property
    def described_package(self) -> int | None:
        """The package that the platform names, unless CPUID 0x1F was set to say another."""
        if self.state.platform.package_ids is None or _TOPOLOGY_LEAF in self._leaves_set:
            return None
        return self.state.platform.package_of(self.lp)

    @property
    def seamops(self) -> int:
        """The SEAMOPS capabilities of this LP."""
        set_here = self.state.environment.seamops
        everywhere = set_here.get(None, self.tables.seamops_capabilities)
        return set_here.get(self.lp, everywhere)


def check_sys_init(state: ModuleState, lp: int) -> Samples:
    """The platform checks of SYS.INIT in their order, and what LP.INIT will compare with.

    Raises Refused, or Halt where the module shuts itself down.
    """
    platform = Platform(state, lp)
    samples = Samples()
    for rule in platform.tables.sys_init_msr:
        _check_msr(rule, platform.msr(rule.msr))
    _walk_cpuid(platform, samples)
    for rule, only_if in platform.tables.sys_init_vmx:
        if only_if is None or _is_set(platform, only_if):
            _check_msr(rule, platform.msr(rule.msr))
    _check_tme(platform)
    if not state.cmr_list_is_valid():
        raise Refused(Status.TDX_CMR_LIST_INVALID)
    _check_smrrs(platform)
    # "SEAMOPS capabilities must contain SEAMDB GETREF and REPORT (bits 4,5)"
    samples.seamops = platform.seamops
    if samples.seamops & _SEAMDB_LEAVES != _SEAMDB_LEAVES:
        raise Refused(Status.TDX_INCOMPATIBLE_SEAM_CAPABILITIES)
    compared = (*platform.tables.same_before_cpuid, *platform.tables.same_after_cpuid)
    samples.msrs = {msr: platform.msr(msr) for msr in compared}
    return samples


def check_lp_init(state: ModuleState, lp: int, samples: Samples) -> int:
    """The checks of LP.INIT in their order; the LP's package. Raises Refused."""
    platform = Platform(state, lp)
    if platform.seamops != samples.seamops:
        raise Refused(Status.TDX_INCOMPATIBLE_SEAM_CAPABILITIES)
    for msr in platform.tables.same_before_cpuid:
        _check_same(platform, samples, msr)
    if platform.msr(_MSR_MISC_ENABLE) & _LIMIT_CPUID_MAXVAL:
        raise Refused(Status.TDX_LIMIT_CPUID_MAXVAL_SET)
    _compare_cpuid(platform, samples)
    for msr in platform.tables.same_after_cpuid:
        # "SMRR2 0x1F6, 0x1F7 (only if MTRRCAP bit 13)"
        if msr in _SMRRS[1] and not samples.msrs[MSR_MTRRCAP] >> 13 & 1:
            continue
        _check_same(platform, samples, msr)
    return state.lp_package[lp]


def _check_same(platform: Platform, samples: Samples, msr: int) -> None:
    if platform.msr(msr) != samples.msrs[msr]:
        raise Refused(Status.TDX_INCONSISTENT_MSR + msr)


def _check_msr(rule: MsrRule, value: int) -> None:
    if rule.pairs and value & U32_MASK & ~(value >> 32):
        # "a bit set in the low half and clear in the high half halts the module"
        raise Halt
    part = value >> rule.low & ((1 << (rule.high - rule.low + 1)) - 1)
    if (
        value & rule.must_be_1 != rule.must_be_1
        or value & rule.must_be_0
        or (rule.minimum is not None and part < rule.minimum)
        or (rule.maximum is not None and part > rule.maximum)
    ):
        if rule.status is not None:
            raise Refused(Status[rule.status])
        raise Refused(Status.TDX_INCORRECT_MSR_VALUE + rule.reported_as)


def _is_set(platform: Platform, bit: CpuidBit) -> bool:
    return bool(platform.cpuid(bit.leaf, bit.subleaf)[bit.register] >> bit.bit & 1)


class _Walk:
    # What the CPUID walk of SYS.INIT notes on its way.
    def __init__(self) -> None:
        self.l3_sharing = 0
        self.la57 = False
        self.leaf_7_1_eax = 0
        self.user_mask = 0
        self.supervisor_mask = 0
        self.leaf_23_0_eax = 0
        self.previous_type = 0
        self.core_seen = False
        self.shift = 0
        self.smt_shift = 0


def _walk_cpuid(platform: Platform, samples: Samples) -> None:
    max_base = platform.cpuid(0, None)[0]
    if max_base < _MIN_BASE_LEAF:
        raise Refused(Status.TDX_CPUID_LEAF_NOT_SUPPORTED + _MIN_BASE_LEAF)
    max_extended = platform.cpuid(0x80000000, None)[0]
    if max_extended < _MIN_EXTENDED_LEAF:
        raise Refused(Status.TDX_CPUID_LEAF_NOT_SUPPORTED + _MIN_EXTENDED_LEAF)
    walk = _Walk()
    for row in platform.tables.cpuid:
        # (a) "a leaf above the maximum ... is taken as all 0"
        above = row.leaf > (max_extended if row.leaf >> 31 else max_base)
        values = (0, 0, 0, 0) if above else platform.cpuid(row.leaf, row.subleaf)
        # (b) "register and mask == value, else INCORRECT_CPUID_VALUE"
        for value, wanted in zip(values, row.init, strict=True):
            if wanted is not None and value & wanted[0] != wanted[1]:
                raise _incorrect_cpuid(row)
        # (c) the extra rule, (d) what is kept
        kept = _extra_rule(platform, row, values, walk, samples)
        samples.cpuid[row.leaf, row.subleaf] = kept


def _incorrect_cpuid(row: CpuidRow) -> Refused:
    masks = [wanted[0] if wanted is not None else 0 for wanted in row.init]
    values = [wanted[1] if wanted is not None else 0 for wanted in row.init]
    return Refused(
        Status.TDX_INCORRECT_CPUID_VALUE,
        rcx=_leaf_and_subleaf(row),
        rdx=masks[0] | masks[1] << 32,
        r8=masks[2] | masks[3] << 32,
        r9=values[0] | values[1] << 32,
        r10=values[2] | values[3] << 32,
    )


def _leaf_and_subleaf(row: CpuidRow) -> int:
    return row.leaf | (_NO_SUBLEAF if row.subleaf is None else row.subleaf) << 32


def _incorrect(row: CpuidRow, rdx: int, r8: int, r9: int, r10: int) -> Refused:
    return Refused(
        Status.TDX_INCORRECT_CPUID_VALUE,
        rcx=_leaf_and_subleaf(row),
        rdx=rdx,
        r8=r8,
        r9=r9,
        r10=r10,
    )


def _extra_rule(  # noqa: C901, PLR0912  # a branch for each row of the specification's list
    platform: Platform, row: CpuidRow, values: Values, walk: _Walk, samples: Samples
) -> Values:
    eax, ebx, ecx, edx = values
    profile = platform.state.profile
    match row.leaf, row.subleaf:
        case 1, _:
            # "the EAX kept is package_fms (from MCHECK, ...), not the one read"
            return platform.tables.package_fms, ebx, ecx, edx
        case 4, 3:
            walk.l3_sharing = eax >> 14 & 0xFFF
        case 7, 0:
            walk.la57 = bool(ecx >> 16 & 1)
        case 7, 1:
            walk.leaf_7_1_eax = eax
        case 0xA, _:
            _check_perfmon(row, values, by_bitmap=profile.fixed_counters_by_bitmap)
        case 0xD, 0:
            walk.user_mask = eax & _USER_XSAVE
        case 0xD, 1:
            walk.supervisor_mask = ecx & _SUPERVISOR_XSAVE
        case 0xD, int(n):
            supervisor = bool(ecx & 1)
            wrong = walk.user_mask if supervisor else walk.supervisor_mask
            if wrong >> n & 1:
                raise Halt
        case 0x15, _:
            if ebx == 0:
                raise Refused(Status.TDX_CPUID_LEAF_NOT_SUPPORTED + 0x15)
            if eax == 0 or ecx * ebx // eax < _MIN_TSC_HZ:
                raise Halt
        case 0x1C, _ if eax & 0xFF == 0:
            raise Halt
        case 0x1F, int(n):
            _check_topology(platform, n, values, walk, samples)
        case 0x23, int(n) if profile.leaf_23_follows_its_first:
            return _check_leaf_23(row, n, values, walk)
        case 0x80000008, _:
            _check_address_widths(platform.state, row, eax, walk)
        case _:
            pass
    return values


def _check_perfmon(row: CpuidRow, values: Values, *, by_bitmap: bool) -> None:
    eax, _, ecx, edx = values
    if eax & 0xFF < 5:
        raise _incorrect(row, 0xF, 0, 5, 0)
    fixed = edx & 0x1F
    if by_bitmap:
        if ((1 << fixed) - 1) | ecx > 0x7F:
            raise _incorrect(row, 0, 0x1FFFFFFFFF, 0, 0x70000007F)
    elif fixed > 7:
        raise _incorrect(row, 0, 0x1F00000000, 0, 0x700000000)


def _check_leaf_23(row: CpuidRow, n: int, values: Values, walk: _Walk) -> Values:
    # "7.1 EAX bit 8 clear: the values kept are 0; set: for n > 0 with bit n of 0x23.0 EAX clear
    # all four registers must be 0"
    if not walk.leaf_7_1_eax >> 8 & 1:
        return 0, 0, 0, 0
    if n == 0:
        walk.leaf_23_0_eax = values[0]
    elif not walk.leaf_23_0_eax >> n & 1 and any(values):
        every = (1 << 64) - 1
        raise _incorrect(row, every, every, 0, 0)
    return values


def _check_address_widths(state: ModuleState, row: CpuidRow, eax: int, walk: _Walk) -> None:
    # "[25]: any <= 52, > 52 is fatal"; in [01] the table wants 52.
    if state.profile.maxpa_from_cpuid:
        if eax & 0xFF > 52:
            raise Halt
        state.maxpa = eax & 0xFF
    linear = 57 if walk.la57 else 48
    if eax >> 8 & 0xFF != linear:
        raise _incorrect(row, 0xFF00, 0, linear << 8, 0)


def _check_topology(
    platform: Platform, n: int, values: Values, walk: _Walk, samples: Samples
) -> None:
    eax, _, ecx, _ = values
    unrecognized = Refused(Status.TDX_CPUID_LEAF_1F_FORMAT_UNRECOGNIZED)
    if platform.state.profile.leaf_1f_is_numbered and ecx & 0xFF != n:
        raise unrecognized
    level = ecx >> 8 & 0xFF
    if level:
        if level <= walk.previous_type or level >= 6:
            raise unrecognized
        walk.shift = eax & 0x1F
        if level == _SMT_LEVEL:
            walk.smt_shift = walk.shift
        walk.core_seen |= level == _CORE_LEVEL
    else:
        if n == 0 or not walk.core_seen:
            raise Refused(Status.TDX_CPUID_LEAF_NOT_SUPPORTED)
        if walk.previous_type:
            samples.package_shift = walk.shift
            if walk.shift < walk.smt_shift:
                raise Halt
            # "the noted 4.3 value >> (shift - 1) must be exactly 1 else INVALID_WBINVD_SCOPE"
            if walk.shift == 0 or walk.l3_sharing >> (walk.shift - 1) != 1:
                raise Refused(Status.TDX_INVALID_WBINVD_SCOPE)
    walk.previous_type = level


def _compare_cpuid(platform: Platform, samples: Samples) -> None:
    # "Row by row in the same order, rows above this LP's own maxima skipped"
    max_base = platform.cpuid(0, None)[0]
    max_extended = platform.cpuid(0x80000000, None)[0]
    for row in platform.tables.cpuid:
        if row.leaf > (max_extended if row.leaf >> 31 else max_base):
            continue
        values, kept = platform.cpuid(row.leaf, row.subleaf), samples.cpuid[row.leaf, row.subleaf]
        if values != kept:
            _check_same_cpuid(row, values, kept)
        if (row.leaf, row.subleaf) == (0x1F, 0):
            # "right after leaf 0x1F sub-leaf 0 compared equal, package id = EDX >> package shift"
            package = platform.described_package
            if package is None:
                package = values[3] >> samples.package_shift
            platform.state.set_lp_package(platform.lp, package)


def _check_same_cpuid(row: CpuidRow, values: Values, kept: Values) -> None:
    for value, sampled, mask in zip(values, kept, row.same, strict=True):
        if mask is not None and (value ^ sampled) & mask:
            masks = [m or 0 for m in row.same]
            raise Refused(
                Status.TDX_INCONSISTENT_CPUID_FIELD,
                rcx=_leaf_and_subleaf(row),
                rdx=masks[0] | masks[1] << 32,
                r8=masks[2] | masks[3] << 32,
            )


def _check_tme(platform: Platform) -> None:
    activate = platform.msr(MSR_IA32_TME_ACTIVATE)
    if not activate & 1:
        raise Refused(Status.TDX_INCORRECT_MSR_VALUE + MSR_IA32_TME_ACTIVATE)
    # "one of the two each; with integrity: bits 1/3 and 49/51; tdx_without_integrity: bits 0/2 and
    # 48/50"
    plain = platform.state.environment.without_integrity
    wanted = 0b0101 if plain else 0b1010
    if not platform.msr(MSR_IA32_TME_CAPABILITY) & wanted:
        raise Refused(Status.TDX_INCORRECT_MSR_VALUE + MSR_IA32_TME_CAPABILITY)
    if not activate >> 48 & wanted:
        raise Refused(Status.TDX_INCORRECT_MSR_VALUE + MSR_IA32_TME_ACTIVATE)
    keyids = platform.msr(MSR_IA32_MKTME_KEYID_PARTITIONING)
    if (keyids & U32_MASK) + (keyids >> 32) >= MAX_KEYIDS:
        raise Refused(Status.TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED + MAX_KEYIDS)
    if platform.msr(_MSR_WBNOINVDP) != platform.msr(_MSR_WBINVDP):
        raise Refused(Status.TDX_INCORRECT_MSR_VALUE + _MSR_WBNOINVDP)


def _check_smrrs(platform: Platform) -> None:
    capabilities = platform.msr(MSR_MTRRCAP)
    if not capabilities >> 11 & 1:
        raise Refused(Status.TDX_SMRR_NOT_SUPPORTED)
    if not capabilities >> 14 & 1:
        raise Refused(Status.TDX_SMRR_LOCK_NOT_SUPPORTED)
    # "SMRR2 is looked at only if MTRRCAP bit 13 and MCHECK's smrr2_not_supported is 0"
    second = capabilities >> 13 & 1 and not platform.tables.smrr2_not_supported
    for index, (base_msr, mask_msr) in enumerate(_SMRRS[: 2 if second else 1]):
        _check_smrr(platform, index, platform.msr(base_msr), platform.msr(mask_msr))


def _check_smrr(platform: Platform, index: int, base: int, mask: int) -> None:
    if not mask >> 10 & 1:
        raise Refused(with_bytes(Status.TDX_SMRR_NOT_LOCKED, index))
    if not mask >> 11 & 1:
        return  # not valid
    # "base and mask are bits 31:12): mask 0, mask with holes up to bit 31, base not aligned to size
    # (size = lowest mask bit)"
    base, mask = base & 0xFFFFF000, mask & 0xFFFFF000
    size = mask & -mask
    holes = mask + size != 1 << 32
    if mask == 0 or holes or base % size:
        raise Refused(with_bytes(Status.TDX_INVALID_SMRR_CONFIGURATION, index))
    for number, (cmr_base, cmr_size) in enumerate(platform.state.platform.cmrs):
        if cmr_size and base < cmr_base + cmr_size and cmr_base < base + size:
            raise Refused(with_bytes(Status.TDX_SMRR_OVERLAPS_CMR, index, number))
