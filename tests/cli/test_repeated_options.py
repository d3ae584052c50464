# SPDX-License-Identifier: Apache-2.0
"""An option that takes one value and is given twice is refused: none is dropped in silence."""

from __future__ import annotations

import json

import pytest

from tests.cli.runner import tdxctl

ONCE = ("init", "--once", "--platform", "small")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ((*ONCE, "--kernel", "6.8", "--kernel", "6.8+cmr-walk"), "--kernel"),
        ((*ONCE, "--kernel=6.8", "--kernel=6.8"), "--kernel"),
        ((*ONCE, "--platform", "tdx-off"), "--platform"),
        (("boot", "--machine", "a", "--machine", "b"), "--machine"),
        (("status", "--format", "json", "--format", "text"), "--format"),
        (("plan", "--platform", "small", "--platform", "tdx-off"), "--platform"),
        (("map", "--platform", "small", "--kernel", "v5", "--kernel", "6.8"), "--kernel"),
        (("html", "--platform", "small", "-o", "-", "--output", "-"), "--output"),
        (
            ("scenario", "new", "--platform", "small", "--kernel", "v5", "--kernel", "6.8"),
            "--kernel",
        ),
        (("test", "-k", "a", "-k", "b", "tests/data/passes.yaml"), "-k"),
        (("seamcall", "x.yaml", "--platform", "small", "--platform", "x"), "--platform"),
    ],
)
def test_given_twice_it_is_refused(words: tuple[str, ...], option: str) -> None:
    done = tdxctl(*words)
    assert done.returncode == 2
    assert f"{option} is given 2 times, and takes one value." in done.stderr


def test_as_json_too() -> None:
    done = tdxctl(*ONCE, "--kernel", "v5", "--kernel", "6.8", "--kernel", "v5", "--format", "json")
    [said] = json.loads(done.stdout)["diagnostics"]
    assert said["summary"] == "--kernel is given 3 times, and takes one value."


def test_plan_and_html_use_all_kernels_in_the_order_asked_for() -> None:
    """Expect the no of 6.8 beside the yes of cmr-walk, and the exit of both: 1."""
    words = ("--platform", "emr-2s-256g-fragmented", "--kernel", "6.8+cmr-walk", "--kernel", "6.8")
    done = tdxctl("plan", *words, "--kernel", "6.8+cmr-walk")
    rows = [line.split()[:2] for line in done.stdout.splitlines()[4:6]]
    assert (done.returncode, rows) == (1, [["6.8+cmr-walk", "yes"], ["6.8", "no,"]])
    assert done.stdout.splitlines()[6] == ""
    page = tdxctl("html", *words, "-o", "-").stdout
    assert page.index("Linux 6.8 with the CMR walk</h2>") < page.index("Linux 6.8</h2>")


def test_all_beside_another_kernel_is_all() -> None:
    done = tdxctl("plan", "--platform", "small", "--kernel", "6.8", "--kernel", "all")
    assert done.returncode == 0
    listed = done.stdout.split("\n\n")[1].splitlines()
    assert len(listed) > 10
    assert done.stdout == tdxctl("plan", "--platform", "small", "--kernel", "all").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("init", "--once", "--once", "--platform", "small"),
        (*ONCE, "--set", "cpus.online=0-1", "--set", "cpus.online=all"),
    ],
)
def test_flags_and_repeatable_options_may_be_repeated(words: tuple[str, ...]) -> None:
    assert tdxctl(*words).returncode == 0
