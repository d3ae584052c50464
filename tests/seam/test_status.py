# SPDX-License-Identifier: Apache-2.0
"""Decoding completion statuses."""

from __future__ import annotations

import pytest

from tdxctl.advice.statuses import STATUSES, describe_status
from tdxctl.seam.leaves import Leaf, leaf_title
from tdxctl.seam.status import (
    Status,
    operand_of,
    parse_wanted,
    status_details,
    status_name,
    with_bytes,
)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "TDX_SUCCESS, 0x0"),
        (0xC000010000000000, "TDX_OPERAND_INVALID (RAX), 0xc000010000000000"),
        (0xC000010000000008, "TDX_OPERAND_INVALID (R8), 0xc000010000000008"),
        (0x80000200000000BB, "TDX_OPERAND_BUSY (KET), 0x80000200000000bb"),
        (0xC000010000000045, "TDX_OPERAND_INVALID (CPUID_CONFIG), 0xc000010000000045"),
        (
            0xC0000A2100000300,
            "TDX_NON_ORDERED_RESERVED_IN_TDMR (TDMR 0, reserved area 3), 0xc0000a2100000300",
        ),
        (0xC0000A1200020001, "TDX_PAMT_OVERLAP (TDMR 1, PAMT_4K, with TDMR 2), 0xc0000a1200020001"),
        (0xC0000A1000000100, "TDX_INVALID_PAMT (TDMR 0, PAMT_2M), 0xc0000a1000000100"),
        (0xC000092100000122, "TDX_INCORRECT_MSR_VALUE (MSR 0x122), 0xc000092100000122"),
        (0xC000050600000000, "TDX_SYS_SHUTDOWN, 0xc000050600000000"),
        (0x8000FF00FFFF0000, "VMFAILINVALID, 0x8000ff00ffff0000"),
        (0x8000FF000000000D, "GP, 0x8000ff000000000d"),
        (0xC0000100000000FF, "TDX_OPERAND_INVALID (operand 255), 0xc0000100000000ff"),
        # Of leaves that are none of the bring-up's.
        (0xC0000B0000000001, "TDX_EPT_WALK_FAILED (RCX), 0xc0000b0000000001"),
        (0x00000B0A00000001, "TDX_PAGE_ALREADY_ACCEPTED (level 2M), 0xb0a00000001"),
        (0xC000060800000007, "TDX_OP_STATE_INCORRECT (0x7), 0xc000060800000007"),
        (0xC0000B0800000000, "TDX_TLB_TRACKING_NOT_DONE, 0xc0000b0800000000"),
        (0x1234567800000000, "0x1234567800000000"),
    ],
)
def test_a_status_is_shown_by_name_and_details(status: int, text: str) -> None:
    assert describe_status(status) == text


@pytest.mark.parametrize(
    ("status", "operand"),
    [
        (0xC000010000000008, 8),
        (0x80000200000000BB, 0xBB),
        # Of a leaf that is none of the bring-up's.
        (0xC0000B0000000001, 1),
        # What has a TDMR, an MSR or nothing there, and what is no status.
        (0xC0000A1000000100, None),
        (0xC000092100000122, None),
        (0xC0000B0800000000, None),
        (0x00000B0A00000001, None),
        (0, None),
        (0x1234567800000000, None),
    ],
)
def test_the_operand_of_a_status(status: int, operand: int | None) -> None:
    assert operand_of(status) == operand


def test_every_status_has_words() -> None:
    """Expect a meaning and a way out for each code that can occur or be scripted."""
    assert set(STATUSES) == set(Status)


def test_details_are_packed_from_the_low_byte() -> None:
    assert with_bytes(Status.TDX_PAMT_OVERLAP, 1, 0, 2) == 0xC0000A1200020001


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        ("TDH.SYS.LP.INIT", 35),
        ("tdh.sys.lp.init", 35),
        ("SYS.INFO", 32),
        ("0x2d", 45),
        (31, 31),
        ("SEAMLDR.INSTALL", 0x8000000000000001),
    ],
)
def test_leaves_are_known_by_name_and_number(text: str | int, leaf: int) -> None:
    assert Leaf.parse(text) == leaf


@pytest.mark.parametrize("text", ["TDH.SYS.BOOT", "", 1000, "1.5"])
def test_unknown_leaves_are_refused(text: str | int) -> None:
    with pytest.raises(ValueError, match="SEAMCALL leaf"):
        Leaf.parse(text)


def test_status_names_may_leave_out_the_prefix() -> None:
    assert Status.parse("KEY_GENERATION_FAILED") == 0x8000080000000000
    assert Status.parse("TDX_KEY_GENERATION_FAILED") == 0x8000080000000000
    assert Status.parse("0xc000010000000045") == 0xC000010000000045
    assert Status.parse("TLB_TRACKING_NOT_DONE") == 0xC0000B0800000000
    assert status_name(0xC000010000000045) == "TDX_OPERAND_INVALID"
    assert status_details(0xC000050600000000) is None


def test_a_status_is_wanted_by_name_whatever_its_details() -> None:
    """Expect other statuses not to be taken for it, of whichever leaf they are."""
    wanted = parse_wanted("TDX_EPT_WALK_FAILED")
    assert wanted.is_met_by(0xC0000B0000000001)
    assert not wanted.is_met_by(0xC0000B0100000000)
    assert not wanted.is_met_by(0x1234567800000000)


@pytest.mark.parametrize(
    ("number", "title"),
    [
        (35, "TDH.SYS.LP.INIT"),
        (21, "TDH.MNG.INIT"),
        (0x80000001, "SEAMLDR.INSTALL"),
        (11, "TDH.MNG.RD"),
        (29, "TDH.MEM.PAGE.REMOVE"),
        (200, "0xc8"),
    ],
)
def test_a_leaf_is_shown_by_the_hosts_name(number: int, title: str) -> None:
    assert leaf_title(number) == title
