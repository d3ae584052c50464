# SPDX-License-Identifier: Apache-2.0
"""The tree of checks is whole, and what names a check names one that is there."""

from __future__ import annotations

from typing import get_args

from tdxctl.advice.checks import CHECKS
from tdxctl.messages.catalogue import MESSAGES
from tdxctl.messages.check_ids import CheckId


def test_every_name_of_a_check_is_one_checks() -> None:
    assert [check.id for check in CHECKS] == list(get_args(CheckId))


def test_a_check_stands_behind_the_one_that_it_needs() -> None:
    """Expect the tree to be told from its root on, so that a failure is met before its children."""
    seen: set[str | None] = {None}
    for check in CHECKS:
        assert check.parent in seen
        seen.add(check.id)


def test_every_line_of_a_kernel_leads_to_a_check_that_has_advice() -> None:
    """Expect causes for each check that a message names, but for lines that are no failure."""
    named = {message.check for message in MESSAGES if message.check is not None}
    assert named <= {check.id for check in CHECKS}
    without = {check.id for check in CHECKS if not check.causes}
    assert named & without <= {"harmless"}
