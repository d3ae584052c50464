# SPDX-License-Identifier: Apache-2.0
"""explain answers what people ask: a status, a kernel, a release, a key, words of a line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tdxctl.explain.lookup import look_up
from tdxctl.platform.shipped import names
from tests.cli.runner import tdxctl


@pytest.mark.parametrize(
    ("asked", "kind", "name", "says"),
    [
        ("KeyID", "term", "KeyID", "The number of a memory encryption key"),
        ("cmr", "term", "CMR", "A convertible memory region"),
        ("NONE", "state", "NONE", "there is no TDX module"),
        ("TDX_MODULE_NONE", "state", "NONE", "there is no TDX module"),
        ("status ERROR", "state", "ERROR", "initialization failed; final until reboot"),
        ("INITIALIZED", "state", "INITIALIZED", "initialized and ready to run TDs"),
        ("7.2", "kernel", "7.2", "Linux 7.2"),
        ("v5", "kernel", "v5", "on-demand series v5 as reviewed"),
        ("6.8.0-31-generic", "kernel", "6.8.0-31-generic", "nobody calls tdx_enable()"),
        ("5.10", "kernel", "5.10", "Linux 5.10 has no TDX host code"),
        ("cmr-walk", "change", "cmr-walk", "holes are found by walking CMRs"),
        ("1.5.25", "module", "TDX module 1.5.25", "A release of the TDX module"),
        ("1.5", "module", "TDX module 1.5", "A line of releases of the TDX module: 1.5.01, 1.5.05"),
        ("module.max_tdmrs", "key", "module.max_tdmrs", "How many TDMRs it takes."),
        ("memory.ranges.2.end", "key", "memory.ranges[].end", "The first byte behind it."),
        ("0x87", "msr", "IA32_MKTME_KEYID_PARTITIONING", "How KeyIDs are parted"),
        ("reserved areas exhausted", "log-line", "reserved-areas", "need more reserved areas"),
        ("module initialization failed", "log-line", "init-failed", "initializ"),
        ("[    0.00] Linux version 6.16.0-1 (gcc)", "kernel", "6.16.0-1", "Linux 6.16"),
        ("foo: ioctl gave -28 from TDH.MNG.INIT", "log-line", "what is in it", "ENOSPC"),
        ("Security > TME-MT/TDX key split", "bios-option", "TME-MT/TDX Key Split", "not be 0"),
        ("TME-MT/TDX key split", "bios-option", "TME-MT/TDX Key Split", "How many KeyID bits"),
    ],
)
def test_what_a_person_asks(asked: str, kind: str, name: str, says: str) -> None:
    done = tdxctl("explain", asked, "--format", "json")
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)["answers"]
    assert (answer["kind"], answer["name"]) == (kind, name)
    assert says in json.dumps(answer)


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        ("v5", ["means", "evidence", "more"]),
        ("6.8", ["means", "evidence", "more"]),
        ("6.16.0-1", ["means", "behaves as", "evidence", "more"]),
        # No kernel that is modelled, with what to do, and where nothing can be done.
        ("5.10", ["means", "to do"]),
        ("7.2+cmr-walk", ["means"]),
        ("cmr-walk", ["change of", "means", "commits", "to do"]),
    ],
)
def test_what_is_told_of_a_kernel_and_of_a_change(asked: str, labels: list[str]) -> None:
    """Expect a kernel to be told by the release it behaves as, where that has another name."""
    assert [label for label, _ in look_up(asked).lines] == labels


@pytest.mark.parametrize("asked", ["hello world of logs", "module.max", "no.such.key", "NON"])
def test_what_is_nothing_stays_unknown(asked: str) -> None:
    assert not look_up(asked).known


def test_each_status_that_a_kernel_has_is_known() -> None:
    from tdxctl.advice.states import STATES

    assert {look_up(status).kind for status in STATES} == {"state"}


def _shown(text: str) -> dict[str, Any]:
    # Label -> text of the lines of what is wrong.
    pairs = (line.strip().split(":", 1) for line in text.splitlines() if line.startswith("  "))
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


@pytest.mark.parametrize("kernel", ["v5", "6.8", "7.2"])
def test_more_is_more_than_what_is_on_the_screen(kernel: str) -> None:
    """Expect, of each shipped platform that fails, the causes of its check beside the code."""
    told = 0
    for platform in names():
        done = tdxctl("init", "--once", "--platform", platform, "--kernel", kernel)
        problem = _shown(done.stdout)
        if "more" not in problem:
            continue
        assert problem["more"].startswith("tdxctl explain ")
        more = tdxctl(*problem["more"].split()[1:])
        assert more.returncode == 0, (platform, problem["more"])
        on_screen = done.stdout.partition("\n  why:")[2]
        assert len(more.stdout.splitlines()) > len(on_screen.splitlines()), platform
        told += 1
    assert told >= 3
