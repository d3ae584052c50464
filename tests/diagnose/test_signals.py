# SPDX-License-Identifier: Apache-2.0
"""A whole host is diagnosed: its log, what programs look at, and which of it misleads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tdxctl.capture.host import host_at
from tdxctl.capture.host_state import HostState
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.diagnose.outcome import Diagnosis
from tdxctl.diagnose.signals import Says, signals_of
from tests.cli.runner import tdxctl
from tests.rootfs.hosts import machine, root

# A host whose kvm_intel is not loaded.
WITHOUT_KVM = HostState(
    kvm_loaded=False,
    kvm_tdx=None,
    capacity=None,
    flags=frozenset(),
    msrs={},
    version=None,
    has_kvm=False,
    texts=(),
)


def _told(state: str, kernel: str | None) -> Diagnosis:
    # What a log says, which KVM may not.
    return Diagnosis(state, "", None, (), kernel, None)


@pytest.mark.parametrize(
    ("kernel", "ready", "because"),
    [
        (None, True, "the module is initialized; KVM of this kernel asks for no TDX"),
        ("6.14.11", True, "the module is initialized; KVM of this kernel asks for no TDX"),
        ("6.16.0", False, "kvm_intel is not loaded"),
        ("6.17.4", False, "kvm_intel is not loaded"),
        ("7.1.5", False, "kvm_intel is not loaded"),
    ],
)
def test_from_linux_6_16_on_an_initialized_module_without_kvm_is_not_enough(
    kernel: str | None, ready: bool, because: str
) -> None:
    found = signals_of(WITHOUT_KVM, _told("initialized", kernel))
    assert (found.ready, found.because) == (ready, because)


def test_a_log_that_says_nothing_of_the_module_is_no_signal() -> None:
    failed = signals_of(WITHOUT_KVM, _told("failed", "6.16.0")).signals
    assert [(signal.name, signal.shows, signal.says) for signal in failed] == [
        ("kvm_intel.tdx", "not there", Says.NO),
        ("/dev/kvm", "not there", Says.NO),
        ("the kernel's log", "failed", Says.NO),
    ]
    unknown = signals_of(WITHOUT_KVM, _told("unknown", "6.16.0")).signals
    assert [signal.name for signal in unknown] == ["kvm_intel.tdx", "/dev/kvm"]


# A host on which TDs run, and all that shows it.
READY = HostState(
    kvm_loaded=True,
    kvm_tdx=True,
    capacity=15,
    flags=frozenset({"tdx_host_platform", "vmx"}),
    msrs={0x1401: 1 << 11, 0x87: 2 << 32},
    version="1.5.24",
    has_kvm=True,
    texts=(),
)
INITIALIZED_LOG = _told("initialized", "7.2.0")


@pytest.mark.parametrize(
    ("state", "told", "ready", "because"),
    [
        (READY, INITIALIZED_LOG, True, "KVM has TDX, and room for 15 TDs"),
        (replace(READY, capacity=1), INITIALIZED_LOG, True, "KVM has TDX, and room for 1 TD"),
        # Y alone is not enough, whether misc.capacity has no such line or is not there.
        *(
            (
                replace(READY, capacity=capacity),
                INITIALIZED_LOG,
                *(False, "kvm_intel says Y, and misc.capacity has no line tdx: no TD can be made"),
            )
            for capacity in (0, None)
        ),
        (
            replace(READY, kvm_tdx=False),
            INITIALIZED_LOG,
            *(False, "kvm_intel is loaded without TDX"),
        ),
        (replace(READY, kvm_tdx=None), INITIALIZED_LOG, False, "kvm_intel is loaded without TDX"),
        (
            replace(READY, kvm_loaded=False, kvm_tdx=None),
            INITIALIZED_LOG,
            *(False, "kvm_intel is not loaded"),
        ),
        # KVM has its word where it has the parameter, also of a kernel before 6.16, or of none.
        (READY, _told("failed", "6.8.0"), True, "KVM has TDX, and room for 15 TDs"),
        (READY, _told("unknown", None), True, "KVM has TDX, and room for 15 TDs"),
        (
            WITHOUT_KVM,
            _told("failed", "6.15.9"),
            *(False, "the module is not initialized; KVM of this kernel asks for no TDX"),
        ),
        (WITHOUT_KVM, _told("initialized", "10.0.1"), False, "kvm_intel is not loaded"),
    ],
)
def test_kvms_word_is_the_last_where_it_has_one(
    state: HostState, told: Diagnosis, ready: bool, because: str
) -> None:
    found = signals_of(state, told)
    assert (found.ready, found.because) == (ready, because)


def _signals(state: HostState, told: Diagnosis) -> list[tuple[str, str, str, bool]]:
    return [
        (signal.name, signal.shows, signal.says.value, signal.misleads)
        for signal in signals_of(state, told).signals
    ]


def test_a_host_that_is_ready_shows_it_in_every_place() -> None:
    """Expect /dev/kvm alone to say nothing: it is there without TDX too."""
    assert _signals(READY, INITIALIZED_LOG) == [
        ("flags in /proc/cpuinfo", "tdx_host_platform", "yes", False),
        ("kvm_intel.tdx", "Y", "yes", False),
        ("misc.capacity", "tdx 15", "yes", False),
        ("/dev/kvm", "there", "silent", False),
        ("the kernel's log", "initialized", "yes", False),
        ("tdx_host/version", "1.5.24", "yes", False),
        ("MSR 0x1401", "SEAMRR on", "yes", False),
        ("MSR 0x87", "2 KeyIDs for TDX", "yes", False),
    ]


def test_a_host_that_kvm_cannot_serve_is_called_ready_by_all_but_two() -> None:
    state = replace(READY, kvm_tdx=False, capacity=0)
    assert _signals(state, INITIALIZED_LOG) == [
        ("flags in /proc/cpuinfo", "tdx_host_platform", "yes", True),
        ("kvm_intel.tdx", "N", "no", False),
        ("misc.capacity", "no line tdx", "no", False),
        ("/dev/kvm", "there", "silent", False),
        ("the kernel's log", "initialized", "yes", True),
        ("tdx_host/version", "1.5.24", "yes", True),
        ("MSR 0x1401", "SEAMRR on", "yes", True),
        ("MSR 0x87", "2 KeyIDs for TDX", "yes", True),
    ]


def test_a_host_without_tdx_shows_none_of_it() -> None:
    """Expect one KeyID to be too few: it is the module's own."""
    state = replace(WITHOUT_KVM, flags=frozenset({"vmx"}), msrs={0x1401: 1 << 10, 0x87: 1 << 32})
    assert _signals(state, _told("not enabled", "7.2.0")) == [
        ("flags in /proc/cpuinfo", "no tdx_host_platform", "no", False),
        ("kvm_intel.tdx", "not there", "no", False),
        ("/dev/kvm", "not there", "no", False),
        ("the kernel's log", "not enabled", "no", False),
        ("MSR 0x1401", "SEAMRR off", "no", False),
        ("MSR 0x87", "1 KeyID for TDX", "no", False),
    ]


