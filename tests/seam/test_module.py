# SPDX-License-Identifier: Apache-2.0
"""The module by itself: states, the dispatch gate, SEAMCALLs in and out of order."""

from __future__ import annotations

import struct

import pytest

from tdxctl.errors import NotModelledError
from tdxctl.seam import ModulePlatform, Registers, TdxModule
from tdxctl.seam.leaves import Leaf

SYSINFO_PA, CMR_ARRAY_PA, PA_ARRAY, TDMR_PA = 0x10000, 0x11000, 0x3600, 0x8000
GLOBAL_KEYID = 0x20


def _module(version: str = "1.5.01", *, packages: int = 1) -> TdxModule:
    return TdxModule(
        ModulePlatform(
            lps=max(2, packages),
            packages=packages,
            keyid_bits=6,
            mktme_keyids=31,
            tdx_keyids=32,
            cmrs=[(0x100000, 0x7FF00000), (0x100000000, 0x300000000)],
            seamrr=(0x3FFE000000, 0x2000000),
        ),
        version=version,
    )


def _call(module: TdxModule, leaf: int, cpu: int = 0, **registers: int) -> Registers:
    return module.seamcall(cpu, Registers(rax=leaf, **registers))


def _configurable(version: str = "1.5.01", *, packages: int = 1) -> TdxModule:
    # A module that awaits SYS.CONFIG, with one TDMR of 3 GiB written at TDMR_PA.
    module = _module(version, packages=packages)
    assert _call(module, Leaf.TDH_SYS_INIT).rax == 0
    for cpu in range(max(2, packages)):
        assert _call(module, Leaf.TDH_SYS_LP_INIT, cpu).rax == 0
    module.memory.write(PA_ARRAY, struct.pack("<Q", TDMR_PA))
    tdmr = (0x180000000, 0xC0000000, 0x102000, 0x1000, 0x103000, 0x6000, 0x109000, 0xC00000)
    module.memory.write(TDMR_PA, struct.pack("<8Q", *tdmr))
    return module


def _ready(version: str = "1.5.01") -> TdxModule:
    module = _configurable(version)
    config = _call(module, Leaf.TDH_SYS_CONFIG, rcx=PA_ARRAY, rdx=1, r8=GLOBAL_KEYID)
    assert config.rax == 0
    assert _call(module, Leaf.TDH_SYS_KEY_CONFIG).rax == 0
    return module


def test_states_follow_the_calls() -> None:
    """SYSINIT_PENDING -> SYSINIT_DONE -> SYSCONFIG_DONE -> SYS_READY."""
    module = _module()
    assert module.sys_state == "SYSINIT_PENDING"
    module = _configurable()
    assert module.sys_state == "SYSINIT_DONE"
    _call(module, Leaf.TDH_SYS_CONFIG, rcx=PA_ARRAY, rdx=1, r8=GLOBAL_KEYID)
    assert module.sys_state == "SYSCONFIG_DONE"
    _call(module, Leaf.TDH_SYS_KEY_CONFIG)
    assert module.sys_state == "SYS_READY"


@pytest.mark.parametrize(
    ("leaf", "registers", "status"),
    [
        (1 << 24 | 33, {}, 0xC000010000000000),  # reserved bits of RAX
        (1 << 16 | 45, {}, 0xC000010000000000),  # a version of a leaf without versions
        (36, {}, 0xC000050500000000),  # TDMR.INIT before READY
        (999, {}, 0xC000050500000000),  # unknown leaves too
        (35, {}, 0xC000050B00000000),  # LP.INIT before INIT
        (32, {}, 0xC000050200000000),  # INFO on a CPU without LP.INIT
        (45, {"rcx": 0x3600, "rdx": 1, "r8": 32}, 0xC000050C00000000),
        (31, {}, 0xC000050700000000),
        (44, {}, 0),  # LP.SHUTDOWN: deprecated, always a success
    ],
)
def test_a_fresh_module_refuses_what_comes_too_early(
    leaf: int, registers: dict[str, int], status: int
) -> None:
    assert _call(_module(), leaf, **registers).rax == status


