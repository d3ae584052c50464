# SPDX-License-Identifier: Apache-2.0
"""The edges of SYS.CONFIG's checks and of the dispatch gate [tdx-module 1.4, 3, 7]."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from msgspec.structs import replace

from tdxctl.errors import NotModelledError
from tdxctl.seam import ModulePlatform, Registers, TdxModule
from tdxctl.seam.environment import EVERY_SUBLEAF
from tdxctl.seam.state import ModuleInfo

PA_ARRAY, FIRST_TDMR_PA = 0x3600, 0x8000
GLOBAL_KEYID = 0x20
LOW_CMR, HIGH_CMR = (0x100000, 0x7FF00000), (0x100000000, 0x300000000)

#: base, size, PAMT 1G, 2M, 4K as base and size: 3 GiB at 6 GiB, its PAMTs at 1 MiB + 8 KiB.
GOOD = (0x180000000, 0xC0000000, 0x102000, 0x1000, 0x103000, 0x6000, 0x109000, 0xC00000)
_FIELDS = ("base", "size", "base_1g", "size_1g", "base_2m", "size_2m", "base_4k", "size_4k")

SYS_INIT, LP_INIT, KEY_CONFIG, CONFIG, SHUTDOWN = 33, 35, 31, 45, 52


def _tdmr(*areas: tuple[int, int], **fields: int) -> bytes:
    # GOOD with fields changed, and reserved areas (offset, size).
    words = [fields.get(name, value) for name, value in zip(_FIELDS, GOOD, strict=True)]
    words += [word for area in areas for word in area]
    return struct.pack(f"<{len(words)}Q", *words).ljust(512, b"\0")


def _fresh(version: str = "1.5.01", *cmrs: tuple[int, int], **info: Any) -> TdxModule:
    return TdxModule(
        ModulePlatform(
            lps=1,
            packages=1,
            keyid_bits=6,
            mktme_keyids=31,
            tdx_keyids=32,
            cmrs=cmrs or (LOW_CMR, HIGH_CMR),
            seamrr=(0x3FFE000000, 0x2000000),
        ),
        info=replace(ModuleInfo.of_version(version), **info),
    )


def _initialized(
    version: str = "1.5.01", *cmrs: tuple[int, int], maxpa: int = 52, **info: Any
) -> TdxModule:
    module = _fresh(version, *cmrs, **info)
    if maxpa != 52:
        module.environment.set_cpuid(None, 0x80000008, EVERY_SUBLEAF, "eax", 57 << 8 | maxpa)
    assert module.seamcall(0, Registers(SYS_INIT)).rax == 0
    assert module.seamcall(0, Registers(LP_INIT)).rax == 0
    return module


def _config(module: TdxModule, *tdmrs: bytes, r8: int = GLOBAL_KEYID) -> int:
    for i, tdmr in enumerate(tdmrs):
        pa = FIRST_TDMR_PA + 512 * i
        module.memory.write(PA_ARRAY + 8 * i, struct.pack("<Q", pa))
        module.memory.write(pa, tdmr)
    return module.seamcall(0, Registers(CONFIG, rcx=PA_ARRAY, rdx=len(tdmrs), r8=r8)).rax


def _ready(version: str = "1.5.01") -> TdxModule:
    module = _initialized(version)
    assert _config(module, _tdmr()) == 0
    assert module.seamcall(0, Registers(KEY_CONFIG)).rax == 0
    return module


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (2**64 - 0x40000000, 0xC0000A0000000001),  # base + size is 2^64: wraps
        (2**64 - 0x40000001, 0xC0000A0100000001),  # 2^64 - 1 does not: out of order
    ],
)
def test_a_tdmr_that_wraps_is_invalid_before_it_is_out_of_order(size: int, status: int) -> None:
    """
    TDMR 0   base 6 GiB
    TDMR 1   base 1 GiB, up to the end of the 64-bit numbers

    Expect check 8 (wraps: INVALID_TDMR) before check 9 (NON_ORDERED_TDMR), for TDMR 1.
    """
    assert _config(_initialized(), _tdmr(), _tdmr(base=0x40000000, size=size)) == status


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (2**64 - 0x800, 0xC0000A2000000100),  # offset + size is 2^64: wraps
        (2**64 - 0x801, 0xC0000A2100000100),  # 2^64 - 1 does not: out of order
    ],
)
def test_an_area_that_wraps_is_invalid_before_it_is_out_of_order(size: int, status: int) -> None:
    """
    areas   0x0  [---0---) 0x1000
            0x800    [--------1-------- ... the end of the 64-bit numbers

    Expect INVALID_RESERVED before NON_ORDERED_RESERVED, for TDMR 0, area 1.
    """
    assert _config(_initialized(), _tdmr((0, 0x1000), (0x800, size))) == status


@pytest.mark.parametrize(
    ("base_1g", "status"),
    [
        (0x3FFFFFFFF000, 0),  # the last page below
        (0x400000000000, 0xC0000A1000000200),  # HKID 1
    ],
)
def test_a_pamt_may_end_where_hkid_bits_begin(base_1g: int, status: int) -> None:
    """
    2^46 = 0x400000000000: with 6 KeyID bits the first address that has one of them

    Expect the page below 2^46, in a CMR that ends there, to do for a PAMT.
    """
    module = _initialized("1.5.01", LOW_CMR, HIGH_CMR, (0x3FFF00000000, 0x100000000))
    assert _config(module, _tdmr(base_1g=base_1g)) == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"base": 0x200000000000, "size": 0x200040000000}, 0xC0000A0000000000),
        ({"base_1g": 0x200000000000, "size_1g": 0x200000001000}, 0xC0000A1000000200),
    ],
)
def test_the_first_byte_is_tested_for_hkid_bits_too(fields: dict[str, int], status: int) -> None:
    """
    MAXPA 46, 6 KeyID bits: HKID bits 45:40, and bit 46 is no HKID bit
    first byte  0x2000_0000_0000  HKID 32
    last byte   0x4000_....       HKID 0

    Expect INVALID_TDMR (check 12) and INVALID_PAMT of level 1G [tdx-module 3.2, 3.4].
    """
    assert _config(_initialized("1.5.25", maxpa=46), _tdmr(**fields)) == status


@pytest.mark.parametrize(
    ("gib", "size_1g", "status"),
    [
        (256, 0x1000, 0),
        (257, 0x1000, 0xC0000A1000000200),  # 257 x 16 bytes are more than 4 KiB
        (257, 0x2000, 0),
    ],
)
def test_a_1g_pamt_of_4_kib_does_up_to_256_gib(gib: int, size_1g: int, status: int) -> None:
    """Expect "PAMT_1G is 4 KiB up to 256 GiB", with 8 KiB of 2M and 4 MiB of 4K PAMT per GiB."""
    tdmr = _tdmr(
        base=0x100000000,
        size=gib * 0x40000000,
        size_1g=size_1g,
        base_2m=0x200000,
        size_2m=gib * 0x2000,
        base_4k=0x600000,
        size_4k=gib * 0x400000,
    )
    module = _initialized("1.5.01", LOW_CMR, (0x100000000, 257 * 0x40000000))
    assert _config(module, tdmr) == status


@pytest.mark.parametrize(
    ("bits", "size_4k", "status"),
    [
        (1, 0x18000, 0),  # 3 x 32 KiB
        (1, 0x17000, 0xC0000A1000000000),
        (2, 0x30000, 0),
        (2, 0x2F000, 0xC0000A1000000000),
    ],
)
def test_a_dynamic_4k_pamt_is_a_bitmap(bits: int, size_4k: int, status: int) -> None:
    """Expect "32 KiB per GiB" with one bit a page, and twice that where a module says two."""
    module = _initialized("1.5.25", pamt_page_bitmap_entry_bits=bits)
    assert _config(module, _tdmr(size_4k=size_4k), r8=1 << 16 | GLOBAL_KEYID) == status


#: A second TDMR of 1 GiB at 9 GiB, its PAMTs behind those of GOOD.
SECOND = {"base": 0x240000000, "size": 0x40000000} | {
    "base_1g": 0x1000000,
    "base_2m": 0x1001000,
    "size_2m": 0x2000,
    "base_4k": 0x1003000,
    "size_4k": 0x400000,
}


@pytest.mark.parametrize(
    ("base_1g", "status"),
    [
        (0x101000, 0),  # ends where the 1G PAMT of TDMR 0 starts
        (0x102000, 0xC0000A1200000201),  # TDMR 1's, level 1G, with TDMR 0's
        (0xD08000, 0xC0000A1200000201),  # the last page of TDMR 0's 4K PAMT
        (0xD09000, 0),  # starts where that ends
    ],
)
def test_pamts_of_two_tdmrs_may_touch(base_1g: int, status: int) -> None:
    """
    TDMR 0   [ 0x102000 1G )[ 0x103000 2M )[ 0x109000 4K ... 0xd09000 )
    TDMR 1   its 1G PAMT below, in, and behind these
    """
    assert _config(_initialized(), _tdmr(), _tdmr(**SECOND | {"base_1g": base_1g})) == status


@pytest.mark.parametrize("at", [0x240000000, 0x27FFFF000])
def test_an_earlier_pamt_in_one_part_of_a_tdmr_is_enough(at: int) -> None:
    """
    TDMR 1   [ part 0 )[ reserved )[ part 1 )
    TDMR 0's 1G PAMT in the first page of part 0, or in the last of part 1

    Expect PAMT_OVERLAP: TDMR 0, level 1G, other TDMR 1.
    """
    second = _tdmr((0x1000000, 0x1000000), **SECOND)
    assert _config(_initialized(), _tdmr(base_1g=at), second) == 0xC0000A1200010200


@pytest.mark.parametrize("pointer", [0x8040, 0x3FFE000000])
def test_a_lax_module_takes_any_pointer(pointer: int) -> None:
    """Expect a pointer that is not 512-aligned, or in SEAMRR, to be followed all the same."""
    for strict, status in ((True, 0xC000010000000001), (False, 0)):
        module = _initialized(strict=strict)
        module.memory.write(PA_ARRAY, struct.pack("<Q", pointer))
        module.memory.write(pointer, _tdmr())
        call = Registers(CONFIG, rcx=PA_ARRAY, rdx=1, r8=GLOBAL_KEYID)
        assert module.seamcall(0, call).rax == status


@pytest.mark.parametrize(
    ("version", "with_versions"),
    [
        ("1.5.01", {3, 11, 23, 26, 30}),
        ("1.5.25", {3, 11, 22, 23, 26, 30, 33, 53}),
    ],
)
def test_only_some_leaves_have_versions(version: str, with_versions: set[int]) -> None:
    """Expect OPERAND_INVALID + RAX for version 1 and for version 128 of every other leaf."""
    for number in (1, 128):
        refused = {
            leaf
            for leaf in range(100)
            if _fresh(version).seamcall(0, Registers(number << 16 | leaf)).rax == 0xC000010000000000
        }
        # 1.5.25 refuses SYS.INIT and SYS.UPDATE above version 1 itself.
        assert refused - {33, 53} == set(range(100)) - with_versions - {33, 53}
        if number == 1:
            assert refused == set(range(100)) - with_versions


@pytest.mark.parametrize("bit", [*range(24, 63)])
def test_reserved_bits_of_rax_are_refused(bit: int) -> None:
    """Expect OPERAND_INVALID + RAX even of LP.SHUTDOWN, which nothing else refuses."""
    assert _fresh().seamcall(0, Registers(1 << bit | 44)).rax == 0xC000010000000000


def test_nine_leaves_are_ready_before_the_module_is() -> None:
    """Expect SYS_NOT_READY of every other leaf, known to the module or not."""
    leaves = [*range(100), 0xFFFF]
    ready = {
        leaf for leaf in leaves if _fresh().seamcall(0, Registers(leaf)).rax != 0xC000050500000000
    }
    assert ready == {31, 32, 33, 34, 35, 37, 44, 45, 53}


def test_after_a_shutdown_only_lp_shutdown_is_left() -> None:
    """Expect SYS_SHUTDOWN of every leaf but 44, and a bad version to be seen before."""
    module = _ready()
    assert module.seamcall(0, Registers(SHUTDOWN)).rax == 0
    answers = {leaf: module.seamcall(0, Registers(leaf)).rax for leaf in [*range(100), 0xFFFF]}
    assert answers.pop(44) == 0
    assert set(answers.values()) == {0xC000050600000000}
    assert module.seamcall(0, Registers(1 << 16 | 45)).rax == 0xC000010000000000


@pytest.mark.parametrize("leaf", [46, 47, 99, 254, 999, 0xFFFF])
def test_an_unknown_leaf_of_a_ready_module_is_a_bad_rax(leaf: int) -> None:
    assert _ready().seamcall(0, Registers(leaf)).rax == 0xC000010000000000


@pytest.mark.parametrize("leaf", [3, 11, 22, 23, 26, 40, 41])
def test_td_leaves_are_said_to_be_left_out(leaf: int) -> None:
    """Expect an error of tdxctl, not an answer: the real module knows these leaves."""
    with pytest.raises(NotModelledError, match="not modelled"):
        _ready().seamcall(0, Registers(leaf))


def test_there_is_no_logical_processor_below_0() -> None:
    with pytest.raises(ValueError, match="no logical processor -1"):
        _fresh().seamcall(-1, Registers(SYS_INIT))


@pytest.mark.parametrize(
    ("r8", "size_4k", "expected"),
    [
        (0x00004, 0xC00000, 0),  # without bit 16 the KeyID bits may begin above bit 48
        (0x10004, 0x18000, 0xC0000100_00000008),  # with it OPERAND_INVALID + R8
    ],
)
def test_only_dynamic_pamt_needs_the_keyid_bits_to_begin_at_bit_48(
    r8: int, size_4k: int, expected: int
) -> None:
    """KeyID bits 51:49 on a platform of 3 KeyID bits; private KeyIDs are 4 to 7."""
    module = TdxModule(
        ModulePlatform(
            lps=1,
            packages=1,
            keyid_bits=3,
            mktme_keyids=3,
            tdx_keyids=4,
            cmrs=(LOW_CMR, HIGH_CMR),
            seamrr=(0x3FFE000000, 0x2000000),
        ),
        version="1.5.25",
    )
    assert module.seamcall(0, Registers(SYS_INIT)).rax == 0
    assert module.seamcall(0, Registers(LP_INIT)).rax == 0
    assert _config(module, _tdmr(size_4k=size_4k), r8=r8) == expected