@pytest.mark.parametrize(
    ("kvm_loaded", "kvm_tdx", "capacity", "of_capacity", "of_parameter"),
    [
        # Where KVM was not asked for TDX, no line is no answer; a line always is one.
        (True, None, 0, "silent", "silent"),
        (True, None, 15, "yes", "silent"),
        (True, False, 0, "no", "no"),
        (True, True, 0, "no", "yes"),
        (False, None, 0, "no", "no"),
    ],
)
def test_no_line_in_misc_capacity_tells_only_where_kvm_was_asked(
    kvm_loaded: bool,
    kvm_tdx: bool | None,
    capacity: int,
    of_capacity: str,
    of_parameter: str,
) -> None:
    state = replace(READY, kvm_loaded=kvm_loaded, kvm_tdx=kvm_tdx, capacity=capacity)
    told = {name: says for name, _, says, _ in _signals(state, _told("initialized", "6.8.0"))}
    assert (told["misc.capacity"], told["kvm_intel.tdx"]) == (of_capacity, of_parameter)


@pytest.mark.parametrize(
    ("platform", "kernel", "state", "ready"),
    [
        ("small", "v5", "initialized", True),
        ("small", "6.8", "initialized", True),
        ("small", "6.16", "initialized", True),
        ("small", "7.2", "initialized", True),
        ("no-module", "6.16", "failed", False),
        ("lp-init-fails", "6.16", "failed", False),
        ("seamrr-off", "7.2", "not enabled", False),
        ("tdx-off", "7.1", "not enabled", False),
        ("one-keyid", "6.16", "not enabled", False),
        ("key-generation-fails", "7.1", "failed", False),
        ("offline-cpu", "v5", "not started", False),
    ],
)
def test_a_root_is_diagnosed_as_the_machine_is(
    platform: str, kernel: str, state: str, ready: bool
) -> None:
    host = host_at(str(root(platform, kernel)), None)
    found = diagnose(host.log, host.state.texts)

    assert (found.state, signals_of(host.state, found).ready) == (state, ready)
    assert ready == (machine(platform, kernel).status == "INITIALIZED")


