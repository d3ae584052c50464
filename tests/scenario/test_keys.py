# SPDX-License-Identifier: Apache-2.0
"""What the keys of a scenario mean: the operations of its steps, and what each expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl.errors import DescriptionError
from tdxctl.operations import (
    CpuOffline,
    CpuOnline,
    Enable,
    FaultClear,
    FaultSet,
    GuestKeyid,
    Init,
    Kexec,
    KvmLoad,
    KvmUnload,
    MemoryOnline,
    ModuleLoad,
    ModuleShutdown,
    ModuleUnload,
    ModuleUpdate,
)
from tdxctl.platform.faults import SeamcallFault
from tdxctl.scenario.description import BootAgain, Bound, Case, Printed, RunCommand
from tdxctl.scenario.load import load_cases
from tdxctl.scenario.runner import run_case


def _cases(folder: Path, text: str) -> list[Case]:
    path = folder / "x.yaml"
    path.write_text("schema: tdxctl.scenario/1\n" + text)
    return load_cases(str(path))


@pytest.mark.parametrize(
    ("step", "label", "operations"),
    [
        ("init: 3", "init", [Init(3)]),
        ("enable: true", "enable", [Enable()]),
        ("boot: same", "boot", [BootAgain(None)]),
        ("boot: 6.8", "boot", [BootAgain("6.8")]),
        # Not 6.1, which has no TDX: what 6.10 has is as in 6.8, but nobody calls it.
        ("boot: 6.10", "boot", [BootAgain("6.8+no-caller")]),
        ("cpu_online: 3", "cpu_online 3", [CpuOnline(3)]),
        ("cpu_offline: 0-1,3", "cpu_offline 0-1,3", [CpuOffline(cpu) for cpu in (0, 1, 3)]),
        (
            "memory_online: 4GiB-5GiB",
            "memory_online 0x100000000-0x140000000",
            [MemoryOnline(4 << 30, 5 << 30)],
        ),
        ("module: load", "module load", [ModuleLoad()]),
        ("module: unload", "module unload", [ModuleUnload()]),
        ("module: shutdown", "module shutdown", [ModuleShutdown()]),
        ("update: {}", "update", [ModuleUpdate(force=False)]),
        (
            "update: {version: 1.5.24, force: true}",
            "update",
            [ModuleUpdate(force=True, version="1.5.24")],
        ),
        ("fault: clear", "fault clear", [FaultClear()]),
        (
            "fault: {leaf: TDH.SYS.INIT, status: TDX_SYS_BUSY, times: 2}",
            "fault",
            [FaultSet(SeamcallFault(33, 0x8000020200000000, times=2))],
        ),
        ("keyid: alloc", "keyid alloc", [GuestKeyid("alloc")]),
        ("kvm_load: false", "kvm_load", [KvmLoad(tdx=False)]),
        ("kvm_unload: true", "kvm_unload", [KvmUnload()]),
        ("kexec: true", "kexec", [Kexec()]),
        (
            "run: dmesg | grep tdx",
            "run dmesg | grep tdx",
            [RunCommand(("sh", "-c", "dmesg | grep tdx"))],
        ),
        ("run: [rdmsr, '135']", "run rdmsr 135", [RunCommand(("rdmsr", "135"))]),
        (
            "run: {command: [env], env: {A: b}}",
            "run env",
            [RunCommand(("env",), (("A", "b"),))],
        ),
    ],
)
def test_a_key_of_a_step_is_an_operation(
    step: str, label: str, operations: list[object], tmp_path: Path
) -> None:
    """Expect CPUs one after the other, and a line for a shell to be the shell's."""
    [case] = _cases(tmp_path, f"platform: small\nsteps:\n  - {step}\n")
    assert (case.steps[0].label, case.steps[0].line) == (label, 4)
    assert list(case.steps[0].operations) == operations


