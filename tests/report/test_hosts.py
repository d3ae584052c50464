# SPDX-License-Identifier: Apache-2.0
"""What a host is left with, beside what programs find of it, and a root that shows it."""

from __future__ import annotations

import json

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from tdxctl.diagnose.signals import Says, Signal, Signals
from tdxctl.errnos import Errno
from tdxctl.report.hosts import host_line
from tdxctl.report.prose import BAD, GOOD, WARN, Line, plain
from tdxctl.report.roots import to_text
from tdxctl.report.signals import host_shown, to_lines
from tdxctl.rootfs.record import Kvm, Root, RootFiles, host_of
from tdxctl.verdicts import HostVerdict, KvmDoesNotLoad, ReadyToRunTds

SIGNALS = Signals(
    ready=False,
    because="kvm_intel is not loaded",
    signals=(
        Signal("flag", "tdx_host_platform", Says.YES, misleads=True, why="it is set at boot"),
        Signal("module parameter", "-", Says.SILENT, misleads=False, why="there is none"),
        Signal("log", "n\x1bo", Says.NO, misleads=False, why="it failed"),
    ),
)


def test_a_signal_that_misleads_has_its_reason_and_one_that_is_silent_no_verdict() -> None:
    """Expect what is shown below each other, and control characters to be seen."""
    lines = to_lines(host_shown(SIGNALS, ("/proc/cpuinfo: cannot be read",)))
    assert plain(lines) == (
        "\n"
        "TDs cannot run: kvm_intel is not loaded\n"
        "  what programs find:\n"
        "    flag              tdx_host_platform  yes     misleads  it is set at boot\n"
        "    module parameter  -                  silent\n"
        "    log               n\\x1bo             no      right\n"
        "note: /proc/cpuinfo: cannot be read"
    )
    assert [line.role for line in lines] == ["", BAD, "", WARN, "", "", WARN]


def test_a_host_without_signals_is_a_verdict() -> None:
    found = host_shown(Signals(ready=True, because="KVM has TDX", signals=()), ())
    assert to_lines(found) == [
        Line(""),
        Line("TDs can run: KVM has TDX", GOOD),
        Line("what programs find:", label="  "),
    ]


def test_the_record_of_a_host_has_the_words_of_its_signals() -> None:
    """Expect no colour and no alignment in it, and what could not be read."""
    found = json.loads(json.dumps(to_builtins(host_shown(SIGNALS, ("/proc/cpuinfo: gone",)))))
    assert found["signals"][0] == {
        "name": "flag",
        "shows": "tdx_host_platform",
        "says": "yes",
        "misleads": True,
        "why": "it is set at boot",
    }
    signals = found.pop("signals")
    assert [each["says"] for each in signals] == ["yes", "silent", "no"]
    assert found == {
        "ready": False,
        "because": "kvm_intel is not loaded",
        "unread": ["/proc/cpuinfo: gone"],
    }


def test_the_verdict_on_a_host_is_a_line() -> None:
    assert host_line(ReadyToRunTds(1)) == "host:  ready to run 1 TD"


ROOT = Root(
    machine="m0",
    kernel="6.18",
    uname="6.18.0",
    status="INITIALIZED",
    kvm=Kvm(loaded=True, tdx=True, capacity=31),
    host=host_of(ReadyToRunTds(31)),
    not_shown={},
    files=(
        RootFiles("/proc/cpuinfo", 1, "flags", ("cpus",), None),
        RootFiles("/sys/devices/system/node/node*/cpulist", 2, "CPUs", ("cpus",), None),
    ),
)
TEXT = """\
root in out
  machine:        m0, kernel 6.18 (uname -r: 6.18.0)
  module:         INITIALIZED
  kvm_intel:      loaded, tdx=Y
  misc.capacity:  tdx 31
  host:           ready to run 31 TDs
  files:          4 files; host.json says what each tells, and from what"""


def test_of_a_root_it_is_said_what_was_written() -> None:
    """Expect host.json to count as a file too."""
    assert to_text(ROOT, "out") == TEXT


@pytest.mark.parametrize(
    ("kvm", "verdict", "lines"),
    [
        (
            Kvm(loaded=True, tdx=False, capacity=None),
            None,
            ["loaded, tdx=N", "no line tdx", "KVM of this kernel asks for no TDX"],
        ),
        (
            Kvm(loaded=True, tdx=None, capacity=0),
            None,
            ["loaded, has no parameter tdx", "tdx 0", "KVM of this kernel asks for no TDX"],
        ),
        (
            Kvm(loaded=False, tdx=None, capacity=None),
            KvmDoesNotLoad(Errno.ENODEV),
            [
                "not loaded, no /dev/kvm",
                "no line tdx",
                "kvm_intel does not load: no virtual machine starts on this host",
            ],
        ),
    ],
)
def test_of_a_root_it_is_said_what_kvm_shows(
    kvm: Kvm, verdict: HostVerdict | None, lines: list[str]
) -> None:
    text = to_text(replace(ROOT, kvm=kvm, host=host_of(verdict)), "out")
    assert [line.partition(":")[2].strip() for line in text.splitlines()[3:6]] == lines
