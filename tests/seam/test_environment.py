# SPDX-License-Identifier: Apache-2.0
"""What the module's checks see of the platform: the baseline, and what was set on top of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tdxctl.seam import ModulePlatform, Registers, TdxModule
from tdxctl.seam.cpuid_config import native
from tdxctl.seam.environment import EVERY_SUBLEAF, Environment
from tdxctl.seam.platform_checks import Platform


def _module(*, cmrs: list[tuple[int, int]] | None = None) -> TdxModule:
    # Two LPs, whose x2APIC ids are 0 and 0x1A5.
    platform = ModulePlatform(
        lps=2,
        packages=2,
        keyid_bits=6,
        mktme_keyids=31,
        tdx_keyids=32,
        cmrs=cmrs or [(0x100000, 0x7FF00000)],
        seamrr=(0x3FFE000000, 0x2000000),
        x2apic_ids=[0, 0x1A5],
    )
    return TdxModule(platform, version="1.5.25")


def test_the_baseline_is_where_nothing_was_set() -> None:
    assert Environment().is_baseline is True
    with_msr, with_cpuid, with_seamops = Environment(), Environment(), Environment()
    with_msr.set_msr(None, 0x3A, 5)
    with_cpuid.set_cpuid(1, 7, 0, "ebx", 0)
    with_seamops.set_seamops(0, 0)
    changed = (with_msr, with_cpuid, with_seamops)
    assert [each.is_baseline for each in changed] == [False, False, False]


def test_the_msr_of_keyids_has_those_of_tdx_in_its_upper_half() -> None:
    assert Platform(_module().state, 0).msr(0x87) == 31 | 32 << 32


def test_sys_init_needs_the_extended_leaf_of_physical_addresses() -> None:
    """Expect TDX_CPUID_LEAF_NOT_SUPPORTED + 0x80000008 where leaf 0x80000000 ends before it."""
    module = _module()
    highest = Platform(module.state, 0).cpuid(0x80000000, None)[0]
    module.environment.set_cpuid(None, 0x80000000, EVERY_SUBLEAF, "eax", highest)
    assert module.seamcall(0, Registers(33)).rax == 0
    lower = _module()
    lower.environment.set_cpuid(None, 0x80000000, EVERY_SUBLEAF, "eax", 0x80000007)
    assert lower.seamcall(0, Registers(33)).rax == 0xC0000908_80000008


def test_cpuid_tells_an_lp_its_apic_id() -> None:
    """Expect the low 8 bits in CPUID 1 EBX[31:24] and all of it in 0x1F EDX [tdx-module 4.3]."""
    platform = Platform(_module().state, 1)
    assert platform.cpuid(1, None)[1] >> 24 == 0xA5
    assert platform.cpuid(0x1F, 0)[3] == 0x1A5


def test_leaf_0x80000000_tells_the_last_extended_leaf_and_nothing_else() -> None:
    highest, *others = Platform(_module().state, 0).cpuid(0x80000000, None)
    assert highest >= 0x80000008  # which MAXPA is read from
    assert others == [0, 0, 0]


def test_a_package_is_the_described_one_unless_topology_was_set() -> None:
    """Expect CPUID 0x1F to be asked where the vector's own values stand in it."""
    module = _module()
    module.state.platform = replace(module.state.platform, package_ids=(0, 1))
    assert Platform(module.state, 1).described_package == 1
    module.environment.set_cpuid(1, 0x1E, 0, "eax", 1)
    assert Platform(module.state, 1).described_package == 1
    module.environment.set_cpuid(1, 0x1F, 0, "edx", 0x80)
    assert Platform(module.state, 1).described_package is None


def test_what_the_last_set_register_says_wins() -> None:
    module = _module()
    module.environment.set_cpuid(None, 7, 0, "ebx", 0x11)
    module.environment.set_cpuid(1, 7, 0, "ebx", 0x22)
    assert [Platform(module.state, lp).cpuid(7, 0)[1] for lp in (0, 1)] == [0x11, 0x22]


def test_a_leaf_that_no_table_has_reads_nothing() -> None:
    assert native(_module().state, 0x12345, None) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("cmrs", "is_valid"),
    [
        ([(0x100000, 0x1000), (0x101000, 0x1000)], True),
        ([(0x100001, 0), (0x100000, 0x1000), (0, 0)], True),  # null entries are skipped
        ([(0x100000, 0x1000), (0x100000, 0x1000)], False),  # inside the CMR before
        ([(0x100001, 0x1000)], False),
        ([(0x100000, 0x1001)], False),
        ([((1 << 52) - 0x1000, 0x1000)], False),  # KeyID bits
        ([(1 << 52, 0x1000)], False),
    ],
)
def test_which_lists_of_cmrs_sys_init_accepts(cmrs: list[tuple[int, int]], is_valid: bool) -> None:
    """Expect what [tdx-module 1.5] says of the list: 4 KiB pages, ascending, below the KeyIDs."""
    assert _module(cmrs=cmrs).state.cmr_list_is_valid() is is_valid
