# SPDX-License-Identifier: Apache-2.0
"""`tdxctl modules`: the TDX module releases, with what each is known from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tdxctl.seam.releases import releases
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
    assert document["schema"] == "tdxctl.modules/2"
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


@pytest.mark.parametrize("version", [release.version for release in releases()])
def test_every_release_can_be_told(version: str) -> None:
    """Expect a line for its evidence, and a document that fits its schema."""
    told = tdxctl("modules", version)
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, f"TDX module {version}")
    assert json.loads(tdxctl("modules", version, "--format", "json").stdout)["modules"]


def test_of_one_release_no_source_is_published() -> None:
    assert "  source:            not known\n" in tdxctl("modules", "2.0.05").stdout
    (module,) = json.loads(tdxctl("modules", "2.0.05", "--format", "json").stdout)["modules"]
    assert module["source"] is None


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


TAKEN = "TDX module 2.0.08, not validated: what is published of it; its checks are those of the "


@pytest.mark.parametrize(
    ("version", "evidence", "line"),
    [
        ("1.5.25", "measured", None),
        ("1.5.28", "read, not run", "TDX module 1.5.28, read, not run: its source, in part"),
        ("2.0.08", "not validated", f"{TAKEN}release it is like"),
        (
            '"1.0"',
            "seen in logs",
            "TDX module 1.0, seen in logs: what hosts showed; the rest is of the release it is "
            "like",
        ),
        (
            '"1.5"',
            "assumed",
            "TDX module 1.5 is assumed to be 1.5.25: its version and build name no release",
        ),
    ],
)
def test_what_is_taken_and_not_measured_is_marked(
    version: str, evidence: str, line: str | None
) -> None:
    """Expect a line of `init`, `plan` and `seamcall`, and module.evidence in their JSON."""
    setting = ("--set", f"module.version={version}", "--set", "cpus.model=granite-rapids")
    for words in (
        ("init", "--once", "--platform", "small"),
        ("plan", "--platform", "small", "--kernel", "v5"),
        ("seamcall", "tests/data/bring-up.yaml"),
    ):
        shown = tdxctl(*words, *setting).stdout.splitlines()
        assert [text for text in shown if text.startswith("TDX module ")] == (
            [] if line is None else [line]
        )
        document = json.loads(tdxctl(*words, *setting, "--format", "json").stdout)
        found = (document.get("changed") or document.get("plan") or document)["module"]
        assert found["evidence"] == evidence


def test_a_status_keeps_the_mark_of_its_module(tmp_path: Path) -> None:
    environment = {"TDXCTL_STATE": str(tmp_path / "state")}
    setting = ("--set", "module.version=2.0.08", "--set", "cpus.model=granite-rapids")
    tdxctl("boot", "--platform", "small", *setting, environment=environment)
    status = tdxctl("status", environment=environment).stdout
    assert f"\n               {TAKEN}release it is like\n" in status
    document = json.loads(tdxctl("status", "--format", "json", environment=environment).stdout)
    assert document["module"] == {
        "loaded": True,
        "version": "2.0.08",
        "release": "2.0.08",
        "evidence": "not validated",
        "signed_for_cpu": True,
    }


def test_a_release_that_is_not_signed_for_the_cpu_is_marked() -> None:
    """2.0.08 on a Sapphire Rapids: a line of `init`, and a warning of `validate`."""
    setting = ("--platform", "spr-2s-512g", "--set", "module.version=2.0.08")
    shown = tdxctl("init", "--once", *setting).stdout
    assert (
        "TDX module 2.0.08 is not signed for this CPU: P-SEAMLDR refuses to load it "
        "(SEAMLDR_EUNSUPCPU)\n"
    ) in shown
    document = json.loads(tdxctl("init", "--once", *setting, "--format", "json").stdout)
    assert document["module"]["signed_for_cpu"] is False
