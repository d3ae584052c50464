# SPDX-License-Identifier: Apache-2.0
"""Which TDX module release another may be put on at run time, and why not.

Intel's table of signed releases has the lowest version that each may be put on; who updates looks
there first. P-SEAMLDR knows no versions: it compares security versions, handoff versions and CPUs.
"""

from __future__ import annotations

from msgspec.structs import replace

from tdxctl.causes import (
    Cause,
    SeamcallFailed,
    UpdateAcrossLines,
    UpdateCpuNotSigned,
    UpdateFromTooOld,
    UpdateHandoff,
    UpdateSvnLower,
)
from tdxctl.errnos import Errno
from tdxctl.events import Failure
from tdxctl.linux.steps import KernelErrno
from tdxctl.seam.releases import Release, lowest_to_update_from, release
from tdxctl.seam.status import Status


def not_on_offer(running: Release, asked: Release) -> Failure | None:
    """Why the table has no update from running to asked; None where it has, or says nothing."""
    minimum = lowest_to_update_from(asked)
    cause: Cause
    if running.line != asked.line:
        cause = UpdateAcrossLines(running.version, asked.version)
    elif minimum is not None and running.number < release(minimum).number:
        cause = UpdateFromTooOld(running.version, asked.version, minimum)
    else:
        return None
    return KernelErrno(Errno.ENODEV, cause).failure(None, Errno.ENODEV)


def explained(
    failure: Failure | None, running: Release, asked: Release, model: tuple[int, int]
) -> Failure | None:
    """The failure of an update; where P-SEAMLDR refused, with what of the releases it was.

    model: the CPU's family and model.
    """
    if failure is None or not isinstance(failure.cause, SeamcallFailed):
        return failure
    return replace(failure, cause=_refused(failure.cause, running, asked, model))


def _refused(
    call: SeamcallFailed, running: Release, asked: Release, model: tuple[int, int]
) -> Cause:
    facts = call.leaf, call.cpu, call.status
    hv, asked_hv = running.profile.module_hv, asked.profile.module_hv
    match call.status:
        case Status.SEAMLDR_EBADSIG if _svn_is_lower(running, asked):
            return UpdateSvnLower(
                *facts, running.version, str(running.svn), asked.version, str(asked.svn)
            )
        case Status.SEAMLDR_EBADHANDOFF if asked_hv < hv:
            return UpdateHandoff(*facts, running.version, hv, asked.version, asked_hv)
        case Status.SEAMLDR_EUNSUPCPU if asked.is_signed_for(*model) is False:
            return UpdateCpuNotSigned(*facts, asked.version, *model)
        case _:
            return call


def _svn_is_lower(running: Release, asked: Release) -> bool:
    if running.svn is None or asked.svn is None:
        return False
    (major, minor), (asked_major, asked_minor) = running.svn, asked.svn
    if minor is None or asked_minor is None:
        return False
    return major == asked_major and asked_minor < minor
