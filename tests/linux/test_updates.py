# SPDX-License-Identifier: Apache-2.0
"""Why P-SEAMLDR refused a release, told from what both releases are."""

from __future__ import annotations

import pytest

from tdxctl.causes import SeamcallFailed
from tdxctl.events import Failure
from tdxctl.linux.updates import explained
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.releases import release
from tdxctl.seam.status import Status

EMERALD_RAPIDS = (6, 0xCF)


@pytest.mark.parametrize(
    ("running", "asked", "status", "cause"),
    [
        # Security versions 1.11 and 1.6; equal; of another major; with a minor that is not known;
        # of a release that has none.
        ("1.5.16", "1.5.06", Status.SEAMLDR_EBADSIG, "update-svn-lower"),
        ("1.5.06", "1.5.16", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("1.5.06", "1.5.06", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("2.0.05", "1.5.06", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("2.0.05", "2.0.14", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("2.0.14", "2.0.05", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("1.5.06", "1.0", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("1.0", "1.5.06", Status.SEAMLDR_EBADSIG, "seamcall"),
        # Handoff versions 1 and 0.
        ("1.5.24", "1.5.06", Status.SEAMLDR_EBADHANDOFF, "update-handoff"),
        ("1.5.06", "1.5.24", Status.SEAMLDR_EBADHANDOFF, "seamcall"),
        ("1.5.06", "1.5.06", Status.SEAMLDR_EBADHANDOFF, "seamcall"),
    ],
)
def test_a_refusal_is_explained_by_what_is_known_of_both(
    running: str, asked: str, status: Status, cause: str
) -> None:
    """Expect the refusal itself where the releases do not explain it."""
    refused = SeamcallFailed(Leaf.SEAMLDR_INSTALL, 0, status)
    failure = explained(
        Failure(None, refused, "EIO", "EIO"), release(running), release(asked), EMERALD_RAPIDS
    )
    assert failure is not None
    assert failure.cause.id == cause
