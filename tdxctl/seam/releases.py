# SPDX-License-Identifier: Apache-2.0
"""The TDX module releases that are modelled: a row of seam/data/releases.json each.

What a release does is taken from its own source, executed; of some it was only read, or nothing
but what is published is known (specification tdx-module-releases). Its row says which.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from typing import Any, NamedTuple

from msgspec import Struct

from tdxctl.seam.cpu_models import family_and_model
from tdxctl.seam.metadata import FIELDS, MAX_VCPUS_PER_TD

PATH = os.path.join(os.path.dirname(__file__), "data", "releases.json")
#: What the evidence of a release is called whose every behaviour was measured.
MEASURED = "measured"
#: What it is called where a version names no release, and one is taken for it.
ASSUMED = "assumed"

_VERSION = re.compile(r"(0|[1-9][0-9]?)\.(0|[1-9][0-9]?)(?:\.([0-9]{1,4}))?", re.ASCII)

Number = tuple[int, int, int]
Values = tuple[int, int, int, int]


class CpuidConfig(Struct, frozen=True):
    """An entry of CPUID_CONFIG; registers as (eax, ebx, ecx, edx).

    subleaf is None where it does not apply. configurable: bits that are so on every CPU, native:
    bits that are so where the CPU has them.
    """

    leaf: int
    subleaf: int | None
    configurable: Values
    native: Values


class Profile(Struct, frozen=True):
    """What a module does, where releases differ [tdx-module-releases 0].

    checks: which table of what SYS.INIT and LP.INIT check it has. fields: the global metadata
    fields it has of those that not every release has; values: what fields hold that differ.
    sys_rd_has_native_cpuid: SYS.RD of CPUID_CONFIG_VALUES has the CPU's bits in it as SYS.INFO
    does. lass_is_fixed: ATTRIBUTES_FIXED0 has LASS where the CPU has. leaves_with_versions: leaf
    numbers whose version in RAX may be above 0. missing_leaves: SYS leaves that it does not know.
    lp_shutdown_is_final: after TDH.SYS.LP.SHUTDOWN no SEAMCALL enters on that LP.
    lp_init_draws_rdrand: TDH.SYS.LP.INIT can answer TDX_RND_NO_ENTROPY. maxpa_from_cpuid: the
    physical address width is CPUID's, up to 52, and not a constant. fixed_counters_by_bitmap,
    leaf_23_follows_its_first, leaf_1f_is_numbered: rules of CPUID 0xA, 0x23 and 0x1F.
    sys_config_takes_bit_16: SYS.CONFIG takes R8 bit 16; dynamic_pamt: it enables Dynamic PAMT.
    rdmd_takes_a_size: RCX bits 2:0 of PHYMEM.PAGE.RDMD. module_hv, no_downgrade: handoff version
    and rule built in. handoff_bytes: what TDH.SYS.SHUTDOWN writes, behind the header; where they
    are a minimum, TDH.SYS.UPDATE halts on fewer. shutdown_avoids_compat_sensitive: RCX bit 16 of
    TDH.SYS.SHUTDOWN.
    """

    checks: str
    fields: frozenset[str]
    values: dict[str, int]
    cpuid_config: tuple[CpuidConfig, ...]
    sys_rd_has_native_cpuid: bool
    lass_is_fixed: bool
    leaves_with_versions: frozenset[int]
    missing_leaves: frozenset[int]
    lp_shutdown_is_final: bool
    lp_init_draws_rdrand: bool
    maxpa_from_cpuid: bool
    fixed_counters_by_bitmap: bool
    leaf_23_follows_its_first: bool
    leaf_1f_is_numbered: bool
    sys_config_takes_bit_16: bool
    dynamic_pamt: bool
    rdmd_takes_a_size: bool
    module_hv: int
    no_downgrade: int
    handoff_bytes: int
    handoff_bytes_are_a_minimum: bool
    shutdown_avoids_compat_sensitive: bool


class Build(Struct, frozen=True):
    """A build: its date in decimal yyyymmdd, its number or None where that is not known."""

    date: int
    number: int | None


class Svn(NamedTuple):
    """A security version; the minor None where it is not known."""

    major: int
    minor: int | None

    def __str__(self) -> str:
        return f"{self.major}.{'?' if self.minor is None else self.minor}"


class Release(Struct, frozen=True):
    """A module release: what it reports, what it does, and what is published of it.

    builds: the signed ones that are known. sample: what it reports instead where it was run from
    its source. cpus: CPUID leaf 1 EAX of the CPUs that it is signed for, the lowest stepping of
    each. svn: its security version. min_update_from: the lowest
    version that may be running for an update to it. handoff_pages: those of its signature
    structure. None is not known. evidence: how it is known what it does. like: the release whose
    profile its own changes; taken: the facts that are not known of it and are of that release.
    """

    version: str
    number: Number
    builds: tuple[Build, ...]
    sample: Build | None
    features0: int
    cpus: tuple[int, ...] | None
    svn: Svn | None
    min_update_from: str | None
    handoff_pages: int | None
    evidence: str
    source: str | None
    note: str
    like: str | None
    taken: frozenset[str]
    profile: Profile

    @property
    def line(self) -> tuple[int, int]:
        """Major and minor version."""
        return self.number[:2]

    @property
    def is_measured(self) -> bool:
        """Whether what it does was measured."""
        return self.evidence == MEASURED

    @property
    def build_date(self) -> int:
        """What it reports as BUILD_DATE; 0 where it is not known."""
        return self._reported.date

    @property
    def build_num(self) -> int:
        """What it reports as BUILD_NUM; 0 where it is not known."""
        return self._reported.number or 0

    @property
    def num_cpuid_config(self) -> int:
        """How many entries CPUID_CONFIG has."""
        return len(self.profile.cpuid_config)

    @property
    def max_vcpus_per_td(self) -> int | None:
        """What it reports as MAX_VCPUS_PER_TD; None where it has no such field."""
        if MAX_VCPUS_PER_TD not in self.profile.fields:
            return None
        default = next(values[0] for _, name, _, _, values in FIELDS if name == MAX_VCPUS_PER_TD)
        return self.profile.values.get(MAX_VCPUS_PER_TD, default)

    def is_signed_for(self, family: int, model: int) -> bool | None:
        """Whether P-SEAMLDR takes it on CPUs of that family and model; None is not known."""
        if self.cpus is None:
            return None
        return any(family_and_model(cpu) == (family, model) for cpu in self.cpus)

    def build_num_of(self, build_date: int) -> int:
        """The number of its build of that date, else what it reports; 0 where it is not known."""
        of_date = (build for build in self.builds if build.date == build_date)
        build = self._reported if build_date == self.build_date else next(of_date, self._reported)
        return build.number or 0

    @property
    def _reported(self) -> Build:
        return self.sample or next(iter(self.builds), Build(0, None))


class ModuleVersion(Struct, frozen=True):
    """major.minor.update, the release that it is, and whether that is only assumed."""

    major: int
    minor: int
    update: int
    release: str
    assumed: bool = False

    @classmethod
    def parse(
        cls, text: str, build_date: int | None = None, build_num: int | None = None
    ) -> ModuleVersion:
        """`1.0`, `1.5.01`, `1.5.25`; or `1.5`, which the build makes one of its releases.

        A build that is not known, and none at all, leave it to the newest release of the line
        that was measured. Raises ValueError where the version is not modelled.
        """
        match = _VERSION.fullmatch(text)
        if not match:
            raise ValueError("must be a version such as 1.5.25")
        number = int(match[1]), int(match[2]), int(match[3] or 0)
        exact = exactly(text)
        if exact is not None:
            return cls(*number, exact.version)
        line = [each for each in releases() if each.line == number[:2]]
        if match[3] is not None or not line:
            raise ValueError("is a module version that is not modelled")
        built = by_build(build_date, build_num) if build_date is not None else None
        if built is not None and built in line:
            return cls(*built.number, built.version)
        sampled = [each for each in line if _fits(each.sample, build_date, build_num)]
        measured = [each for each in line if each.is_measured]
        taken = (sampled or measured or line)[-1]
        return cls(*taken.number, taken.version, assumed=True)

    @property
    def evidence(self) -> str:
        """How it is known what a module of this version does."""
        return ASSUMED if self.assumed else release(self.release).evidence


@cache
def releases() -> tuple[Release, ...]:
    """All of them, in order."""
    with open(PATH, encoding="utf-8") as file:
        rows = json.load(file)["releases"]
    own = {row["version"]: _parsed(row["profile"]) for row in rows}
    whole: dict[str, dict[str, Any]] = {}
    return tuple(_release(row, _whole(row["version"], own, whole)) for row in rows)


@cache
def release(version: str) -> Release:
    """The release of that version, which is one."""
    return next(each for each in releases() if each.version == version)


def exactly(text: str) -> Release | None:
    """The release of that version, `1.5.08` or `1.5.8`; None where there is none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    number = int(match[1]), int(match[2]), int(match[3] or 0)
    return next((each for each in releases() if each.number == number), None)


