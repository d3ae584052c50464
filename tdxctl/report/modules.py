# SPDX-License-Identifier: Apache-2.0
"""`tdxctl modules`: the TDX module releases, as text and as `tdxctl.modules/1`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from textwrap import wrap

from tdxctl.report.reasons import labelled
from tdxctl.seam.cpu_models import name_of
from tdxctl.seam.metadata import FIELDS, MAX_VCPUS_PER_TD
from tdxctl.seam.releases import ASSUMED, MEASURED, Build, Release

SCHEMA = "tdxctl.modules/1"
#: What the evidence of a release says.
MEANING = {
    MEASURED: "its own source, compiled and run",
    "read, not run": "its source, in part",
    "not validated": "what is published of it; its checks are those of the release it is like",
    "seen in logs": "what hosts showed; the rest is of the release it is like",
    ASSUMED: "the version names no release, and this one is taken for it",
}
_UNKNOWN = "not known"
_WIDTH, _LABELS = 78, 19


def to_json(releases: Iterable[Release]) -> str:
    """The releases as one JSON document, without a newline at the end."""
    return json.dumps({"schema": SCHEMA, "modules": [to_dict(each) for each in releases]}, indent=2)


def to_dict(release: Release) -> dict[str, object]:
    """A release as tdxctl.modules/1 has it; null is not known."""
    profile, svn = release.profile, release.svn
    return {
        "version": release.version,
        "evidence": release.evidence,
        "like": release.like,
        "builds": [{"date": build.date, "number": build.number} for build in release.builds],
        "features0": hex(release.features0),
        "cpus": None
        if release.cpus is None
        else [{"cpuid": hex(cpu), "name": name_of(cpu)} for cpu in release.cpus],
        "svn": None if svn is None else svn._asdict(),
        "min_update_from": release.min_update_from,
        "handoff": {
            "version": profile.module_hv,
            "no_downgrade": bool(profile.no_downgrade),
            "pages": release.handoff_pages,
            "bytes": profile.handoff_bytes,
        },
        "dynamic_pamt": profile.dynamic_pamt,
        "max_vcpus_per_td": _max_vcpus(release),
        "num_cpuid_config": release.num_cpuid_config,
        "taken": sorted(release.taken),
        "source": release.source,
        "note": release.note,
    }


def to_table(releases: Sequence[Release]) -> str:
    """A line for each release, at most 80 columns wide."""
    rows: list[tuple[str, ...]] = [
        ("RELEASE", "BUILD", "NUMBER", "SVN", "HANDOFF", "DYNAMIC PAMT", "EVIDENCE")
    ]
    rows += [_row(release) for release in releases]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def to_text(release: Release) -> str:
    """All that is known of a release."""
    profile = release.profile
    vcpus = _max_vcpus(release)
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
        ("source", release.source),
    ]
    if release.note:
        pairs.append(("note", release.note))
    lines = [f"TDX module {release.version}"]
    for label, text in pairs:
        parts = wrap(text, _WIDTH - _LABELS, break_on_hyphens=False)
        lines += labelled(zip([label, *[""] * (len(parts) - 1)], parts, strict=True), _LABELS)
    return "\n".join(lines)


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


def _max_vcpus(release: Release) -> int | None:
    # None: it has no such field.
    if MAX_VCPUS_PER_TD not in release.profile.fields:
        return None
    default = next(values[0] for _, name, _, _, values in FIELDS if name == MAX_VCPUS_PER_TD)
    return release.profile.values.get(MAX_VCPUS_PER_TD, default)


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
