# SPDX-License-Identifier: Apache-2.0
"""What kernels read off a SEAMCALL's answer, and hold of a module that told them nothing."""

from __future__ import annotations

import pytest

from tdxctl.linux.metadata import TdxSysInfo
from tdxctl.linux.seamcall import cpuid_named
from tdxctl.seam.port import Registers


@pytest.mark.parametrize(
    ("rax", "rcx", "leaf"),
    [
        (0xC000090000000000, 0x1F, 0x1F),
        (0xC000090200000000, 7, 7),
        # A status that a script says leaves RCX at 0; another status names no leaf.
        (0xC000090000000000, 0, None),
        (0xC000090100000000, 7, None),
        (0, 7, None),
    ],
)
def test_the_cpuid_leaf_that_a_module_complains_of(rax: int, rcx: int, leaf: int | None) -> None:
    assert cpuid_named(Registers(rax, rcx=rcx)) == leaf


def test_of_fields_that_were_not_read_nothing_is_known() -> None:
    """Expect no feature and no Dynamic PAMT."""
    info = TdxSysInfo()
    assert (info.features0, info.pamt_page_bitmap_entry_bits) == (0, 0)
