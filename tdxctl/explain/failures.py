# SPDX-License-Identifier: Apache-2.0
"""A failure in words: those of its cause, what became of the errno, and what the status means."""

from __future__ import annotations

from tdxctl.advice.causes import explain_cause
from tdxctl.advice.words import Explained
from tdxctl.events import Failure


def explain_failure(failure: Failure) -> Explained:
    """The words for why tdx_init() failed."""
    words = explain_cause(failure.cause)
    if failure.inner_errno == failure.errno:
        return words
    both = f"(-{failure.inner_errno} inside the kernel, -{failure.errno} to the caller)"
    return Explained(f"{words.why} {both}", words.means, words.to_do)