def by_build(build_date: int, build_num: int | None = None) -> Release | None:
    """The release that has a signed build of that date and number; None where none is known.

    build_date is decimal yyyymmdd. A number that is not known, here or there, fits any.
    """
    for each in releases():
        if any(_fits(build, build_date, build_num) for build in each.builds):
            return each
    return None


def release_of(
    version: str, build_date: int | None = None, build_num: int | None = None
) -> Release:
    """The release of a version as descriptions have it. Raises ValueError if it is not modelled."""
    return release(ModuleVersion.parse(version, build_date, build_num).release)


def _fits(build: Build | None, date: int | None, number: int | None) -> bool:
    # A number that is not known, of the build or of who asks, fits any.
    if build is None or build.date != date:
        return False
    return number is None or build.number in (None, number)


def lowest_to_update_from(asked: Release) -> str | None:
    """The lowest version that may be running for an update to a release; None is not known.

    Where it is not published, that of the release before it in its line: no later release goes
    back behind it.
    """
    line = [each for each in releases() if each.line == asked.line and each.number <= asked.number]
    known = [each.min_update_from for each in line if each.min_update_from is not None]
    return known[-1] if known else None


def nearest(text: str) -> str:
    """A hint for a version that is not modelled: the releases before and after it."""
    listed = "`tdxctl modules` lists all of them"
    numbers = [int(part) for part in re.findall(r"[0-9]{1,4}", text)[:3]]
    if not numbers:
        return listed
    wanted = tuple([*numbers, 0, 0, 0][:3])
    before = [each.version for each in releases() if each.number <= wanted]
    after = [each.version for each in releases() if each.number > wanted]
    around = [*before[-1:], *after[:1]]
    return f"the nearest {'is' if len(around) == 1 else 'are'} {' and '.join(around)}; {listed}"


