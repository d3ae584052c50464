# SPDX-License-Identifier: Apache-2.0
"""Every code of the module's table is known, named as the table has it, and explained once."""

from __future__ import annotations

import pytest

from tdxctl.advice.statuses import STATUSES
from tdxctl.explain.answer import Answer
from tdxctl.explain.leaves import PURPOSES, of_leaf
from tdxctl.explain.lookup import look_up
from tdxctl.explain.numbers import find_leaf
from tdxctl.seam.codes import StatusCode, table
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.metadata import FIELDS
from tdxctl.seam.status import Operand, Status

# Those of P-SEAMLDR, and what Linux makes of a SEAMCALL that did not get through.
OF_NO_MODULE = ("SEAMLDR_", "VMFAILINVALID", "GP", "UD")


def _label(answer: Answer, label: str) -> str:
    return dict(answer.lines).get(label, "")


def test_the_table_is_whole() -> None:
    known = table()
    assert len(known.status_codes) == 294
    assert len(known.operands) == 63
    assert len(known.seamcall_leaves) == 106
    assert len(known.tdcall_leaves) == 32
    assert len(FIELDS) == 75


def test_what_code_calls_a_number_is_what_the_table_calls_it() -> None:
    """Expect statuses, operands and leaves of the emulator to be those of the table."""
    known = table()
    statuses = {code.name: code.number for code in known.status_codes}
    operands = {code.name: code.number for code in known.operands}
    leaves = {leaf.name: leaf.number for leaf in known.leaves}
    assert {
        status.name: int(status) for status in Status if not status.name.startswith(OF_NO_MODULE)
    }.items() <= statuses.items()
    assert {operand.name: int(operand) for operand in Operand}.items() <= operands.items()
    assert {
        leaf.title: int(leaf) for leaf in Leaf if not leaf.name.startswith("SEAMLDR_")
    }.items() <= leaves.items()


@pytest.mark.parametrize("code", table().status_codes, ids=lambda code: f"{code.name}-{code.value}")
def test_every_status_is_known_by_number_and_by_name(code: StatusCode) -> None:
    """Expect the table's name; where releases differ, the other one beside it."""
    by_number, by_name = look_up(code.value), look_up(code.name)
    assert by_number.kind == by_name.kind == "status"
    assert by_name.name == code.name
    assert by_number.name == code.name or f"{code.name} in " in _label(by_number, "also")
    told = _label(by_name, "status") + _label(by_name, "also")
    assert f"{code.number:#x}" in told
    assert _label(by_number, "means")
    assert _label(by_number, "to do")


@pytest.mark.parametrize(
    ("asked", "name", "also"),
    [
        ("0xC0000F4E00000000", "TDX_SPDM_INVALID_MESSAGE", "TDX_SDPM_INVALID_MESSAGE in 2.0.08"),
        ("TDX_SDPM_INVALID_MESSAGE", None, "TDX_SPDM_INVALID_MESSAGE in 2.0.18"),
        ("0xC0000F5000000000", "TDX_SMRR_OVERLAPS_IO_RANGE", "TDX_SMRR_OVERLAPS_IORANGE in 2.0.08"),
        ("TDX_IOMMU_IOTLB_TRACKING_NOT_REQUIRED", None, "0xc0000f3b00000000 in 2.0.08"),
        ("0x00000f3b00000000", "TDX_IOMMU_IOTLB_TRACKING_NOT_REQUIRED", None),
    ],
)
def test_what_two_releases_call_differently_is_told_as_both(
    asked: str, name: str | None, also: str | None
) -> None:
    answer = look_up(asked)
    assert answer.name == (name or asked)
    assert also is None or _label(answer, "also") == also


def test_no_status_and_no_leaf_has_words_in_two_places() -> None:
    for code in table().status_codes:
        in_advice = code.name in {status.name for status in STATUSES}
        assert bool(code.means) != in_advice, code.name
    for leaf in table().leaves:
        assert bool(leaf.does) != (of_leaf(leaf) in PURPOSES), leaf.name


def test_every_operand_is_named() -> None:
    """Expect what it is, where it is no register."""
    for operand in table().operands:
        answer = look_up(f"{0xC000010000000000 + operand.number:#x}")
        assert _label(answer, "details") == operand.name
        by_name = look_up(operand.name)
        assert (by_name.kind, by_name.name) == ("operand", operand.name)
        if operand.number >= 64:
            assert _label(answer, "operand").startswith(f"{operand.name} ({operand.number}): ")


def test_every_leaf_is_known_by_name_and_by_number() -> None:
    """Expect the guest's to be called that, and both where a number is one of each side."""
    for leaf in table().leaves:
        by_name, by_number = look_up(leaf.name), look_up(f"{leaf.number:#x}")
        assert (by_name.kind, by_name.name) == ("leaf", leaf.name)
        assert _label(by_name, "does")
        assert ("the guest's side" in _label(by_name, "leaf")) == leaf.name.startswith("TDG.")
        if leaf.number:  # 0 is TDX_SUCCESS first
            others = ("in a TD", "in patches", "as a leaf")
            told = [by_number.name, *(_label(by_number, label) for label in others)]
            assert leaf.name in " ".join(told)
            assert find_leaf(leaf.name) == leaf


