# SPDX-License-Identifier: Apache-2.0
"""From what somebody calls a kernel to the kernel."""

from __future__ import annotations

import re

from tdxctl.errors import UsageError
from tdxctl.linux.changes import BEFORE_KVM, CHANGE_OF, CHANGES, NO_CALLER, Change
from tdxctl.linux.releases import (
    RELEASE_OF,
    RELEASES,
    KernelId,
    Release,
    changes_of,
    of_release,
)
from tdxctl.units import did_you_mean, printable

#: Other names of kernels.
ALIASES = {"mainline": "7.2", "2026-06": "7.2+dynamic-pamt", "cmr-walk": "6.8+cmr-walk"}

#: Releases of mainline: from, the last one that is known to behave like it, and the row.
_MAINLINE = tuple((row.wording, row.up_to, row) for row in RELEASES if row.up_to is not None)
_UNAME = re.compile(r"(\d{1,3})\.(\d{1,4})(?![\d])[A-Za-z0-9._+~-]*")


class UnknownUnameError(UsageError):
    """A `uname -r` of a release that is older or newer than all that are known."""


def find_kernel(name: str, *, assumed: KernelId | None = None) -> KernelId:
    """The kernel of that name: a release, one with changes, another name, a `uname -r`.

    assumed: what a `uname -r` is taken for that is not known.
    Raises UsageError for one that is not known, with what is near.
    """
    if name in ALIASES:
        return of_release(RELEASE_OF[ALIASES[name]], asked=name)
    if name in RELEASE_OF:
        return of_release(RELEASE_OF[name])
    combined = _with_changes(name)
    if combined is not None:
        return combined
    if _UNAME.fullmatch(name):
        try:
            return _of_uname(name)
        except UsageError:
            if assumed is None:
                raise
            return assumed._replace(asked=name, assumed=True)
    if names_file(name):
        raise UsageError(
            "a kernel of your own runs as your own code: only --kernel on a command line names it"
        )
    from tdxctl.linux.own import of_entry_point

    if (found := of_entry_point(name)) is not None:
        return found
    raise _not_found(name)


def names_file(text: str) -> bool:
    """Whether text is FILE.py:Class, a kernel of the user's own: linux.own finds it."""
    path, colon, name = text.rpartition(":")
    return bool(colon) and path.endswith(".py") and name.isidentifier()


def _with_changes(name: str) -> KernelId | None:
    # A `+` after anything but a release id, or before anything but a change id, belongs to a
    # uname.
    head, *ids = name.split("+")
    release = RELEASE_OF.get(ALIASES.get(head, head))
    if release is None or not ids:
        return None
    unknown = [change for change in ids if change not in CHANGE_OF]
    if unknown:
        near = did_you_mean(unknown[0], CHANGE_OF) if unknown[0] else None
        if near is None and release.engine != "v5":
            return None
        known = ", ".join(change.id for change in CHANGES if change.engine == release.engine)
        raise UsageError(
            f"no such change: '{printable(unknown[0])}'",
            hint=near or f"changes for {release.id}: {known}",
        )
    extra = tuple(CHANGE_OF[change] for change in dict.fromkeys(ids))
    _check(release, extra)
    return _named(release, extra)


def _check(release: Release, extra: tuple[Change, ...]) -> None:
    # Raises UsageError for changes that cannot be had together, or not on that release.
    there = {change.id for change in changes_of(release)}
    wanted = there | {change.id for change in extra}
    for change in extra:
        if change.id in there:
            raise UsageError(f"{release.id} has {change.id} already")
        if change.engine not in _ENGINES_OF[release.engine]:
            first = next((r for r in RELEASES if r.engine == change.engine), None)
            hint = f"it goes with releases from {first.id} on" if first is not None else None
            raise UsageError(f"{change.id} cannot be had on {release.id}", hint=hint)
        if change.up_to is not None and release.wording > change.up_to:
            last = ".".join(map(str, change.up_to))
            raise UsageError(f"{change.id} can be had up to {last}, not on {release.id}")
        missing = [need for need in change.needs if need not in wanted]
        if missing:
            raise UsageError(f"{change.id} needs {' and '.join(missing)}")
        against = [
            other
            for other in wanted
            if other in change.excludes or change.id in CHANGE_OF[other].excludes
        ]
        if against:
            raise UsageError(f"{change.id} excludes {' and '.join(sorted(against))}")


#: Whose changes an engine's releases can carry: it has the lines that they patch.
_ENGINES_OF = {"v5": ("v5",), "v6_8": ("v6_8",), "v7_1": ("v6_8", "v7_1")}


def _named(release: Release, extra: tuple[Change, ...]) -> KernelId:
    # The row that is the same, else a name made of the release's and the changes'.
    wanted = {change.id for change in (*changes_of(release), *extra)}
    for row in RELEASES:
        same = row.engine == release.engine and row.metadata == release.metadata
        if same and {change.id for change in changes_of(row)} == wanted:
            return of_release(row)
    ordered = tuple(change for change in CHANGES if change in extra)
    return KernelId(
        "+".join([release.id, *(change.id for change in ordered)]),
        f"{release.title}, with: {'; '.join(change.title for change in ordered)}",
        release.date,
        release,
        ordered,
    )


def _of_uname(name: str) -> KernelId:
    matched = _UNAME.fullmatch(name)
    assert matched is not None, "a uname was matched before"
    for row in RELEASES:
        if row.unames is not None and re.fullmatch(row.unames, name):
            return of_release(row, asked=name)
    version = int(matched[1]), int(matched[2])
    first, (_, newest, last) = _MAINLINE[0][0], _MAINLINE[-1]
    if version < first:
        raise UnknownUnameError(
            f"Linux {_dotted(version)} has no TDX host code: mainline has it from "
            f"{_dotted(first)} on",
            hint=f"kernels: {_listed()}",
        )
    if version > newest:
        raise UnknownUnameError(
            f"Linux {_dotted(version)} is not known yet",
            hint=f"the newest known is {_dotted(newest)}, which behaves as {last.id}; "
            f"kernels: {_listed()}",
        )
    row = next(row for since, _, row in reversed(_MAINLINE) if since <= version)
    extra = (NO_CALLER,) if version <= BEFORE_KVM else ()
    return _named(row, extra)._replace(asked=name)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _not_found(name: str) -> UsageError:
    if name.endswith(".py"):
        own = "a kernel of your own is FILE.py:Class, the file and the class in it"
        return UsageError(f"no such kernel: '{printable(name)}'", hint=own)
    near = did_you_mean(name, [*RELEASE_OF, *ALIASES])
    hint = f"{near} " if near else ""
    return UsageError(f"no such kernel: '{printable(name)}'", hint=f"{hint}kernels: {_listed()}")


def _listed() -> str:
    return ", ".join(RELEASE_OF)


def is_stored(kernel: str) -> bool:
    """Whether a stored machine's kernel is one that is booted by that id today.

    What was stored as 6.17, 2026-06 or cmr-walk was another kernel, or had another name.
    """
    if kernel in RELEASE_OF:
        return True
    try:
        found = _with_changes(kernel)
    except UsageError:
        return False
    return found is not None and found.id == kernel
