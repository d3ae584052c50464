# SPDX-License-Identifier: Apache-2.0
"""`tdxctl modules`: the TDX module releases, with what each is known from."""

from __future__ import annotations

import json

import pytest

from tests.cli.runner import tdxctl


def test_the_releases_are_a_table_of_at_most_80_columns() -> None:
    lines = tdxctl("modules").stdout.splitlines()
    assert lines[0] == "RELEASE  BUILD     NUMBER  SVN   HANDOFF  DYNAMIC PAMT  EVIDENCE"
    assert "1.5.08   20240725  784     1.7   0        no            measured" in lines
    assert "1.5.24   ?         ?       1.13  1        yes           measured" in lines
    assert "1.5.28   20251126  989     1.14  1        yes           read, not run" in lines
    assert "2.0.14   ?         ?       3.?   ?        yes           not validated" in lines
    assert max(map(len, lines)) <= 80


def test_one_release_in_full() -> None:
    assert tdxctl("modules", "1.5.08").stdout == (
        "TDX module 1.5.08\n"
        "  evidence:          measured: its own source, compiled and run\n"
        "  like:              1.5.06\n"
        "  builds:            20240725/784\n"
        "  TDX_FEATURES0:     0x22e1f0fbf\n"
        "  CPUs signed for:   sapphire-rapids (0x806f8), emerald-rapids (0xc06f0),\n"
        "                     sierra-forest (0xa06f0)\n"
        "  SVN:               1.7\n"
        "  updates from:      1.5.01 and later\n"
        "  handoff version:   0\n"
        "  handoff bytes:     53386\n"
        "  handoff pages:     14\n"
        "  Dynamic PAMT:      no\n"
        "  vCPUs of a TD:     at most 576\n"
        "  CPUID_CONFIG:      18 entries\n"
        "  source:            a published mirror of intel/tdx-module\n"
    )


def test_what_is_not_known_of_a_release_is_said_to_be_taken() -> None:
    text = tdxctl("modules", "2.0.14").stdout
    assert "  handoff version:   1, no downgrade (not known: as 1.5.25)\n" in text
    assert "  CPUs signed for:   not known\n" in text
    document = json.loads(tdxctl("modules", "2.0.14", "--format", "json").stdout)
    (module,) = document["modules"]
    assert document["schema"] == "tdxctl.modules/1"
    assert (module["evidence"], module["builds"], module["cpus"], module["svn"]) == (
        "not validated",
        [],
        None,
        {"major": 3, "minor": None},
    )
    assert module["taken"] == [
        "handoff.bytes",
        "handoff.version",
        "max_vcpus_per_td",
        "num_cpuid_config",
    ]


def test_a_release_may_be_written_without_its_zero() -> None:
    assert tdxctl("modules", "1.5.8").stdout == tdxctl("modules", "1.5.08").stdout


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("1.5.10", "the nearest are 1.5.09 and 1.5.13; `tdxctl modules` lists all of them"),
        ("1.5", "the nearest are 1.0 and 1.5.01; `tdxctl modules` lists all of them"),
        ("newest", "`tdxctl modules` lists all of them"),
    ],
)
def test_a_release_that_is_none(version: str, hint: str) -> None:
    done = tdxctl("modules", version)
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [f"error: no release '{version}'", f"  hint: {hint}"],
    )