def test_every_element_of_a_field_is_known() -> None:
    for first, name, fields, elements, _ in FIELDS:
        count = fields * elements
        for index in range(count):
            answer = look_up(f"{first + index:#x}")
            assert answer.kind == "metadata-field"
            assert answer.name == (name if count == 1 else f"{name}[{index}]")
        assert look_up(name).name == name


@pytest.mark.parametrize(
    ("asked", "leaf", "kind", "name"),
    [
        # As the id of a field TDH.SYS.RD would read NUM_PKGS, whose own id it is not.
        ("0x8000000300000000", None, "status", "TDX_INTERRUPTED_RESUMABLE"),
        ("0x0000000200000000", None, "metadata-field", "NUM_PKGS"),
        # As Linux writes it, with another width than the field's own id has.
        ("0x9100000100000013", None, "metadata-field", "PAMT_PAGE_BITMAP_ENTRY_BITS"),
        ("0x8000000000000004", None, "leaf", "SEAMLDR.CLEANUP"),
        ("0x8000000000000004", "SEAMLDR.INSTALL", "status", "SEAMLDR_EBADHANDOFF"),
        ("0", None, "status", "TDX_SUCCESS"),
        ("0x15", "TDH.MNG.INIT", "leaf", "TDH.MNG.INIT"),
        ("22", None, "leaf", "TDH.VP.INIT"),
        ("64", None, "leaf", "TDH.EXPORT.ABORT"),
        ("42", None, "leaf", "TDH.MEM.SEPT.WR"),
        ("0xffffffffffffffff", None, "status", "UNINITIALIZE_ERROR"),
        ("TDX_SEAMCALL_UD", None, "status", "UD"),
        ("KET", None, "operand", "KET"),
    ],
)
def test_a_number_of_several_meanings_is_the_likeliest(
    asked: str, leaf: str | None, kind: str, name: str
) -> None:
    answer = look_up(asked, None if leaf is None else find_leaf(leaf))
    assert (answer.kind, answer.name) == (kind, name)


@pytest.mark.parametrize(
    ("asked", "label", "text"),
    [
        (
            "0x16",
            "in a TD",
            "TDG.MR.VERIFYREPORT, of TDCALL: Checks a report of another TD on the same host.",
        ),
        ("22", "as an errno", "-22 is EINVAL"),
        ("41", "as an errno", ""),
        ("0", "as a leaf", "TDH.VP.ENTER, TDG.VP.VMCALL of TDCALL"),
        ("SEAMLDR.SHUTDOWN", "returns", "SEAMLDR_EBADCALL, SEAMLDR_ECLEANUPREQ"),
        ("0xc0ffee0000000000", "class", "unknown; error, not recoverable"),
        ("0x80000000000000ff", "class", "P-SEAMLDR's; error"),
        # Classes have numbers up to 17.
        ("0x8000120000000000", "class", "unknown; error, recoverable"),
        ("0x4fff123400000000", "class", ""),
        ("0xc0ffee0000000000", "looks like", "a SEAMCALL status"),
        ("0x0000030300000000", "looks like", "a SEAMCALL status"),
        ("0x0000ff0000001234", "looks like", "a number"),
        ("0x0000110200000000", "side", "the guest's: leaves that a TD calls (TDG.*) return it"),
        ("0x8000030700000000", "since", "1.5.20, 2.0.08"),
        ("0x80000f0100000000", "since", "2.0.18, not in 1.5"),
        ("0xc0000f0100000000", "since", "2.0.08, alone"),
        ("PAMT_PAGE_BITMAP_ENTRY_BITS", "since", "1.5.20, 2.0.04"),
        ("TDX_CONNECT_FEATURES", "since", "2.0.02"),
        ("TDH.SYS.DISABLE", "since", "in no published module"),
        ("0x6000000200000000", "class", "general; not recoverable, fatal"),
        (
            "0xc000010000000000",
            "operand",
            "RAX (0): the leaf number and its version: the module "
            "does not know the leaf or that version of it, or a reserved bit is set",
        ),
    ],
)
def test_what_else_is_told(asked: str, label: str, text: str) -> None:
    assert _label(look_up(asked), label) == text


def test_a_leafs_register_is_told_by_what_it_holds() -> None:
    """Expect no word of it where the leaf is not known, and a note on what it never returns."""
    config = find_leaf("TDH.SYS.CONFIG")
    answer = look_up("0xc000010000000008", config)
    assert _label(answer, "operand") == "R8 (8): global KeyID and flags, as TDH.SYS.CONFIG takes it"
    assert _label(look_up("0xc000010000000008"), "operand") == ""
    assert _label(answer, "note") == ""
    wrong = look_up("0x8000080000000000", config)
    assert _label(wrong, "note") == "no status that TDH.SYS.CONFIG is known to return"
    assert _label(look_up("0xc000050500000000", config), "note") == ""


@pytest.mark.parametrize("asked", ["58000", "0xffff", "0xffffffff", "0x10000000000000000"])
def test_of_a_number_that_is_nothing_nothing_is_told(asked: str) -> None:
    """Expect a number without an upper half, or of more than 64 bits, to look like no status."""
    answer = look_up(asked)
    assert (answer.kind, answer.lines, answer.nearest) == ("unknown", (), ())


def test_an_errno_without_its_sign_is_near() -> None:
    """Expect the errno where the number is no leaf's, as of 517."""
    assert look_up("517").nearest == ("-517 (EPROBE_DEFER)",)
