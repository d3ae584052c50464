# SPDX-License-Identifier: Apache-2.0
"""`tdxctl sweep` in its formats, of pairs, and ended before it is through."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from tdxctl import Machine, Platform
from tdxctl.linux.lookup import find_kernel
from tdxctl.platform import shipped
from tdxctl.report.html import sweep as html
from tdxctl.report.sweeps import Shown
from tdxctl.report.sweeps_text import to_text
from tdxctl.sweep.compare import differences
from tdxctl.sweep.invariants import violations
from tdxctl.sweep.points import points_of
from tdxctl.sweep.run import Pairs, Sweep, sweep
from tests.cli.runner import tdxctl
from tests.sweep.test_releases import TINY

CONFIG = ("sweep", "--platform", "small", "--leaf", "TDH.SYS.CONFIG")
INIT = ("sweep", "--platform", "small", "--leaf", "TDH.SYS.INIT", "--kernel", "v5-posted")


def test_junit_has_a_case_per_point() -> None:
    """Expect the one that differs to fail, and what a release is known to break to be skipped."""
    alone = tdxctl(*INIT, "--format", "junit")
    against = tdxctl(*INIT, "--against", "v5", "--format", "junit")
    assert (alone.returncode, against.returncode) == (1, 1)
    suite = ET.fromstring(alone.stdout)
    assert dict(suite.attrib) == {
        "name": "tdxctl",
        "tests": "24",
        "failures": "0",
        "errors": "0",
        "skipped": "1",
    }
    [failed] = ET.fromstring(against.stdout).iter("failure")
    assert failed.attrib["message"] == (
        "against v5: -19 (ENODEV), UNKNOWN; a second call: 0, INITIALIZED -> "
        "-19 (ENODEV), NONE; final"
    )


def test_html_has_every_point_and_no_markup_of_others() -> None:
    done = tdxctl(*INIT, "--against", "v5", "--format", "html")
    assert done.returncode == 1
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert done.stdout.count("TDH.SYS.INIT: TDX_SYS_BUSY") == 1
    assert "faults: [{leaf: TDH.SYS.INIT, status: VMFAILINVALID}]" in done.stdout


def test_the_document_says_how_a_point_is_reached_and_what_was_done() -> None:
    done = tdxctl(*CONFIG, "--kernel", "6.18", "--format", "json")
    document = json.loads(done.stdout)
    [busy] = [each for each in document["points"] if each["point"].endswith(": TDX_SYS_BUSY")]
    assert busy["faults"] == [
        {"leaf": "TDH.SYS.CONFIG", "status": "TDX_SYS_BUSY"},
    ]
    assert busy["done"] == {
        "pamts": 2,
        "pamts_freed": 2,
        "wbinvd_on_all_cpus": 0,
        "wbinvd": 0,
        "movdir64b": 0,
    }
    assert (done.returncode, document["complete"], document["pairs"]) == (0, True, False)


def test_a_fault_that_is_shown_is_one_that_a_description_takes() -> None:
    done = tdxctl(
        *("init", "--once", "--platform", "small", "--format", "json"),
        *("--set", "faults=[{leaf: TDH.SYS.INIT, status: VMFAILINVALID}]"),
    )
    assert json.loads(done.stdout)["status"] == "NONE"


def _told(kernel: str, pairs: Pairs) -> list[str]:
    return [run.point for run in sweep(TINY, find_kernel(kernel), pairs=pairs).runs]


def test_pairs_are_drawn_by_their_seed() -> None:
    """Expect the same ones for the same seed, others for another, and two faults in each."""
    one, again, other = (_told("v5", Pairs(seed, 30)) for seed in (1, 1, 2))
    assert one == again != other
    assert 25 <= len(one) <= 30
    assert all(": and " in name for name in one)


def test_two_faults_at_once_keep_the_laws_of_v5() -> None:
    found = sweep(TINY, find_kernel("v5"), pairs=Pairs(0, 200))
    assert violations(found) == ()
    assert {run.first.status for run in found.runs if run.first is not None} == {
        *("UNKNOWN", "NONE", "SHUTDOWN")
    }


@pytest.mark.parametrize("options", [("--seed", "1"), ("--budget", "5")])
def test_seed_and_budget_are_of_pairs(options: tuple[str, str]) -> None:
    done = tdxctl(*CONFIG, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --seed and --budget are of --pairs\n"


def _ended_after(points: int) -> Sweep:
    def told(done: int, of: int) -> None:
        assert of == 123
        if done == points:
            raise KeyboardInterrupt

    return sweep(TINY, find_kernel("v5"), told=told)


def test_what_was_run_when_somebody_ended_it_is_shown() -> None:
    """Expect the points so far, and the report to say that they are not all."""
    found = _ended_after(7)
    assert (len(found.runs), found.is_whole) == (7, False)
    text = to_text(Shown(found, violations(found), None, None))
    assert text.startswith("platform under v5: 7 points at which something fails (interrupted: ")
    assert "(interrupted: 116 of 123 were not run)\n" in text


def test_points_are_drawn_of_the_run_without_a_fault() -> None:
    """Expect no call to be a point that no bring-up makes: one that fails at once has few."""
    absent = Platform.load(shipped.path_of("no-module"))
    found = sweep(absent, find_kernel("v5"))
    assert {run.point.partition(": ")[0] for run in found.runs} == {
        "TDH.SYS.INIT",
        "the memory notifier",
        "MSR 0x87",
        "the last CPU",
        "the last package",
    }


def test_a_page_against_the_same_kernel_has_no_differences() -> None:
    found = sweep(TINY, find_kernel("v5"))
    page = html.render(Shown(found, (), found, differences(found, found)))
    assert "It makes the same of every point." in page
    assert len(points_of(TINY, _machine())) == len(found.runs)


def _machine() -> Machine:
    machine = Machine.boot(TINY, "v5")
    machine.tdx_init()
    return machine