WRONG = """\
kernel: "6.8"
steps:
  - init: 1
    expect:
      returned: -ENOMEM
      status: SHUTDOWN
      host: tdx-off
      step: global-init
      seamcall: TDH.SYS.LP.INIT
      seamcall_status: TDX_SYS_BUSY
      pamt: 1KiB
      tdmrs: {at_least: 8}
      reserved: {at_least: 3, at_most: 4}
      log: [BIOS enabled, nothing]
      no_log: virt/tdx
      calls: {TDH.SYS.INIT: 2, TDH.SYS.TDMR.INIT: {at_most: 5}, TDH.SYS.CONFIG: {at_most: 1}}
"""
BOOT_LOG = (
    "virt/tdx: BIOS enabled: private KeyID range [32, 64)\n"
    "virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.\n"
)


@pytest.mark.parametrize(
    ("platform", "log", "differences"),
    [
        (
            "small",
            BOOT_LOG + "virt/tdx: 65672 KB allocated for PAMT\nvirt/tdx: module initialized",
            [
                (7, "returned", "-ENOMEM", "0"),
                (8, "status", "SHUTDOWN", "INITIALIZED"),
                (9, "host", "tdx-off", "none"),
                (10, "step", "global-init", "none"),
                (11, "seamcall", "TDH.SYS.LP.INIT", "none"),
                (12, "seamcall_status", "TDX_SYS_BUSY", "none"),
                (13, "pamt", "1024 bytes (1 KiB)", "67248128 bytes (65672 KiB)"),
                (14, "tdmrs", "at least 8", "2"),
                (15, "reserved", "at least 3, at most 4", "2"),
                (18, "calls.TDH.SYS.INIT", "2", "1"),
                (18, "calls.TDH.SYS.TDMR.INIT", "at most 5", "4096"),
            ],
        ),
        (
            "key-generation-fails",
            BOOT_LOG + "virt/tdx: SEAMCALL (0x000000000000001f) failed: 0x8000080000000000\n"
            "virt/tdx: module initialization failed (-5)",
            [
                (7, "returned", "-ENOMEM", "-EIO"),
                (8, "status", "SHUTDOWN", "ERROR"),
                (9, "host", "tdx-off", "none"),
                (10, "step", "global-init", "key-config"),
                (11, "seamcall", "TDH.SYS.LP.INIT", "TDH.SYS.KEY.CONFIG"),
                (
                    *(12, "seamcall_status", "TDX_SYS_BUSY"),
                    "0x8000080000000000 TDX_KEY_GENERATION_FAILED",
                ),
                (13, "pamt", "1024 bytes (1 KiB)", "537931776 bytes (525324 KiB)"),
                (14, "tdmrs", "at least 8", "3"),
                (15, "reserved", "at least 3, at most 4", "2"),
                (18, "calls.TDH.SYS.INIT", "2", "1"),
            ],
        ),
    ],
)
def test_what_is_not_as_expected_is_told_with_what_came(
    platform: str, log: str, differences: list[tuple[int, str, str, str]], tmp_path: Path
) -> None:
    """Expect the boot's lines and calls to be those of the first step too."""
    [case] = _cases(tmp_path, f"platform: {platform}\n{WRONG}")
    found = [(d.line, d.key, d.expected, d.got) for d in run_case(case).differences]
    assert [each for each in found if "log" not in each[1]] == differences
    assert [each for each in found if "log" in each[1]] == [
        (16, "log", "a line with 'nothing'", log),
        (17, "no_log", "no line with 'virt/tdx'", log),
    ]