def _release(row: dict[str, Any], profile: dict[str, Any]) -> Release:
    sample, svn, cpus = row.get("sample"), row["svn"], row["cpus"]
    return Release(
        version=row["version"],
        number=_number(row["version"]),
        builds=tuple(Build(*build) for build in row["builds"]),
        sample=None if sample is None else Build(*sample),
        features0=int(row["features0"], 16),
        cpus=None if cpus is None else tuple(int(cpu, 16) for cpu in cpus),
        svn=None if svn is None else _svn(svn),
        min_update_from=row["min_update_from"],
        handoff_pages=row["handoff_pages"],
        evidence=row["evidence"],
        source=row["source"],
        note=row.get("note", ""),
        like=row["profile"].get("like"),
        taken=frozenset(row.get("taken", ())),
        profile=Profile(**profile | {"cpuid_config": tuple(profile["cpuid_config"].values())}),
    )


def _parsed(profile: dict[str, Any]) -> dict[str, Any]:
    # What a row says itself of what its release does.
    parsed = dict(profile)
    parsed["fields"] = frozenset(profile.get("fields", ()))
    parsed["values"] = {name: int(value, 16) for name, value in profile.get("values", {}).items()}
    entries = profile.get("cpuid_config", {}).items()
    parsed["cpuid_config"] = {name: _cpuid_config(name, registers) for name, registers in entries}
    for key in ("leaves_with_versions", "missing_leaves"):
        if key in profile:
            parsed[key] = frozenset(profile[key])
    return parsed


def _whole(
    version: str, own: dict[str, dict[str, Any]], whole: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    # `like`: the keys not named here are those of that release; fields, values and cpuid_config
    # add to its.
    if version not in whole:
        profile = dict(own[version])
        like = profile.pop("like", None)
        if like is not None:
            base = _whole(like, own, whole)
            added = {key: base[key] | profile[key] for key in ("fields", "values", "cpuid_config")}
            profile = base | profile | added
        whole[version] = profile
    return whole[version]


def _cpuid_config(name: str, registers: list[list[str]]) -> CpuidConfig:
    # `7.1`: leaf and sub-leaf in hex.
    leaf, dot, subleaf = name.partition(".")
    configurable, native = ([int(value, 16) for value in values] for values in registers)
    return CpuidConfig(
        int(leaf, 16),
        int(subleaf, 16) if dot else None,
        (configurable[0], configurable[1], configurable[2], configurable[3]),
        (native[0], native[1], native[2], native[3]),
    )


def _svn(text: str) -> Svn:
    major, minor = text.split(".")
    return Svn(int(major), None if minor == "?" else int(minor))


def _number(text: str) -> Number:
    major, minor, *update = map(int, text.split("."))
    return major, minor, update[0] if update else 0
