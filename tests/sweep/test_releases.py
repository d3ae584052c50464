# SPDX-License-Identifier: Apache-2.0
"""What a release makes another of than the one before is named by the changes between them."""

from __future__ import annotations

from functools import cache
from unittest.mock import patch

import pytest

from tdxctl import Machine, Platform
from tdxctl.linux.lookup import find_kernel
from tdxctl.sweep.points import Point, points_of
from tdxctl.sweep.run import Sweep, sweep
from tools.sweeps import adjacent, named

#: As few calls as a bring-up can have that has all kinds of them.
TINY = Platform.from_dict(
    {
        "schema": "tdxctl.platform/1",
        "cpus": {"madt": [{"apic_id": "0-1", "package": 0}]},
        "memory": {"ranges": [{"start": "1MiB", "end": "2GiB"}]},
        "module": {"num_cpuid_config": 1},
    }
)

#: (release before, release): what differs, by the change that it comes with: outcomes, events
#: after the fault, points that only one has.
NAMED: dict[tuple[str, str], dict[str, dict[str, int]]] = {
    ("v5-posted", "v5"): {"none-when-not-loaded": {"outcome": 1}},
    ("6.8", "6.8+cmr-walk"): {"cmr-walk": {"events": 5, "only-there": 14}},
    ("6.8", "ubuntu-24.04-1004"): {
        "sysinfo-by-info": {"events": 4, "only-there": 2},
        "kvm-tells-of-failure": {"events": 21},
    },
    ("ubuntu-24.04-1004", "ubuntu-24.04"): {"cmr-walk": {"events": 5}},
    ("6.8", "6.14"): {"no-rbp-mod-required": {"events": 2, "only-there": 2}},
    ("6.14", "ubuntu-25.04"): {"module-line": {"events": 2, "only-there": 12}},
    ("6.14", "6.16"): {"kvm-asks-for-tdx": {"events": 2, "only-there": 24}},
    # What 6.17.4 changed is in KVM, after the bring-up.
    ("6.16", "6.17.4"): {},
    ("6.17.4", "6.18"): {"pamt-reset-only-with-erratum": {"events": 6}},
    ("6.18", "7.1"): {"initialized-at-boot": {"outcome": 40, "only-there": 6}},
    ("7.1", "7.2"): {"wbinvd-in-callbacks": {"events": 37}},
    ("7.2", "7.2+dynamic-pamt"): {"dynamic-pamt": {"events": 11, "only-there": 3}},
}

#: Of the ways in which a SEAMCALL fails these stand for all; `make sweeps` takes all.
FEW = {"VMFAILINVALID", "TDX_SYS_BUSY", "TDX_RND_NO_ENTROPY once"}


def _few_points(platform: Platform, machine: Machine) -> list[Point]:
    found = points_of(platform, machine)
    return [point for point in found if point.leaf is None or point.what in FEW]


@cache
def _swept(kernel: str) -> Sweep:
    with patch("tdxctl.sweep.run.points_of", _few_points):
        return sweep(TINY, find_kernel(kernel))


@pytest.mark.parametrize(("before", "after"), NAMED)
def test_differences_are_named_by_the_changes_between(before: str, after: str) -> None:
    """Expect no difference that no change explains."""
    assert named(before, after, _swept) == NAMED[before, after]


def test_every_release_and_the_one_that_it_is_on() -> None:
    assert set(NAMED) == set(adjacent())
