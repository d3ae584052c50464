# SPDX-License-Identifier: Apache-2.0
"""How many TDs a plan has room for, what limits them, and what one costs beside its memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tdxctl.guests import Fit, Guest, TdCost, cost_of, fit_of, guest_keyids, sept_of
from tdxctl.linux.lookup import find_kernel
from tdxctl.plan import plan
from tests.cli.runner import tdxctl
from tests.machines import small

GIB = 1 << 30


def room(*words: str) -> dict[str, Any]:
    """What `plan --format json` says of the only kernel."""
    done = tdxctl("plan", *words, "--format", "json")
    plan = json.loads(done.stdout)["plan"]
    (kernel,) = plan["kernels"]
    return dict(kernel["room"])


#: What a TD of 1 GiB and one virtual CPU takes beside its memory: TDR 4 KiB, TDCS 24 KiB and
#: TDVPS 24 KiB, and 517 pages of S-EPT.
BESIDE = 4096 + 24576 + 24576 + 517 * 4096


@pytest.mark.parametrize(
    ("sections", "kernel", "guest", "expected"),
    [
        # 64.9 GiB of memory without 260.5 MiB of PAMTs, and 31 KeyIDs.
        (
            {},
            "7.2",
            Guest(GIB, 1),
            Fit(31, "KeyIDs", 31, 64, GIB + BESIDE, 517 * 4096, 0),
        ),
        (
            {},
            "7.2",
            Guest(8 * GIB, 4),
            Fit(8, "memory", 31, 8, 8606887936, (4096 + 8 + 1 + 3) * 4096, 0),
        ),
        # As many by memory as by KeyIDs: those are said.
        (
            {"firmware": {"tdx_keyids": 9}},
            "7.2",
            Guest(8 * GIB, 4),
            Fit(8, "KeyIDs", 8, 8, 8606887936, 4108 * 4096, 0),
        ),
        # A page pair for each 2 MiB, and for each of 7 + 6 + 517 pages.
        (
            {},
            "7.2+dynamic-pamt",
            Guest(GIB, 1),
            Fit(
                *(31, "KeyIDs", 31, 64, GIB + BESIDE + (512 + 530) * 8192, 517 * 4096),
                (512 + 530) * 8192,
            ),
        ),
        # More virtual CPUs than a TD may have: 576.
        (
            {},
            "6.8",
            Guest(GIB, 577),
            Fit(0, "vCPUs", 31, 63, GIB + BESIDE + 576 * 24576, 517 * 4096, 0),
        ),
        (
            {},
            "6.8",
            Guest(GIB, 576),
            Fit(31, "KeyIDs", 31, 63, GIB + BESIDE + 575 * 24576, 517 * 4096, 0),
        ),
        # A release that names no such limit.
        (
            {"module": {"version": "1.5.01"}},
            "v5",
            Guest(GIB, 577),
            Fit(31, "KeyIDs", 31, 63, GIB + BESIDE + 576 * 24576, 517 * 4096, 0),
        ),
        # A module that is not initialized, and a KVM that was not asked for TDX.
        (
            {"faults": [{"leaf": "TDH.SYS.KEY.CONFIG", "status": "TDX_SYS_BUSY"}]},
            "6.8",
            Guest(GIB, 1),
            Fit(0, "kernel", 31, 64, GIB + BESIDE, 517 * 4096, 0),
        ),
        (
            {"kvm": {"tdx": False}},
            "6.16",
            Guest(GIB, 1),
            Fit(0, "kernel", 31, 64, GIB + BESIDE, 517 * 4096, 0),
        ),
    ],
)
def test_how_many_tds_fit_and_what_limits_them(
    sections: dict[str, Any], kernel: str, guest: Guest, expected: Fit
) -> None:
    planned = plan(small(**sections), [find_kernel(kernel)])
    assert fit_of(planned, planned.kernels[0], guest) == expected


@pytest.mark.parametrize(("tdx_keyids", "tds"), [(32, 31), (1, 0), (0, 0)])
def test_the_module_has_one_keyid_itself(tdx_keyids: int, tds: int) -> None:
    platform = small(firmware={"tdx_keyids": tdx_keyids})
    assert guest_keyids(plan(platform, [])) == tds
    assert cost_of(platform) == TdCost(tdr=4096, tdcs=24576, tdvps=24576)


def test_control_structures_are_those_of_the_metadata() -> None:
    """Expect TDR 4 KiB, TDCS 24 KiB and TDVPS 24 KiB: 0x1000, 0x6000, 0x6000."""
    done = tdxctl("plan", "--platform", "small", "--kernel", "6.8", "--format", "json")
    plan = json.loads(done.stdout)["plan"]
    assert plan["tds"] == {"keyids": 31, "tdr": 4096, "tdcs": 24576, "tdvps_per_vcpu": 24576}
    assert plan["kernels"][0]["room"] is None


@pytest.mark.parametrize(
    ("memory", "pages"),
    [
        (1, 2 + 2 + 2),
        (2 << 20, 2 + 2 + 2),
        (GIB, 513 + 2 + 2),
        (GIB + 1, 514 + 3 + 2),
        (600 * GIB, 307201 + 601 + 3),
    ],
)
def test_an_s_ept_is_bounded_by_a_page_for_all_that_is_begun(memory: int, pages: int) -> None:
    assert sept_of(Guest(memory, 1)) == pages * 4096


@pytest.mark.parametrize(
    ("words", "tds", "limit", "by_keyids", "by_memory"),
    [
        # 511.1 GiB less 2.0 GiB of PAMT, in parts of 8 GiB and 16.2 MiB.
        (("spr-2s-512g", "7.2", "8GiB,4"), 31, "keyids", 31, 63),
        (("spr-2s-512g", "7.2", "32GiB,4"), 15, "memory", 31, 15),
        (("spr-2s-512g", "7.2", "32GiB,577"), 0, "vcpus", 31, 15),
        (("emr-2s-256g-fragmented", "6.8", "8GiB,4"), 0, "kernel", 31, 31),
        (("small", "v5", "1GiB,1"), 15, "memory", 31, 15),
    ],
)
def test_the_smaller_of_the_two_limits(
    words: tuple[str, str, str], tds: int, limit: str, by_keyids: int, by_memory: int
) -> None:
    platform, kernel, guest = words
    found = room("--platform", platform, "--kernel", kernel, "--guest", guest)
    assert (found["tds"], found["limit"]) == (tds, limit)
    assert (found["by_keyids"], found["by_memory"]) == (by_keyids, by_memory)


def test_with_dynamic_pamt_a_td_brings_its_page_pairs() -> None:
    """Expect 8 KiB for each 2 MiB of 1 GiB, and for each of the 7 + 6 + 517 pages that it needs."""
    words = ("--platform", "small", "--guest", "1GiB,1")
    plain = room(*words, "--kernel", "7.2")
    assert (plain["s_ept"], plain["pamt_pairs"]) == (517 * 4096, 0)
    assert plain["at_most"] == GIB + (7 + 6 + 517) * 4096
    dynamic = room(*words, "--kernel", "7.2+dynamic-pamt")
    assert dynamic["pamt_pairs"] == (512 + 7 + 6 + 517) * 8192
    assert dynamic["at_most"] == plain["at_most"] + dynamic["pamt_pairs"]


def test_the_text_says_what_is_arithmetic_and_what_limits() -> None:
    words = ("--platform", "small", "--kernel", "7.2", "--add-memory", "64GiB@0")
    lines = tdxctl("plan", *words, "--guest", "1GiB,2").stdout.splitlines()
    at = lines.index("TDs: the KeyIDs allow 31 at a time; what one costs beside its memory")
    assert lines[at + 1 : at + 3] == [
        "  exactly:     TDR 4 KiB, TDCS 24 KiB, and TDVPS 24 KiB for each vCPU (the module's "
        "metadata)",
        "  at most:     S-EPT: 4 KiB for each 2 MiB, 1 GiB and 512 GiB begun (arithmetic, not "
        "measured)",
    ]
    at = lines.index("TDs of 1 GiB and 2 vCPUs: how many fit, and what limits them")
    assert lines[at + 2].split() == [
        *("15", "->", "31", "memory", "->", "KeyIDs", "31", "15", "->", "79", "2.1", "MiB", "7.2")
    ]


@pytest.mark.parametrize("text", ["8GiB", "8GiB,", "0,1", "8GiB,0", "8GB,4", "8GiB,4,4", "1,99999"])
def test_a_size_that_is_none(text: str) -> None:
    done = tdxctl("plan", "--platform", "small", "--guest", text)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: not a TD's size: '{text}'\n  hint: SIZE,VCPUS: 8GiB,4")


def test_a_status_tells_kernels_apart_that_say_the_same_no() -> None:
    """Expect v5 to know that there is no module, NONE, and v5 as posted not to: UNKNOWN."""
    words = ("--platform", "no-module", "--kernel", "v5", "--kernel", "v5-posted")
    rows = [line.split()[:4] for line in tdxctl("plan", *words).stdout.splitlines()[3:6]]
    assert rows == [
        ["kernel", "verdict", "status", "TDMRs"],
        ["v5", "no,", "-ENODEV", "NONE"],
        ["v5-posted", "no,", "-ENODEV", "UNKNOWN"],
    ]


def test_what_is_assumed_is_marked() -> None:
    """Expect a version that names no release, and kernels whose code was not run, to be told."""
    words = ("--set", 'module.version="1.5"', "--kernel", "6.8+cmr-walk", "--kernel", "6.8")
    text = tdxctl("plan", "--platform", "small", *words).stdout
    assert "TDX module 1.5 is assumed to be 1.5.25: its version and build name no release\n" in text
    assert text.endswith("evidence short of the kernel's own code: 6.8+cmr-walk (read)\n")