def test_attributes_are_checked_before_the_state() -> None:
    """Expect OPERAND_INVALID+RCX for bad attributes even of a second SYS.INIT."""
    module = _module()
    assert _call(module, Leaf.TDH_SYS_INIT, rcx=1).rax == 0xC000010000000001
    assert _call(module, Leaf.TDH_SYS_INIT).rax == 0
    assert _call(module, Leaf.TDH_SYS_INIT).rax == 0xC000050000000000
    assert _call(module, Leaf.TDH_SYS_INIT, rcx=1).rax == 0xC000010000000001


def test_lp_init_counts_each_lp_once() -> None:
    module = _module()
    _call(module, Leaf.TDH_SYS_INIT)
    assert _call(module, Leaf.TDH_SYS_LP_INIT, 1).rax == 0
    assert _call(module, Leaf.TDH_SYS_LP_INIT, 1).rax == 0xC000050300000000


def test_sys_info_writes_what_the_module_is_and_the_cmrs() -> None:
    """Expect vendor, build, version and limits in TDSYSINFO_STRUCT, 32 CMRs, two in use."""
    module = _configurable()
    out = _call(module, Leaf.TDH_SYS_INFO, rcx=SYSINFO_PA, rdx=1024, r8=CMR_ARRAY_PA, r9=32)
    assert (out.rax, out.rdx, out.r9) == (0, 1024, 32)
    sysinfo = module.memory.read(SYSINFO_PA, 1024)
    assert struct.unpack_from("<IIIHHHB", sysinfo) == (0, 0x8086, 20230323, 481, 5, 1, 1)
    assert struct.unpack_from("<HHH", sysinfo, 32) == (64, 16, 16)
    assert struct.unpack_from("<I", sysinfo, 128) == (12,)
    cmrs = list(struct.iter_unpack("<QQ", module.memory.read(CMR_ARRAY_PA, 512)))
    assert cmrs[:3] == [(0x100000, 0x7FF00000), (0x100000000, 0x300000000), (0, 0)]


@pytest.mark.parametrize(
    ("registers", "status"),
    [
        ({"rcx": 0x10200}, 0xC000010000000001),  # not 1 KB aligned
        ({"rcx": 0x3FFE000000}, 0xC000010000000001),  # in SEAMRR
        ({"rcx": 0x20 << 46 | 0x10000}, 0xC000010000000001),  # a private HKID
        ({"rcx": 1 << 52}, 0xC000010000000001),
        ({"rdx": 1023}, 0xC000010000000002),
        ({"r8": 0x11100}, 0xC000010000000008),  # not 512-byte aligned
        ({"r9": 31}, 0xC000010000000009),
    ],
)
def test_sys_info_checks_its_buffers(registers: dict[str, int], status: int) -> None:
    good = {"rcx": SYSINFO_PA, "rdx": 1024, "r8": CMR_ARRAY_PA, "r9": 32}
    out = _call(_configurable(), Leaf.TDH_SYS_INFO, **good | registers)
    assert (out.rax, out.rdx, out.r9) == (status, 0, 0)


def test_a_shared_keyid_in_a_buffers_address_is_allowed() -> None:
    module = _configurable()
    out = _call(
        module, Leaf.TDH_SYS_INFO, rcx=5 << 46 | SYSINFO_PA, rdx=1024, r8=CMR_ARRAY_PA, r9=32
    )
    assert out.rax == 0
    assert module.memory.read(SYSINFO_PA + 4, 4) == struct.pack("<I", 0x8086)


@pytest.mark.parametrize(
    ("registers", "status"),
    [
        ({"rcx": 0x3700}, 0xC000010000000001),
        ({"rdx": 0}, 0xC000010000000002),
        ({"rdx": 65}, 0xC000010000000002),
        ({"r8": 31}, 0xC000010000000008),  # the last shared KeyID
        ({"r8": 64}, 0xC000010000000008),  # behind the last private one
        ({"r8": 1 << 16 | 32}, 0xC000010000000008),  # Dynamic PAMT is not in 1.5.01
    ],
)
def test_sys_config_checks_its_operands(registers: dict[str, int], status: int) -> None:
    good = {"rcx": PA_ARRAY, "rdx": 1, "r8": GLOBAL_KEYID}
    module = _configurable()
    assert _call(module, Leaf.TDH_SYS_CONFIG, **good | registers).rax == status
    assert module.sys_state == "SYSINIT_DONE"


