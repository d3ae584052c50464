# SPDX-License-Identifier: Apache-2.0
"""What a page says of TDMRs under a kernel."""

from __future__ import annotations

from tdxctl.linux.lookup import find_kernel
from tdxctl.plan import plan
from tdxctl.report.html.kernel import Shown
from tdxctl.report.html.page import render
from tests.machines import booted


def test_where_there_are_no_tdmrs_the_page_says_why_in_place_of_their_tables() -> None:
    """A machine that was booted, and nobody has called tdx_init() on."""
    machine = booted()
    page = render(
        "hand-made",
        plan(machine.platform, [find_kernel("v5")]),
        [Shown(machine.summary(), None, ())],
    )
    assert "<p>no TDMRs: tdx_init() has not been called</p>" in page
    assert "TDMRs; the tightest" not in page
    assert "<caption><span>PAMT (" not in page
