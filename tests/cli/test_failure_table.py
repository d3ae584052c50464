# SPDX-License-Identifier: Apache-2.0
"""The failures that a user can meet, row by row and kernel by kernel, through the command line.

The rows are those of the table of [linux-host 8]. What each kernel returns, the status it ends in
and the line it prints are its words.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from tests.cli.runner import tdxctl

EFAULT, EINVAL, EIO, ENODEV, ENOMEM, ENOSPC = (
    "EFAULT",
    "EINVAL",
    "EIO",
    "ENODEV",
    "ENOMEM",
    "ENOSPC",
)
LATER = ("6.8", "6.18", "7.2+dynamic-pamt")
SHUT_DOWN = "tdx: Failed to initialize TDX module.  Shut it down."
NOT_SUPPORTED = "virt/tdx: TDX not supported by the host platform"


class Outcome(NamedTuple):
    """What tdx_init() gives, and one of the log's lines; None is silent but for the boot."""

    errno: str | None
    status: str
    line: str | None = None


V5_FAILED = Outcome(EFAULT, "SHUTDOWN", SHUT_DOWN)


def error(errno: str, number: int, line: str | None = None) -> dict[str, Outcome]:
    """The rows that end in ERROR: the summary line where no other is asked for."""
    summary = f"module initialization failed (-{number})"
    return {
        "6.8": Outcome(errno, "ERROR", line or f"virt/tdx: {summary}"),
        "6.18": Outcome(errno, "ERROR", line or f"virt/tdx: {summary}"),
        "7.2+dynamic-pamt": Outcome(
            errno, "NOT_INITIALIZED", line or f"virt/tdx: TDX-M{summary[1:]}"
        ),
    }


def before_enable(errno: str, line: str | None) -> dict[str, Outcome]:
    """The rows in which KVM, or the boot, gives up before the module is configured."""
    return {
        "6.8": Outcome(errno, "UNINITIALIZED", line),
        "6.18": Outcome(errno, "UNINITIALIZED", line),
        "7.2+dynamic-pamt": Outcome(errno, "NOT_INITIALIZED", line),
    }


def fault(leaf: str, status: str, **more: int) -> list[str]:
    """--set of one SEAMCALL fault."""
    entry: dict[str, Any] = {"leaf": leaf, "status": status} | more
    return [f"faults={json.dumps([entry])}"]