def test_an_expectation_stands_at_its_key_or_where_it_is_written_once_more(
    tmp_path: Path,
) -> None:
    """Expect each line of the log at its own, where it has one."""
    [case] = _cases(
        tmp_path,
        """platform: small
steps:
  - init: 1
    expect: &all
      status: ERROR
      calls: {TDH.SYS.INIT: 1}
      log:
        - a
        - b
  - init: 1
    expect: *all
  - init: 1
    expect: {status: ERROR}
    expect_on: {v5: *all, "6.8": {tdmrs: 1}}
""",
    )
    assert [[(each.key, each.line) for each in step.expected] for step in case.steps] == [
        [("status", 6), ("log", 9), ("log", 10), ("calls.TDH.SYS.INIT", 7)],
        [("status", 12), ("log", 12), ("log", 12), ("calls.TDH.SYS.INIT", 12)],
        [("status", 15), ("log", 15), ("log", 15), ("calls.TDH.SYS.INIT", 15)],
    ]


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ("init: 0", "steps.0.init: must be at least 1"),
        ("init: 1001", "steps.0.init: must be at most 1000"),
        ("cpu_online: ''", "steps.0.cpu_online: "),
        ("cpu_online: true", "steps.0.cpu_online: must be text"),
        ("cpu_online: 8192", "steps.0.cpu_online: "),
        ("module: reload", "steps.0.module: must be load or unload or shutdown"),
        ("{init: 1, expect: {tdmrs: true}}", "must be a whole number, or {at_least, at_most}"),
        ("{init: 1, expect: {tdmrs: -1}}", "must be a whole number, or {at_least, at_most}"),
        ("{init: 1, expect: {tdmrs: '1'}}", "must be a whole number, or {at_least, at_most}"),
        ("{init: 1, expect: {tdmrs: {}}}", "must be a number, or {at_least, at_most}"),
        ("{init: 1, expect: {tdmrs: {atmost: 1}}}", "must be a number, or {at_least, at_most}"),
        ("{init: 1, expect: {calls: []}}", "must be a mapping of leaves to numbers of calls"),
    ],
)
def test_what_no_key_takes_is_refused(step: str, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(DescriptionError) as raised:
        _cases(tmp_path, f"platform: small\nsteps:\n  - {step}\n")
    assert wrong in str(raised.value)


def test_a_thousand_callers_and_the_last_cpu_there_can_be_are_taken(tmp_path: Path) -> None:
    [case] = _cases(tmp_path, "platform: small\nsteps: [{init: 1000}, {cpu_online: 8191}]\n")
    assert [list(step.operations) for step in case.steps] == [[Init(1000)], [CpuOnline(8191)]]


def test_kernels_of_a_matrix_are_in_place_of_the_others(tmp_path: Path) -> None:
    """Expect 40 by 30 not to be taken for 1200 cases, which would be too many."""
    kernels = f"kernel: [{', '.join(['v5'] * 40)}]\nmatrix: {{kernel: [{', '.join(['6.8'] * 30)}]}}"
    cases = _cases(tmp_path, f"platform: small\n{kernels}\nsteps: [{{init: 1}}]\n")
    assert [case.kernel for case in cases] == ["6.8"] * 30


@pytest.mark.parametrize(
    ("bound", "within", "without"),
    [
        (Bound(3, 5), (3, 4, 5), (2, 6)),
        (Bound(3, None), (3, 99), (2,)),
        (Bound(None, 5), (0, 5), (6,)),
        (Bound(0, 0), (0,), (1,)),
    ],
)
def test_bounds_hold_what_they_name(
    bound: Bound, within: tuple[int, ...], without: tuple[int, ...]
) -> None:
    assert [bound.holds(number) for number in within] == [True] * len(within)
    assert [bound.holds(number) for number in without] == [False] * len(without)


@pytest.mark.parametrize(
    ("printed", "text", "holds"),
    [
        (Printed("exact", "tdx 31"), "tdx 31\n", True),
        (Printed("exact", "tdx 31\n"), "tdx 31", True),
        (Printed("exact", "tdx 31"), "tdx 31\n\n", False),
        (Printed("exact", "tdx 31"), "tdx 310", False),
        (Printed("contains", "31"), "tdx 310\n", True),
        (Printed("contains", "31"), "tdx 30\n", False),
        (Printed("regex", "^tdx [0-9]+$"), "sev 5\ntdx 31\n", True),
        (Printed("regex", "^tdx [0-9]+$"), "no tdx 31\n", False),
    ],
)
def test_a_newline_at_the_end_of_what_is_printed_may_be_missing(
    printed: Printed, text: str, *, holds: bool
) -> None:
    assert printed.holds(text) is holds
