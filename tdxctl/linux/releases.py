# SPDX-License-Identifier: Apache-2.0
"""The kernels that can be booted: a row a release, made of an engine, metadata and changes.

Adding a release: its row in RELEASES.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tdxctl.errors import UsageError
from tdxctl.linux.changes import (
    CACHES_MARKED_INCOHERENT,
    CHANGE_OF,
    CHANGES,
    CMR_WALK,
    DYNAMIC_PAMT,
    EXECUTED,
    INITIALIZED_AT_BOOT,
    KEXEC_BESIDE_TDX,
    NO_RBP_MOD_REQUIRED,
    NONE_WHEN_NOT_LOADED,
    PAMT_RESET_ONLY_WITH_ERRATUM,
    PAMT_SIZE_64BIT,
    READ,
    RUNTIME_UPDATE,
    SYS_DISABLE_AT_SHUTDOWN,
    WBINVD_IN_CALLBACKS,
    Change,
    Evidence,
)
from tdxctl.linux.metadata import FEATURES, TD_CONF, TD_CTRL, TDMR, VERSION, Metadata
from tdxctl.units import did_you_mean, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.kernel import Kernel

DEFAULT_KERNEL = "v5"


class Release(NamedTuple):
    """A release, or one with changes on top that has a name of its own.

    engine: the module of this room that emulates it. on: the release before, whose changes it has
    too. adds: changes since then. wording: (major, minor) of the release whose words its log has.
    platforms: on how many the kernel's own code was executed. shows: what else shows that it is
    right.
    """

    id: str
    title: str
    date: str
    engine: str
    on: str | None
    adds: tuple[Change, ...]
    wording: tuple[int, int]
    metadata: Metadata = Metadata()
    evidence: Evidence = EXECUTED
    platforms: int = 0
    shows: str = ""


_6_14 = Metadata(before_memlist=(FEATURES, TDMR))
_6_16 = Metadata(before_memlist=(FEATURES, TDMR, TD_CTRL, TD_CONF))
_7_1 = Metadata(before_memlist=(VERSION, *_6_16.before_memlist))

# fmt: off
RELEASES = (
    Release("v5", "on-demand series v5 as reviewed, June 2022", "2022-06-22", "v5", "v5-posted",
            (NONE_WHEN_NOT_LOADED, PAMT_SIZE_64BIT), (5, 19), platforms=804),
    Release("v5-posted", "series v5 bug for bit", "2022-06-22", "v5", None,
            (), (5, 19), platforms=804),
    Release("6.8", "Linux 6.8", "2024-03-10", "v6_8", None,
            (), (6, 8), Metadata(after_memlist=(TDMR,)), platforms=830),
    Release("6.8+cmr-walk", "Linux 6.8 with the CMR walk", "2024-12", "v6_8", "6.8",
            (CMR_WALK,), (6, 8), Metadata(after_memlist=(TDMR,)), READ,
            shows="not executed; the PAMT that a host with that change printed"),
    Release("6.16", "Linux 6.16", "2025-07-27", "v6_8", "6.8",
            (NO_RBP_MOD_REQUIRED,), (6, 16), _6_16, platforms=851),
    Release("6.18", "Linux 6.18", "2025-11-30", "v6_8", "6.16",
            (PAMT_RESET_ONLY_WITH_ERRATUM, CACHES_MARKED_INCOHERENT, KEXEC_BESIDE_TDX),
            (6, 18), _6_16, platforms=851),
    Release("7.2", "Linux 7.2", "2026-08", "v7_1", "6.18",
            (INITIALIZED_AT_BOOT, WBINVD_IN_CALLBACKS, SYS_DISABLE_AT_SHUTDOWN, RUNTIME_UPDATE),
            (7, 2), _7_1, platforms=942),
    Release("7.2+dynamic-pamt", "Linux 7.2 with Dynamic PAMT, expected in 7.4", "2026-09", "v7_1",
            "7.2", (DYNAMIC_PAMT,), (7, 4), _7_1, platforms=907),
)
# fmt: on
RELEASE_OF = {release.id: release for release in RELEASES}

#: Other names of kernels.
ALIASES = {"mainline": "7.2", "2026-06": "7.2+dynamic-pamt", "cmr-walk": "6.8+cmr-walk"}

#: Releases of mainline by (major, minor); one that is not here behaves as the one before.
_MAINLINE = tuple((row.wording, row.id) for row in RELEASES if re.fullmatch(r"[\d.]+", row.id))
#: The first that is not known yet.
_NOT_KNOWN = (7, 4)
_UNAME = re.compile(r"(\d{1,3})\.(\d{1,4})(?![\d])[A-Za-z0-9._+~-]*")


class KernelId(NamedTuple):
    """A kernel that can be booted: an id for machines to read, a title and a date for people.

    extra: changes on top of the release, where together they have no row. asked: what was asked
    for where that is another name. own: a class of the user's, and digest: of its file.
    """

    id: str
    title: str
    date: str
    release: Release
    extra: tuple[Change, ...] = ()
    asked: str | None = None
    own: type[Kernel] | None = None
    digest: str | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes that it has, in the order in which they came."""
        return (*changes_of(self.release), *self.extra)

    @property
    def wording(self) -> tuple[int, int]:
        """(major, minor) of the release whose words its log has."""
        newer = [change.wording for change in self.extra if change.wording is not None]
        return max([self.release.wording, *newer])

    @property
    def evidence(self) -> Evidence:
        """The weakest of its parts'."""
        return max(self.release.evidence, *(change.evidence for change in self.extra), _STRONGEST)

    @property
    def validated_by(self) -> str:
        """What shows that it is right, in words."""
        release = self.release
        if self.own is not None:
            return "nothing here: a kernel of your own"
        if self.extra:
            return f"its parts ({self.evidence.word}); nothing shows them together"
        if release.platforms:
            return (
                f"{release.platforms} platforms on which the kernel's own code was executed in "
                "user space"
            )
        return release.shows