WELL = {kernel: Outcome(None, "INITIALIZED") for kernel in LATER}
LP_SHORT = "virt/tdx: SEAMCALL (0x000000000000002d) failed: 0xc000050c00000000"
SPLIT = '[{"base": 1048576, "size": 1072693248}, {"base": 1073741824, "size": 1073741824}]'
#: Row -> settings on the platform `small`, kernel -> outcome.
ROWS: dict[str, tuple[list[str], dict[str, Outcome]]] = {
    "no SEAMRR": (
        ["firmware.seamrr=absent"],
        {"v5": Outcome(ENODEV, "UNKNOWN"), **before_enable("EOPNOTSUPP", None)},
    ),
    "SEAMRR not enabled": (
        ["firmware.seamrr=disabled"],
        {"v5": Outcome(ENODEV, "UNKNOWN"), **before_enable("EOPNOTSUPP", None)},
    ),
    "a CPU without TDX": (["cpus.model=skylake-x"], before_enable("EACCES", None)),
    "no MTRR bit": (
        ["cpus.features.mtrr=false"],
        {"v5": Outcome(ENODEV, "UNKNOWN"), **WELL},
    ),
    "0 KeyIDs": (
        ["firmware.tdx_keyids=0"],
        {
            "v5": Outcome(ENODEV, "UNKNOWN", "tdx: TDX private KeyID range: [32, 32)."),
            "6.8": Outcome(ENODEV, "UNINITIALIZED"),
            "6.18": Outcome(ENODEV, "UNINITIALIZED"),
            "7.2+dynamic-pamt": Outcome(ENODEV, "NOT_INITIALIZED", NOT_SUPPORTED),
        },
    ),
    "1 KeyID": (
        ["firmware.tdx_keyids=1"],
        {
            "v5": Outcome(ENODEV, "UNKNOWN", "tdx: TDX private KeyID range: [32, 33)."),
            **before_enable(
                ENODEV, "virt/tdx: initialization failed: too few private KeyIDs available."
            ),
        },
    ),
    "MSR 0x87 faults": (
        ["faults=[{msr: 0x87}]"],
        {
            "6.8": Outcome(ENODEV, "UNINITIALIZED"),
            "6.18": Outcome(ENODEV, "UNINITIALIZED"),
            "7.2+dynamic-pamt": Outcome(ENODEV, "NOT_INITIALIZED", NOT_SUPPORTED),
        },
    ),
    "hibernation on": (
        ["kernel.hibernation=true"],
        {
            "v5": Outcome(None, "INITIALIZED"),
            **before_enable(
                ENODEV, "virt/tdx: initialization failed: Hibernation support is enabled"
            ),
        },
    ),
    "notifier fails": (
        ["faults=[{boot: memory_notifier, errno: ENOMEM}]"],
        before_enable(
            ENODEV, "virt/tdx: initialization failed: register_memory_notifier() failed (-12)"
        ),
    ),
    "offline CPU": (
        ["cpus.online=0-2"],
        {
            "v5": Outcome(
                EINVAL,
                "UNKNOWN",
                "tdx: Unable to initialize the TDX module when there's offline CPU(s).",
            ),
            **error(EIO, 5, LP_SHORT),
        },
    ),
    "disabled CPU": (
        ["cpus.disabled_cpus=2"],
        {
            "v5": Outcome(
                EINVAL,
                "UNKNOWN",
                "tdx: Unable to initialize the TDX module when there's offline CPU(s).",
            ),
            **WELL,
        },
    ),
    "module not loaded": (
        ["module.loaded=false"],
        {
            "v5": Outcome(ENODEV, "NONE", "tdx: TDX module is not loaded."),
            "v5-posted": Outcome(ENODEV, "UNKNOWN", "tdx: TDX module is not loaded."),
            **before_enable(ENODEV, "virt/tdx: module not loaded"),
        },
    ),
    "SYS.INIT fails": (
        fault("TDH.SYS.INIT", "TDX_SYS_BUSY"),
        {
            "v5": V5_FAILED,
            **before_enable(
                EIO, "virt/tdx: SEAMCALL (0x0000000000000021) failed: 0x8000020200000000"
            ),
        },
    ),
    "LP.INIT fails on a CPU": (
        fault("TDH.SYS.LP.INIT", "TDX_INVALID_PKG_ID", cpu=2),
        {
            "v5": V5_FAILED,
            **before_enable(
                EIO, "virt/tdx: SEAMCALL (0x0000000000000023) failed: 0xc000090600000000"
            ),
        },
    ),
    "VMX off": (
        ["cpus.features.vmx=false"],
        {"7.2+dynamic-pamt": Outcome("EOPNOTSUPP", "NOT_INITIALIZED")},
    ),
    "INFO fails": (
        fault("TDH.SYS.INFO", "TDX_SYS_BUSY"),
        {
            "v5": Outcome(
                EFAULT, "SHUTDOWN", "tdx: SEAMCALL failed: leaf: 0x20, error: 0x8000020200000000"
            )
        },
    ),
    "RD fails": (
        fault("TDH.SYS.RD", "TDX_SYS_NOT_READY"),
        error(EIO, 5, "virt/tdx: SEAMCALL (0x0000000000000022) failed: 0xc000050500000000")
        | {
            "7.2+dynamic-pamt": Outcome(EIO, "NOT_INITIALIZED", "virt/tdx: Module version: 0.0.00"),
        },
    ),
    "RBP bit missing": (
        ["module.features=0"],
        {
            "6.8": Outcome(None, "INITIALIZED"),
            "6.18": Outcome(
                EINVAL,
                "ERROR",
                "virt/tdx: frame pointer (RBP) clobber bug present, upgrade TDX module",
            ),
            "7.2+dynamic-pamt": Outcome(
                EINVAL,
                "NOT_INITIALIZED",
                "virt/tdx: frame pointer (RBP) clobber bug present, upgrade TDX module",
            ),
        },
    ),
    "bad CMR list": (
        [
            "module.checks=lax",
            'memory.cmrs=[{"base": "4GiB", "size": "1GiB"}, {"base": "1MiB", "size": "2047MiB"}]',
        ],
        {
            "v5": Outcome(
                EFAULT,
                "SHUTDOWN",
                "tdx: Firmware bug: CMRs not in address ascending order.",
            ),
            **WELL,
        },
    ),
    "memory outside CMRs": (
        ['memory.cmrs=[{"base": "1MiB", "size": "1GiB"}]'],
        {
            "v5": Outcome(
                EFAULT,
                "SHUTDOWN",
                "tdx: [0x100000, 0x80000000) is not fully convertible memory",
            ),
            **error(EIO, 5),
            "6.8+cmr-walk": Outcome(
                EINVAL, "ERROR", "virt/tdx: module initialization failed (-22)"
            ),
        },
    ),
    "memory across two touching CMRs": (
        ["module.checks=lax", f"memory.cmrs={SPLIT}"],
        {
            "v5": Outcome(
                EFAULT,
                "SHUTDOWN",
                "tdx: [0x100000, 0x80000000) is not fully convertible memory",
            ),
            **WELL,
        },
    ),
    "TDMRs exhausted": (
        ["module.max_tdmrs=1"],
        {
            "v5": V5_FAILED,
            **error(ENOSPC, 28, "virt/tdx: initialization failed: TDMRs exhausted."),
        },
    ),
    "reserved areas exhausted": (
        ["module.max_reserved_per_tdmr=0"],
        {
            "v5": V5_FAILED,
            **error(
                ENOSPC,
                28,
                "virt/tdx: initialization failed: TDMR [0x0, 0x80000000): reserved areas "
                "exhausted.",
            ),
        },
    ),
    "PAMT allocation": (
        ["faults=[{allocation: pamt, call: 2}]"],
        {"v5": V5_FAILED, **error(ENOMEM, 12)},
    ),
    "other allocation": (
        ["faults=[{allocation: kernel, call: 2}]"],
        {"v5": V5_FAILED, **error(ENOMEM, 12)},
    ),
    "a TDMR of 512 GiB": (
        [
            'memory.ranges=[{"start": "1MiB", "size": "2047MiB"}, '
            '{"start": "4GiB", "size": "512GiB"}]'
        ],
        {
            "v5-posted": V5_FAILED,
            "v5": Outcome(None, "INITIALIZED"),
            **WELL,
        },
    ),
    "SYS.CONFIG error": (
        fault("TDH.SYS.CONFIG", "TDX_INVALID_PAMT"),
        {
            "v5": V5_FAILED,
            **error(EIO, 5, "virt/tdx: SEAMCALL (0x000000000000002d) failed: 0xc0000a1000000000"),
        },
    ),
    "KEY.CONFIG error": (
        fault("TDH.SYS.KEY.CONFIG", "TDX_KEY_GENERATION_FAILED"),
        {
            "v5": V5_FAILED,
            **error(EIO, 5, "virt/tdx: SEAMCALL (0x000000000000001f) failed: 0x8000080000000000"),
        },
    ),
    "TDMR.INIT error": (
        fault("TDH.SYS.TDMR.INIT", "TDX_SYS_BUSY", call=3),
        {
            "v5": V5_FAILED,
            **error(EIO, 5, "virt/tdx: SEAMCALL (0x0000000000000024) failed: 0x8000020200000000"),
        },
    ),
    "no entropy nine times": (
        fault("TDH.SYS.KEY.CONFIG", "TDX_RND_NO_ENTROPY", times=9),
        {"v5": V5_FAILED, **WELL},
    ),
    "no entropy ten times": (
        fault("TDH.SYS.KEY.CONFIG", "TDX_RND_NO_ENTROPY", times=10),
        {
            "v5": V5_FAILED,
            **error(EIO, 5, "virt/tdx: SEAMCALL (0x000000000000001f) failed: 0x8000020300000000"),
        },
    ),
    "VMfailInvalid after SYS.INIT": (
        fault("TDH.SYS.CONFIG", "VMFAILINVALID"),
        {"v5": V5_FAILED, **error(ENODEV, 19)},
    ),
}
CASES = [(row, kernel) for row, (_, outcomes) in ROWS.items() for kernel in outcomes]


