# SPDX-License-Identifier: Apache-2.0
"""Names and numbers of the bring-up are those of the published tables of codes."""

from __future__ import annotations

import pytest

from tdxctl.seam.codes import statuses_named, table
from tdxctl.seam.features import FEATURES0
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.releases import Svn
from tdxctl.seam.status import Status

#: What no table of the module's has: VM exits of SEAMCALL that Linux gives numbers, P-SEAMLDR's.
_OTHERS = {"VMFAILINVALID": 0x8000FF00FFFF0000, "GP": 0x8000FF000000000D, "UD": 0x8000FF0000000006}
_SEAMLDR = "SEAMLDR_"


def test_statuses() -> None:
    published = {(code.name, code.number) for code in table().status_codes}
    own = {(each.name, each.value) for each in Status if not each.name.startswith(_SEAMLDR)}
    assert own - published == set(_OTHERS.items())


def test_leaves() -> None:
    published = {(leaf.name.replace(".", "_"), leaf.number) for leaf in table().leaves}
    own = {(each.name, each.value) for each in Leaf if not each.name.startswith(_SEAMLDR)}
    assert own - published == set()


def test_leaves_of_p_seamldr_are_numbered_from_bit_63_on() -> None:
    own = [each for each in Leaf if each.name.startswith(_SEAMLDR)]
    assert [f"{each.name} {each.value - (1 << 63)}" for each in own] == [
        "SEAMLDR_INFO 0",
        "SEAMLDR_INSTALL 1",
        "SEAMLDR_SHUTDOWN 2",
        "SEAMLDR_SEAMINFO 3",
        "SEAMLDR_CLEANUP 4",
    ]


@pytest.mark.parametrize(
    ("svn", "text"), [(Svn(1, 5), "1.5"), (Svn(1, 0), "1.0"), (Svn(2, None), "2.?")]
)
def test_a_security_version_whose_minor_is_not_known_says_so(svn: Svn, text: str) -> None:
    assert str(svn) == text


def test_of_a_name_with_several_numbers_the_newest_comes_first() -> None:
    several = [
        [code.number for code in statuses_named(name)]
        for name in sorted({code.name for code in table().status_codes})
        if len(statuses_named(name)) > 1
    ]
    assert several
    for code in table().status_codes:
        named = statuses_named(code.name)
        assert code in named
        assert [each.in_2_0 for each in named] == sorted(
            (each.in_2_0 for each in named), reverse=True
        )
        assert named == statuses_named(code.name.removeprefix("TDX_"))


def test_statuses_of_p_seamldr() -> None:
    """As [tdx-module 6] lists them."""
    own = [each for each in Status if each.name.startswith(_SEAMLDR)]
    assert [f"{each.name.removeprefix(_SEAMLDR)} {each.value:x}" for each in own] == [
        "EBADPARAM 8000000000000000",
        "EBADCALL 8000000000000003",
        "EBADHANDOFF 8000000000000004",
        "ECLEANUPREQ 8000000000000005",
        "EUNSUPPORTED 8000000000000006",
        "ENOMEM 8000000000010002",
        "EUNSPECERR 8000000000010003",
        "EUNSUPCPU 8000000000010004",
        "EBADSIG 8000000000020000",
        "EBADHASH 8000000000020001",
        "EINTERRUPT 8000000000030000",
        "ENOENTROPY 8000000000030001",
    ]


def test_features() -> None:
    """As [tdx-module 3.7] lists them; bit 20 is KVM's tenth check [kvm 2]."""
    assert [f"{bit} {name}" for name, bit in FEATURES0.items()] == [
        "0 TD_MIGRATION",
        "1 TD_PRESERVING",
        "2 SERVICE_TD",
        "7 TD_PARTITIONING",
        "18 NO_RBP_MOD",
        "19 L2_TLB_INVD_OPT",
        "20 TOPOLOGY_ENUM",
        "23 CLFLUSH_BEFORE_ALLOC",
        "36 DYNAMIC_PAMT",
        "39 EXT",
        "47 UPDATE_COMPAT",
    ]
