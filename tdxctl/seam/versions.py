# SPDX-License-Identifier: Apache-2.0
"""The TDX module versions that are modelled, and what each reports about itself.

Values are the samples of the published sources 1.5.01 and 1.5.25 (TDX_FEATURES0,
BUILD_DATE, BUILD_NUM and NUM_CPUID_CONFIG as their SYS.RD gives them). "1.0" is the module
of the v5 era, known from what it printed; what it did not print is taken from 1.5.01.
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct


class Behaviour(StrEnum):
    """Whose behaviour a module version has."""

    V1_0 = "1.0"
    V1_5_01 = "1.5.01"
    V1_5_25 = "1.5.25"


class Sample(Struct, frozen=True):
    """What a module version reports unless a description says otherwise."""

    build_date: int
    build_num: int
    features0: int
    num_cpuid_config: int


SAMPLES = {
    Behaviour.V1_0: Sample(20211209, 160, 0, 12),
    Behaviour.V1_5_01: Sample(20230323, 481, 0xF0FBF, 12),
    Behaviour.V1_5_25: Sample(20260101, 481, 0xD1326F3F0FBF, 28),
}

# 1.5.01 and 1.5.25 are what was read and run; where behaviour changed in between is not
# known, so the border is tdxctl's own choice.
_FIRST_UPDATE_AS_1_5_25 = 13

#: Names of TDX_FEATURES0 bits.
FEATURES0 = {
    "TD_MIGRATION": 0,
    "TD_PRESERVING": 1,
    "SERVICE_TD": 2,
    "TD_PARTITIONING": 7,
    "NO_RBP_MOD": 18,
    "L2_TLB_INVD_OPT": 19,
    "CLFLUSH_BEFORE_ALLOC": 23,
    "DYNAMIC_PAMT": 36,
    "EXT": 39,
    "UPDATE_COMPAT": 47,
}


class ModuleVersion(Struct, frozen=True):
    """major.minor.update, and whose behaviour that is."""

    major: int
    minor: int
    update: int
    behaviour: Behaviour

    @classmethod
    def parse(cls, text: str) -> ModuleVersion:
        """`1.0`, `1.5.01`, `1.5.25`. Raises ValueError where the version is not modelled."""
        match = re.fullmatch(r"(0|[1-9][0-9]?)\.(0|[1-9][0-9]?)(?:\.([0-9]{1,4}))?", text, re.ASCII)
        if not match:
            raise ValueError("must be a version such as 1.5.25")
        major, minor, update = int(match[1]), int(match[2]), int(match[3] or 0)
        if (major, minor, update) == (1, 0, 0):
            return cls(major, minor, update, Behaviour.V1_0)
        if (major, minor) == (1, 5):
            newer = update >= _FIRST_UPDATE_AS_1_5_25
            return cls(major, minor, update, Behaviour.V1_5_25 if newer else Behaviour.V1_5_01)
        raise ValueError("is a module version that is not modelled")
