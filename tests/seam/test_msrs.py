# SPDX-License-Identifier: Apache-2.0
"""MSRs by name: each has the number that the specification gives it [tdx-module 4.2]."""

from __future__ import annotations

import re

from tdxctl.seam import msrs
from tdxctl.seam.msrs import MSRS
from tests.cli.runner import ROOT

SPECIFICATION = (ROOT / "docs" / "spec" / "tdx-module.md").read_text()
NAMED = re.compile(r"(IA32_[A-Z0-9_]+) ?\(0x([0-9A-Fa-f]+)\)")
NUMBER = re.compile(r"0x([0-9A-Fa-f]{2,4})\b")


def test_names_have_the_numbers_that_stand_behind_them() -> None:
    named = {name: int(number, 16) for name, number in NAMED.findall(SPECIFICATION)}
    assert len(named) >= 8
    assert {name: MSRS.get(name) for name in named} == named


def test_every_number_is_one_of_the_specification() -> None:
    numbers = {int(number, 16) for number in NUMBER.findall(SPECIFICATION)}
    others = {name: number for name, number in MSRS.items() if number not in numbers}
    # It has the names of these alone.
    assert others == {
        "IA32_TSX_CTRL": 0x122,
        "IA32_SEAMRR_PHYS_BASE": 0x1400,
        "IA32_SEAMRR_PHYS_MASK": 0x1401,
    }
    assert len(set(MSRS.values())) == len(MSRS)


def test_bits_of_the_msrs_that_the_kernel_looks_at() -> None:
    """Expect SEAMRR's bit of IA32_MTRRCAP, and bits 10 and 11 of IA32_SEAMRR_PHYS_MASK."""
    assert (msrs.MTRRCAP_SEAMRR, msrs.TME_ACTIVATE_ENABLED) == (0x8000, 0x2)
    assert (msrs.SEAMRR_PHYS_MASK_LOCKED, msrs.SEAMRR_PHYS_MASK_ENABLED) == (0x400, 0x800)
