# SPDX-License-Identifier: Apache-2.0
"""Which kernels make a check: one that the kernel of a log never made is not passed by it.

[linux-host 1], [linux-releases 1, 2, 3].
"""

from __future__ import annotations

from tdxctl.diagnose.evidence import Evidence
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.messages.boot import SEAMRR_ENABLED, SERIES_V6
from tdxctl.messages.bring_up import MODULE_SHUT_DOWN
from tdxctl.messages.check_ids import CheckId
from tdxctl.messages.message import V5, Release

#: The series of late 2022, posted while 6.1 was made; a log tells of it, of v5, or of a release.
V6: Release = (6, 1)

# The releases from which on the kernel itself looks, without an end.
_FROM: dict[str, Release] = {
    "hibernation": (6, 8),
    "memory-notifier": (6, 8),
    "module-features": (6, 14),
    "cpu-features": (7, 1),
}
# What only the series before 6.8 looked at.
_BEFORE_6_8: dict[str, tuple[Release, ...]] = {
    "cpus-online": (V5, V6),
    "x2apic": (V6,),
    "usable-memory": (V6,),
}
#: The core initializes the module at boot; before, KVM asks for it.
AT_BOOT: Release = (7, 1)

_NEVER = Outcome(Verdict.SKIP, "no check of the kernel that printed this log")


def release_of(evidence: Evidence) -> Release | None:
    """The least that the log's kernel can be: V5, V6, or major and minor; None is not shown."""
    numbered = _number(evidence)
    if numbered is not None and numbered >= (6, 8):
        return numbered
    if evidence.release is not None and evidence.release >= (6, 8):
        return evidence.release
    if evidence.first(SEAMRR_ENABLED, MODULE_SHUT_DOWN) is not None:
        return V5
    return V6 if SERIES_V6 in evidence.wordings_of else None


def _number(evidence: Evidence) -> Release | None:
    if evidence.kernel is None:
        return None
    major, minor = evidence.kernel.split(".")[:2]
    return int(major), int(minor)


def looks(evidence: Evidence, check: CheckId) -> bool | None:
    """Whether the log's kernel makes that check; None where the log does not tell."""
    release = release_of(evidence)
    if release is None:
        return None
    if check in _BEFORE_6_8:
        return release in _BEFORE_6_8[check]
    first = _FROM[check]
    if release in (V5, V6):
        return False
    # An older one may carry the check as a distribution's change, or be newer than it shows.
    return True if release >= first else None


def unless_never_made(evidence: Evidence, check: CheckId, outcome: Outcome) -> Outcome:
    """outcome, which is PASS for what the kernel got past; not for what it never looks at."""
    made = looks(evidence, check)
    if outcome.verdict is not Verdict.PASS or made:
        return outcome
    return _NEVER if made is False else Outcome(Verdict.UNKNOWN, "the log does not show it")


def by_kvm(evidence: Evidence) -> bool | None:
    """Whether it is KVM that asks for the initialization; None where the log does not tell."""
    release = release_of(evidence)
    return None if release in (None, V5, V6) else release < AT_BOOT