_STRONGEST = EXECUTED


def changes_of(release: Release) -> tuple[Change, ...]:
    """The changes that a release has, in the order in which they came."""
    before = changes_of(RELEASE_OF[release.on]) if release.on is not None else ()
    return (*before, *release.adds)


def _kernel(release: Release, asked: str | None = None) -> KernelId:
    return KernelId(release.id, release.title, release.date, release, asked=asked)


KERNELS = tuple(_kernel(release) for release in RELEASES)


def find_kernel(name: str) -> KernelId:
    """The kernel of that name: a release, one with changes, another name, a `uname -r`.

    Raises UsageError for one that is not known, with what is near.
    """
    if name in ALIASES:
        return _kernel(RELEASE_OF[ALIASES[name]], asked=name)
    if name in RELEASE_OF:
        return _kernel(RELEASE_OF[name])
    combined = _with_changes(name)
    if combined is not None:
        return combined
    if _UNAME.fullmatch(name):
        return _of_uname(name)
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
    # "A `+` after anything but a release id, or before anything but a change id, belongs to a
    # uname."
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
        if change.of_engine or change.engine not in _ENGINES_OF[release.engine]:
            first = next((r for r in RELEASES if r.engine == change.engine), None)
            hint = f"it goes with releases from {first.id} on" if first is not None else None
            raise UsageError(f"{change.id} cannot be had on {release.id}", hint=hint)
        missing = [need for need in change.needs if need not in wanted]
        if missing:
            raise UsageError(f"{change.id} needs {' and '.join(missing)}")
        against = [other for other in change.excludes if other in wanted]
        if against:
            raise UsageError(f"{change.id} excludes {' and '.join(against)}")


#: Whose changes an engine's releases can carry: it has the lines that they patch.
_ENGINES_OF = {"v5": ("v5",), "v6_8": ("v6_8",), "v7_1": ("v6_8", "v7_1")}


def _named(release: Release, extra: tuple[Change, ...]) -> KernelId:
    # The row that is the same, else a name made of the release's and the changes'.
    wanted = {change.id for change in (*changes_of(release), *extra)}
    for row in RELEASES:
        same = row.engine == release.engine and row.metadata == release.metadata
        if same and {change.id for change in changes_of(row)} == wanted:
            return _kernel(row)
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
    version = int(matched[1]), int(matched[2])
    first = _MAINLINE[0][0]
    if version < first:
        raise UsageError(
            f"Linux {version[0]}.{version[1]} has no TDX host code: mainline has it from "
            f"{first[0]}.{first[1]} on",
            hint=f"kernels: {_listed()}",
        )
    if version >= _NOT_KNOWN:
        raise UsageError(
            f"Linux {version[0]}.{version[1]} is not known yet",
            hint="the newest known is 7.3, which behaves as 7.2; 7.2+dynamic-pamt is what is "
            "expected of 7.4",
        )
    row = next(row for since, row in reversed(_MAINLINE) if since <= version)
    return _kernel(RELEASE_OF[row], asked=None if name == row else name)


def _not_found(name: str) -> UsageError:
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


def changes_between(kernel: KernelId, against: KernelId) -> tuple[list[Change], list[Change]]:
    """What kernel has that against has not, and the other way round."""
    return _without(kernel.changes, against.changes), _without(against.changes, kernel.changes)


def _without(changes: Iterable[Change], others: Iterable[Change]) -> list[Change]:
    left_out = set(others)
    return [change for change in changes if change not in left_out]


def kernel_class(kernel: KernelId) -> type[Kernel]:
    """The class that emulates the kernel; imported only when asked for."""
    if kernel.own is not None:
        return kernel.own
    match kernel.release.engine:
        case "v5":
            from tdxctl.linux.v5 import V5

            return V5
        case "v6_8":
            from tdxctl.linux.v6_8 import V6_8

            return V6_8
        case "v7_1":
            from tdxctl.linux.v7_1 import V7_1

            return V7_1
        case engine:
            raise NotImplementedError(f"engine {engine} of kernel {kernel.id} has no class")
