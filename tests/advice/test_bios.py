# SPDX-License-Identifier: Apache-2.0
"""One order of BIOS options, wherever one is told."""

from __future__ import annotations

import pytest

from tdxctl.advice.bios import Setting, _listed
from tdxctl.advice.causes import explain_cause
from tdxctl.advice.checks import BY_ID
from tdxctl.advice.statuses import STATUSES
from tdxctl.causes import Cause, KeyidMsrFaults, NoKeyids, SeamrrDisabled
from tdxctl.messages.check_ids import CheckId
from tdxctl.seam.status import Status

ORDER = (
    "in the BIOS set node interleaving off, x2APIC on and no limit of 46 address bits; then TME, "
    "TME-MT, TDX, the SEAM loader, the TME-MT/TDX key split and SGX, in that order, saving and "
    "rebooting in between; update the BIOS"
)


@pytest.mark.parametrize("cause", [SeamrrDisabled(), NoKeyids(), KeyidMsrFaults()])
def test_a_cause_in_the_bios_names_the_order(cause: Cause) -> None:
    """Expect what unlocks the others first, and SGX last."""
    assert explain_cause(cause).to_do == ORDER


def test_the_last_of_several_options_stands_behind_an_and() -> None:
    two, three = (Setting.TME, Setting.SGX), (Setting.TME, Setting.TDX, Setting.SGX)
    assert (_listed(two), _listed(three)) == ("TME and SGX", "TME, TDX and SGX")


@pytest.mark.parametrize("check", ["tme", "seamrr", "keyids", "seam-enabled"])
def test_a_check_that_fails_for_the_bios_names_the_same_order(check: CheckId) -> None:
    assert ORDER in {cause.to_do for cause in BY_ID[check].causes}


def test_a_seamcall_that_the_cpu_refuses_names_the_same_order() -> None:
    assert STATUSES[Status.GP].to_do == ORDER