def test_tdmr_info_is_read_from_memory() -> None:
    """
    TDMR 0:  base 0x180000000, size 3 GiB, its 4K PAMT one page short

    Expect TDX_INVALID_PAMT, TDMR 0, level 4K: what was written is what is checked.
    """
    module = _configurable()
    module.memory.write(TDMR_PA + 0x38, struct.pack("<Q", 0xC00000 - 0x1000))
    out = _call(module, Leaf.TDH_SYS_CONFIG, rcx=PA_ARRAY, rdx=1, r8=GLOBAL_KEYID)
    assert out.rax == 0xC0000A1000000000


def test_memory_nobody_wrote_is_an_empty_tdmr() -> None:
    """Expect TDX_INVALID_TDMR: an unwritten pointer is 0, a TDMR there has size 0."""
    module = _configurable()
    out = _call(module, Leaf.TDH_SYS_CONFIG, rcx=0x200000, rdx=1, r8=GLOBAL_KEYID)
    assert out.rax == 0xC0000A0000000000


def test_one_package_is_ready_after_one_key() -> None:
    """Expect KEY_CONFIG_NOT_PENDING, not KEY_CONFIGURED, for a second call."""
    assert _call(_ready(), Leaf.TDH_SYS_KEY_CONFIG).rax == 0xC000050700000000


def test_tdmr_init_moves_4_mib_a_call_and_shows_whole_gibibytes() -> None:
    """Expect RDX at the base for 255 calls, one GiB on at the 256th, then done, then a note."""
    module = _ready()
    rdx = [_call(module, Leaf.TDH_SYS_TDMR_INIT, rcx=0x180000000).rdx for _ in range(3 * 256)]
    assert rdx[:256] == [0x180000000] * 255 + [0x1C0000000]
    assert rdx[-1] == 0x180000000 + 0xC0000000
    out = _call(module, Leaf.TDH_SYS_TDMR_INIT, rcx=0x180000000)
    assert (out.rax, out.rdx) == (0x00000A0300000000, 0)


@pytest.mark.parametrize("rcx", [0x1C0000000, 0x180000001, 0, 1 << 51])
def test_tdmr_init_wants_the_base_of_a_tdmr(rcx: int) -> None:
    assert _call(_ready(), Leaf.TDH_SYS_TDMR_INIT, rcx=rcx).rax == 0xC000010000000001


def test_an_lp_that_does_not_exist_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no logical processor 2"):
        _call(_module(), Leaf.TDH_SYS_INIT, 2)


def test_a_1_0_module_has_no_sys_rd() -> None:
    """Expect what hosts with a kernel newer than their module print: 0xc000050500000000."""
    module = _configurable("1.0")
    for leaf in (34, 37, 53):  # RD, RDALL, UPDATE
        assert _call(module, leaf, rdx=0xFFFFFFFF_FFFFFFFF).rax == 0xC0000505_00000000
    ready = _ready("1.0")
    for leaf in (34, 37, 52, 53, 58, 59):  # ..., SHUTDOWN, UPDATE, PAMT.ADD, PAMT.REMOVE
        assert _call(ready, leaf).rax == 0xC0000100_00000000


def test_a_1_0_module_shuts_an_lp_down() -> None:
    """Expect VMfailInvalid on the LP that called, and the other LP as before."""
    module = _ready("1.0")
    assert _call(module, Leaf.TDH_SYS_LP_SHUTDOWN, cpu=1).rax == 0
    assert _call(module, Leaf.TDH_SYS_LP_SHUTDOWN, cpu=1).rax == 0x8000FF00_FFFF0000
    tdmr_init = Registers(rax=Leaf.TDH_SYS_TDMR_INIT, rcx=0x180000000)
    assert module.seamcall_repeat(1, tdmr_init, 0x180400000)[0].rax == 0x8000FF00_FFFF0000
    assert _call(module, Leaf.TDH_SYS_TDMR_INIT, cpu=0, rcx=0x180000000).rax == 0


