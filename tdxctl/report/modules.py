# SPDX-License-Identifier: Apache-2.0
"""`tdxctl modules`: the TDX module releases, as text and as `tdxctl.modules/2`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from tdxctl.document import Count, Document, Hex
from tdxctl.report.aligned import aligned
from tdxctl.report.evidence import MEANING
from tdxctl.report.prose import labelled, plain
from tdxctl.seam.cpu_models import name_of
from tdxctl.seam.releases import Build, Release

_UNKNOWN = "not known"
_WIDTH, _LABELS = 80, 19


class OfBuild(Struct, frozen=True):
    """A signed build: its date as yyyymmdd, and its number."""

    date: Count
    number: Count | None


class OfCpu(Struct, frozen=True):
    """A CPU that it is signed for: CPUID leaf 1 EAX with the lowest stepping."""

    cpuid: Hex
    name: str | None


class OfSvn(Struct, frozen=True):
    """Its security version."""

    major: Count
    minor: Count | None


class Handoff(Struct, frozen=True):
    """What it hands over to the module that replaces it; pages: of its signature structure."""

    version: Count
    no_downgrade: bool
    pages: Count | None
    bytes: Count


class Module(Struct, frozen=True):
    """A release; null is not known.

    like: the release whose behaviour its own changes. taken: facts that are not known of it and
    are those of that release.
    """

    version: str
    evidence: str
    like: str | None
    builds: tuple[OfBuild, ...]
    features0: Hex
    cpus: tuple[OfCpu, ...] | None
    svn: OfSvn | None
    min_update_from: str | None
    handoff: Handoff
    dynamic_pamt: bool
    max_vcpus_per_td: Count | None
    num_cpuid_config: Count
    taken: tuple[str, ...]
    source: str | None
    note: str


class Modules(Document, frozen=True, tag="tdxctl.modules/2"):
    """TDX module releases."""

    modules: tuple[Module, ...]


def to_json(releases: Iterable[Release]) -> str:
    """The releases as one JSON document, without a newline at the end."""
    return Modules(tuple(map(_module, releases))).render()


def _module(release: Release) -> Module:
    profile, svn, cpus = release.profile, release.svn, release.cpus
    return Module(
        version=release.version,
        evidence=release.evidence,
        like=release.like,
        builds=tuple(OfBuild(build.date, build.number) for build in release.builds),
        features0=hex(release.features0),
        cpus=None if cpus is None else tuple(OfCpu(hex(cpu), name_of(cpu)) for cpu in cpus),
        svn=None if svn is None else OfSvn(*svn),
        min_update_from=release.min_update_from,
        handoff=Handoff(
            version=profile.module_hv,
            no_downgrade=bool(profile.no_downgrade),
            pages=release.handoff_pages,
            bytes=profile.handoff_bytes,
        ),
        dynamic_pamt=profile.dynamic_pamt,
        max_vcpus_per_td=release.max_vcpus_per_td,
        num_cpuid_config=release.num_cpuid_config,
        taken=tuple(sorted(release.taken)),
        source=release.source,
        note=release.note,
    )


def to_table(releases: Sequence[Release]) -> str:
    """A line for each release, at most 80 columns wide."""
    rows: list[tuple[str, ...]] = [
        ("RELEASE", "BUILD", "NUMBER", "SVN", "HANDOFF", "DYNAMIC PAMT", "EVIDENCE")
    ]
    rows += [_row(release) for release in releases]
    return "\n".join(aligned(rows))


def to_text(release: Release) -> str:
    """All that is known of a release."""
    profile = release.profile
    vcpus = release.max_vcpus_per_td
    kept = ", no downgrade" if profile.no_downgrade else ""
    pairs = [
        ("evidence", f"{release.evidence}: {MEANING[release.evidence]}"),
        ("like", release.like or "no other"),
        ("builds", ", ".join(map(_build, release.builds)) or _UNKNOWN),
        ("TDX_FEATURES0", hex(release.features0)),
        ("CPUs signed for", _cpus(release)),
        ("SVN", _known(release.svn)),
        ("updates from", _updates(release)),
        ("handoff version", f"{profile.module_hv}{kept}{_taken(release, 'handoff.version')}"),
        ("handoff bytes", f"{profile.handoff_bytes}{_taken(release, 'handoff.bytes')}"),
        ("handoff pages", _known(release.handoff_pages)),
        ("Dynamic PAMT", _yes(profile.dynamic_pamt)),
        (
            "vCPUs of a TD",
            "no such field"
            if vcpus is None
            else f"at most {vcpus}{_taken(release, 'max_vcpus_per_td')}",
        ),
        (
            "CPUID_CONFIG",
            f"{release.num_cpuid_config} entries{_taken(release, 'num_cpuid_config')}",
        ),
        ("source", _known(release.source)),
    ]
    if release.note:
        pairs.append(("note", release.note))
    return f"TDX module {release.version}\n{plain(labelled(pairs, _LABELS), _WIDTH)}"


def _build(build: Build) -> str:
    return f"{build.date}/{'?' if build.number is None else build.number}"


def _row(release: Release) -> tuple[str, ...]:
    build = release.builds[0] if release.builds else None
    return (
        release.version,
        "?" if build is None else str(build.date),
        "?" if build is None or build.number is None else str(build.number),
        "?" if release.svn is None else str(release.svn),
        "?" if "handoff.version" in release.taken else str(release.profile.module_hv),
        _yes(release.profile.dynamic_pamt),
        release.evidence,
    )


def _taken(release: Release, fact: str) -> str:
    return f" (not known: as {release.like})" if fact in release.taken else ""


def _updates(release: Release) -> str:
    if release.min_update_from is None:
        return _UNKNOWN
    return f"{release.min_update_from} and later"


def _cpus(release: Release) -> str:
    if release.cpus is None:
        return _UNKNOWN
    return ", ".join(f"{name_of(cpu) or 'unnamed'} ({cpu:#x})" for cpu in release.cpus)


def _known(fact: object) -> str:
    return _UNKNOWN if fact is None else str(fact)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
