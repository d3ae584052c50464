# SPDX-License-Identifier: Apache-2.0
"""The TDX module releases that are modelled: a row of seam/data/releases.json each.

1.5.01 and 1.5.25 are the published sources; "1.0" is the module of the v5 era, known from what
it printed and what hosts with it saw; what it did not show is taken from 1.5.01.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from typing import Any

from msgspec import Struct

PATH = os.path.join(os.path.dirname(__file__), "data", "releases.json")

Number = tuple[int, int, int]


class Profile(Struct, frozen=True):
    """What a module does, where releases differ (specification tdx-module, tdx-module-releases).

    checks: which table of what SYS.INIT and LP.INIT check it has; metadata: which list of global
    metadata fields and of CPUID_CONFIG. leaves_with_versions: leaf numbers whose version in RAX
    may be above 0. missing_leaves: SYS leaves that it does not know.
    lp_shutdown_is_final: after TDH.SYS.LP.SHUTDOWN no SEAMCALL enters on that LP.
    lp_init_draws_rdrand: TDH.SYS.LP.INIT can answer TDX_RND_NO_ENTROPY. maxpa_from_cpuid: the
    physical address width is CPUID's, up to 52, and not a constant. fixed_counters_by_bitmap,
    leaf_23_follows_its_first, leaf_1f_is_numbered: rules of CPUID 0xA, 0x23 and 0x1F.
    dynamic_pamt: SYS.CONFIG takes R8 bit 16, and there are PAMT.ADD and PAMT.REMOVE.
    rdmd_takes_a_size: RCX bits 2:0 of PHYMEM.PAGE.RDMD. module_hv, no_downgrade: handoff version
    and rule built in. handoff_bytes: what TDH.SYS.SHUTDOWN writes, behind the header; where they
    are a minimum, TDH.SYS.UPDATE halts on fewer. shutdown_avoids_compat_sensitive: RCX bit 16 of
    TDH.SYS.SHUTDOWN.
    """

    checks: str
    metadata: str
    attributes_fixed0: int
    leaves_with_versions: frozenset[int]
    missing_leaves: frozenset[int]
    lp_shutdown_is_final: bool
    lp_init_draws_rdrand: bool
    maxpa_from_cpuid: bool
    fixed_counters_by_bitmap: bool
    leaf_23_follows_its_first: bool
    leaf_1f_is_numbered: bool
    dynamic_pamt: bool
    rdmd_takes_a_size: bool
    module_hv: int
    no_downgrade: int
    handoff_bytes: int
    handoff_bytes_are_a_minimum: bool
    shutdown_avoids_compat_sensitive: bool


class Release(Struct, frozen=True):
    """A module release: the versions it speaks for, what it reports, what it does.

    first, last: (major, minor, update), both included; last is None where there is none.
    build_date is decimal yyyymmdd.
    """

    version: str
    first: Number
    last: Number | None
    build_date: int
    build_num: int
    features0: int
    num_cpuid_config: int
    profile: Profile

    def speaks_for(self, number: Number) -> bool:
        """Whether a module of that version is taken to be this one, but for its number."""
        if number[:2] != self.first[:2] or number < self.first:
            return False
        return self.last is None or number <= self.last


class ModuleVersion(Struct, frozen=True):
    """major.minor.update, and the release whose behaviour that is."""

    major: int
    minor: int
    update: int
    release: str

    @classmethod
    def parse(cls, text: str) -> ModuleVersion:
        """`1.0`, `1.5.01`, `1.5.25`. Raises ValueError where the version is not modelled."""
        match = re.fullmatch(r"(0|[1-9][0-9]?)\.(0|[1-9][0-9]?)(?:\.([0-9]{1,4}))?", text, re.ASCII)
        if not match:
            raise ValueError("must be a version such as 1.5.25")
        number = int(match[1]), int(match[2]), int(match[3] or 0)
        for release in releases():
            if release.speaks_for(number):
                return cls(*number, release.version)
        raise ValueError("is a module version that is not modelled")


@cache
def releases() -> tuple[Release, ...]:
    """All of them, in order."""
    with open(PATH, encoding="utf-8") as file:
        rows = json.load(file)["releases"]
    profiles = {row["version"]: row["profile"] for row in rows}
    return tuple(_release(row, _whole(row["profile"], profiles)) for row in rows)


def release(version: str) -> Release:
    """The release of that version, exactly."""
    return next(each for each in releases() if each.version == version)


def _release(row: dict[str, Any], profile: dict[str, Any]) -> Release:
    first, last = row["versions"]
    return Release(
        version=row["version"],
        first=_number(first),
        last=None if last is None else _number(last),
        build_date=row["build_date"],
        build_num=row["build_num"],
        features0=int(row["features0"], 16),
        num_cpuid_config=row["num_cpuid_config"],
        profile=Profile(
            **profile
            | {
                "attributes_fixed0": int(profile["attributes_fixed0"], 16),
                "leaves_with_versions": frozenset(profile["leaves_with_versions"]),
                "missing_leaves": frozenset(profile["missing_leaves"]),
            }
        ),
    )


def _whole(profile: dict[str, Any], profiles: dict[str, dict[str, Any]]) -> dict[str, Any]:
    # "like: the keys not named here are those of that release"
    own = {key: value for key, value in profile.items() if key != "like"}
    return _whole(profiles[profile["like"]], profiles) | own if "like" in profile else own


def _number(text: str) -> Number:
    major, minor, update = map(int, text.split("."))
    return major, minor, update