@pytest.mark.parametrize(("row", "kernel"), CASES, ids=lambda value: str(value).replace(" ", "-"))
def test_a_row_of_the_failure_table(row: str, kernel: str) -> None:
    settings, outcomes = ROWS[row]
    outcome = outcomes[kernel]
    options = [word for setting in settings for word in ("--set", setting)]
    done = tdxctl(
        *("init", "--once", "--platform", "small", "--kernel", kernel, "--format", "json"), *options
    )
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert (report["errno"], report["status"]) == (outcome.errno, outcome.status)
    assert done.returncode == (0 if outcome.errno is None else 1)
    assert (report["failure"] is None) == (outcome.errno is None)
    lines = [line["text"] for line in report["log"]]
    if outcome.line is not None:
        assert outcome.line in lines
    elif outcome.errno is not None:
        # "silent": nothing but what the boot says of a healthy platform.
        assert [line for line in lines if "ailed" in line or "not " in line] == []


@pytest.mark.parametrize(
    ("kernel", "errno"), [("v5", "EFAULT"), ("6.8", "EINVAL"), ("6.18", "EINVAL")]
)
def test_a_later_call_after_a_failure_is_final(kernel: str, errno: str) -> None:
    """v5 -EFAULT, 6.8 and 6.18 -EINVAL, without a SEAMCALL or a line."""
    from tdxctl import Machine, Platform
    from tdxctl.errnos import errno_name
    from tdxctl.platform.shipped import path_of

    machine = Machine.boot(Platform.load(path_of("key-generation-fails")), kernel=kernel)
    assert machine.tdx_init().returned != 0
    later = machine.tdx_init()
    assert (errno_name(later.returned), later.trace, later.log) == (errno, (), ())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "faults=[{msr: 0x87}]",
            "error: RDMSR 0x87 raises #GP while kernel v5 boots: it would oops, which is not "
            "modelled\n  hint: remove the msr fault\n",
        ),
        (
            "cpus.features.vmx=false",
            "error: cpus.features.vmx is false: a v5 kernel oopses at its first SEAMCALL (#UD), "
            "which is not modelled\n  hint: leave vmx true\n",
        ),
    ],
)
def test_what_a_v5_kernel_would_not_survive_is_said(setting: str, message: str) -> None:
    done = tdxctl("init", "--once", "--platform", "small", "--set", setting)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", message)
