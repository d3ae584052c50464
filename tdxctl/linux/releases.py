# SPDX-License-Identifier: Apache-2.0
"""The kernels that can be booted: a row a release, made of an engine, metadata and changes.

Adding a release: its row in RELEASES.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tdxctl.linux.changes import (
    ASSUMED,
    CACHES_MARKED_INCOHERENT,
    CMR_WALK,
    DYNAMIC_PAMT,
    EXECUTED,
    INITIALIZED_AT_BOOT,
    KEXEC_BESIDE_TDX,
    KVM_ASKS_FOR_TDX,
    KVM_REFUSALS_FAIL,
    KVM_TELLS_OF_FAILURE,
    MODULE_LINE,
    NO_RBP_MOD_REQUIRED,
    NONE_WHEN_NOT_LOADED,
    PAMT_RESET_ONLY_WITH_ERRATUM,
    PAMT_SIZE_64BIT,
    READ,
    RUNTIME_UPDATE,
    SEEN,
    SYS_DISABLE_AT_SHUTDOWN,
    SYSINFO_BY_INFO,
    WBINVD_IN_CALLBACKS,
    Change,
    Evidence,
)
from tdxctl.linux.metadata import FEATURES, TD_CONF, TD_CTRL, TDMR, VERSION, Metadata

DEFAULT_KERNEL = "v5"


class Release(NamedTuple):
    """A release, or one with changes on top that has a name of its own.

    engine: the module of this room that emulates it. on: the release before, whose changes it has
    too. adds: changes since then. wording: (major, minor) of the release whose words its log has.
    up_to: the last release of mainline that behaves like it, where it is one. platforms: on how
    many the kernel's own code was executed. shows: what else shows that it is right. unames: a
    pattern of what `uname -r` says on a distribution's.
    """

    id: str
    title: str
    date: str
    engine: str
    on: str | None
    adds: tuple[Change, ...]
    wording: tuple[int, int]
    metadata: Metadata = Metadata()
    up_to: tuple[int, int] | None = None
    evidence: Evidence = EXECUTED
    platforms: int = 0
    shows: str = ""
    unames: str | None = None


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
            (), (6, 8), Metadata(after_memlist=(TDMR,)), (6, 13), platforms=830),
    Release("6.8+cmr-walk", "Linux 6.8 with the CMR walk", "2024-12", "v6_8", "6.8",
            (CMR_WALK,), (6, 8), Metadata(after_memlist=(TDMR,)), evidence=READ,
            shows="not executed; the PAMT that a host with that change printed"),
    Release("ubuntu-24.04-1004", "Ubuntu 24.04's 6.8 -intel kernels to 1005", "2024", "v6_8", "6.8",
            (SYSINFO_BY_INFO, KVM_TELLS_OF_FAILURE), (6, 8), Metadata(after_memlist=(TDMR,)),
            evidence=SEEN, shows="lines of one host; what it reads, and when, is not seen",
            unames=r"6\.8\.0-100[0-5]-intel"),
    Release("ubuntu-24.04", "Ubuntu 24.04's 6.8 -intel kernels from 1006 on", "2024-06", "v6_8",
            "ubuntu-24.04-1004", (CMR_WALK,), (6, 8), Metadata(after_memlist=(TDMR,)),
            evidence=SEEN, shows="lines and PAMTs of five hosts; what it reads, and when, is not",
            unames=r"6\.8\.0-1\d\d\d-intel"),
    Release("6.14", "Linux 6.14", "2025-03-24", "v6_8", "6.8",
            (NO_RBP_MOD_REQUIRED,), (6, 14), _6_14, (6, 15), platforms=851),
    Release("ubuntu-25.04", "Ubuntu 25.04's 6.14 -intel kernels", "2025-04", "v6_8", "6.14",
            (MODULE_LINE,), (6, 14), _6_14, evidence=SEEN,
            shows="the module's line of hosts; the order of its reads is assumed",
            unames=r"6\.14\.0-1\d\d\d-intel"),
    Release("6.16", "Linux 6.16", "2025-07-27", "v6_8", "6.14",
            (KVM_ASKS_FOR_TDX,), (6, 16), _6_16, (6, 17), platforms=851),
    Release("6.17.4", "Linux 6.17.4", "2025-10", "v6_8", "6.16",
            (KVM_REFUSALS_FAIL,), (6, 16), _6_16,
            shows="of 6.16 the platforms on which KVM's own code was executed with that change",
            unames=r"6\.17\.(?:[4-9]|\d\d)(?!\d).*"),
    Release("6.18", "Linux 6.18", "2025-11-30", "v6_8", "6.17.4",
            (PAMT_RESET_ONLY_WITH_ERRATUM, CACHES_MARKED_INCOHERENT, KEXEC_BESIDE_TDX),
            (6, 18), _6_16, (7, 0), platforms=851),
    Release("7.1", "Linux 7.1", "2026", "v7_1", "6.18",
            (INITIALIZED_AT_BOOT,), (7, 1), _7_1, (7, 1), platforms=859),
    Release("7.2", "Linux 7.2", "2026", "v7_1", "7.1",
            (WBINVD_IN_CALLBACKS, SYS_DISABLE_AT_SHUTDOWN, RUNTIME_UPDATE),
            (7, 2), _7_1, (7, 3), platforms=942),
    Release("7.2+dynamic-pamt", "Linux 7.2 with Dynamic PAMT, expected in 7.4", "2026-09", "v7_1",
            "7.2", (DYNAMIC_PAMT,), (7, 4), _7_1, platforms=907),
)
# fmt: on
RELEASE_OF = {release.id: release for release in RELEASES}


class KernelId(NamedTuple):
    """A kernel that can be booted: an id for machines to read, a title and a date for people.

    extra: changes on top of the release, where together they have no row. asked: what was asked
    for where that is another name. assumed: whether that is only assumed to be this one. own: a
    class of the user's, and digest: of its file.
    """

    id: str
    title: str
    date: str
    release: Release
    extra: tuple[Change, ...] = ()
    asked: str | None = None
    own: type[Any] | None = None
    digest: str | None = None
    assumed: bool = False

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
        if self.own is not None or self.assumed:
            return ASSUMED
        return max(self.release.evidence, *(change.evidence for change in self.extra), EXECUTED)

    @property
    def validated_by(self) -> str:
        """What shows that it is right, in words."""
        release = self.release
        if self.own is not None:
            return "nothing vouches for a kernel of your own"
        if self.extra:
            return f"its parts ({self.evidence.word}); nothing shows them together"
        if release.platforms:
            return (
                f"{release.platforms} platforms on which the kernel's own code was executed in "
                "user space"
            )
        return release.shows


def changes_of(release: Release) -> tuple[Change, ...]:
    """The changes that a release has, in the order in which they came."""
    before = changes_of(RELEASE_OF[release.on]) if release.on is not None else ()
    return (*before, *release.adds)


def of_release(release: Release, asked: str | None = None) -> KernelId:
    """The kernel that a row is; asked: what was asked for where that is another name."""
    return KernelId(release.id, release.title, release.date, release, asked=asked)


KERNELS = tuple(of_release(release) for release in RELEASES)


def changes_between(kernel: KernelId, against: KernelId) -> tuple[list[Change], list[Change]]:
    """What kernel has that against has not, and the other way round."""
    return _without(kernel.changes, against.changes), _without(against.changes, kernel.changes)


def _without(changes: Iterable[Change], others: Iterable[Change]) -> list[Change]:
    left_out = set(others)
    return [change for change in changes if change not in left_out]
