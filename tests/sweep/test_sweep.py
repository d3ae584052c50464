# SPDX-License-Identifier: Apache-2.0
"""Every error path of a bring-up: what differs between kernels, and bugs that are planted."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tdxctl import Platform
from tdxctl.linux.kernel import Kernel
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.own import of_class
from tdxctl.linux.v5 import V5
from tdxctl.linux.v6_8 import V6_8
from tdxctl.platform import shipped
from tdxctl.sweep.compare import differences, groups
from tdxctl.sweep.invariants import INVARIANTS, violations
from tdxctl.sweep.run import sweep
from tests.cli.runner import tdxctl

SMALL = Platform.load(shipped.path_of("small"))

#: The review's nit, found by machine.
NIT = """\
small under v5-posted: 151 points at which something fails
without a fault: 0, INITIALIZED; final

all 9 invariants hold at every point

v5 differs at 1 point of 151
  TDH.SYS.INIT: VMFAILINVALID
    -19 (ENODEV), UNKNOWN; a second call: 0, INITIALIZED
    -19 (ENODEV), NONE; final
"""


def test_v5_as_posted_and_as_reviewed_differ_at_one_point() -> None:
    done = tdxctl("sweep", "--platform", "small", "--kernel", "v5-posted", "--against", "v5")
    assert (done.returncode, done.stdout, done.stderr) == (1, NIT, "")


def test_points_are_named_by_what_they_mean() -> None:
    """small: 4 CPUs in one package, two TDMRs of which the second has more than two calls."""
    places = Counter(run.point.partition(": ")[0] for run in sweep(SMALL, find_kernel("v5")).runs)
    assert dict(places) == {
        "TDH.SYS.INIT": 23,
        "TDH.SYS.LP.INIT of the first CPU": 13,
        "TDH.SYS.LP.INIT of the middle CPU": 13,
        "TDH.SYS.LP.INIT of the last CPU": 13,
        "TDH.SYS.INFO": 7,
        "TDH.SYS.CONFIG": 16,
        "TDH.SYS.KEY.CONFIG of the first package": 10,
        "TDH.SYS.TDMR.INIT of the first TDMR, first call": 8,
        "TDH.SYS.TDMR.INIT of the first TDMR, middle call": 8,
        "TDH.SYS.TDMR.INIT of the first TDMR, last call": 8,
        "TDH.SYS.TDMR.INIT of the last TDMR, first call": 8,
        "TDH.SYS.TDMR.INIT of the last TDMR, middle call": 8,
        "TDH.SYS.TDMR.INIT of the last TDMR, last call": 8,
        "allocation of the TDMR array": 1,
        "allocation of the TDMR pointer array": 1,
        "allocation of the package cpumask": 1,
        "PAMT of the first TDMR": 1,
        "PAMT of the last TDMR": 1,
        "the memory notifier": 1,
        "MSR 0x87": 1,
        "the last CPU": 1,
    }


def test_outcomes_of_6_8() -> None:
    """What was cached for ever stays, a CPU may try again, and what tdx_enable() met is final."""
    found = groups(sweep(SMALL, find_kernel("6.8")))
    answers = {
        (run.first.returned, run.first.status, run.second.returned, run.second.status): len(runs)
        for run, runs in found
        if run.first is not None and run.second is not None
    }
    assert answers == {
        # After TDH.SYS.INIT and every LP.INIT: the errno once, then -EINVAL.
        (-5, "ERROR", -22, "ERROR"): 63,
        (-19, "ERROR", -22, "ERROR"): 13,
        (-95, "ERROR", -22, "ERROR"): 13,
        (-13, "ERROR", -22, "ERROR"): 13,
        (-12, "ERROR", -22, "ERROR"): 7,
        # LP.INIT on a CPU.
        (-5, "UNINITIALIZED", 0, "INITIALIZED"): 27,
        (-19, "UNINITIALIZED", 0, "INITIALIZED"): 3,
        (-95, "UNINITIALIZED", 0, "INITIALIZED"): 3,
        (-13, "UNINITIALIZED", 0, "INITIALIZED"): 3,
        # TDH.SYS.INIT, and what the boot found.
        (-5, "UNINITIALIZED", -5, "UNINITIALIZED"): 19,
        (-19, "UNINITIALIZED", -19, "UNINITIALIZED"): 3,
        (-95, "UNINITIALIZED", -95, "UNINITIALIZED"): 1,
        (-13, "UNINITIALIZED", -13, "UNINITIALIZED"): 1,
        # No entropy once, at each of 17 calls.
        (0, "INITIALIZED", 0, "INITIALIZED"): 17,
    }


@pytest.mark.parametrize(
    ("before", "after"), [("6.8", "6.14"), ("6.14", "6.16"), ("6.16", "6.17.4"), ("6.17.4", "6.18")]
)
def test_neighbours_have_the_same_outcome_where_both_have_the_point(
    before: str, after: str
) -> None:
    """What 6.14 to 6.18 changed is read, reset and flushed, and shows in no errno."""
    one, other = (sweep(SMALL, find_kernel(kernel)) for kernel in (before, after))
    assert not [
        each.point
        for each in differences(one, other)
        if each.before is not None and each.after is not None and not each.events
    ]


class Leaks(V6_8):
    """PAMTs are not freed where TDH.SYS.CONFIG fails."""

    RELEASE = "6.8"

    def tdmrs_free_pamt_all(self) -> None:
        """Forget it there."""
        if self.steps.failed_step != "configure":
            super().tdmrs_free_pamt_all()


class NoShutdown(V5):
    """The module is not shut down after a failure."""

    RELEASE = "v5"

    def shutdown_tdx_module(self) -> None:
        """Nothing."""


class WrongErrno(V6_8):
    """tdx_enable() returns 0 whatever happened."""

    RELEASE = "6.8"

    def _tdx_enable(self) -> int:
        super()._tdx_enable()
        return 0


class NoStatus(V6_8):
    """A failure leaves the status as it was."""

    RELEASE = "6.8"

    def set_status(self, status: str) -> None:
        """All but ERROR."""
        if status != "ERROR":
            super().set_status(status)


class NoFlush(V6_8):
    """PAMTs that the module wrote to are freed with its data in the caches."""

    RELEASE = "6.8"

    def wbinvd_on_all_cpus(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("kernel", "law", "point"),
    [
        (Leaks, "pamts-freed", "TDH.SYS.CONFIG: "),
        (WrongErrno, "zero-is-initialized", "TDH.SYS.RD of MAX_TDMRS: "),
        (NoShutdown, "never-half-way", "TDH.SYS.INIT: "),
        (NoFlush, "flushed-before-freed", "TDH.SYS.KEY.CONFIG of the first package: "),
    ],
)
def test_a_planted_bug_breaks_a_law(kernel: type[Kernel], law: str, point: str) -> None:
    found = violations(sweep(SMALL, of_class(kernel)).runs)
    assert {violation.invariant for violation in found} == {law}
    assert found[0].point.startswith(point)


def test_a_status_that_is_not_set_shows_against_the_release() -> None:
    """No law says that a failure is final on 6.8, so that another kernel has to."""
    release, planted = sweep(SMALL, find_kernel("6.8")), sweep(SMALL, of_class(NoStatus))
    found = differences(release, planted)
    assert len(found) > 50
    assert not any(each.events for each in found)


@pytest.mark.parametrize("kernel", ["v5", "v5-posted", "6.8", "6.18", "7.1", "7.2+dynamic-pamt"])
def test_no_release_breaks_a_law(kernel: str) -> None:
    assert violations(sweep(SMALL, find_kernel(kernel)).runs) == ()
    assert len({law.id for law in INVARIANTS}) == len(INVARIANTS) == 9


def test_the_document_has_every_point() -> None:
    done = tdxctl(
        *("sweep", "--platform", "small", "--kernel", "7.2", "--leaf", "TDH.SYS.KEY.CONFIG"),
        *("--format", "json"),
    )
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert (document["schema"], document["kernel"]) == ("tdxctl.sweep/1", "7.2")
    grouped = [point for group in document["groups"] for point in group["points"]]
    assert sorted(grouped) == sorted(point["point"] for point in document["points"])
    assert document["violations"] == []
    assert document["clean"]["first"]["status"] == "INITIALIZED"


@pytest.mark.parametrize(
    ("leaf", "error"),
    [
        (
            "TDH.SYS.CONFG",
            "error: not a SEAMCALL of the bring-up: 'TDH.SYS.CONFG'\n"
            "  hint: did you mean TDH.SYS.CONFIG?\n",
        ),
        ("TDG.VP.INFO", "error: not a SEAMCALL of the bring-up: 'TDG.VP.INFO'\n"),
        # v5 asks TDH.SYS.INFO for all that it wants to know.
        ("TDH.SYS.RD", "error: this bring-up makes no TDH.SYS.RD, so that none can fail\n"),
    ],
)
def test_a_leaf_without_points_is_refused_and_no_proof(leaf: str, error: str) -> None:
    done = tdxctl("sweep", "--platform", "small", "--leaf", leaf)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", error)


def test_a_leaf_is_written_as_anywhere() -> None:
    """Expect the 16 points of TDH.SYS.CONFIG, and none of another leaf that begins so."""
    for leaf in ("TDH.SYS.CONFIG", "tdh_sys_config", "0x2d", "45"):
        done = tdxctl("sweep", "--platform", "small", "--leaf", leaf)
        assert done.returncode == 0
        assert done.stdout.startswith("small under v5: 16 points at which something fails\n")
