# SPDX-License-Identifier: Apache-2.0
"""Which CPUs have SEAM: by number, and by the names that they are sold under."""

from __future__ import annotations

import pytest

from tdxctl.seam.cpu_models import (
    family_and_model,
    has_seam,
    is_sold_with_seam,
    model_name,
    vendor_of,
)


@pytest.mark.parametrize(
    ("family", "model", "known", "name"),
    [
        (6, 0x1A, False, "nehalem-ep"),
        (6, 0x2D, False, "sandy-bridge-x"),
        (6, 0x3F, False, "haswell-x"),
        (6, 0x8E, False, "kaby-lake-l"),
        (6, 0x97, False, "alder-lake"),
        (6, 0xB7, False, "raptor-lake"),
        (6, 0xAA, False, "meteor-lake-l"),
        (6, 0xC6, False, "arrow-lake"),
        (6, 0xBD, False, "lunar-lake-m"),
        (6, 0xBE, False, "atom-gracemont"),
        (6, 0x5F, False, "atom-goldmont-d"),
        (6, 0x57, False, "xeon-phi-knl"),
        (6, 0x8F, True, "sapphire-rapids"),
        (6, 0xDD, True, "clearwater-forest"),
        # Before Nehalem, Intel's other families, AMD.
        (6, 0x17, False, None),
        (6, 0x1D, False, None),
        (15, 0x06, False, None),
        (0x1A, 0x02, False, None),
        # Not known here.
        (6, 0xFE, None, None),
        (0x13, 0x01, None, None),
    ],
)
def test_a_model_is_known_by_its_number(
    family: int, model: int, known: bool | None, name: str | None
) -> None:
    assert (has_seam(family, model), model_name(family, model)) == (known, name)


@pytest.mark.parametrize(
    ("brand", "sold"),
    [
        ("12th Gen Intel(R) Core(TM) i9-12900K", False),
        ("Intel(R) Core(TM) Ultra 7 155H", False),
        ("Intel(R) N100", False),
        ("Intel(R) Pentium(R) Gold G7400", False),
        ("Intel(R) Xeon(R) CPU E3-1280 v6 @ 3.90GHz", False),
        ("Intel(R) Xeon(R) E-2488", False),
        ("Intel(R) Xeon(R) w3-2423", False),
        ("Intel(R) Xeon(R) W-2135 CPU @ 3.70GHz", False),
        ("AMD EPYC 7713 64-Core Processor", False),
        # Of these the number tells, or the machine.
        ("Intel(R) Xeon(R) Platinum 8480CTDX", None),
        ("INTEL(R) XEON(R) PLATINUM 8581C CPU @ 2.60GHz", None),
        ("Intel(R) Xeon(R) 6979P", None),
        ("Intel(R) Xeon(R) Gold 6421N", None),
    ],
)
def test_a_client_or_a_workstation_is_known_by_its_name(brand: str, sold: bool | None) -> None:
    assert is_sold_with_seam(brand) is sold


@pytest.mark.parametrize(
    ("brand", "family", "vendor"),
    [
        ("AMD Ryzen 5 PRO 3500U w/ Radeon Vega Mobile Gfx", 0x17, "AMD"),
        ("Hygon C86 7185 32-core Processor", 0x18, "Hygon"),
        # AMD has gone from 10h to 1Ah, but 12h, 13h and 18h are others' too.
        ("", 0x10, "AMD"),
        ("", 0x11, "AMD"),
        ("", 0x12, None),
        ("", 0x13, None),
        ("", 0x14, "AMD"),
        ("", 0x15, "AMD"),
        ("", 0x16, "AMD"),
        ("", 0x17, "AMD"),
        ("", 0x19, "AMD"),
        ("", 0x1A, "AMD"),
        ("", 0x1B, None),
        ("", 0x18, "Hygon"),
        ("Intel(R) Xeon(R) Platinum 8480+", 6, None),
        # AMD's K8 and Intel's Pentium 4 share the number.
        ("", 15, None),
    ],
)
def test_another_maker_is_known_by_name_or_family(
    brand: str, family: int, vendor: str | None
) -> None:
    assert vendor_of(brand, family) == vendor


@pytest.mark.parametrize(
    ("eax", "family", "model"),
    [
        (0x806F8, 6, 0x8F),
        (0xC06F2, 6, 0xCF),
        (0xA06D1, 6, 0xAD),
        (0xF43, 15, 4),
        (0xA20F10, 0x19, 0x21),  # family 15 and 0xA more
        (0x7006F8, 6, 0x0F),  # more counts for family 15 alone
    ],
)
def test_family_and_model_are_read_of_cpuid_1(eax: int, family: int, model: int) -> None:
    assert family_and_model(eax) == (family, model)
