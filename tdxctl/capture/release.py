# SPDX-License-Identifier: Apache-2.0
"""Which release a TDX module is that a log shows."""

from __future__ import annotations

from typing import NamedTuple

from tdxctl.capture.findings import ModuleShown
from tdxctl.seam.releases import MEASURED, ModuleVersion, by_build


class NamedRelease(NamedTuple):
    """A module's release.

    version: what a description says of it: the release, or what was shown where none is known.
    known_by: how it is known, a fragment. note: what is assumed, or does not fit; None where all
    of it is shown.
    """

    version: str
    known_by: str
    note: str | None = None


def name_release(shown: ModuleShown) -> NamedRelease | None:
    """The release of a module whose version is shown, None where it is not modelled."""
    assert shown.version is not None
    try:
        version = ModuleVersion.parse(shown.version, shown.build_date, shown.build_num)
    except ValueError:
        return None
    built = _release_of_build(shown)
    if version.assumed:
        known_by = f"as shown; taken for {version.release}, as its release is not known"
        return NamedRelease(shown.version, known_by, _why_assumed(shown, version.release, built))
    is_shown = shown.version.count(".") > 1 or built is None
    known_by = "as shown" if is_shown else f"shown as {shown.version}: its build names it"
    if version.evidence != MEASURED:
        known_by += f"; what it does is {version.evidence}"
    note = None
    if built not in (None, version.release):
        note = f"the module says that it is {shown.version}, and its {_build(shown)} is {built}'s"
    return NamedRelease(version.release, known_by, note)


def describe_release(shown: ModuleShown) -> str:
    """`1.5.08 (build 20240725, number 784)`, and what does not fit or is not known of it."""
    named, build = name_release(shown), _build(shown)
    text = f"{shown.version if named is None else named.version}{f' ({build})' if build else ''}"
    if named is None:
        return f"{text}, which is not modelled"
    if named.note is None:
        return text
    built = _release_of_build(shown)
    if built is not None:
        return f"{text}, whose build is {built}'s"
    return f"{text}, {'no release that is known' if build else 'whose release is not shown'}"


def _why_assumed(shown: ModuleShown, taken: str, built: str | None) -> str:
    build = _build(shown)
    if not build:
        said = f"module {shown.version} is shown without its build"
    elif built is not None:
        said = f"module {shown.version} has {built}'s {build}"
    else:
        said = f"no release of module {shown.version} that is known has {build}"
    return f"{said}: assumed is {taken}"


def _build(shown: ModuleShown) -> str:
    if shown.build_date is None:
        return ""
    return f"build {shown.build_date}, number {shown.build_num}"


def _release_of_build(shown: ModuleShown) -> str | None:
    if shown.build_date is None:
        return None
    built = by_build(shown.build_date, shown.build_num)
    return None if built is None else built.version