def test_flags_and_msrs_mislead_on_a_host_that_failed_later() -> None:
    host = host_at(str(root("pamt-allocation-fails", "7.2")), None)
    found = signals_of(host.state, diagnose(host.log, host.state.texts))

    assert [signal.name for signal in found.signals if signal.misleads] == [
        "flags in /proc/cpuinfo",
        "MSR 0x1401",
        "MSR 0x87",
    ]


def test_y_without_a_line_in_misc_capacity_is_no_host_for_tds(tmp_path: Path) -> None:
    """As 6.16 leaves it where KVM cannot serve the module: the parameter misleads, and the log."""
    settings = "module.attributes_fixed1=4"
    asked = ("--platform", "small", "--kernel", "6.16", "--set", settings)
    tdxctl("root", str(tmp_path / "h"), *asked)
    done = tdxctl("diagnose", "--root", str(tmp_path / "h"), "--format", "json")
    host = json.loads(done.stdout)["host"]

    assert done.returncode == 1
    assert host["because"].startswith("kvm_intel says Y, and misc.capacity has no line tdx")
    misleading = {signal["name"] for signal in host["signals"] if signal["misleads"]}
    assert {"kvm_intel.tdx", "the kernel's log"} <= misleading


def test_without_a_log_the_files_still_say_it(tmp_path: Path) -> None:
    files = tmp_path / "sys/module/kvm_intel/parameters"
    files.mkdir(parents=True)
    (files / "tdx").write_text("Y\n")
    (tmp_path / "sys/devices/system/cpu").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/misc.capacity").write_text("tdx 15\n")
    host = host_at(str(tmp_path), None)
    found = signals_of(host.state, diagnose(host.log, host.state.texts))

    assert (found.ready, found.because) == (True, "KVM has TDX, and room for 15 TDs")
    assert host.unread == ("there is no log of the kernel: var/log/dmesg",)


@pytest.mark.parametrize(
    "words", [("--root", "tests/data"), ("--live", "boot.log"), (), ("--live", "--root", "x")]
)
def test_what_is_no_host_is_a_usage_error(words: tuple[str, ...]) -> None:
    assert tdxctl("diagnose", *words).returncode == 2


def test_this_machine_is_read_as_far_as_it_can_be() -> None:
    done = tdxctl("diagnose", "--live", "--short")

    assert done.returncode in (0, 1)
    assert "  what programs find:\n" in done.stdout
