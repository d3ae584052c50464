# SPDX-License-Identifier: Apache-2.0
"""A root that is captured is the machine again: its description, its log, its verdict.

All platforms under all kernels: make roots.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl import Machine
from tdxctl.capture.host_state import read_state
from tests.machines import small
from tests.rootfs.hosts import machine, root
from tests.rootfs.round_trips import round_trip


@pytest.mark.parametrize(
    ("platform", "kernel"),
    [
        ("small", "v5"),
        ("offline-cpu", "6.8"),
        ("madt-not-enabled", "6.16"),
        ("lp-init-fails", "6.16"),
        ("no-module", "6.18"),
        ("outside-cmrs", "7.1"),
        ("pamt-allocation-fails", "7.2"),
    ],
)
def test_a_root_is_captured_as_the_machine(platform: str, kernel: str, tmp_path: Path) -> None:
    assert round_trip(machine(platform, kernel), tmp_path).differs == ()


@pytest.mark.parametrize(
    ("platform", "kernel", "differs"),
    [
        ("small", "6.16", ()),
        ("madt-not-enabled", "6.16", ()),
        ("one-keyid", "6.16", ()),
        ("seamrr-off", "6.16", ("module.loaded",)),
        ("lp-init-fails", "6.16", ("faults",)),
        ("outside-cmrs", "v5", ("module.version",)),
        ("outside-cmrs", "6.16", ("memory.cmrs",)),
        ("pamt-allocation-fails", "6.16", ("memory.reserved",)),
    ],
)
def test_without_host_json_what_no_host_shows_is_all_that_is_lost(
    platform: str, kernel: str, differs: tuple[str, ...], tmp_path: Path
) -> None:
    """Expect v5, whose log has the CMRs, to lose only the update of the module's version."""
    assert round_trip(machine(platform, kernel), tmp_path).alone == differs


@pytest.mark.parametrize(
    "sections",
    [
        {"firmware": {"seamrr": "absent", "tdx_keyids": 0, "mktme_keyids": 63}},
        {"firmware": {"seamrr_range": {"base": "2GiB", "size": "64MiB"}, "keyid_bits": 9}},
        {"cpus": {"features": {"movdir64b": False, "self_snoop": False}}},
        {"cpus": {"model": "emerald-rapids", "disabled_cpus": 3}},
        {"cpus": {"features": {"no_seamret_invd_vmcs": False}}, "kernel": {"hibernation": True}},
        {"kvm": {"tdx": False}, "firmware": {"msrs": [{"msr": "0x98", "value": 1}]}},
    ],
)
def test_what_a_description_says_comes_back(sections: dict[str, object], tmp_path: Path) -> None:
    booted = Machine.boot(small(description="Two packages", **sections), "6.16")
    booted.init_host()

    assert round_trip(booted, tmp_path).differs == ()


def test_the_state_of_a_ready_host_is_read() -> None:
    state = read_state(str(root("small", "7.2")))

    assert (state.kvm_loaded, state.kvm_tdx, state.capacity) == (True, True, 31)
    assert state.version == "1.5.25"
    assert state.has_kvm
    assert state.msrs[0x87] == 0x200000001F
    assert "tdx_host_platform" in state.flags


def test_misc_capacity_alone_shows_how_many_keyids(tmp_path: Path) -> None:
    """31 TDs, and the global KeyID: 32 of TDX."""
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/misc.capacity").write_text("sev 509\ntdx 31\n")
    found = list(read_state(str(tmp_path)).findings)

    assert [(one.source, one.tdx_keyids) for one in found] == [("misc.capacity", 32)]