def _shared_dynamic(module: TdxModule) -> TdxModule:
    # Up to SYS_READY with Dynamic PAMT and one TDMR of 1 GiB at 0x180000000, initialized.
    assert _call(module, Leaf.TDH_SYS_INIT).rax == 0
    for cpu in (0, 1):
        assert _call(module, Leaf.TDH_SYS_LP_INIT, cpu).rax == 0
    module.memory.write(PA_ARRAY, struct.pack("<Q", TDMR_PA))
    tdmr = (0x180000000, 0x40000000, 0x102000, 0x1000, 0x103000, 0x2000, 0x109000, 0x8000)
    module.memory.write(TDMR_PA, struct.pack("<8Q", *tdmr))
    config = _call(module, Leaf.TDH_SYS_CONFIG, rcx=PA_ARRAY, rdx=1, r8=0x10000 | GLOBAL_KEYID)
    assert config.rax == 0
    assert _call(module, Leaf.TDH_SYS_KEY_CONFIG).rax == 0
    tdmr_init = Registers(rax=Leaf.TDH_SYS_TDMR_INIT, rcx=0x180000000)
    assert module.seamcall_repeat(0, tdmr_init, 0x1C0000000)[1] == 64
    return module


def test_dynamic_pamt_asked_for_by_a_call_that_failed_is_forgotten() -> None:
    """Expect a bitmap's size, 32 KiB, to be too small once bit 16 is no longer set."""
    module = _configurable("1.5.25")
    misaligned = (0x180001000, 0x40000000, 0x102000, 0x1000, 0x103000, 0x2000, 0x109000, 0x8000)
    module.memory.write(TDMR_PA, struct.pack("<8Q", *misaligned))
    dynamic = _call(module, Leaf.TDH_SYS_CONFIG, rcx=PA_ARRAY, rdx=1, r8=0x10000 | GLOBAL_KEYID)
    assert dynamic.rax == 0xC0000A00_00000000
    module.memory.write(TDMR_PA, struct.pack("<8Q", 0x180000000, *misaligned[1:]))
    plain = _call(module, Leaf.TDH_SYS_CONFIG, rcx=PA_ARRAY, rdx=1, r8=GLOBAL_KEYID)
    assert plain.rax == 0xC0000A10_00000000


def test_tdmr_init_leaves_no_page_pair_of_the_module_before() -> None:
    """Expect PAMT.ADD to succeed again after a bring-up that ignores the handoff."""
    module = _shared_dynamic(_module("1.5.25"))
    pages = {"rcx": 0x180000001, "rdx": 0x180201000, "r8": 0x180202000}
    assert _call(module, Leaf.TDH_PHYMEM_PAMT_ADD, **pages).rax == 0
    assert _call(module, Leaf.TDH_PHYMEM_PAMT_ADD, **pages).rax == 0xC0000304_00000001
    assert _call(module, Leaf.TDH_SYS_SHUTDOWN, rcx=1).rax == 0
    module.install()
    assert _call(_shared_dynamic(module), Leaf.TDH_PHYMEM_PAMT_ADD, **pages).rax == 0


#: Page and size asked, then type, owner, size and the pair: before there is one, with it, after it.
RDMD = [
    ((0x180000000, 0), (0, 0, 1, 0, 0), (0, 0, 0, 0, 0), (0, 0x1802010000, 1, 0, 0)),
    (
        (0x180000000, 1),
        (0, 0, 1, 0, 0),
        (0x80000000_0000000F, 0, 1, 0x180201000, 0x180202000),
        (0, 0x1802010000, 1, 0, 0),
    ),
    ((0x180000000, 2), (0, 0, 2, 0, 0), (0, 0, 2, 0, 0), (0, 0, 2, 0, 0)),
    # The first page of the pair, in a range that has none.
    ((0x180201000, 0), (0, 0, 1, 0, 0), (15, 0, 0, 0, 0), (0, 0, 1, 0, 0)),
]


