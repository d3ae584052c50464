# SPDX-License-Identifier: Apache-2.0
"""Which kernels make a check: one that the kernel of a log never made is not passed by it.

What a release does stands in the kernels' own table, which `uname -r` of the log finds; without one
the wording tells how old it is at least. [linux-host 1], [linux-releases 1, 2, 3].
"""

from __future__ import annotations

from tdxctl.diagnose.evidence import Evidence
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.errors import UsageError
from tdxctl.linux.changes import INITIALIZED_AT_BOOT, NO_CALLER, NO_RBP_MOD_REQUIRED
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.releases import KernelId
from tdxctl.messages.boot import SEAMRR_ENABLED, SERIES_V6
from tdxctl.messages.bring_up import MODULE_SHUT_DOWN
from tdxctl.messages.check_ids import CheckId
from tdxctl.messages.message import V5, Release

#: The series of late 2022, posted while 6.1 was made; a log tells of it, of v5, or of a release.
V6: Release = (6, 1)

# What only the series before 6.8 looked at.
_BEFORE_6_8: dict[CheckId, tuple[Release, ...]] = {
    "cpus-online": (V5, V6),
    "x2apic": (V6,),
    "usable-memory": (V6,),
}

_NEVER = Outcome(Verdict.SKIP, "no check of the kernel that printed this log")


def kernel_of(evidence: Evidence) -> KernelId | None:
    """The kernel that printed the log, as the table of kernels knows it; None where it does not.

    Of two that tell, the `Linux version` line and the words, the newer one: a tree carries what was
    posted for later releases. A kernel that is newer than all known ones is taken for the newest.
    """
    by_name = _by_name(evidence)
    if evidence.release is None:
        return by_name
    by_words = _of_number(evidence.release)
    if by_name is None or by_words is None:
        return by_name or by_words
    return by_words if by_words.wording > by_name.wording else by_name


def _by_name(evidence: Evidence) -> KernelId | None:
    if evidence.uname is None or evidence.kernel is None:
        return None
    for name in (evidence.uname, evidence.kernel):
        try:
            return find_kernel(name)
        except UsageError:
            continue
    major, minor = evidence.kernel.split(".")[:2]
    return _of_number((int(major), int(minor)))


def _of_number(number: Release) -> KernelId | None:
    newest = find_kernel("mainline")
    if number > newest.wording:
        return newest
    try:
        return find_kernel(f"{number[0]}.{number[1]}.0")
    except UsageError:
        return None


def release_of(evidence: Evidence) -> Release | None:
    """The least that the log's kernel can be: V5, V6, or major and minor; None is not shown."""
    if (kernel := kernel_of(evidence)) is not None:
        return kernel.wording
    if evidence.first(SEAMRR_ENABLED, MODULE_SHUT_DOWN) is not None:
        return V5
    return V6 if SERIES_V6 in evidence.wordings_of else None


def looks(evidence: Evidence, check: CheckId) -> bool | None:
    """Whether the log's kernel makes that check; None where the log does not tell."""
    release = release_of(evidence)
    if release is None:
        return None
    if check in _BEFORE_6_8:
        return release in _BEFORE_6_8[check]
    kernel = kernel_of(evidence)
    if kernel is None:
        return False
    # An older one may carry the check as a distribution's change, or be newer than it shows.
    changes = {"module-features": NO_RBP_MOD_REQUIRED, "cpu-features": INITIALIZED_AT_BOOT}
    if check not in changes:
        return True
    return True if changes[check] in kernel.changes else None


def unless_never_made(evidence: Evidence, check: CheckId, outcome: Outcome) -> Outcome:
    """outcome, which is PASS for what the kernel got past; not for what it never looks at."""
    made = looks(evidence, check)
    if outcome.verdict is not Verdict.PASS or made:
        return outcome
    return _NEVER if made is False else Outcome(Verdict.UNKNOWN, "the log does not show it")


def by_kvm(evidence: Evidence) -> bool | None:
    """Whether it is KVM that asks for the initialization; None where the log does not tell."""
    kernel = kernel_of(evidence)
    return None if kernel is None else INITIALIZED_AT_BOOT not in kernel.changes


def has_no_caller(evidence: Evidence) -> bool:
    """Whether, as its `Linux version` goes, nobody asks for the initialization on that kernel."""
    kernel = _by_name(evidence)
    return kernel is not None and NO_CALLER in kernel.changes


def is_too_old(evidence: Evidence) -> bool:
    """Whether the log's kernel is older than all in the table: a release without the code."""
    return evidence.uname is not None and kernel_of(evidence) is None
