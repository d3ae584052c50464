# SPDX-License-Identifier: Apache-2.0
"""A kernel's TDX status in words: what a failure left it in."""

from __future__ import annotations

from tdxctl.advice.states import STATES, explain_cause_state
from tdxctl.events import Failure


def explain_state(status: str, failure: Failure | None) -> str:
    """What a kernel's TDX status means after that failure."""
    if failure is None:
        return STATES[status]
    return explain_cause_state(status, failure.cause.id, failure.step)