@pytest.mark.parametrize(("asked", "before", "paired", "after"), RDMD)
def test_rdmd_tells_the_page_pair_of_a_range(
    asked: tuple[int, int],
    before: tuple[int, ...],
    paired: tuple[int, ...],
    after: tuple[int, ...],
) -> None:
    """Expect what RDMD has of Dynamic PAMT, size by size [tdx-module 7]."""
    module = _shared_dynamic(_module("1.5.25"))

    def told() -> tuple[int, ...]:
        page, size = asked
        out = _call(module, Leaf.TDH_PHYMEM_PAGE_RDMD, rcx=page | size)
        assert out.rax == 0
        return out.rcx, out.rdx, out.r8, out.r10, out.r11

    assert told() == before
    pages = {"rcx": 0x180000001, "rdx": 0x180201000, "r8": 0x180202000}
    assert _call(module, Leaf.TDH_PHYMEM_PAMT_ADD, **pages).rax == 0
    assert told() == paired
    assert _call(module, Leaf.TDH_PHYMEM_PAMT_REMOVE, rcx=0x180000001).rax == 0
    assert told() == after


def test_rdmd_takes_no_larger_size_without_dynamic_pamt() -> None:
    """Expect size 0 to be answered, and size 1 to be refused as operand RCX [tdx-module 7]."""
    module = _ready("1.5.25")
    tdmr_init = Registers(rax=Leaf.TDH_SYS_TDMR_INIT, rcx=0x180000000)
    module.seamcall_repeat(0, tdmr_init, 0x1C0000000)  # its first 1 GiB
    assert _call(module, Leaf.TDH_PHYMEM_PAGE_RDMD, rcx=0x180000000).rax == 0
    larger = _call(module, Leaf.TDH_PHYMEM_PAGE_RDMD, rcx=0x180000001)
    assert larger.rax == 0xC0000100_00000001


def test_a_register_has_64_bits() -> None:
    """Expect what is above them to be cut off, and what is in them to be as it was."""
    module = _ready()
    known, next_id = 0x9100000100000008, 0x9100000100000009
    read = _call(module, Leaf.TDH_SYS_RD, rdx=known | 1 << 64)
    assert (read.rax, read.rdx, read.r8) == (0, next_id, 64)
    negative = module.seamcall(0, Registers(Leaf.TDH_SYS_RD, rdx=known - (1 << 64)))
    assert (negative.rax, negative.rdx) == (0, next_id)


_NONE_REPORTED = (1 << 52) - 64


@pytest.mark.parametrize(
    ("r8", "accepted"),
    [
        (_NONE_REPORTED, True),
        (0x200000, True),
        (0x200000 | 1 << 5, False),  # bits 5:0
        (0x200000 | 1, False),
        (0x200000 | 1 << 52, False),  # bits 53:52
        (0x200000 | 1 << 53, False),
        (_NONE_REPORTED | 1 << 54 | 16 << 56, True),  # notification 1 and its vector
        (_NONE_REPORTED | 1 << 54 | 15 << 56, False),
        (_NONE_REPORTED | 2 << 54, True),
        (0x3FFE000000, False),  # in the SEAMRR
    ],
)
def test_how_fatal_errors_are_reported(r8: int, accepted: bool) -> None:
    """Expect what version 1 of SYS.INIT takes in R8, else operand R8 [tdx-module 1.5]."""
    made = _call(_module("1.5.25"), Leaf.TDH_SYS_INIT | 1 << 16, r8=r8)
    assert made.rax == (0 if accepted else 0xC0000100_00000008)


@pytest.mark.parametrize(
    ("version", "registers", "status"),
    [
        (0, {"r9": 1 << 63, "r10": 1}, 0),
        (1, {"r9": 0xD1326F3F0FBF}, 0),  # features that it has
        (1, {"r9": 1 << 63}, 0xC0000100_00000009),
        (1, {"r10": 1}, 0xC0000100_0000000A),
        (2, {}, 0xC0000100_00000000),
    ],
)
def test_what_an_update_takes(version: int, registers: dict[str, int], status: int) -> None:
    """Expect an update that was refused to work when it is tried again [tdx-module 5]."""
    module = _shared_dynamic(_module("1.5.25"))
    assert _call(module, Leaf.TDH_SYS_SHUTDOWN, rcx=1).rax == 0
    module.install()
    assert _call(module, Leaf.TDH_SYS_INIT).rax == 0
    for cpu in (0, 1):
        assert _call(module, Leaf.TDH_SYS_LP_INIT, cpu).rax == 0
    assert _call(module, Leaf.TDH_SYS_UPDATE | version << 16, **registers).rax == status
    assert _call(module, Leaf.TDH_SYS_UPDATE).rax == (0xC0000508_00000000 if status == 0 else 0)


#: Of 2.0.18: field id and what TDH.SYS.RD reads of it.
FIELDS = [
    (0x9000000100000000, 32),  # NUM_CMRS: places, whatever the platform has
    (0x9000000300000101, 0x300000000),  # CMR_SIZE[1]
    (0x9000000300000102, 0),  # CMR_SIZE[2], of a platform with two
    (0x9100000000000014, 4),  # MIN_DYNAMIC_PAMT_NUM_HKID_BITS: 52 - 48
    (0x990000030000041F, (1 << 64) - 1),  # CPUID_CONFIG_LEAVES[31], of a module with 28
    (0x9900000300000850, 0),  # DISALLOWED_FMS[0]
    (0x9A00000300000000, 0),  # GUEST_GPA_ATTR_MASK
    (0xA000000100000031, 128),  # MAX_MEM_SCAN_RANGES
    (0xA000000100000032, 256),  # NUM_MEM_SCAN_CONTEXTS
]


@pytest.mark.parametrize(("field_id", "value"), FIELDS, ids=[hex(each) for each, _ in FIELDS])
def test_what_metadata_fields_hold(field_id: int, value: int) -> None:
    """Expect the value of the specification, of what no platform or release changes
    [tdx-module-releases C].
    """
    read = _call(_ready("2.0.18"), Leaf.TDH_SYS_RD, rdx=field_id)
    assert (read.rax, read.r8) == (0, value)


@pytest.mark.parametrize("leaf", [0, 30, 38, 62, 97])
def test_leaves_that_a_module_may_have_are_said_to_be_not_modelled(leaf: int) -> None:
    with pytest.raises(NotModelledError):
        _call(_ready(), leaf)


def test_a_td_cannot_be_created() -> None:
    """Expect the module's answer for a page outside every TDMR, and none for one inside."""
    module = _ready()
    done = Registers(rax=Leaf.TDH_SYS_TDMR_INIT, rcx=0x180000000)
    module.seamcall_repeat(0, done, 0x240000000)
    assert _call(module, Leaf.TDH_MNG_CREATE, rcx=0x1000).rax == 0xC0000101_00000001
    with pytest.raises(NotModelledError):
        _call(module, Leaf.TDH_MNG_CREATE, rcx=0x180000000)


def test_lps_are_spread_over_packages_by_their_x2apic_ids() -> None:
    """Expect the package in bits 7 and above where neither ids nor packages are given."""
    platform = ModulePlatform(
        lps=5, packages=2, keyid_bits=6, mktme_keyids=31, tdx_keyids=32, cmrs=[], seamrr=(0, 0)
    )
    assert [platform.x2apic_id(lp) for lp in range(5)] == [0, 1, 2, 128, 129]
    assert [platform.package_of(lp) for lp in range(5)] == [0, 0, 0, 1, 1]


def test_each_package_configures_its_key_once_and_may_try_again() -> None:
    """
    package   2              2            2      2        1             1    1        0
    PCONFIG   no entropy(2)  busy(5)      well            busy(5)       well          well
    answer    retry          KET is busy  0      already  KET is busy   0    already  0: READY
    """
    module = _configurable(packages=3)
    config = _call(module, Leaf.TDH_SYS_CONFIG, rcx=PA_ARRAY, rdx=1, r8=GLOBAL_KEYID)
    assert config.rax == 0
    module.conditions.pconfig += [2, 5, 0, 5, 0, 0]
    no_entropy, busy, already = 0x8000080000000000, 0x80000200000000BB, 0x0000081500000000
    answers = [
        (_call(module, Leaf.TDH_SYS_KEY_CONFIG, cpu).rax, module.sys_state)
        for cpu in (2, 2, 2, 2, 1, 1, 1, 0)
    ]
    assert [rax for rax, _ in answers] == [no_entropy, busy, 0, already, busy, 0, already, 0]
    assert [state for _, state in answers] == ["SYSCONFIG_DONE"] * 7 + ["SYS_READY"]
